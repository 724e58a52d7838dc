"""The programme against searching everything, and its limits whatever it is given."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from plan_problems import HOUR, START, battery, ideal, problem, slots

from indevolt.control.plan.course import choose, course_of, totals
from indevolt.control.plan.effects import Effects, effects_of, moved
from indevolt.control.plan.problem import Pin, Problem, Scenario, TerminalValue
from indevolt.control.plan.programme import GATES, first_costs, programme, terminal_worth
from indevolt.control.situation import Action, Target

FINE = 2001  # levels: then rounding to the grid hides nothing
NOTHING = TerminalValue(0.0, 0.0)


def cost_of(problem: Problem, effects: Effects, choices: tuple[int, ...], terminal: TerminalValue) -> float:
    """What a fixed sequence of choices costs in the only scenario."""
    stored = np.array([problem.battery.soc_pct / 100 * problem.battery.capacity_wh])
    total = 0.0
    for slot, choice in enumerate(choices):
        stored, share = moved(stored, effects.change_wh[slot, choice], problem.battery)
        rest = effects.rest_cost[slot]
        total += float((rest + share * (effects.cost[slot, choice] - rest))[0])
    return total - float(terminal_worth(terminal, stored, problem.battery)[0])


@pytest.mark.parametrize("export", [0.0, 0.08])
@pytest.mark.parametrize("soc_pct", [5.0, 50.0, 100.0])
def test_one_future_is_planned_as_well_as_by_trying_every_sequence(soc_pct: float, export: float) -> None:
    given_problem = problem(
        [0.30, 0.05, 0.42, 0.21, 0.38],
        [900, 300, 1500, 400, 2600],
        [0, 1700, 300, 900, 0],
        export=export,
        battery=battery(soc_pct=soc_pct),
    )
    terminal = TerminalValue(0.15, 0.05)
    effects = effects_of(given_problem)
    found = programme(given_problem, effects, terminal, levels=FINE)
    every = product(range(len(effects.choices)), repeat=len(given_problem.slots))
    least = min(cost_of(given_problem, effects, choices, terminal) for choices in every)
    assert float(first_costs(given_problem, effects, found).min()) == pytest.approx(least, abs=2e-4)


def expected_by_recursion(problem: Problem, effects: Effects, slot: int, regime: int | None, stored_wh: float) -> float:
    """What the best policy costs from a slot on, by trying every choice in every regime, without any grid."""
    if slot == len(problem.slots):
        return 0.0
    stays = problem.persistence ** float(effects.hours[slot])
    best = np.inf
    for choice in range(len(effects.choices)):
        total = 0.0
        for index, scenario in enumerate(problem.scenarios):
            likely = 1 / len(problem.scenarios)
            if regime is not None:  # every scenario is a regime of its own here
                likely = (1 - stays) * likely + stays * (scenario.regime == regime)
            after, share = moved(np.array([stored_wh]), effects.change_wh[slot, choice, index : index + 1], problem.battery)
            rest = effects.rest_cost[slot, index]
            cost = rest + share[0] * (effects.cost[slot, choice, index] - rest)
            total += likely * (cost + expected_by_recursion(problem, effects, slot + 1, scenario.regime, float(after[0])))
        best = min(best, total)
    return best


@pytest.mark.parametrize("persistence", [0.0, 0.7, 1.0])
def test_several_futures_are_planned_as_well_as_by_trying_every_policy(persistence: float) -> None:
    gloomy = Scenario((700, 500, 1800), (0, 200, 0), regime=0)
    bright = Scenario((700, 500, 1800), (900, 2500, 300), regime=1)
    given_problem = Problem(
        slots=slots([0.30, 0.20, 0.40]),
        scenarios=(gloomy, bright),
        battery=battery(soc_pct=20, charge_w=1000),
        terminal=NOTHING,
        persistence=persistence,
        gate=0.0,
    )
    effects = effects_of(given_problem)
    found = programme(given_problem, effects, NOTHING, levels=FINE)
    wanted = expected_by_recursion(given_problem, effects, 0, None, 800.0)
    assert float(first_costs(given_problem, effects, found).min()) == pytest.approx(wanted, abs=2e-4)


def test_what_may_come_is_waited_for_where_self_use_adapts_to_it() -> None:
    """Self-use makes the best of clouds and of sun, so nothing is bought in advance."""
    clouds, sun = (Scenario((400, 400, 1500), (0, pv, 0), regime=regime) for regime, pv in enumerate((0.0, 2600.0)))
    given_problem = Problem(
        slots=slots([0.25, 0.30, 0.31]), scenarios=(clouds, sun), battery=battery(soc_pct=5), terminal=NOTHING, switch_cost=0.0
    )
    effects = effects_of(given_problem)
    found = programme(given_problem, effects, NOTHING)
    best = effects.choices[int(first_costs(given_problem, effects, found).argmin())]
    assert best.action is not Action.CHARGE


def test_policies_differ_in_what_they_want_to_gain() -> None:
    close = problem([0.30, 0.315], [1000, 1000], battery=ideal(soc_pct=20))
    effects = effects_of(close)
    found = programme(close, effects, NOTHING)
    level = int(np.abs(found.level_wh - 800).argmin())
    actions = [effects.choices[best].action for best in found.best[:, 0, 0, level]]
    leaves = [action is not Action.SELF_USE for action in actions]
    wanted = [*(gate < 0.015 for gate in GATES), False]
    assert leaves == wanted, "0.6 kWh are kept for 1.5 ct more"


def test_at_night_nobody_knows_what_sort_of_day_will_come() -> None:
    """Only a policy that saw tomorrow's weather in the dark could charge tonight before clouds and not before sun."""
    futures = tuple(Scenario((200, 200, 200, 2400), (0, 0, pv, 0), regime=regime) for regime, pv in enumerate((0.0, 4000.0)))
    given_problem = Problem(slots([0.20, 0.25, 0.30, 0.50]), futures, battery(soc_pct=5), terminal=NOTHING, persistence=1.0)
    found = programme(given_problem, effects_of(given_problem), NOTHING)
    assert (found.best[:, 1, 0] == found.best[:, 1, 1]).all()
    assert not (found.remaining[3, 0] == found.remaining[3, 1]).all() or not (found.remaining[2, 0] == found.remaining[2, 1]).all()


