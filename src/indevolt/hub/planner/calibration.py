"""When a device will fill itself up for its own calibration: foreseen from its settings and from when it was full last.

A device does that every 5 to 60 days, from the sun and then from the grid, whatever a kWh costs (control.md, section 0). Which day
it counts from is not published: that of the last full charge is inferred. A plan that has it full by then buys that charge when it
is cheap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, timezone, tzinfo
from typing import TYPE_CHECKING, Final

from indevolt.hub.planner.device_clock import ahead_of_utc
from indevolt.store import Aggregate

if TYPE_CHECKING:
    from indevolt.hub.hub import Hub
    from indevolt.hub.keeper import Keeper

FULL_PCT: Final = 99.5
_STEP_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Calibration:
    """A full charge that a device will make on its own account."""

    device: str
    at: datetime  # when it begins; UTC
    every_days: int
    last_full: datetime
    capacity_wh: float  # of that device


async def calibrations(hub: Hub, now: datetime, notes: list[str]) -> tuple[Calibration, ...]:
    """Return the next one of each device that has them, as far as it can be foreseen.

    Raises:
        IndevoltError: the store is away.
    """
    found: list[Calibration] = []
    for keeper in hub.keepers.values():
        capacity = keeper.latest.value("rated_capacity")
        every, start = keeper.latest.value("full_charge_interval"), keeper.latest.value("full_charge_start_time")
        if not isinstance(every, int | float) or every < 1 or not isinstance(capacity, int | float):
            continue  # switched off, or not told
        if not isinstance(start, time):
            notes.append(f"when {keeper.id} calibrates itself is not known: it does not tell at what time of day")
            continue
        last = await _last_full(hub, keeper, now, int(every))
        if last is None:
            notes.append(f"when {keeper.id} calibrates itself is not known: it was not seen full in the last {int(every)} days")
            continue
        at = due(last, int(every), start, _zone(hub, keeper, now))
        found.append(Calibration(keeper.id, at, int(every), last, float(capacity)))
    return tuple(found)


def due(last_full: datetime, every_days: int, start: time, zone: tzinfo) -> datetime:
    """Return when the next one begins: so many days after that of the last full charge, at the time of day that is set."""
    day = last_full.astimezone(zone).date() + timedelta(days=every_days)
    return datetime.combine(day, start, zone).astimezone(UTC)


def _zone(hub: Hub, keeper: Keeper, now: datetime) -> tzinfo:
    """Return the zone of a device's clock: that of the site, unless it shows another time."""
    ahead, site = ahead_of_utc(keeper, now), hub.config.site.zone
    return site if ahead is None or ahead == now.astimezone(site).utcoffset() else timezone(ahead)


async def _last_full(hub: Hub, keeper: Keeper, now: datetime, every_days: int) -> datetime | None:
    """Return when it was full last, within the time between two calibrations."""
    since = now - timedelta(days=every_days + 1)
    series = await hub.store.series(keeper.id, ["battery_soc"], since, now, step_s=_STEP_S, aggregate=Aggregate.MAX)
    return last_at_least(series.times, series.columns["battery_soc"], FULL_PCT)


def last_at_least(times: Sequence[datetime], values: Sequence[object], least: float) -> datetime | None:
    """Return the last time at which something was at least so much."""
    pairs = zip(reversed(times), reversed(values), strict=True)
    return next((at for at, value in pairs if isinstance(value, int | float) and value >= least), None)
