"""Why a slot is planned as it is, in a sentence with the figures that decided it.

Times are by the clocks of the problem's zone, money as the currency is spoken. Not here: what is decided.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, assert_never

from indevolt.control.plan.choice import Choice
from indevolt.control.plan.problem import Problem, Slot
from indevolt.control.situation import LEAST_SOC_PCT, Action

_HUNDREDTH: Final = {"EUR": "ct", "USD": "ct", "CHF": "Rp", "GBP": "p"}
_DUE_WITHIN: Final = timedelta(hours=12)
_NEAR_PCT: Final = 2.0  # of a bound: then the battery is called empty or full


@dataclass(frozen=True, slots=True)
class Expected:
    """What a slot is expected to be like."""

    choice: Choice
    battery_w: float
    grid_w: float
    soc_pct: float  # at its start
    stored_value: float  # of a kWh in the battery


def reasons_for(problem: Problem, expected: Sequence[Expected]) -> list[str]:
    """Return a sentence for each slot."""
    uses: list[int | None] = []  # for each slot: the dearest later one that draws on what is stored, up to the next charge
    dearest: int | None = None
    for index in range(len(expected) - 1, -1, -1):
        uses.append(dearest)
        here = expected[index]
        if here.choice.action is Action.CHARGE and dearest is not None and _ends_before(expected, index):
            dearest = None
        if here.battery_w >= problem.battery.minimum_w and (
            dearest is None or problem.slots[index].import_per_kwh >= problem.slots[dearest].import_per_kwh
        ):
            dearest = index
    uses.reverse()
    return [_reason(problem, index, expected[index], use) for index, use in enumerate(uses)]


def money(amount: float, currency: str) -> str:
    """Return a price of a kWh as people say it: ``31.4 ct``."""
    hundredth = _HUNDREDTH.get(currency)
    return f"{amount * 100:.1f} {hundredth}" if hundredth else f"{amount:.3f} {currency}"


def _ends_before(expected: Sequence[Expected], index: int) -> bool:
    """Return whether a charge begins here, so that what is stored before it is not what is used after it."""
    return index == 0 or expected[index - 1].choice.action is not Action.CHARGE


def _reason(problem: Problem, index: int, here: Expected, use: int | None) -> str:
    slot, currency = problem.slots[index], problem.currency
    if slot.pin is not None:
        return slot.pin.because or "pinned by the owner"
    later = None if use is None else _later(problem, slot, problem.slots[use])
    now, kept = money(slot.import_per_kwh, currency), money(here.stored_value, currency)
    match here.choice.action:
        case Action.SELF_USE:
            return _self_use(problem, slot, here)
        case Action.HOLD:
            return _target(problem, slot) or (
                f"kept for {later}; it is {now} now" if later else f"kept: worth {kept} later, {now} now"
            )
        case Action.STOP:
            return _stop(problem, slot, here)
        case Action.CHARGE if here.grid_w <= 0:
            return _target(problem, slot) or "stores the surplus, and from the grid what the sun gives less"
        case Action.CHARGE if slot.import_per_kwh < 0:
            return f"charges while power costs {now}: less than nothing"
        case Action.CHARGE:
            return _target(problem, slot) or f"charges at {now}" + (f" for {later}, losses and wear counted" if later else "")
        case Action.DISCHARGE if not problem.battery_to_grid:
            given = money(slot.export_per_kwh, currency)
            return (
                f"covers the house at {now}, stores nothing: the grid takes surplus for {given}, a kWh kept would be worth {kept}"
            )
        case Action.DISCHARGE:
            return f"sells for {money(slot.export_per_kwh, currency)} what is worth {kept} in the battery"
        case _:
            assert_never(here.choice.action)


def _self_use(problem: Problem, slot: Slot, here: Expected) -> str:
    battery, currency = problem.battery, problem.currency
    if here.battery_w >= battery.minimum_w:
        now, kept = money(slot.import_per_kwh, currency), money(here.stored_value, currency)
        return f"covers the house: power costs {now}, a kWh kept would be worth {kept}"
    if here.battery_w <= -battery.minimum_w:
        return f"stores the surplus, which the grid would take for {money(slot.export_per_kwh, currency)}"
    if here.soc_pct <= battery.floor_pct + _NEAR_PCT:
        empty = "empty" if battery.floor_pct <= LEAST_SOC_PCT else f"at the reserve of {battery.floor_pct:g} %"
        return f"{empty}: stores surplus if there is any"
    if here.soc_pct >= battery.ceiling_pct - _NEAR_PCT:
        return "full: covers the house when it takes more than the sun gives"
    return "follows the house: nothing else is worth more"


def _stop(problem: Problem, slot: Slot, here: Expected) -> str:
    if slot.export_per_kwh > 0 and here.soc_pct < problem.battery.ceiling_pct - _NEAR_PCT:
        given = money(slot.export_per_kwh, problem.currency)
        if here.stored_value < slot.export_per_kwh:
            kept = money(here.stored_value, problem.currency)
            return f"rests: the grid takes surplus for {given} now; stored, a kWh more would be worth {kept}"
        return f"rests: what is stored is kept, surplus goes to the grid for {given}"
    return "rests: what it could pass now is not worth its losses"


def _later(problem: Problem, slot: Slot, use: Slot) -> str:
    here, then = slot.start.astimezone(problem.zone), use.start.astimezone(problem.zone)
    days = (then.date() - here.date()).days
    day = "" if not days else " tomorrow" if days == 1 else " later"
    return f"{then:%H:%M}{day}, when power costs {money(use.import_per_kwh, problem.currency)}"


def _target(problem: Problem, slot: Slot) -> str | None:
    """Return the sentence of a target that is due within the next hours, or None."""
    for target in problem.targets:
        if slot.start < target.by <= slot.start + _DUE_WITHIN:
            return f"to be at {target.soc_pct:g} % by {target.by.astimezone(problem.zone):%H:%M}"
    return None
