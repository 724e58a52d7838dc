"""How things would go: every scenario walked through whole, from the first slot, under each policy and each first choice.

The programme takes slots one by one, as if what happens in one told nothing about the next but the sort of weather. A house is not
like that: a quiet evening is followed by a quiet night. So what is done now is decided by walking through past days as they went
(a rollout): each first choice with each policy of the programme behind it, plain self-use among them; the cheapest in the mean of
all scenarios is the plan. Not here: how policies are found (``programme``), and what is said about a plan (``solve``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from indevolt.control.plan.effects import SELF_USE_AT, Effects, Indices, Numbers
from indevolt.control.plan.problem import Problem, TerminalValue
from indevolt.control.plan.programme import TIE, Programme, standing_costs, terminal_worth


@dataclass(frozen=True, slots=True, eq=False)
class Walks:
    """What was done, slots by walks, and what was stored; no more than what tells walks apart, since there are many."""

    scenario: Indices  # of each walk
    policy: Indices
    taken: Indices  # which choice
    stored_wh: Numbers  # slots + 1

    def only(self, walks: slice) -> Walks:
        """Return some of them."""
        return Walks(self.scenario[walks], self.policy[walks], self.taken[:, walks], self.stored_wh[:, walks])


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


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """The best first choice with the best policy behind it."""

    first: int
    gain: float  # over self-use in the first slot, with the best policy behind that
    walks: Walks  # through all scenarios
    plain: Walks  # the same in plain self-use


def choose(problem: Problem, effects: Effects, found: Programme, terminal: TerminalValue) -> Chosen:
    """Walk through all scenarios with each first choice and each policy, and return the cheapest."""
    scenarios, policies = len(found.weight), len(found.best)
    firsts = np.flatnonzero(effects.allowed[0])
    walks = walk(
        problem,
        effects,
        found,
        scenario=np.tile(np.arange(scenarios), len(firsts) * policies),
        policy=np.tile(np.repeat(np.arange(policies), scenarios), len(firsts)),
        first=np.repeat(firsts, policies * scenarios),
    )
    total = totals(problem, effects, found, terminal, walks).reshape(len(firsts), policies, scenarios) @ found.weight
    changes = np.array([problem.running not in (None, effects.choices[first].action) for first in firsts])
    begun = (0, walks.taken[0], walks.scenario)
    given_kwh = effects.ac_w[begun] * _shares(effects.change_wh[begun], walks.stored_wh[:2])[0] * (effects.hours[0] / 1000)
    given_kwh = given_kwh.reshape(total.size, scenarios)[::policies]
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
    return Chosen(int(firsts[row]), gain, walks.only(slice(start, start + scenarios)), walks.only(slice(plain, plain + scenarios)))


def walk(problem: Problem, effects: Effects, found: Programme, *, scenario: Indices, policy: Indices, first: Indices) -> Walks:
    """Walk through scenarios, each walk with its policy and its first choice."""
    battery, level_wh = problem.battery, found.level_wh
    slots, walks, levels = len(problem.slots), len(scenario), len(level_wh)
    per_wh, top = 1 / (level_wh[1] - level_wh[0]), float(levels - 1)
    floor_wh, ceiling_wh = (bound / 100 * battery.capacity_wh for bound in (battery.floor_pct, battery.ceiling_pct))
    scenarios = len(found.weight)
    best = found.best.transpose(1, 0, 2, 3).reshape(slots, -1)  # slots; policies, regimes, levels
    change = effects.change_wh.reshape(slots, -1)  # slots; choices, scenarios
    row = (policy * found.best.shape[2] + found.regimes[scenario]) * levels
    taken = np.empty((slots, walks), dtype=np.intp)
    taken[0] = first
    stored = np.empty((slots + 1, walks))
    stored[0] = battery.soc_pct / 100 * battery.capacity_wh
    for slot in range(slots):
        here = stored[slot]
        if slot:
            level = (here - (level_wh[0] - 0.5 / per_wh)) * per_wh
            np.minimum(np.maximum(level, 0.0, out=level), top, out=level)
            best[slot].take(level.astype(np.intp) + row, out=taken[slot])
        after = change[slot].take(taken[slot] * scenarios + scenario)
        after += here
        np.maximum(after, np.minimum(here, floor_wh), out=after)
        np.minimum(after, np.maximum(here, ceiling_wh), out=stored[slot + 1])
    return Walks(scenario, policy, taken, stored)


def totals(problem: Problem, effects: Effects, found: Programme, terminal: TerminalValue, walks: Walks) -> Numbers:
    """Return what each walk costs in all: energy, wear, reserve and targets, less what is left."""
    still = effects.change_wh == 0
    extra = effects.cost - effects.rest_cost[:, None, :]
    per_wh = np.where(still, 0.0, extra / np.where(still, 1.0, effects.change_wh))
    costs = per_wh.ravel().take(_at(effects, walks))
    costs *= walks.stored_wh[1:] - walks.stored_wh[:-1]
    total: Numbers = costs.sum(axis=0) + effects.rest_cost.sum(axis=0)[walks.scenario]
    total -= terminal_worth(terminal, walks.stored_wh[-1], problem.battery)
    for slot, standing in enumerate(standing_costs(problem, found.level_wh)):
        if standing.any():
            total += np.interp(walks.stored_wh[slot + 1], found.level_wh, standing)
    return total


def course_of(problem: Problem, effects: Effects, found: Programme, walks: Walks) -> Course:
    """Return all that is to be said of some walks."""
    scenario, at = walks.scenario, _at(effects, walks)
    share = _shares(effects.change_wh.ravel()[at], walks.stored_wh)
    battery_w, wear = effects.ac_w.ravel()[at] * share, effects.wear.ravel()[at] * share
    rest = effects.rest_cost[:, scenario]
    cost = rest + share * (effects.cost.ravel()[at] - rest) - wear
    level_wh = found.level_wh
    level = np.clip((walks.stored_wh[1:-1] - level_wh[0]) / (level_wh[1] - level_wh[0]) + 0.5, 0, len(level_wh) - 1)
    gain = np.zeros_like(cost)
    slots = np.arange(1, len(problem.slots))[:, None]
    gain[1:] = found.gain[walks.policy, slots, found.regimes[scenario], level.astype(np.intp)]
    return Course(walks.taken, walks.stored_wh, battery_w, effects.net_w[:, scenario] - battery_w, cost, wear, gain)


def _at(effects: Effects, walks: Walks) -> Indices:
    """Return where what was done stands in the arrays of effects, laid out flat."""
    slots, choices, scenarios = effects.cost.shape
    at: Indices = walks.taken * scenarios
    at += walks.scenario
    at += (np.arange(slots) * (choices * scenarios))[:, None]
    return at


def _shares(change_wh: Numbers, stored_wh: Numbers) -> Numbers:
    """Return for which share of each slot the power could be kept."""
    moves = change_wh != 0
    share: Numbers = np.where(moves, np.diff(stored_wh, axis=0) / np.where(moves, change_wh, 1.0), 1.0)
    return share
