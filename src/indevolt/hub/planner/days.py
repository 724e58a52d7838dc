"""Plans of past days, and what became of them: kept as small state, compared with the history of the site."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

from indevolt.control.plan.planned import Plan, PlannedSlot
from indevolt.hub.prices.records import QUARTER
from indevolt.hub.site.quantities import SITE

if TYPE_CHECKING:
    from indevolt.hub.hub import Hub

_HISTORY: Final = ("battery_soc", "battery_power", "grid_power", "house_power", "solar_power")


@dataclass(frozen=True, slots=True)
class Compared:
    """One quarter of a past day: what was planned when it began, and what came. Powers are means in W; None: nobody knows."""

    start: datetime
    end: datetime
    action: str
    reason: str
    planned: Mapping[str, float]  # soc_pct (at the end), battery_w, grid_w, load_w, pv_w
    actual: Mapping[str, float | None]
    import_price: float
    export_price: float
    planned_cost: float  # of energy alone
    actual_cost: float | None


def day_key(day: date) -> str:
    """Return what the slots of a day are kept under."""
    return f"plan-day:{day.isoformat()}"


def kept(slot: PlannedSlot, plan: Plan) -> dict[str, Any]:
    """Return a slot as it is kept when it begins."""
    return {
        "start": slot.start.isoformat(),
        "action": slot.action,
        "reason": slot.reason,
        "plan": plan.name,
        "soc_pct": round(slot.soc_pct.p50, 1),
        "battery_w": round(slot.battery_w),
        "grid_w": round(slot.grid_w),
        "load_w": round(slot.load_w.p50),
        "pv_w": round(slot.pv_w.p50),
        "import": slot.import_per_kwh,
        "export": slot.export_per_kwh,
    }


async def keep_slot(hub: Hub, slot: PlannedSlot, plan: Plan) -> None:
    """Keep what the plan wants of a slot that begins; only the first word on it counts.

    Raises:
        IndevoltError: the store is away.
    """
    key = day_key(slot.start.astimezone(hub.config.site.zone).date())
    rows = rows_of(await hub.store.get(key))
    if all(row["start"] != slot.start.isoformat() for row in rows):
        await hub.store.put(key, json.dumps([*rows, kept(slot, plan)], separators=(",", ":")))


def rows_of(text: str | None) -> list[dict[str, Any]]:
    """Return the kept slots of a day; none where nothing was kept."""
    try:
        rows = json.loads(text or "[]")
        return [row for row in rows if isinstance(row, dict) and "start" in row]
    except ValueError:
        return []


async def compared(hub: Hub, day: date) -> list[Compared]:
    """Return what was planned for each quarter of a day, and what came.

    Raises:
        IndevoltError: the store is away.
    """
    rows = rows_of(await hub.store.get(day_key(day)))
    if not rows:
        return []
    starts = [datetime.fromisoformat(row["start"]) for row in rows]
    series = await hub.store.series(SITE, _HISTORY, min(starts), max(starts) + QUARTER, step_s=QUARTER.total_seconds())
    at = {start: number for number, start in enumerate(series.times)}
    return list(_compared(rows, starts, at, series.columns))


def _compared(
    rows: list[dict[str, Any]], starts: list[datetime], at: Mapping[datetime, int], columns: Mapping[str, Any]
) -> Iterator[Compared]:
    for row, start in sorted(zip(rows, starts, strict=True), key=lambda pair: pair[1]):
        number = at.get(start)
        history = {name: None if number is None else columns[name][number] for name in _HISTORY}
        grid_w = history["grid_power"]
        yield Compared(
            start=start,
            end=start + QUARTER,
            action=str(row["action"]),
            reason=str(row["reason"]),
            planned={name: float(row[name]) for name in ("soc_pct", "battery_w", "grid_w", "load_w", "pv_w")},
            actual={
                "soc_pct": history["battery_soc"],
                "battery_w": history["battery_power"],
                "grid_w": grid_w,
                "load_w": history["house_power"],
                "pv_w": history["solar_power"],
            },
            import_price=float(row["import"]),
            export_price=float(row["export"]),
            planned_cost=_cost(float(row["grid_w"]), row),
            actual_cost=None if grid_w is None else _cost(grid_w, row),
        )


def _cost(grid_w: float, row: Mapping[str, Any]) -> float:
    """Return what a quarter of an hour of a mean power costs; import and export within it are netted."""
    price = row["import"] if grid_w >= 0 else row["export"]
    return grid_w / 4 / 1000 * float(price)
