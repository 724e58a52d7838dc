"""What every choice would do in every slot and scenario: power, change of charge and cost, as arrays.

The programme, its walk forward and the replay's methods all read these, so that there is one model of what a battery does in a
slot: it keeps the power that its action makes of the house's net load until it is full or empty, and rests for what is left of the
slot. Axes are slots, choices, scenarios. Not here: which choice is best.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, TypeAlias, assert_never

import numpy as np
from numpy.typing import NDArray

from indevolt.control.plan.choice import Choice
from indevolt.control.plan.problem import BatteryModel, Problem
from indevolt.control.situation import Action

Numbers: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]
Indices: TypeAlias = NDArray[np.intp]

SELF_USE_AT: Final = 0
"""Where plain self-use stands among the choices: always first, since everything is measured against it."""
_NEAR: Final = 0.85  # powers that differ by less than this share are one choice


@dataclass(frozen=True, slots=True, eq=False)
class Effects:
    """What the choices do. A cost is of the whole slot at the power in ``ac_w``, or at rest, with wear and the price on peaks."""

    choices: tuple[Choice, ...]
    allowed: Flags  # slots, choices
    hours: Numbers  # slots
    net_w: Numbers  # slots, scenarios: what the house takes without the battery's power, with its standby
    ac_w: Numbers  # slots, choices, scenarios: positive gives
    change_wh: Numbers  # slots, choices, scenarios: of the stored energy
    cost: Numbers  # slots, choices, scenarios
    rest_cost: Numbers  # slots, scenarios
    wear: Numbers  # slots, choices, scenarios: the part of ``cost`` that is wear


def effects_of(problem: Problem) -> Effects:
    """Return the effects of every choice that a problem has."""
    battery = problem.battery
    choices, allowed = _choices(problem)
    hours = np.array([slot.hours for slot in problem.slots])
    load_w = np.array([scenario.load_w for scenario in problem.scenarios]).T
    pv_w = np.array([scenario.pv_w for scenario in problem.scenarios]).T
    net_w = load_w + battery.asleep_w - pv_w
    limits_w = power_limits(problem, net_w)
    ac_w = np.stack([_power(choice, net_w, *limits_w) for choice in choices], axis=1)
    ac_w[np.abs(ac_w) < battery.minimum_w] = 0.0
    change_wh = change_of(ac_w, battery) * hours[:, None, None]
    wear = np.maximum(ac_w, 0.0) * hours[:, None, None] * (battery.wear_per_kwh / 1000)
    return Effects(
        choices=choices,
        allowed=allowed,
        hours=hours,
        net_w=net_w,
        ac_w=ac_w,
        change_wh=change_wh,
        cost=grid_cost(net_w[:, None, :] - ac_w, problem) + wear,
        rest_cost=grid_cost(net_w[:, None, :], problem)[:, 0, :],
        wear=wear,
    )


def change_of(ac_w: Numbers, battery: BatteryModel) -> Numbers:
    """Return how fast the stored energy changes at so much power at the socket, in W."""
    loss = battery.loss
    size = np.abs(ac_w)
    lost = np.where(size > 0, loss.fixed_w + size * (loss.linear + size * loss.quadratic_per_w), 0.0)
    return -ac_w - lost


def moved(stored_wh: Numbers, change_wh: Numbers, battery: BatteryModel) -> tuple[Numbers, Numbers]:
    """Return the energy after a slot, and for which share of the slot the power could be kept."""
    floor = np.minimum(stored_wh, battery.floor_pct / 100 * battery.capacity_wh)
    ceiling = np.maximum(stored_wh, battery.ceiling_pct / 100 * battery.capacity_wh)
    after = np.minimum(np.maximum(stored_wh + change_wh, floor), ceiling)
    moves = change_wh != 0
    share = np.where(moves, (after - stored_wh) / np.where(moves, change_wh, 1.0), 1.0)
    return after, share


def grid_cost(grid_w: Numbers, problem: Problem) -> Numbers:
    """Return what so much power at the meter costs in each slot; the axes are slots, choices, scenarios."""
    hours = np.array([slot.hours for slot in problem.slots])[:, None, None]
    bought = np.array([slot.import_per_kwh for slot in problem.slots])[:, None, None]
    sold = np.array([slot.export_per_kwh for slot in problem.slots])[:, None, None]
    taken_kw = np.maximum(grid_w, 0.0) / 1000
    given_kw = np.minimum(np.maximum(-grid_w, 0.0), problem.feed_in_cap_w) / 1000
    cost: Numbers = (taken_kw * bought - given_kw * sold) * hours
    if problem.peak is not None:
        cost = cost + problem.peak.per_kw * np.maximum(taken_kw - problem.peak.so_far_kw, 0.0)
    return cost


def power_limits(problem: Problem, net_w: Numbers) -> tuple[Numbers, Numbers]:
    """Return the most that may be charged and discharged in each slot and scenario, at so much net load."""
    battery = problem.battery
    most_in_w = np.array([min(battery.charge_w, slot.charge_limit_w) for slot in problem.slots])[:, None]
    most_out_w = np.array([min(battery.discharge_w, slot.discharge_limit_w) for slot in problem.slots])[:, None]
    if not problem.grid_charging:
        most_in_w = np.minimum(most_in_w, np.maximum(-net_w, 0.0))
    if not problem.battery_to_grid:
        most_out_w = np.minimum(most_out_w, np.maximum(net_w, 0.0))
    return most_in_w, most_out_w


def _power(choice: Choice, net_w: Numbers, most_in_w: Numbers, most_out_w: Numbers) -> Numbers:
    """Return the power that a choice makes of the house's net load, within the limits of each slot."""
    wanted_w = choice.power_w or np.inf
    match choice.action:
        case Action.SELF_USE:
            return np.clip(net_w, -most_in_w, most_out_w)
        case Action.HOLD:
            return np.clip(net_w, -most_in_w, 0.0)
        case Action.STOP:
            return np.zeros_like(net_w)
        case Action.CHARGE:
            return -np.minimum(np.maximum(wanted_w, -net_w), most_in_w)
        case Action.DISCHARGE:
            return np.broadcast_to(np.minimum(wanted_w, most_out_w), net_w.shape)
        case _:
            assert_never(choice.action)


