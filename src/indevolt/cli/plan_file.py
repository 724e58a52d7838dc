"""What would be planned for a house that is in a file: load, sun and prices to come, and a battery that people describe. No hub.

What comes of it has the shape of the hub's own answer, so that both are told by the same code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from indevolt.cli.battery_options import BatteryGiven
from indevolt.cli.series_file import read_series, zone_named
from indevolt.errors import InvalidInput

if TYPE_CHECKING:
    from indevolt.control.plan.planned import Balance, Band, Plan
    from indevolt.control.plan.problem import Scenario

CERTAIN: Final = "the file is one future, taken for certain: real days gain less"


@dataclass(frozen=True, slots=True)
class FileGiven:
    """What was said of a house in a file."""

    file: Path
    battery: BatteryGiven
    soc_pct: float
    reserve_pct: float
    import_price: float | None
    export_price: float | None
    time_zone: str
    currency: str
    grid_charging: bool
    feed_in_limit_w: float | None
    peak_price: float | None
    peak_so_far_kw: float


def plan_of_file(given: FileGiven) -> dict[str, Any]:
    """Return the plan, as the hub would tell it.

    Raises:
        InvalidInput: the file or a figure makes no sense.
    """
    from indevolt.control.plan.problem import PeakTariff, Problem, Slot
    from indevolt.control.plan.solve import solve

    zone = zone_named(given.time_zone)
    at, columns = read_series(given.file, zone)
    length = _step(at)
    prices = [_prices(columns, name, fixed, len(at)) for name, fixed in _fixed(given)]
    slots = tuple(
        Slot(start=start, length=length, import_per_kwh=bought, export_per_kwh=sold)
        for start, bought, sold in zip((each.astimezone(UTC) for each in at), *prices, strict=True)
    )
    scenarios = _scenarios(columns, len(at))
    problem = Problem(
        slots=slots,
        scenarios=scenarios,
        battery=given.battery.built(soc_pct=given.soc_pct, reserve_pct=given.reserve_pct),
        currency=given.currency,
        grid_charging=given.grid_charging,
        feed_in_cap_w=float("inf") if given.feed_in_limit_w is None else given.feed_in_limit_w,
        peak=None if given.peak_price is None else PeakTariff(given.peak_price, given.peak_so_far_kw),
        zone=zone,
    )
    plan = solve(problem, at[0])
    notes = [*plan.notes, *([CERTAIN] if len(scenarios) == 1 else [])]
    return told_of(plan, zone, notes, reserve_pct=given.reserve_pct, soc_pct=given.soc_pct)


def _fixed(given: FileGiven) -> list[tuple[str, float | None]]:
    return [("import_per_kwh", given.import_price), ("export_per_kwh", 0.0 if given.export_price is None else given.export_price)]


def _step(at: Sequence[datetime]) -> timedelta:
    """Return the step of the rows.

    Raises:
        InvalidInput: there is none, or a gap.
    """
    if len(at) < 2:
        raise InvalidInput("there are fewer than two rows", remedy="Give some hours, a row for each quarter of an hour or hour.")
    utc = [each.astimezone(UTC) for each in at]
    step = utc[1] - utc[0]
    for before, here in pairwise(utc):
        if here - before != step:
            raise InvalidInput(f"the step is {step} at first, and {here - before} at {here.isoformat()}", remedy="Leave no gap.")
    return step


def _prices(columns: Mapping[str, Sequence[float]], name: str, fixed: float | None, rows: int) -> Sequence[float]:
    if name in columns:
        return columns[name]
    if fixed is None:
        raise InvalidInput(f"there is no column {name}", remedy="Add it, or give --import-price.")
    return [fixed] * rows


def _scenarios(columns: Mapping[str, Sequence[float]], rows: int) -> tuple[Scenario, ...]:
    """Return what may come: as the file says, and where it has a low and a high for them, with these as likely as the middle."""
    from indevolt.control.plan.problem import Scenario

    if "load_w" not in columns:
        raise InvalidInput("there is no column load_w", remedy="Name the columns in the first line.")
    loads = [columns[name] for name in ("load_low_w", "load_w", "load_high_w") if name in columns]
    suns = [columns[name] for name in ("pv_low_w", "pv_w", "pv_high_w") if name in columns] or [[0.0] * rows]
    return tuple(Scenario(tuple(load), tuple(sun), regime=regime) for regime, sun in enumerate(suns) for load in loads)


def told_of(plan: Plan, zone: tzinfo, notes: Sequence[str], *, reserve_pct: float, soc_pct: float) -> dict[str, Any]:
    """Return a plan in the shape of ``GET /api/v1/plan``, as far as there is no hub in it."""
    return {
        "name": "plan of a file",
        "at": plan.at.isoformat(),
        "dry": True,
        "currency": plan.currency,
        "time_zone": str(zone),
        "reserve_pct": reserve_pct,
        "soc_pct": soc_pct,
        "notes": list(notes),
        "totals": {
            "planned": _balance(plan.planned),
            "self_use": _balance(plan.self_use),
            "no_battery": _balance(plan.no_battery),
            "gain_over_self_use": round(plan.gain_over_self_use, 4),
            "saving": round(plan.saving, 4),
        },
        "slots": [
            {
                "start": slot.start.isoformat(),
                "end": slot.end.isoformat(),
                "mode": slot.action.value,
                "power_w": round(slot.power_w),
                "reason": slot.reason,
                "pinned": slot.pinned,
                "import_price": slot.import_per_kwh,
                "export_price": slot.export_per_kwh,
                "known": slot.published,
                "load_w": _band(slot.load_w, 0),
                "pv_w": _band(slot.pv_w, 0),
                "soc_pct": _band(slot.soc_pct, 1),
                "battery_w": round(slot.battery_w),
                "grid_w": round(slot.grid_w),
                "cost": round(slot.cost, 5),
                "gain": round(slot.gain, 5),
                "stored_value": round(slot.stored_value_per_kwh, 4),
            }
            for slot in plan.slots
        ],
    }


def _balance(balance: Balance) -> dict[str, float]:
    return {name: round(getattr(balance, name), 4) for name in ("energy", "wear", "stored", "total")}


def _band(band: Band, digits: int) -> dict[str, float]:
    return {name: round(getattr(band, name), digits) for name in ("p10", "p50", "p90")}
