"""What a site went through, and what was known of it at each moment: load, PV and prices, and no look ahead.

A method that is tried on the past may see the prices that were published then, forecasts as they were then, and what had been
measured by then. Not here: the methods (``replay``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from typing import Final

import numpy as np

from indevolt.control.plan.effects import Numbers
from indevolt.control.plan.forecast import load_paths, pv_paths, scenarios
from indevolt.control.plan.plant import Passage
from indevolt.control.plan.problem import BatteryModel, Scenario, Slot
from indevolt.errors import InvalidInput

QUARTER: Final = timedelta(minutes=15)
PER_DAY: Final = 96
PUBLISHED_AT: Final = time(13, 0)
"""Local time from which tomorrow's prices are known (day-ahead auctions end at noon, and the results take most of an hour)."""
REMEMBERED_DAYS: Final = 28  # of history that scenarios are made from
SETTLED_AT: Final = 0.6  # of the mean import price of a span: a kWh that is left at its end
_NAIVE_DAYS: Final = 5  # without a forecast of PV, what these had at the same time


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for all methods that are compared."""

    battery: BatteryModel
    battery_to_grid: bool = False
    grid_charging: bool = True
    gate: float = 0.002  # of plans, per kWh


@dataclass(frozen=True, slots=True, eq=False)
class Past:
    """Series of a site. Load and PV by steps of at most a quarter of an hour, everything else by quarters, without gaps."""

    start: datetime  # aware; its zone is the site's
    step_s: float
    load_w: Numbers
    pv_w: Numbers
    import_per_kwh: Numbers
    export_per_kwh: Numbers
    foreseen_w: Numbers  # PV of each quarter as it was foreseen the day before

    def __post_init__(self) -> None:
        steps = QUARTER.total_seconds() / self.step_s
        if self.start.tzinfo is None:
            raise InvalidInput(f"start: {self.start} has no time zone", remedy="Give an aware time.")
        if steps < 1 or steps % 1:
            facts = f"step_s: {self.step_s:g} s do not divide a quarter of an hour"
            raise InvalidInput(facts, remedy="Give means of 1, 5 or 15 minutes.")
        quarters = len(self.import_per_kwh)
        lengths = {
            "load_w": (len(self.load_w), quarters * int(steps)),
            "pv_w": (len(self.pv_w), quarters * int(steps)),
            "export_per_kwh": (len(self.export_per_kwh), quarters),
            "foreseen_w": (len(self.foreseen_w), quarters),
        }
        for name, (length, wanted) in lengths.items():
            if length != wanted:
                raise InvalidInput(f"{name}: {length} values, where prices want {wanted}", remedy="Give series of one span.")
        for name in ("load_w", "pv_w", "import_per_kwh", "export_per_kwh", "foreseen_w"):
            if not np.isfinite(getattr(self, name)).all():
                raise InvalidInput(f"{name}: some values are missing", remedy="Fill short gaps, and leave out what has long ones.")

    @property
    def quarters(self) -> int:
        """How many quarters of an hour it has."""
        return len(self.import_per_kwh)

    @property
    def steps(self) -> int:
        """Steps of a quarter."""
        return round(QUARTER.total_seconds() / self.step_s)

    def at(self, quarter: int) -> datetime:
        """Return when a quarter begins, in the site's zone."""
        return (self.start.astimezone(UTC) + quarter * QUARTER).astimezone(self.start.tzinfo)

    def passage(self, quarter: int) -> Passage:
        """Return a quarter as it went."""
        span = slice(quarter * self.steps, (quarter + 1) * self.steps)
        return Passage(
            load_w=self.load_w[span].tolist(),
            pv_w=self.pv_w[span].tolist(),
            step_s=self.step_s,
            import_per_kwh=float(self.import_per_kwh[quarter]),
            export_per_kwh=float(self.export_per_kwh[quarter]),
        )

    def settled_per_kwh(self, first: int, last: int) -> float:
        """Return what a kWh counts for that is left at the end of a span."""
        return SETTLED_AT * float(self.import_per_kwh[first:last].mean())

    def by_quarter(self) -> tuple[Numbers, Numbers]:
        """Return means of load and PV."""
        return self.load_w.reshape(-1, self.steps).mean(axis=1), self.pv_w.reshape(-1, self.steps).mean(axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What was known at the start of a quarter: prices, of which so many were published, and what might come."""

    slots: tuple[Slot, ...]
    load_w: Numbers  # paths by quarters
    likely: Numbers  # of each path of load
    pv_w: Numbers  # paths by quarters, all as likely

    @property
    def published(self) -> int:
        """How many of the slots have published prices."""
        return sum(slot.published for slot in self.slots)

    def scenarios(self) -> tuple[Scenario, ...]:
        """Return every path of load with every path of PV."""
        return scenarios(self.load_w, self.pv_w, self.likely)


class Outlook:
    """What was known at each quarter of a past."""

    def __init__(self, past: Past, *, load_days: int = 11, weathers: int = 3) -> None:
        """Look from inside a past; so many paths of load, and so many sorts of weather."""
        self.past = past
        self.load_days, self.weathers = load_days, weathers
        self._load_w, self._pv_w = past.by_quarter()

    def known(self, quarter: int, horizon: int) -> Known:
        """Return what was known when a quarter began, up to so many quarters ahead."""
        past, since = self.past, max(0, quarter - REMEMBERED_DAYS * PER_DAY)
        load_w, likely = load_paths(self._load_w[since:quarter], horizon, PER_DAY, days=self.load_days)
        ahead = past.foreseen_w[_or_day_before(quarter, horizon, past.quarters - quarter)]
        before = slice(since, quarter)
        pv_w = pv_paths(ahead, past.foreseen_w[before], self._pv_w[before], PER_DAY, count=self.weathers)
        published = min(self.published(quarter), past.quarters - quarter)
        index = _or_day_before(quarter, horizon, published)
        start = past.at(quarter)
        slots = tuple(
            Slot(
                start=start + ahead * QUARTER,
                length=QUARTER,
                import_per_kwh=float(past.import_per_kwh[source]),
                export_per_kwh=float(past.export_per_kwh[source]),
                published=ahead < published,
            )
            for ahead, source in enumerate(index)
        )
        return Known(slots, load_w, likely, pv_w)

    def published(self, quarter: int) -> int:
        """Return for how many quarters from here prices are published: to the end of today, or of tomorrow."""
        at = self.past.at(quarter)
        days = 2 if at.time() >= PUBLISHED_AT else 1
        midnight = datetime.combine(at.date() + timedelta(days=days), time(), at.tzinfo)
        return round((midnight.astimezone(UTC) - at.astimezone(UTC)) / QUARTER)


def past_of(
    at: Sequence[datetime],
    columns: Mapping[str, Sequence[float]],
    *,
    import_per_kwh: float | None = None,
    export_per_kwh: float = 0.0,
) -> Past:
    """Return a past from rows of one step: means of ``load_w`` and, where there is one, ``pv_w`` from each instant on.

    ``import_per_kwh`` and ``export_per_kwh`` may be columns too, else they are fixed; ``foreseen_w`` is PV as it was foreseen the
    day before, and without it it is what the days before had.

    Raises:
        InvalidInput: gaps, steps that do not divide a quarter of an hour, no load, or no price.
    """
    if len(at) < 2:
        raise InvalidInput("there are fewer than two rows", remedy="Give some days, a row for each step.")
    step = at[1] - at[0]
    for before, here in pairwise(at):
        if here - before != step:
            raise InvalidInput(f"the step is {step} at first, and {here - before} at {here.isoformat()}", remedy="Leave no gap.")
    if not timedelta() < step <= QUARTER or QUARTER % step:
        raise InvalidInput(f"the step is {step}", remedy="Give means of 1, 5 or 15 minutes.")
    steps = QUARTER // step
    quarters = len(at) // steps

    def by_step(name: str) -> Numbers:
        return np.asarray(columns[name], dtype=np.float64)[: quarters * steps]

    def by_quarter(name: str, fixed: float | None) -> Numbers:
        if name in columns:
            means: Numbers = by_step(name).reshape(quarters, steps).mean(axis=1)
            return means
        if fixed is None:
            raise InvalidInput(f"there is no column {name}", remedy="Add it, or give a fixed price.")
        return np.full(quarters, fixed)

    if "load_w" not in columns:
        raise InvalidInput("there is no column load_w", remedy="Name the columns in the first line.")
    pv_w = by_step("pv_w") if "pv_w" in columns else np.zeros(quarters * steps)
    return Past(
        start=at[0],
        step_s=step.total_seconds(),
        load_w=by_step("load_w"),
        pv_w=pv_w,
        import_per_kwh=by_quarter("import_per_kwh", import_per_kwh),
        export_per_kwh=by_quarter("export_per_kwh", export_per_kwh),
        foreseen_w=by_quarter("foreseen_w", 0.0)
        if "foreseen_w" in columns
        else naive_foresight(pv_w.reshape(quarters, steps).mean(axis=1)),
    )


def naive_foresight(pv_w: Numbers) -> Numbers:
    """Return a forecast for those who have none: of each quarter the mean of the days before at the same time."""
    days = [
        np.concatenate([np.full(min(back * PER_DAY, len(pv_w)), np.nan), pv_w[: -back * PER_DAY]])
        for back in range(1, _NAIVE_DAYS + 1)
    ]
    known = np.array(days)
    counted = np.maximum((~np.isnan(known)).sum(axis=0), 1)
    mean: Numbers = np.nansum(known, axis=0) / counted
    return mean


def _or_day_before(start: int, count: int, known: int) -> list[int]:
    """Return the indices of so many quarters; where nothing is known any more, of the day before, or of the day before that."""
    return [index - max(0, -(-(index - start - known + 1) // PER_DAY)) * PER_DAY for index in range(start, start + count)]