def _choices(problem: Problem) -> tuple[tuple[Choice, ...], Flags]:
    """Return all choices, and which of them each slot has: a pinned one has its pin, and what only pins ask for is theirs alone."""
    battery, loss = problem.battery, problem.battery.loss
    least_lost_w = math.sqrt(loss.fixed_w / loss.quadratic_per_w) if loss.quadratic_per_w else math.inf
    found = [Choice(Action.SELF_USE), Choice(Action.HOLD)]
    if not problem.battery_to_grid:
        found.append(Choice(Action.DISCHARGE))  # covers the house; before rest, which is the same only as long as the sun does that
    found.append(Choice(Action.STOP))
    if problem.grid_charging:
        found += [Choice(Action.CHARGE, power_w) for power_w in _powers(battery.charge_w, least_lost_w, battery.minimum_w)]
    if problem.battery_to_grid:
        found += [Choice(Action.DISCHARGE, power_w) for power_w in _powers(battery.discharge_w, least_lost_w, battery.minimum_w)]
    free = len(found)
    found += [Choice(slot.pin.action, slot.pin.power_w) for slot in problem.slots if slot.pin is not None]
    choices = tuple(dict.fromkeys(found))
    allowed = np.zeros((len(problem.slots), len(choices)), dtype=bool)
    for flags, slot in zip(allowed, problem.slots, strict=True):
        if slot.pin is None:
            flags[:free] = True
        else:
            flags[choices.index(Choice(slot.pin.action, slot.pin.power_w))] = True
    return choices, allowed


def _powers(most_w: float, least_lost_w: float, minimum_w: float) -> list[float]:
    """Return the powers worth trying: all, the one at which least is lost of each kWh, and half of that."""
    powers = [float(round(most_w))] if most_w >= minimum_w else []
    for power_w in (least_lost_w, least_lost_w / 2):
        if powers and minimum_w <= power_w < powers[-1] * _NEAR:
            powers.append(float(round(power_w)))
    return powers
