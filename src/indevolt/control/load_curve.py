"""A plan as a device's own load curve: 48 half hours of watts, by which a unit in self-use goes while it sees no meter.

A curve gives; it cannot charge, hold a charge for later, follow the house, or know a date. So it says what the house surely takes
where the plan gives, and 0 W everywhere else, that nothing is exported. Each point counts as flash (control.md section 5, rule 10),
so it is written in one go, and only when it differs by what matters. Pure; who writes it, and when, is the hub's steering.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from indevolt.control.situation import Action

if TYPE_CHECKING:
    from indevolt.control.plan.planned import Plan, PlannedSlot

HALF_HOURS: Final = 48
NAMES: Final = tuple(f"load_curve_slot_{number:02d}" for number in range(1, HALF_HOURS + 1))
STEP_W: Final = 50  # a unit passes no less, and finer steps only wear
MATERIAL_W: Final = 100  # by which a half hour may differ from the plan ...
NEAR: Final = 24  # ... within so many half hours; what is farther is planned again before it comes
_HALF_HOUR: Final = timedelta(minutes=30)
_QUARTER: Final = timedelta(minutes=15)


def curve_of(plan: Plan, at: datetime, ahead: timedelta, *, share: float = 1.0, most_w: float) -> tuple[int, ...]:
    """Return what a unit gives in each half hour of its day, for the 24 hours from now on.

    Args:
        plan: of all units together.
        at: now, aware.
        ahead: by how much the device's clock is ahead of UTC.
        share: of the plan's power that is this unit's.
        most_w: the most it can give.
    """
    first = at - (at + ahead - datetime.min.replace(tzinfo=at.tzinfo)) % _HALF_HOUR
    watts = [0] * HALF_HOURS
    for number in range(HALF_HOURS):
        start = first + number * _HALF_HOUR
        quarters = [plan.slot_at(max(start, at)), plan.slot_at(max(start + _QUARTER, at))]
        given_w = min(0.0 if slot is None else _surely_given_w(slot) for slot in quarters)
        watts[index_of(start, ahead)] = int(min(given_w * share, most_w) // STEP_W) * STEP_W
    return tuple(watts)


def index_of(at: datetime, ahead: timedelta) -> int:
    """Return which half hour of the device's day an instant is in."""
    shown = at + ahead
    return shown.hour * 2 + shown.minute // 30


def matters(wanted: Sequence[int], shown: Sequence[float], now: int) -> bool:
    """Return whether what a device shows differs from what is wanted by so much, and so soon, that it is worth a write.

    Args:
        wanted: by half hour.
        shown: likewise.
        now: which half hour it is.
    """
    near = [(now + number) % HALF_HOURS for number in range(NEAR)]
    return any(abs(wanted[each] - shown[each]) >= MATERIAL_W or (wanted[each] == 0) != (shown[each] == 0) for each in near)


def span_of(wanted: Sequence[int], shown: Sequence[float]) -> slice | None:
    """Return the stretch from the first point that differs to the last one; None where none does."""
    differ = [number for number, (new, old) in enumerate(zip(wanted, shown, strict=True)) if new != old]
    return slice(differ[0], differ[-1] + 1) if differ else None


def _surely_given_w(slot: PlannedSlot) -> float:
    """Return what the plan gives in a slot, and no more than the house takes beyond the sun in nine of ten cases on either side."""
    if slot.action not in (Action.SELF_USE, Action.DISCHARGE):
        return 0.0
    return max(0.0, min(slot.battery_w, slot.load_w.p10 - slot.pv_w.p90))