def test_below_the_reserve_costs_so_that_it_is_used_only_where_that_pays() -> None:
    held = problem([0.30, 0.30], [1000, 1000], battery=ideal(soc_pct=50, reserve_pct=50), reserve_price=2.0)
    dear = problem([2.90, 0.30], [1000, 1000], battery=ideal(soc_pct=50, reserve_pct=50), reserve_price=0.5)
    for given_problem, gives in ((held, False), (dear, True)):
        effects = effects_of(given_problem)
        first = first_costs(given_problem, effects, programme(given_problem, effects, NOTHING)).argmin()
        assert (effects.choices[int(first)].action is Action.SELF_USE) is gives


def test_a_target_is_reached_in_time_from_the_cheapest_slots() -> None:
    given_problem = problem(
        [0.40, 0.10, 0.35, 0.20], [300] * 4, battery=battery(soc_pct=40), targets=(Target(90, START + 3 * HOUR),)
    )
    effects = effects_of(given_problem)
    found = programme(given_problem, effects, NOTHING)
    course = course_of(given_problem, effects, found, choose(given_problem, effects, found, NOTHING).walks)
    assert course.stored_wh[3, 0] >= 0.9 * 4000 - 35
    assert course.battery_w[1, 0] < -1500
    assert course.battery_w[0, 0] >= 0


def test_a_pinned_slot_does_what_was_pinned() -> None:
    pinned = slots([0.40, 0.10, 0.40])
    pinned = (replace(pinned[0], pin=Pin(Action.CHARGE, 700)), *pinned[1:])
    given_problem = replace(problem([0.40, 0.10, 0.40], [500] * 3), slots=pinned)
    effects = effects_of(given_problem)
    found = programme(given_problem, effects, NOTHING)
    costs = first_costs(given_problem, effects, found)
    assert effects.choices[int(costs.argmin())] == effects.choices[-1]
    assert np.isfinite(costs).sum() == 1
    assert (found.best[:, 0] == len(effects.choices) - 1).all(), "no policy does otherwise"
    assert not effects.allowed[1:, -1].any(), "a power that only a pin asks for is not offered to other slots"


def test_limits_of_a_slot_hold_there_alone() -> None:
    cold = slots([0.05, 0.05, 0.50])
    cold = (replace(cold[0], charge_limit_w=200.0), *cold[1:])
    given_problem = replace(problem([0.05, 0.05, 0.50], [500] * 3), slots=cold)
    effects = effects_of(given_problem)
    assert effects.ac_w[0].min() == -200
    assert effects.ac_w[1].min() == -2000


