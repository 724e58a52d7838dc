"""The site's own past, as ``control.plan`` lives it again: what the store kept, with the prices that held, without a long gap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from indevolt.control.plan.past import PER_DAY, Past, past_of
from indevolt.hub.planner.quarters import on_grid, quarters
from indevolt.hub.prices.records import QUARTER, quarter_of
from indevolt.hub.site.quantities import SITE

if TYPE_CHECKING:
    from indevolt.hub.hub import Hub

BRIDGED: Final = 4  # quarters without load or sun that are bridged; a longer gap ends the past
LEARNT_DAYS: Final = 14  # before the days that are lived again, and a third of what there is at most


@dataclass(frozen=True, slots=True)
class Span:
    """A past, and the days at its end that are lived again; what lies before them is what is learnt from."""

    past: Past
    first: int  # quarters
    last: int

    @property
    def days(self) -> float:
        """How many are lived again."""
        return (self.last - self.first) / PER_DAY


async def past_days(hub: Hub, now: datetime, days: int) -> Span | None:
    """Return the last days of the site, up to so many of them to be lived again; None where there is less than two in one piece.

    Raises:
        IndevoltError: the store is away.
    """
    until = quarter_of(now)
    since = until - timedelta(days=days + LEARNT_DAYS)
    series = await hub.store.series(SITE, ["house_power", "solar_power"], since, until, step_s=QUARTER.total_seconds())
    times = quarters(since, until)
    load, sun = (on_grid(series.times, series.columns[name], times) for name in ("house_power", "solar_power"))
    rates = [hub.prices.rate_at(at) for at in times]
    first, load_w, pv_w = last_stretch(load, sun, [rate is not None for rate in rates])
    if len(times) - first < 2 * PER_DAY:
        return None
    span = slice(first, len(times))
    known = [rate for rate in rates[span] if rate is not None]  # all of them are
    columns = {
        "load_w": load_w,
        "pv_w": pv_w,
        "import_per_kwh": [rate.import_price for rate in known],
        "export_per_kwh": [rate.export_price for rate in known],
    }
    foreseen = [hub.forecast.pv_w(at) for at in times[span]]
    if all(value is not None for value in foreseen):
        columns["foreseen_w"] = [value or 0.0 for value in foreseen]
    past = past_of(times[span], columns)
    past = replace(past, start=past.start.astimezone(hub.config.site.zone))
    total = past.quarters // PER_DAY
    lived = min(days, total - max(1, min(LEARNT_DAYS, total // 3)))
    return Span(past, past.quarters - lived * PER_DAY, past.quarters)


def last_stretch(
    load: Sequence[float | None], sun: Sequence[float | None], priced: Sequence[bool]
) -> tuple[int, list[float], list[float]]:
    """Return where the last stretch without a long gap begins, and load and sun from there on, short gaps bridged.

    A site that never knew of any sun has none.
    """
    if all(value is None for value in sun):
        sun = [0.0] * len(load)
    both = [None if of_sun is None else of_load for of_load, of_sun in zip(load, sun, strict=True)]
    first = unbroken_from(both, priced)
    return first, bridged(load[first:]), bridged(sun[first:])


def unbroken_from(known: Sequence[float | None], priced: Sequence[bool]) -> int:
    """Return where the last stretch begins that has all prices and no long gap of what is known; the length where it is empty."""
    number = start = len(known)
    missing = 0
    while number > 0 and priced[number - 1]:
        number -= 1
        missing = missing + 1 if known[number] is None else 0
        if missing > BRIDGED:
            break
        if not missing:
            start = number
    return start


def bridged(values: Sequence[float | None]) -> list[float]:
    """Return values, the first of which is known, without their gaps: lines are drawn over them, the last known one goes on."""
    known = [number for number, value in enumerate(values) if value is not None]
    found = [value or 0.0 for value in values]
    for before, after in zip(known, [*known, len(values)][1:], strict=True):
        low, high = found[before], found[after] if after < len(values) else found[before]
        for number in range(before + 1, after):
            found[number] = low + (high - low) * (number - before) / (after - before)
    return found
