"""From a problem to a plan: the programme solved, every scenario walked through, and each slot told with its reason.

A plan is a policy; what a slot shows is ``schedule``'s.

Not here: the making of a problem from prices, forecasts and a battery's state, which is the hub's.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np

from indevolt.control.plan.course import Chosen, Course, choose, course_of
from indevolt.control.plan.effects import Effects, Numbers, effects_of, grid_cost
from indevolt.control.plan.planned import Balance, Band, Plan, PlannedSlot, StoredValue
from indevolt.control.plan.problem import Problem, TerminalValue
from indevolt.control.plan.programme import Programme, programme, terminal_worth
from indevolt.control.plan.reasons import Expected, reasons_for
from indevolt.control.plan.schedule import schedule
from indevolt.control.plan.terminal import terminal_value

_CURVE_PCT: Final = 5  # between the points of the curve of stored value
_MISSED_PCT: Final = 1.0  # a target that is missed by more is told


@dataclass(frozen=True, slots=True, eq=False)
class _Solved:
    problem: Problem
    effects: Effects
    found: Programme
    chosen: Chosen
    course: Course
    weight: Numbers


def solve(problem: Problem, at: datetime) -> Plan:
    """Return the plan that is expected to cost least; some 50 ms for 144 slots and 33 scenarios.

    Args:
        problem: what it depends on.
        at: when what the problem knows is from.
    """
    effects = effects_of(problem)
    terminal = problem.terminal or terminal_value(problem)
    found = programme(problem, effects, terminal)
    chosen = choose(problem, effects, found, terminal)
    weight = found.weight
    course, plain = (course_of(problem, effects, found, walks) for walks in (chosen.walks, chosen.plain))
    solved = _Solved(problem, effects, found, chosen, course, weight)
    return Plan(
        at=at,
        slots=_slots(solved),
        currency=problem.currency,
        planned=_balance(problem, course, terminal, weight),
        self_use=_balance(problem, plain, terminal, weight),
        no_battery=_no_battery(problem, effects, weight),
        stored_value=_value_curve(problem, found),
        notes=tuple(_notes(solved)),
    )


def _slots(solved: _Solved) -> tuple[PlannedSlot, ...]:
    problem, effects, course, weight = solved.problem, solved.effects, solved.course, solved.weight
    per_pct = problem.battery.capacity_wh / 100
    choices = [effects.choices[index] for index in schedule(problem, effects, solved.found, course)]
    mean_wh = course.stored_wh @ weight
    value = [float(_slope(solved.found, index, np.array([stored]))[0]) for index, stored in enumerate(mean_wh[:-1])]
    battery_w, grid_w, gain = course.battery_w @ weight, course.grid_w @ weight, course.gain @ weight
    gain[0] = solved.chosen.gain
    cost = (course.cost + course.wear) @ weight
    load_w, pv_w = _series(problem)
    expected = [
        Expected(choice, float(battery_w[index]), float(grid_w[index]), float(mean_wh[index] / per_pct), value[index])
        for index, choice in enumerate(choices)
    ]
    return tuple(
        PlannedSlot(
            start=slot.start,
            end=slot.end,
            action=choices[index].action,
            power_w=choices[index].power_w,
            reason=reason,
            import_per_kwh=slot.import_per_kwh,
            export_per_kwh=slot.export_per_kwh,
            published=slot.published,
            pinned=slot.pin is not None and not slot.pin.because,
            load_w=_band(load_w[index], weight),
            pv_w=_band(pv_w[index], weight),
            soc_pct=_band(course.stored_wh[index + 1] / per_pct, weight),
            battery_w=float(battery_w[index]),
            grid_w=float(grid_w[index]),
            cost=float(cost[index]),
            gain=float(gain[index]),
            stored_value_per_kwh=value[index],
        )
        for index, (slot, reason) in enumerate(zip(problem.slots, reasons_for(problem, expected), strict=True))
    )


def _series(problem: Problem) -> tuple[Numbers, Numbers]:
    """Return load and PV, slots by scenarios."""
    scenarios = problem.scenarios
    return np.array([each.load_w for each in scenarios]).T, np.array([each.pv_w for each in scenarios]).T


def _band(values: Numbers, weight: Numbers) -> Band:
    """Return weighted quantiles: the least value that at least so much of the weight does not exceed."""
    order = values.argsort()
    reached = np.minimum(np.searchsorted(weight[order].cumsum(), (0.1 - 1e-9, 0.5 - 1e-9, 0.9 - 1e-9)), len(values) - 1)
    low, middle, high = (float(value) for value in values[order][reached])
    return Band(low, middle, high)


def _balance(problem: Problem, course: Course, terminal: TerminalValue, weight: Numbers) -> Balance:
    worth = terminal_worth(terminal, course.stored_wh[[0, -1]], problem.battery) @ weight
    return Balance(
        energy=float(course.cost.sum(axis=0) @ weight),
        wear=float(course.wear.sum(axis=0) @ weight),
        stored=float(worth[1] - worth[0]),
    )


def _no_battery(problem: Problem, effects: Effects, weight: Numbers) -> Balance:
    cost = grid_cost(effects.net_w[:, None, :] - problem.battery.asleep_w, problem)[:, 0, :]
    return Balance(energy=float(cost.sum(axis=0) @ weight), wear=0.0, stored=0.0)


def _slope(found: Programme, slot: int, stored_wh: Numbers) -> Numbers:
    """Return what one more kWh is worth at the start of a slot, by what is stored; smoothed over some levels of the grid."""
    cost = np.bincount(found.regimes, weights=found.weight) @ found.remaining[slot]
    level_wh = found.level_wh
    span_wh = 2.5 * (level_wh[1] - level_wh[0])
    low = np.clip(stored_wh - span_wh, level_wh[0], level_wh[-1] - span_wh)
    high = np.clip(stored_wh + span_wh, level_wh[0] + span_wh, level_wh[-1])
    slope: Numbers = (np.interp(low, level_wh, cost) - np.interp(high, level_wh, cost)) / (high - low) * 1000
    return slope


def _value_curve(problem: Problem, found: Programme) -> tuple[StoredValue, ...]:
    battery = problem.battery
    first_pct = math.ceil(battery.floor_pct / _CURVE_PCT) * _CURVE_PCT
    soc_pct = np.arange(first_pct, math.floor(battery.ceiling_pct) + 1, _CURVE_PCT, dtype=np.float64)
    values = _slope(found, 0, soc_pct / 100 * battery.capacity_wh)
    return tuple(StoredValue(float(soc), float(value)) for soc, value in zip(soc_pct, values, strict=True))


def _notes(solved: _Solved) -> Iterator[str]:
    """Say what the plan can not keep."""
    problem, per_pct = solved.problem, solved.problem.battery.capacity_wh / 100
    for target in problem.targets:
        index = next((index for index, slot in enumerate(problem.slots) if slot.start < target.by <= slot.end), None)
        if index is None:
            continue
        reached = _band(solved.course.stored_wh[index + 1] / per_pct, solved.weight).p50
        if reached < target.soc_pct - _MISSED_PCT:
            yield f"{target.soc_pct:g} % by {target.by:%H:%M} is out of reach: about {reached:.0f} % can be"
