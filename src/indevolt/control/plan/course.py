"""How things would go: every scenario walked through from the first slot, under the programme's policy or in plain self-use.

Each scenario is walked whole, as a day that stays what it is, so that bands of charge and expected savings are not smoothed by
drawing anew in each slot. Not here: which choice is best (``programme``), and what is said about it (``solve``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from indevolt.control.plan.effects import SELF_USE_AT, Effects, Indices, Numbers, moved
from indevolt.control.plan.problem import Problem
from indevolt.control.plan.programme import Programme

Choose: TypeAlias = Callable[[int, Numbers], tuple[Indices, Numbers]]
"""From a slot and the energies in it to a choice for each scenario, and what each gains."""


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """Slots by scenarios; powers are means over the slot, energies in Wh, money in the currency."""

    taken: Indices  # which choice
    stored_wh: Numbers  # slots + 1
    battery_w: Numbers
    grid_w: Numbers
    cost: Numbers  # of the grid, with peaks, and without wear
    wear: Numbers
    gain: Numbers  # of the choice over self-use, where the policy chose


def follow(problem: Problem, effects: Effects, found: Programme, first: Indices, first_gain: float) -> Course:
    """Walk through all scenarios under the policy; the choice of the first slot is the same in all, as nothing was seen yet."""
    low_wh, step_wh = found.level_wh[0], found.level_wh[1] - found.level_wh[0]
    top = len(found.level_wh) - 1

    def choose(slot: int, stored_wh: Numbers) -> tuple[Indices, Numbers]:
        if slot == 0:
            return first, np.full(len(first), first_gain)
        level = np.minimum(np.maximum(np.rint((stored_wh - low_wh) / step_wh), 0), top).astype(np.intp)
        return found.best[slot, found.regimes, level], found.gain[slot, found.regimes, level]

    return _walk(problem, effects, choose)


def keep_self_use(problem: Problem, effects: Effects) -> Course:
    """Walk through all scenarios in plain self-use."""
    count = effects.net_w.shape[1]
    taken, gain = np.full(count, SELF_USE_AT), np.zeros(count)
    return _walk(problem, effects, lambda _slot, _stored: (taken, gain))


def _walk(problem: Problem, effects: Effects, choose: Choose) -> Course:
    battery = problem.battery
    slots, count = effects.net_w.shape
    every = np.arange(count)
    taken = np.empty((slots, count), dtype=np.intp)
    gain, share = np.empty((slots, count)), np.empty((slots, count))
    stored = np.empty((slots + 1, count))
    stored[0] = battery.soc_pct / 100 * battery.capacity_wh
    for slot in range(slots):
        taken[slot], gain[slot] = choose(slot, stored[slot])
        change = effects.change_wh[slot, taken[slot], every]
        stored[slot + 1], share[slot] = moved(stored[slot], change, battery)
    at = (np.arange(slots)[:, None], taken, every[None, :])
    battery_w = effects.ac_w[at] * share
    wear = effects.wear[at] * share
    cost = effects.rest_cost + share * (effects.cost[at] - effects.rest_cost) - wear
    return Course(taken, stored, battery_w, effects.net_w - battery_w, cost, wear, gain)
