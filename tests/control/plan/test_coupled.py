"""Problems in which things hang together, and the powers of a known future."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from plan_problems import HOUR, QUARTER, START, battery, ideal, problem, slots

from indevolt.control.plan.coupled import Car, CoupledPlan, CoupledProblem, Unit, solve_coupled
from indevolt.control.plan.deterministic import coupled_of, solve_deterministic
from indevolt.control.plan.problem import PeakTariff, Problem, Scenario, TerminalValue
from indevolt.control.plan.transitions import Transitions
from indevolt.control.situation import Target
from indevolt.errors import InvalidInput

NOTHING = TerminalValue(0.0, 0.0)
EXACT = {"gap": 1e-6, "whole_hours": 100.0}


def unit(name: str = "one", **changes: object) -> Unit:
    return Unit(name, battery(**changes), NOTHING)


def test_a_convex_problem_costs_what_the_programme_says() -> None:
    """Without minimum power and fixed losses nothing has to be whole, and both solve the same problem."""
    smooth = problem([0.10, 0.30, 0.45, 0.20], [600, 500, 1700, 300], [0, 900, 0, 0], export=0.08, battery=ideal(soc_pct=30))
    _, by_levels = Transitions(smooth, NOTHING, levels=1001).powers_from(1200.0)
    assert solve_coupled(coupled_of(smooth), **EXACT).cost == pytest.approx(by_levels, abs=2e-3)


def test_nothing_leaves_its_bounds_and_the_meter_adds_up() -> None:
    given = CoupledProblem(
        slots([0.10, 0.40, 0.15, 0.50], 0.08),
        (900.0, 1500.0, 700.0, 2900.0),
        (0.0, 200.0, 2500.0, 0.0),
        units=(unit("a", soc_pct=20), unit("b", capacity_wh=2000.0, charge_w=800.0, discharge_w=800.0, soc_pct=80)),
    )
    plan = solve_coupled(given, **EXACT)
    assert plan.proven
    for name, limit in (("a", 2400), ("b", 800)):
        assert max(plan.unit_w[name]) <= limit + 1e-6
        assert min(plan.unit_w[name]) >= -min(limit, 2000) - 1e-6
        assert all(5 - 1e-6 <= soc <= 100 + 1e-6 for soc in plan.soc_pct[name])
    given_w = np.array(plan.unit_w["a"]) + np.array(plan.unit_w["b"])
    assert np.array(plan.grid_w) == pytest.approx(np.array(given.load_w) + 14 - np.array(given.pv_w) - given_w)


def test_units_share_a_load_and_none_charges_another() -> None:
    plan = solve_coupled(
        CoupledProblem(slots([0.1, 0.5, 0.5]), (500.0, 3500.0, 3500.0), (0.0,) * 3, units=(unit("a"), unit("b", soc_pct=90))),
        **EXACT,
    )
    for a, b in zip(plan.unit_w["a"], plan.unit_w["b"], strict=True):
        assert a * b >= -1e-6
    assert plan.unit_w["a"][1] + plan.unit_w["b"][1] == pytest.approx(3514)


@pytest.mark.parametrize(("per_kw", "peak_kw"), [(0.001, 3.0), (4.0, 2.0)])
def test_a_monthly_peak_is_made_only_where_it_pays(per_kw: float, peak_kw: float) -> None:
    given = CoupledProblem(
        slots([0.05, 0.60, 0.60]),
        (993.0, 1000.0, 1000.0),
        (0.0,) * 3,
        units=(unit(soc_pct=5),),
        peak=PeakTariff(per_kw, so_far_kw=2.0),
    )
    plan = solve_coupled(given, **EXACT)
    assert plan.peak_kw == pytest.approx(peak_kw, abs=0.45 if peak_kw == 3.0 else 1e-6)
    assert max(plan.grid_w) <= (plan.peak_kw or 0) * 1000 + 1e-6


def test_beyond_the_cap_pv_is_curtailed_and_with_room_less_of_it() -> None:
    sun = (3000.0, 3000.0, 3000.0, 0.0, 0.0)
    without = CoupledProblem(slots([0.3] * 5, 0.08), (200.0, 200.0, 200.0, 2000.0, 2000.0), sun, feed_in_cap_w=1800.0)
    with_battery = replace(without, units=(unit(soc_pct=5),))
    assert solve_coupled(without).curtailed_w == pytest.approx((1000, 1000, 1000, 0, 0))
    assert sum(solve_coupled(with_battery).curtailed_w) < 1000


def test_pv_is_curtailed_for_a_price_below_nothing_only_where_it_may_be() -> None:
    given = CoupledProblem(slots([0.3], -0.10), (200.0,), (3000.0,))
    assert solve_coupled(given).curtailed_w == pytest.approx((0,))
    assert solve_coupled(replace(given, may_curtail=True)).curtailed_w == pytest.approx((2800,))


def test_a_price_below_nothing_does_not_turn_the_meter_both_ways() -> None:
    given = CoupledProblem(slots([-0.20, 0.3], 0.05), (300.0, 300.0), (0.0, 0.0), units=(unit(soc_pct=50),))
    plan = solve_coupled(given, **EXACT)
    assert plan.unit_w["one"][0] == pytest.approx(-2000)
    assert plan.grid_w[0] == pytest.approx(2307)


def test_a_car_is_full_in_time_in_its_cheapest_hours_and_below_the_fuse() -> None:
    car = Car("car", needs_wh=6000, start=START + HOUR, by=START + 5 * HOUR, most_w=3600)
    given = CoupledProblem(slots([0.01, 0.40, 0.10, 0.12, 0.40, 0.01]), (1000.0,) * 6, (0.0,) * 6, cars=(car,), import_cap_w=4700.0)
    plan = solve_coupled(given, **EXACT)
    power = plan.car_w["car"]
    assert sum(power) == pytest.approx(6000)
    assert power[0] == power[5] == 0
    assert power[2] + power[3] == pytest.approx(6000)
    assert all(watts == 0 or 1380 - 1e-6 <= watts <= 3600 + 1e-6 for watts in power)
    assert max(plan.grid_w) <= 4700 + 1e-6


def test_a_car_that_cannot_be_full_is_told() -> None:
    car = Car("car", needs_wh=9000, start=START, by=START + HOUR, most_w=3600)
    plan = solve_coupled(CoupledProblem(slots([0.3, 0.3]), (500.0,) * 2, (0.0,) * 2, cars=(car,)))
    assert plan.notes == ("car will miss 5.4 of 9.0 kWh by 13:00",)


def test_limits_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(InvalidInput, match="no solution") as refused:
        solve_coupled(CoupledProblem(slots([0.3]), (5000.0,), (0.0,), import_cap_w=3000.0))
    assert refused.value.remedy


def test_a_target_is_kept_by_the_exact_model_too() -> None:
    wanted = Unit("one", battery(soc_pct=30), NOTHING, (Target(80, START + 2 * HOUR),))
    plan = solve_coupled(CoupledProblem(slots([0.4, 0.1, 0.4]), (300.0,) * 3, (0.0,) * 3, units=(wanted,)), **EXACT)
    assert plan.soc_pct["one"][1] >= 80 - 1e-6
    assert plan.unit_w["one"][1] < -1900


def day(seed: int) -> Problem:
    chance = np.random.default_rng(seed)
    prices = 0.30 + 0.12 * np.sin(np.arange(48) / 4 + seed) + chance.normal(0, 0.02, 48)
    load_w = chance.gamma(1.5, 300, 48)
    pv_w = np.maximum(0.0, 2200 * np.sin((np.arange(48) - 8) / 32 * np.pi)) * chance.uniform(0.3, 1)
    future = Scenario(tuple(load_w.tolist()), tuple(pv_w.tolist()))
    return Problem(
        slots(prices.tolist(), 0.07, length=QUARTER), (future,), battery(soc_pct=30), terminal=TerminalValue(0.2, 0.1), gate=0.0
    )


@pytest.mark.parametrize("seed", range(3))
def test_quick_powers_cost_hardly_more_than_exact_ones(seed: int) -> None:
    given = day(seed)
    exact = solve_coupled(coupled_of(given), gap=1e-5, whole_hours=100.0)
    quick = solve_deterministic(given)
    none = solve_coupled(replace(coupled_of(given), units=())).cost
    assert 0.995 < (none - quick.cost) / (none - exact.cost) < 1.005, "more than all: it follows the curve of losses more closely"


def test_quick_powers_keep_to_the_house_and_to_their_minimum() -> None:
    given = day(0)
    (future,) = given.scenarios
    power_w = np.array(solve_deterministic(given).unit_w["battery"])
    net_w = np.array(future.load_w) - np.array(future.pv_w) + given.battery.asleep_w
    assert (power_w <= np.maximum(net_w, 0) + 1e-6).all()
    assert (np.abs(power_w[np.abs(power_w) > 1e-6]) >= given.battery.minimum_w - 1e-6).all()


def test_a_known_future_has_targets_and_limits_too() -> None:
    held = replace(day(1), targets=(Target(90, START + 8 * QUARTER),))
    limited = replace(held, slots=tuple(replace(slot, charge_limit_w=500.0) for slot in held.slots))
    assert solve_deterministic(held).soc_pct["battery"][7] >= 90 - 0.5
    assert min(solve_deterministic(limited).unit_w["battery"]) >= -500 - 1e-6


def test_a_battery_below_its_floor_is_not_emptied_further() -> None:
    low = replace(day(2), battery=battery(soc_pct=3.0))
    assert min(solve_deterministic(low).soc_pct["battery"]) >= 3.0 - 1e-6


def test_several_futures_are_no_known_one() -> None:
    given = day(0)
    with pytest.raises(InvalidInput, match="2 futures, where one is to be known"):
        solve_deterministic(replace(given, scenarios=given.scenarios * 2))


def test_series_of_another_length_are_refused() -> None:
    with pytest.raises(InvalidInput, match="pv_w: 1 values"):
        CoupledProblem(slots([0.3, 0.3]), (1.0, 1.0), (1.0,))


def test_the_horizon_of_whole_switches_is_counted_in_hours() -> None:
    plan: CoupledPlan = solve_coupled(coupled_of(day(1)), whole_hours=(timedelta(hours=6) / HOUR))
    assert len(plan.unit_w["battery"]) == 48
