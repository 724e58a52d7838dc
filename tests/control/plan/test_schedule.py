"""What each slot of a plan shows: steady where nothing is at stake, and as planned where something is."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
from plan_problems import QUARTER, battery, problem

from indevolt.control.plan.course import choose, course_of
from indevolt.control.plan.effects import Indices, effects_of
from indevolt.control.plan.problem import Pin, Problem, TerminalValue
from indevolt.control.plan.programme import programme
from indevolt.control.plan.schedule import schedule
from indevolt.control.situation import Action

NOTHING = TerminalValue(0.0, 0.0)


def shown(given: Problem) -> tuple[list[Action], Indices]:
    effects = effects_of(given)
    found = programme(given, effects, NOTHING)
    course = course_of(given, effects, found, choose(given, effects, found, NOTHING).walks)
    taken = schedule(given, effects, found, course)
    return [effects.choices[index].action for index in taken], taken


def night(spread: float) -> Problem:
    """Hours that cost now a little more and now a little less, before one that is dear and needs all there is."""
    prices = [0.30 + spread * (hour % 2) for hour in range(8)] + [0.60]
    return problem(prices, [400.0] * 8 + [2400.0], battery=battery(soc_pct=60), gate=0.0)


def test_a_plan_does_not_flip_for_less_than_a_change_counts() -> None:
    actions, _ = shown(replace(night(0.001), switch_cost=0.01))
    assert sum(one is not other for one, other in pairwise(actions)) <= 1, actions


def test_a_plan_changes_where_something_is_at_stake() -> None:
    given = replace(problem([0.40, 0.05, 0.40, 0.40], [900.0] * 4, battery=battery(soc_pct=5)), switch_cost=0.01)
    actions, _ = shown(given)
    assert actions[1] is Action.CHARGE
    assert actions[2] is not Action.CHARGE


def test_what_is_done_now_is_shown_even_if_another_choice_would_be_steadier() -> None:
    given = replace(night(0.001), switch_cost=10.0, gate=0.0)
    effects = effects_of(given)
    found = programme(given, effects, NOTHING)
    chosen = choose(given, effects, found, NOTHING)
    assert schedule(given, effects, found, course_of(given, effects, found, chosen.walks))[0] == chosen.first


def test_a_pin_is_shown_whatever_changes_cost() -> None:
    given = replace(night(0.001), switch_cost=10.0)
    slots = list(given.slots)
    slots[3] = replace(slots[3], pin=Pin(Action.CHARGE, 700))
    actions, taken = shown(replace(given, slots=tuple(slots)))
    assert actions[3] is Action.CHARGE
    assert len(np.unique(taken)) > 1


def test_a_full_battery_is_not_said_to_charge() -> None:
    given = replace(problem([0.05] * 4 + [0.60], [400.0] * 4 + [2400.0], battery=battery(soc_pct=5)), switch_cost=0.01)
    effects = effects_of(given)
    found = programme(given, effects, NOTHING)
    course = course_of(given, effects, found, choose(given, effects, found, NOTHING).walks)
    choices = [effects.choices[index] for index in schedule(given, effects, found, course)]
    for choice, power_w in zip(choices, course.battery_w[:, 0], strict=True):
        assert choice.action is not Action.CHARGE or power_w < 0
    assert Action.CHARGE in [choice.action for choice in choices]


def test_a_plan_that_has_nothing_to_gain_is_back_in_self_use_after_a_while() -> None:
    given = problem([0.30] * 48, [400.0] * 48, battery=battery(soc_pct=5), length=QUARTER)
    slots = (replace(given.slots[0], pin=Pin(Action.HOLD)), *given.slots[1:])
    actions, _ = shown(replace(given, slots=slots))
    assert actions[0] is Action.HOLD
    assert set(actions[1:]) == {Action.SELF_USE}
