"""One choice for each slot of a plan: what most of its scenarios do there, and no change of it where next to nothing is at stake.

A plan is a policy, and what is best differs from scenario to scenario. Kinds of rest often cost the same to a hundredth of a cent,
so that a plain vote would flip between them from slot to slot; who reads that looks for a reason where there is none, and a battery
that follows it is written to for nothing. Not here: what is done now, which is decided by walking (``course``).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from indevolt.control.plan.course import Course
from indevolt.control.plan.effects import SELF_USE_AT, Effects, Indices, Numbers, moved
from indevolt.control.plan.problem import Problem
from indevolt.control.plan.programme import TIE, Programme
from indevolt.control.situation import Action

_BACK_AFTER: Final = 16
"""After so many slots in which nothing is at stake a plan goes back to self-use, which needs no reason."""


def schedule(problem: Problem, effects: Effects, found: Programme, course: Course) -> Indices:
    """Return the choices whose loss against the vote, with a price on each change, is least; the first is what was chosen."""
    votes = np.stack([(course.taken == index) @ found.weight for index in range(len(effects.choices))], axis=1)
    voted = votes.argmax(axis=1)
    slots = np.arange(len(voted))
    costs, given_w = _expected(problem, effects, found, course.stored_wh[:-1] @ found.weight)
    # What costs as much as self-use is self-use.
    voted = np.where(costs[:, SELF_USE_AT] <= costs[slots, voted] + TIE, SELF_USE_AT, voted)
    voted[0] = course.taken[0, 0]
    lost = np.maximum(costs - costs[slots, voted][:, None], 0.0)
    # Who is full does not charge, though nothing would be lost by saying so.
    forced = np.array([choice.action in (Action.CHARGE, Action.DISCHARGE) for choice in effects.choices])
    lost[forced & (given_w < problem.battery.minimum_w)] = np.inf
    lost[slots, voted] = 0.0
    lost += np.where(np.arange(lost.shape[1]) == SELF_USE_AT, 0.0, problem.switch_cost / _BACK_AFTER)
    lost[0] = np.where(np.arange(lost.shape[1]) == voted[0], 0.0, np.inf)
    changes = np.where(np.eye(lost.shape[1], dtype=bool), 0.0, problem.switch_cost)
    came_from = np.zeros(lost.shape, dtype=np.intp)
    so_far = lost[0]
    for slot in slots[1:]:
        through = so_far[:, None] + changes
        came_from[slot] = through.argmin(axis=0)
        so_far = through.min(axis=0) + lost[slot]
    taken = np.empty(len(voted), dtype=np.intp)
    taken[-1] = so_far.argmin()
    for slot in slots[:0:-1]:
        taken[slot - 1] = came_from[slot, taken[slot]]
    return taken


def _expected(problem: Problem, effects: Effects, found: Programme, stored_wh: Numbers) -> tuple[Numbers, Numbers]:
    """Return what each choice of each slot costs to the end from so much energy, and how much power it passes: slots, choices."""
    after_wh, share = moved(stored_wh[:, None, None], effects.change_wh, problem.battery)
    rest = effects.rest_cost[:, None, :]
    cost = rest + share * (effects.cost - rest)
    level_wh, slots = found.level_wh, np.arange(len(stored_wh))[:, None, None]
    at = np.clip((after_wh - level_wh[0]) / (level_wh[1] - level_wh[0]), 0, len(level_wh) - 1)
    below = np.minimum(at.astype(np.intp), len(level_wh) - 2)
    low, high = (found.after[slots, found.regimes, level] for level in (below, below + 1))
    costs: Numbers = (cost + low + (at - below) * (high - low)) @ found.weight
    given_w: Numbers = np.abs(effects.ac_w * share) @ found.weight
    return np.where(effects.allowed, costs, np.inf), given_w
