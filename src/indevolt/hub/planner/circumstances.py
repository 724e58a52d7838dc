"""What the hub knows of a slot and the solver does not: why its limits are what they are. Sentences are added to its reasons.

The solver sees numbers; that packs are cold, that a device will calibrate itself, or that a peak is this month's, is for the hub to
tell.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from indevolt.control.plan.planned import Plan, PlannedSlot
from indevolt.control.situation import Action

if TYPE_CHECKING:
    from indevolt.control.plan.problem import Problem, Slot
    from indevolt.hub.planner.problem import Facts

_AT_LIMIT: Final = 0.9  # of it, and it is what binds
_BEFORE: Final = timedelta(hours=12)  # a calibration that is due within this is told


def explained(plan: Plan, facts: Facts, problem: Problem) -> Plan:
    """Return a plan whose reasons tell the circumstances as well."""
    slots = tuple(_explained(planned, slot, facts, problem) for planned, slot in zip(plan.slots, problem.slots, strict=True))
    return replace(plan, slots=slots, notes=(*plan.notes, *_notes(facts)))


def _explained(planned: PlannedSlot, slot: Slot, facts: Facts, problem: Problem) -> PlannedSlot:
    return replace(planned, reason="; ".join((planned.reason, *_circumstances(planned, slot, facts, problem))))


def _circumstances(planned: PlannedSlot, slot: Slot, facts: Facts, problem: Problem) -> Iterator[str]:
    yield from _packs(planned, slot, facts)
    yield from _feed_in(planned, problem)
    yield from _peak(planned, problem)
    if planned.action in (Action.CHARGE, Action.HOLD):
        for each in facts.calibrations:
            if planned.start < each.at <= planned.start + _BEFORE:
                yield f"{each.device} calibrates itself from {each.at.astimezone(facts.zone):%H:%M} on, and has to be full for it"


def _packs(planned: PlannedSlot, slot: Slot, facts: Facts) -> Iterator[str]:
    """Tell that packs are too cold, or too warm, where that binds."""
    number = round((planned.start - facts.prices[0].start) / (planned.end - planned.start))
    celsius = facts.passages[number].coldest_c if number < len(facts.passages) else None
    if celsius is None:
        return
    wanted_w = max(-planned.battery_w, planned.pv_w.p50 - planned.load_w.p50)
    if wanted_w > _AT_LIMIT * slot.charge_limit_w:
        takes = f"{slot.charge_limit_w:.0f} W at most" if slot.charge_limit_w else "nothing"
        yield f"packs at {celsius:.0f} °C take {takes}"
    if planned.battery_w > _AT_LIMIT * slot.discharge_limit_w:
        yield f"packs at {celsius:.0f} °C give {slot.discharge_limit_w:.0f} W at most"


def _feed_in(planned: PlannedSlot, problem: Problem) -> Iterator[str]:
    """Tell that there is more sun than the grid takes."""
    surplus_w = planned.pv_w.p50 - planned.load_w.p50
    if surplus_w > problem.feed_in_cap_w:
        yield f"of {surplus_w:.0f} W of surplus the grid takes {problem.feed_in_cap_w:.0f} W at most"


def _peak(planned: PlannedSlot, problem: Problem) -> Iterator[str]:
    """Tell that import would go beyond the peak of the month, or is kept below it."""
    if problem.peak is None:
        return
    peak_w = problem.peak.so_far_kw * 1000
    costs = (
        f"the month's peak of {problem.peak.so_far_kw:.1f} kW, of which each kW costs {problem.peak.per_kw:.2f} {problem.currency}"
    )
    if planned.battery_w > 0 and planned.grid_w + planned.battery_w > peak_w >= planned.grid_w:
        yield f"keeps import below {costs}"
    elif planned.action is Action.CHARGE and _AT_LIMIT * peak_w < planned.grid_w <= peak_w:
        yield f"no faster, for {costs}"
    elif planned.grid_w > peak_w:
        yield f"goes beyond {costs}"


def _notes(facts: Facts) -> Iterator[str]:
    for each in facts.calibrations:
        if each.at < facts.prices[-1].end:
            when = each.at.astimezone(facts.zone)
            yield (
                f"{each.device} is expected to fill itself up from {when:%Y-%m-%d %H:%M} on: it calibrates itself every"
                f" {each.every_days} days, counted from its last full charge (inferred)"
            )
