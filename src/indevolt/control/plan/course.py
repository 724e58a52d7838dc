"""How things would go: every scenario walked through whole, from the first slot, under each policy and each first choice.

The programme takes slots one by one, as if what happens in one told nothing about the next but the sort of weather. A house is not
like that: a quiet evening is followed by a quiet night. So what is done now is decided by walking through past days as they went
(a rollout): each first choice with each policy of the programme behind it, plain self-use among them; the cheapest in the mean of
all scenarios is the plan. Not here: how policies are found (``programme``), and what is said about a plan (``solve``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from indevolt.control.plan.effects import SELF_USE_AT, Effects, Indices, Numbers, moved
from indevolt.control.plan.problem import Problem, TerminalValue
from indevolt.control.plan.programme import TIE, Programme, standing_costs, terminal_worth


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """Slots by walks; powers are means over the slot, energies in Wh, money in the currency."""

    taken: Indices  # which choice
    stored_wh: Numbers  # slots + 1
    battery_w: Numbers
    grid_w: Numbers
    cost: Numbers  # of the grid, with peaks, and without wear
    wear: Numbers
    gain: Numbers  # of the choice over self-use, as the programme sees it

    def only(self, walks: slice) -> Course:
        """Return some of the walks."""
        return Course(
            self.taken[:, walks],
            self.stored_wh[:, walks],
            self.battery_w[:, walks],
            self.grid_w[:, walks],
            self.cost[:, walks],
            self.wear[:, walks],
            self.gain[:, walks],
        )


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """The best first choice with the best policy behind it."""

    first: int
    gain: float  # over self-use in the first slot, with the best policy behind that
    course: Course  # of all scenarios
    plain: Course  # the same in plain self-use


def choose(problem: Problem, effects: Effects, found: Programme, terminal: TerminalValue) -> Chosen:
    """Walk through all scenarios with each first choice and each policy, and return the cheapest."""
    scenarios, policies = len(found.weight), len(found.best)
    firsts = np.flatnonzero(effects.allowed[0])
    course = walk(
        problem,
        effects,
        found,
        scenario=np.tile(np.arange(scenarios), len(firsts) * policies),
        policy=np.tile(np.repeat(np.arange(policies), scenarios), len(firsts)),
        first=np.repeat(firsts, policies * scenarios),
    )
    total = totals(problem, course, found, terminal).reshape(len(firsts), policies, scenarios) @ found.weight
    changes = np.array([problem.running not in (None, effects.choices[first].action) for first in firsts])
    given_kwh = course.battery_w[0].reshape(total.size, scenarios)[::policies] * (effects.hours[0] / 1000)
    otherwise_kwh = np.abs(given_kwh - given_kwh[0]) @ found.weight
    counted = total + (changes * problem.switch_cost + otherwise_kwh * problem.gate)[:, None]
    row, policy = np.unravel_index(int(counted.argmin()), counted.shape)
    gain = 0.0
    if firsts[0] == SELF_USE_AT:
        gain = float(counted[0].min() - counted[row, policy])
        if gain < TIE:
            row, policy, gain = np.intp(0), counted[0].argmin(), 0.0
    start = int(row * policies + policy) * scenarios
    plain = (policies - 1) * scenarios  # the first choice is self-use, or the only one that the owner left
    return Chosen(
        int(firsts[row]), gain, course.only(slice(start, start + scenarios)), course.only(slice(plain, plain + scenarios))
    )


def totals(problem: Problem, course: Course, found: Programme, terminal: TerminalValue) -> Numbers:
    """Return what each walk costs in all: energy, wear, reserve and targets, less what is left."""
    total: Numbers = course.cost.sum(axis=0) + course.wear.sum(axis=0)
    total -= terminal_worth(terminal, course.stored_wh[-1], problem.battery)
    for slot, costs in enumerate(standing_costs(problem, found.level_wh)):
        if costs.any():
            total += np.interp(course.stored_wh[slot + 1], found.level_wh, costs)
    return total


def walk(problem: Problem, effects: Effects, found: Programme, *, scenario: Indices, policy: Indices, first: Indices) -> Course:
    """Walk through scenarios, each walk with its policy and its first choice."""
    battery = problem.battery
    slots, walks = len(problem.slots), len(scenario)
    low_wh, per_wh = found.level_wh[0], 1 / (found.level_wh[1] - found.level_wh[0])
    top, regime = len(found.level_wh) - 1, found.regimes[scenario]
    taken = np.empty((slots, walks), dtype=np.intp)
    gain, share, stored = np.zeros((slots, walks)), np.empty((slots, walks)), np.empty((slots + 1, walks))
    stored[0] = battery.soc_pct / 100 * battery.capacity_wh
    for slot in range(slots):
        if slot == 0:
            taken[slot] = first
        else:
            level = np.minimum(np.maximum((stored[slot] - low_wh) * per_wh + 0.5, 0), top).astype(np.intp)
            taken[slot] = found.best[policy, slot, regime, level]
            gain[slot] = found.gain[policy, slot, regime, level]
        stored[slot + 1], share[slot] = moved(stored[slot], effects.change_wh[slot, taken[slot], scenario], battery)
    at = (np.arange(slots)[:, None], taken, scenario[None, :])
    battery_w, wear = effects.ac_w[at] * share, effects.wear[at] * share
    rest = effects.rest_cost[:, scenario]
    cost = rest + share * (effects.cost[at] - rest) - wear
    return Course(taken, stored, battery_w, effects.net_w[:, scenario] - battery_w, cost, wear, gain)
