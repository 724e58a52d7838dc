"""A stochastic dynamic programme over what the device can really do (control.md, section 2.1).

One battery has one state, its energy, so going backwards through the slots over a grid of levels is exact for whatever is not
convex: efficiency, minimum power, the meaning of modes. The weather is a second, small state: scenarios are of regimes, the one
that holds is seen and tends to stay, and what is decided in it weighs the scenarios accordingly. Self-use adapts to whatever
happens, and here is where that is worth something.

Not here: what a choice does (``effects``), how a plan reads (``solve``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from indevolt.control.plan.effects import SELF_USE_AT, Effects, Flags, Indices, Numbers, moved
from indevolt.control.plan.problem import MISSED_PER_KWH, BatteryModel, Problem, TerminalValue

LEVELS: Final = 61
"""Steps of a sixtieth: 4 kWh in 67 Wh, what a house takes in a quarter of an hour. Finer ones cost time and plan no better."""

GATES: Final = (0.0, 0.01, 0.02, 0.04)
"""Per kWh that is moved otherwise than self-use would: policies from believing all of what is foreseen to believing little."""
TIE: Final = 1e-9
"""Of the currency: choices that differ by less do the same, and then it is called self-use."""
_DARK: Final = 0.01  # of the brightest slot: with less light nobody sees what sort of day it is


@dataclass(frozen=True, slots=True, eq=False)
class Programme:
    """What going backwards found: the cost that remains, and policies, by slot, regime and level.

    The policies differ in how much they want to gain before they leave plain self-use; the last one never leaves it.
    """

    level_wh: Numbers
    regimes: Indices  # scenarios: which regime each is of, counted from 0
    weight: Numbers  # scenarios; they add up to 1
    remaining: Numbers  # slots, regimes, levels: cost from the start of a slot on
    after: Numbers  # slots, regimes, levels: cost from the end of a slot on
    best: Indices  # policies, slots, regimes, levels
    gain: Numbers  # policies, slots, regimes, levels: of the choice over self-use in this slot, and the best afterwards
    gates: Numbers  # of all policies but the last, rising

    def wanting(self, gate: float) -> Programme:
        """Return this one with only those policies that want to gain at least so much per kWh, and plain self-use."""
        first = int(np.searchsorted(self.gates, gate - TIE))
        return replace(self, best=self.best[first:], gain=self.gain[first:], gates=self.gates[first:]) if first else self

    def followed_by(self, later: Programme, since: int) -> Programme:
        """Return this one for its slots, and a later one's policies, from that one's slot ``since`` on, for what comes after."""
        joined = {name: np.concatenate([getattr(self, name), getattr(later, name)[:, since:]], axis=1) for name in ("best", "gain")}
        return replace(self, **joined)


def programme(
    problem: Problem,
    effects: Effects,
    terminal: TerminalValue,
    *,
    levels: int = LEVELS,
    gates: Sequence[float] = GATES,
    ahead: Numbers | None = None,
) -> Programme:
    """Solve a problem.

    Args:
        problem: what it depends on.
        effects: of all its choices.
        terminal: what is left is worth.
        levels: of the grid.
        gates: of the policies to find, beside that of the problem and plain self-use.
        ahead: regimes, levels: the cost that remains at the end; None: as ``terminal`` says.
    """
    level_wh = levels_of(problem.battery, levels)
    regimes, weight = _weather(problem)
    slots, count = len(problem.slots), int(regimes.max()) + 1
    within = (regimes[None, :] == np.arange(count)[:, None]) * weight
    within /= within.sum(axis=1, keepdims=True)
    stays = np.where(_lit(problem), problem.persistence**effects.hours, 0.0)
    move = _Moves(problem, effects, level_wh, regimes)
    wants = np.array([problem.gate, *sorted({gate for gate in gates if gate > problem.gate})])
    wanted = wants[:, None, None, None]
    standing = standing_costs(problem, level_wh)
    remaining, afterwards = np.empty((slots, count, levels)), np.empty((slots, count, levels))
    best = np.empty((len(wanted) + 1, slots, count, levels), dtype=np.intp)
    gain = np.zeros(best.shape)
    if ahead is None:
        ahead = np.broadcast_to(-terminal_worth(terminal, level_wh, problem.battery), (count, levels))
    for slot in range(slots - 1, -1, -1):
        afterwards[slot] = ahead + standing[slot]
        likely = stays[slot] * within + (1 - stays[slot]) * weight
        expected, doubted = move.expected(slot, afterwards[slot], likely)
        ahead = remaining[slot] = expected.min(axis=1)
        plain = SELF_USE_AT if effects.allowed[slot, SELF_USE_AT] else int(effects.allowed[slot].argmax())
        best[:-1, slot] = (expected + wanted * doubted).argmin(axis=2)
        best[-1, slot] = plain
        gain[:, slot] = expected[:, plain] - np.take_along_axis(expected[None], best[:, slot][:, :, None], axis=2)[:, :, 0]
        best[:, slot][gain[:, slot] < TIE] = plain
    return Programme(level_wh, regimes, weight, remaining, afterwards, best, gain, wants)


def first_costs(problem: Problem, effects: Effects, found: Programme) -> Numbers:
    """Return what each choice of the first slot is expected to cost to the end if the best is done afterwards.

    Nothing of the weather has been seen there, so all scenarios count as likely as they are.
    """
    stored_wh = problem.battery.soc_pct / 100 * problem.battery.capacity_wh
    after_wh, share = moved(np.full_like(effects.change_wh[0], stored_wh), effects.change_wh[0], problem.battery)
    cost = effects.rest_cost[0] + share * (effects.cost[0] - effects.rest_cost[0])
    for index, regime in enumerate(found.regimes):
        cost[:, index] += np.interp(after_wh[:, index], found.level_wh, found.after[0, regime])
    return np.where(effects.allowed[0], cost @ found.weight, np.inf)


def standing_costs(problem: Problem, level_wh: Numbers) -> Numbers:
    """Return what it costs to be at a level at the end of each slot: below the reserve, or short of a target."""
    per_pct = problem.battery.capacity_wh / 100
    below_kwh = np.maximum(problem.battery.reserve_pct * per_pct - level_wh, 0.0) / 1000
    costs = np.array([below_kwh * problem.reserve_price * slot.hours for slot in problem.slots])
    for target in problem.targets:
        index = next((index for index, slot in enumerate(problem.slots) if slot.start < target.by <= slot.end), None)
        if index is not None:
            costs[index] += np.maximum(target.soc_pct * per_pct - level_wh, 0.0) / 1000 * MISSED_PER_KWH
    return costs


def terminal_worth(terminal: TerminalValue, level_wh: Numbers, battery: BatteryModel) -> Numbers:
    """Return what levels are worth at the end: concave, nothing at the floor, and nothing is owed below it."""
    floor_wh = battery.floor_pct / 100 * battery.capacity_wh
    stored_wh = np.maximum(level_wh - floor_wh, 0.0)
    falls = (terminal.first_per_kwh - terminal.last_per_kwh) / 2 / max(battery.capacity_wh - floor_wh, 1.0)
    worth: Numbers = stored_wh / 1000 * (terminal.first_per_kwh - falls * stored_wh)
    return worth


def levels_of(battery: BatteryModel, levels: int) -> Numbers:
    """Return the grid: from floor to ceiling, and to where the battery is if that is outside."""
    low_pct, high_pct = min(battery.floor_pct, battery.soc_pct), max(battery.ceiling_pct, battery.soc_pct)
    return np.linspace(low_pct, max(high_pct, low_pct + 1e-3), levels) * (battery.capacity_wh / 100)


def _weather(problem: Problem) -> tuple[Indices, Numbers]:
    """Return the regime of each scenario, counted from 0, and how likely each scenario is."""
    regimes = np.unique(np.array([scenario.regime for scenario in problem.scenarios]), return_inverse=True)[1]
    weight = np.array([scenario.weight for scenario in problem.scenarios])
    return regimes, weight / weight.sum()


def _lit(problem: Problem) -> Flags:
    """Return in which slots it is light enough to see what sort of weather it is; in the dark tomorrow's is anybody's guess."""
    brightest = np.array([scenario.pv_w for scenario in problem.scenarios]).max(axis=0)
    lit: Flags = brightest > max(float(brightest.max()) * _DARK, 1.0)
    return lit


class _Moves:
    """Where the choices lead from every level, in steps of the grid, and what that costs; made once for all slots."""

    def __init__(self, problem: Problem, effects: Effects, level_wh: Numbers, regimes: Indices) -> None:
        battery, low_wh, step_wh = problem.battery, level_wh[0], level_wh[1] - level_wh[0]
        per_pct = battery.capacity_wh / 100
        self.here = (level_wh - low_wh) / step_wh
        self.floor = np.minimum(self.here, (battery.floor_pct * per_pct - low_wh) / step_wh)
        self.ceiling = np.maximum(self.here, (battery.ceiling_pct * per_pct - low_wh) / step_wh)
        self.row = (regimes * len(level_wh))[:, None, None]
        self.rest = effects.rest_cost
        self.forbidden = np.where(effects.allowed, 0.0, np.inf)[:, None, :, None]
        change = effects.change_wh.transpose(0, 2, 1) / step_wh  # slots, scenarios, choices
        extra = effects.cost.transpose(0, 2, 1) - effects.rest_cost[:, :, None]
        given_kwh = effects.ac_w.transpose(0, 2, 1) * (effects.hours[:, None, None] / 1000)
        still = change == 0
        self.change = change[..., None]
        change = np.where(still, 1.0, change)
        self.cost_per_step = np.where(still, 0.0, extra / change)[..., None]
        self.kwh_per_step = np.where(still, 0.0, given_kwh / change)[..., None]

    def expected(self, slot: int, after: Numbers, likely: Numbers) -> tuple[Numbers, Numbers]:
        """Return what each choice costs to the end, and the kWh that self-use would not move: regimes, choices, levels."""
        then = self.change[slot] + self.here  # scenarios, choices, levels
        np.maximum(then, self.floor, out=then)
        np.minimum(then, self.ceiling, out=then)
        steps = then - self.here
        cost = steps * self.cost_per_step[slot]
        steps *= self.kwh_per_step[slot]
        steps -= steps[:, SELF_USE_AT : SELF_USE_AT + 1].copy()
        np.abs(steps, out=steps)
        index = then.astype(np.intp)
        then -= index
        index += self.row
        rise = np.zeros_like(after)  # nothing rises above the last level
        np.subtract(after[:, 1:], after[:, :-1], out=rise[:, :-1])
        then *= rise.ravel()[index]
        cost += then
        cost += after.ravel()[index]
        shape = (len(likely), *cost.shape[1:])
        expected: Numbers = (likely @ cost.reshape(len(cost), -1)).reshape(shape)
        expected += (likely @ self.rest[slot])[:, None, None]
        expected += self.forbidden[slot]
        doubted: Numbers = (likely @ steps.reshape(len(cost), -1)).reshape(shape)
        return expected, doubted