def test_a_house_that_stays_as_it_is_is_told_from_one_that_changes_every_slot() -> None:
    """Quiet evenings stay quiet, and then what was kept for later is never used; only the walk through whole days sees that."""
    quiet = Scenario((1000, *[0] * 8), (0.0,) * 8 + (3000.0,), weight=3.0)
    busy = Scenario((1000, *[1200] * 8), (0.0,) * 8 + (3000.0,), weight=1.0)
    given_problem = Problem(
        slots([0.30, *[0.36] * 7, 0.30]), (quiet, busy), ideal(soc_pct=30), terminal=NOTHING, gate=0.0, switch_cost=0.0
    )
    effects = effects_of(given_problem)
    found = programme(given_problem, effects, NOTHING)
    naive = effects.choices[int(first_costs(given_problem, effects, found).argmin())].action
    walked = effects.choices[choose(given_problem, effects, found, NOTHING).first].action
    assert naive in (Action.HOLD, Action.STOP)
    assert walked is Action.SELF_USE


watts = st.floats(0, 6000)
prices = st.floats(-0.5, 1.0)


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    count = draw(st.integers(1, 6))
    futures = tuple(
        Scenario(
            tuple(draw(st.lists(watts, min_size=count, max_size=count))),
            tuple(draw(st.lists(watts, min_size=count, max_size=count))),
            weight=draw(st.floats(0.1, 5)),
            regime=draw(st.integers(0, 2)),
        )
        for _ in range(draw(st.integers(1, 4)))
    )
    floor, ceiling = sorted(draw(st.tuples(st.floats(0, 100), st.floats(0, 100))))
    return Problem(
        slots=slots(draw(st.lists(prices, min_size=count, max_size=count)), draw(st.lists(prices, min_size=count, max_size=count))),
        scenarios=futures,
        battery=battery(
            soc_pct=draw(st.floats(0, 100)),
            floor_pct=floor,
            ceiling_pct=ceiling,
            charge_w=draw(st.floats(0, 3000)),
            discharge_w=draw(st.floats(0, 3000)),
        ),
        battery_to_grid=draw(st.booleans()),
        grid_charging=draw(st.booleans()),
        terminal=NOTHING,
    )


@settings(max_examples=150, deadline=None)
@given(problems())
def test_no_problem_makes_a_policy_leave_the_limits(given_problem: Problem) -> None:
    effects = effects_of(given_problem)
    found = programme(given_problem, effects, NOTHING)
    chosen = choose(given_problem, effects, found, NOTHING)
    model = given_problem.battery
    for walks in (chosen.walks, chosen.plain):
        course = course_of(given_problem, effects, found, walks)
        per_pct = model.capacity_wh / 100
        low, high = min(model.soc_pct, model.floor_pct) * per_pct, max(model.soc_pct, model.ceiling_pct) * per_pct
        assert (course.stored_wh >= low - 1e-6).all()
        assert (course.stored_wh <= high + 1e-6).all()
        assert (course.battery_w <= model.discharge_w + 1e-6).all()
        assert (course.battery_w >= -model.charge_w - 1e-6).all()
        if not given_problem.battery_to_grid:
            assert (course.battery_w <= np.maximum(effects.net_w, 0) + 1e-6).all()
        if not given_problem.grid_charging:
            assert (course.battery_w >= np.minimum(effects.net_w, 0) - 1e-6).all()
        assert np.isfinite(course.cost).all()


@settings(max_examples=60, deadline=None)
@given(problems())
def test_a_plan_never_costs_more_than_self_use_in_the_scenarios_that_it_knows(given_problem: Problem) -> None:
    effects = effects_of(given_problem)
    found = programme(given_problem, effects, NOTHING)
    chosen = choose(given_problem, effects, found, NOTHING)
    planned, plain = (
        totals(given_problem, effects, found, NOTHING, walks) @ found.weight for walks in (chosen.walks, chosen.plain)
    )
    assert planned <= plain + 1e-9


def test_the_same_problem_gives_the_same_costs() -> None:
    twice = [problem([0.3, 0.1, 0.4], [800, 200, 1500], [0, 900, 0]) for _ in range(2)]
    costs = [first_costs(each, effects_of(each), programme(each, effects_of(each), NOTHING)) for each in twice]
    assert np.array_equal(costs[0], costs[1])


def test_the_value_of_what_is_left_falls_from_kwh_to_kwh() -> None:
    level_wh = np.linspace(200, 4000, 39)
    worth = terminal_worth(TerminalValue(0.3, 0.1), level_wh, battery(floor_pct=5.0))
    rises = np.diff(worth) / np.diff(level_wh) * 1000
    assert worth[0] == 0
    assert (np.diff(rises) < 0).all()
    assert rises[0] == pytest.approx(0.3, abs=0.01)
    assert rises[-1] == pytest.approx(0.1, abs=0.01)
