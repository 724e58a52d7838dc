"""The whole of it in a simulated home: the house moves, the meter is late, the device slow, and it is followed."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from control_scene import BACKUP_PCT, FREE, Home, later, limits, sample, situation, unit
from hypothesis import given, settings, strategies as st

from indevolt.battery import Charge, Discharge, Hold, Limit, SelfUse
from indevolt.control.controller import Controller, aim_of
from indevolt.control.decision import Decision
from indevolt.control.situation import (
    Action,
    Caps,
    Dynamics,
    Goals,
    MeterSample,
    Override,
    Price,
    Rank,
    Role,
    Seen,
    Situation,
    Tier,
    UnitState,
)


def settled_within(seen: list[tuple[float, float, float]], *, of_w: float = 35.0) -> float:
    """Return after how many seconds the grid stays within so much of nothing."""
    last = max((at for at, grid, _ in seen if abs(grid) > of_w), default=seen[0][0])
    return last - seen[0][0]


def test_a_kilowatt_is_followed_within_seconds_and_hardly_overshot() -> None:
    home = Home(lambda second: 400 if second < 60 else 1400, dynamics=Dynamics(gain=0.93, margin_s=1.0))
    home.run(60)
    seen = home.run(60)
    assert settled_within(seen) <= 10
    assert min(grid for _, grid, _ in seen) > -60


def test_surplus_is_stored() -> None:
    home = Home(lambda _: -800)
    home.run(60)
    assert home.battery_w == pytest.approx(-800, abs=35)


def test_a_steady_house_is_left_in_peace() -> None:
    home = Home(lambda _: 600)
    home.run(120)
    before = len(home.writes)
    home.run(600)
    assert len(home.writes) == before


@pytest.mark.parametrize(("period_s", "late_s"), [(1.0, 0.5), (2.0, 1.0), (5.0, 2.0), (10.0, 3.0)])
@pytest.mark.parametrize("dead_s", [0.5, 1.5, 3.0, 5.0])
def test_it_never_hunts_whatever_the_meter_and_the_dead_time(period_s: float, late_s: float, dead_s: float) -> None:
    home = Home(lambda second: 400 if second < 60 else 1400, period_s=period_s, late_s=late_s, dead_s=dead_s)
    home.run(180)
    crossings, level = 0, 0
    for _, grid, _ in home.run(120):
        now = (grid > 50) - (grid < -50)
        crossings += now == -level != 0
        level = now or level
    assert crossings == 0
    assert abs(home.grid_w) < 40


def test_an_override_is_done_and_ends() -> None:
    asked = Override(Action.CHARGE, later(5), "Ada", 900)
    home = Home(lambda _: 300, change=lambda known: replace(known, overrides=(asked,)))
    home.run(60)
    assert home.battery_w == pytest.approx(-960, abs=60)  # what is stored, and what that costs
    home.run(300)
    assert home.battery_w == pytest.approx(300, abs=35)


def test_a_discharge_that_was_asked_for_stops_at_what_the_house_takes() -> None:
    asked = Override(Action.DISCHARGE, later(60), "Ada", 2000)
    home = Home(lambda _: 500, change=lambda known: replace(known, overrides=(asked,)))
    assert min(grid for _, grid, _ in home.run(300)) > -60
    free = Home(lambda _: 500, caps=FREE, change=lambda known: replace(known, overrides=(asked,)))
    free.run(60)
    assert free.battery_w == pytest.approx(1830, abs=60)


def test_at_the_floor_it_stops_and_begins_again_with_more_charge() -> None:
    home = Home(lambda second: 1500 if second < 600 else -1500, soc_pct=15.0)
    home.run(600)
    assert home.device.unit.soc_pct == pytest.approx(BACKUP_PCT + 2, abs=0.3)
    assert home.battery_w <= 5
    home.run(60)
    assert home.battery_w < -1000


# ---- several units, and tiers ----------------------------------------------------------------------------------------------


def decide(controller: Controller, known: Situation) -> Decision:
    """Decide, and take every order as sent."""
    decision = controller.decide(known)
    for order in decision.orders:
        if order.power_w != controller.commanded(order.unit):
            controller.sent(order.unit, known.at_s, order.power_w)
    return decision


def commands(decision: Decision) -> dict[str, object]:
    return {order.unit: order.command for order in decision.orders}


def two(power_w: float, *, controller: Controller | None = None, at_s: float = 100.0, **of_b: Any) -> Decision:
    a, b = unit("a", soc=70), replace(unit("b", soc=50), **of_b)
    asked = Override(Action.DISCHARGE if power_w > 0 else Action.CHARGE, later(30), "Ada", abs(power_w))
    known = situation(a, b, caps=FREE, overrides=(asked,), at_s=at_s, meter=sample(at_s=at_s))
    return decide(controller or Controller({"a": Dynamics(), "b": Dynamics()}), known)


def test_two_units_share_and_each_has_its_own_command() -> None:
    assert commands(two(2600)) == {"a": Discharge(1536, 5), "b": Discharge(1063, 5)}
    assert commands(two(-2600)) == {"a": Charge(975, 100), "b": Charge(1625, 100)}
    assert commands(two(900)) == {"a": Discharge(900, 5), "b": Hold()}


def test_the_slave_of_a_cluster_is_never_commanded() -> None:
    assert commands(two(2600, role=Role.SLAVE)) == {"a": Discharge(2400, 5)}


def without_one(load_w: float) -> Decision:
    """Two units that answer at once give 2600 W together; then one cannot be reached, and goes on with its 1063 W."""
    at_once = Dynamics(0.0, 1e6, 0.0, 0.0, gain=1.0, margin_s=0.0)
    controller = Controller({"a": at_once, "b": at_once})
    decision = two(2600, controller=controller)
    gone = replace(unit("b"), online=False)
    for second in range(101, 200):
        grid = load_w - 1063 - (controller.commanded("a") or 0.0)
        decision = decide(controller, situation(unit("a", soc=70), gone, at_s=float(second), meter=sample(grid, at_s=second)))
    return decision


def test_a_unit_that_cannot_be_reached_is_taken_to_go_on() -> None:
    assert commands(without_one(3005)) == {"a": Discharge(1937, 5)}


def test_nobody_charges_what_a_unit_that_cannot_be_reached_gives() -> None:
    assert commands(without_one(300)) == {"a": Hold()}
    assert commands(without_one(-800)) == {"a": Hold()}


def test_what_a_unit_that_cannot_be_reached_gives_counts_for_the_cap_of_all() -> None:
    controller = Controller({"a": Dynamics(gain=1.0), "b": Dynamics(gain=1.0)})
    two(2600, controller=controller)
    asked, caps = Override(Action.DISCHARGE, later(30), "Ada", 2000), replace(FREE, output=Limit(1500, "W", "country"))
    known = situation(unit("a", soc=70), replace(unit("b"), online=False), caps=caps, overrides=(asked,), at_s=102.0)
    assert commands(decide(controller, known)) == {"a": Discharge(437, 5)}


def test_what_a_device_does_itself_is_left_to_it_and_taken_over_where_it_has_to_be() -> None:
    controller = Controller({"battery": Dynamics()})
    native = situation(tier=Tier.NATIVE)
    assert commands(decide(controller, native)) == {"battery": SelfUse()}
    hold = replace(native, at_s=500.0, meter=sample(400.0, at_s=500), overrides=(Override(Action.HOLD, later(30), "Ada"),))
    assert commands(decide(controller, hold)) == {"battery": Hold()}


def test_its_own_loop_goes_on_where_only_the_hub_does_not_see_the_meter_and_where_it_is_full_or_empty() -> None:
    native = situation(tier=Tier.NATIVE, at_s=500.0, meter=sample(400.0, at_s=440))
    for known in (native, replace(native, units=(unit(soc=100),)), replace(native, units=(unit(soc=BACKUP_PCT),))):
        assert commands(decide(Controller({"battery": Dynamics()}), known)) == {"battery": SelfUse()}
    below = replace(native, units=(unit(soc=20),), goals=Goals(reserve_pct=30))
    assert commands(decide(Controller({"battery": Dynamics()}), below)) == {"battery": Hold()}
    above = replace(native, units=(unit(soc=90),), goals=Goals(ceiling_pct=90), meter=sample(-400.0, at_s=500))
    assert commands(decide(Controller({"battery": Dynamics()}), above)) == {"battery": Hold()}


def test_the_mode_is_not_changed_to_and_fro() -> None:
    controller = Controller({"battery": Dynamics()})
    native = situation(tier=Tier.NATIVE)
    hold = replace(native, overrides=(Override(Action.HOLD, later(30), "Ada"),))
    decide(controller, native)
    decide(controller, replace(hold, at_s=101.0, meter=sample(400.0, at_s=101)))
    soon = decide(controller, replace(native, at_s=200.0, meter=sample(400.0, at_s=200)))
    assert soon.power_w is not None
    late = decide(controller, replace(native, at_s=402.0, meter=sample(400.0, at_s=402)))
    assert late.power_w is None


def test_commands_that_go_on_after_a_change_of_mode_need_a_meter_like_any_other() -> None:
    controller = Controller({"battery": Dynamics()})
    asked = situation(tier=Tier.NATIVE, overrides=(Override(Action.DISCHARGE, later(30), "Ada", 300),))
    assert decide(controller, asked).power_w == 300
    blind = replace(asked, at_s=125.0, overrides=(), meter=sample(400.0, at_s=100))
    assert decide(controller, blind).power_w == 0


def test_a_limit_that_nobody_told_is_learnt_from_what_the_unit_gives() -> None:
    controller = Controller({"battery": Dynamics(gain=1.0)})
    asked = Override(Action.DISCHARGE, later(30), "Ada", 1500)
    decision = None
    for second in range(100, 130):
        state = unit(ac_w=Seen(600.0, float(second)))
        decision = decide(
            controller, situation(state, caps=FREE, overrides=(asked,), at_s=float(second), meter=sample(at_s=second))
        )
    assert decision is not None
    assert decision.power_w == 600
    assert "seen to give no more" in str(decision.orders[0].notes)


@pytest.mark.parametrize("pv_w", [0.0, 300.0, 500.0, 1200.0])
@pytest.mark.parametrize(("action", "power_w"), [(Action.CHARGE, -800.0), (Action.DISCHARGE, 800.0)])
def test_sun_through_the_socket_of_a_unit_is_no_limit_of_its_battery(action: Action, power_w: float, pv_w: float) -> None:
    """A battery that charges with 800 W, 500 W of it from its own PV, takes 300 W at the socket, and does as it is told."""
    controller = Controller({"battery": Dynamics(gain=1.0, charge_gain=1.0)})
    asked = Override(action, later(30), "Ada", 800)
    decisions = []
    for second in range(100, 160):
        given = controller.commanded("battery") or 0.0
        state = unit(ac_w=Seen(pv_w + given, float(second)), battery_w=Seen(given, float(second)))
        meter = sample(300 - pv_w - given, at_s=second)
        known = situation(state, caps=FREE, overrides=(asked,), at_s=float(second), meter=meter, unit_pv_w=pv_w)
        decisions.append(decide(controller, known))
    assert {decision.power_w for decision in decisions} == {power_w}


def test_a_unit_that_gives_sun_is_asked_for_what_the_sun_leaves() -> None:
    """A house of 800 W, 500 W of it from the unit's own PV: 300 W are left for the battery, which is in its own loop so far."""
    controller = Controller({"battery": Dynamics(gain=1.0, charge_gain=1.0)})
    state = unit(ac_w=Seen(500.0, 100.0), battery_w=Seen(0.0, 100.0))
    load = controller.decide(situation(state, meter=sample(300.0), unit_pv_w=500.0)).wanted_w
    assert load == pytest.approx(295)


def test_a_chattering_load_is_weighed_by_what_it_costs() -> None:
    prices = situation(price=Price(0.30, 0.08), stored_value_per_kwh=0.20)
    assert aim_of(prices).quantile == pytest.approx(10 / 22)
    assert aim_of(replace(prices, stored_value_per_kwh=0.9)).quantile == 0.05
    assert aim_of(situation()).quantile == 0.35
    assert aim_of(replace(prices, goals=Goals(hard_zero=True, grid_target_w=15))).quantile == 0.15
    assert aim_of(replace(prices, goals=Goals(hard_zero=True, grid_target_w=15))).grid_w == 15


@st.composite
def anything(draw: st.DrawFn) -> list[Situation]:
    """A sequence of situations, each as wild as a record allows."""
    watts, now, found = st.floats(-20_000, 20_000), 100.0, []
    for _ in range(draw(st.integers(1, 8))):
        now += draw(st.floats(0.5, 30))
        states = tuple(
            UnitState(
                name,
                limits(draw(st.floats(0, 2400)), draw(st.floats(0, 2400))),
                draw(st.none() | st.builds(Seen, st.floats(0, 100), st.just(now))),
                5400.0,
                ac_w=draw(st.none() | st.builds(Seen, watts, st.just(now))),
                backup_pct=draw(st.none() | st.floats(0, 100)),
                temperature_c=draw(st.none() | st.floats(-20, 60)),
                online=draw(st.booleans()),
                controlled=draw(st.booleans()),
                role=draw(st.sampled_from(Role)),
                calibrating=draw(st.booleans()),
            )
            for name in ("a", "b")
        )
        arrived = draw(st.none() | st.just(now))
        periods = st.sampled_from([1.0, 5.0, 10.0])
        meter = draw(st.none() | st.builds(MeterSample, watts, st.floats(now - 60, now), periods, st.just(arrived)))
        asked = draw(
            st.lists(
                st.builds(Override, st.sampled_from(Action), st.just(later(30)), st.just("Ada"), st.floats(0, 9000)), max_size=2
            )
        )
        caps = Caps(battery_to_grid=draw(st.booleans()), grid_charging=draw(st.booleans()))
        goals = Goals(reserve_pct=draw(st.floats(0, 60)))
        tier = draw(st.sampled_from(Tier))
        found.append(Situation(later(now / 60), now, states, meter, caps=caps, goals=goals, overrides=tuple(asked), tier=tier))
    return found


@given(anything())
@settings(max_examples=80, deadline=None)
def test_no_sequence_of_situations_makes_an_order_leave_what_is_safe(known: list[Situation]) -> None:
    controller = Controller({"a": Dynamics(), "b": Dynamics()}, ranks=tuple(Rank))
    for each in known:
        decision = decide(controller, each)
        directions = set()
        for order in decision.orders:
            state = next(one for one in each.units if one.name == order.unit)
            assert state.usable
            if order.power_w is None:
                assert order.command == SelfUse()
                continue
            assert -state.limits.charge.value <= order.power_w <= state.limits.discharge.value
            assert order.power_w == 0 or abs(order.power_w) >= 50
            directions.add(math.copysign(1, order.power_w) if order.power_w else 0)
            if order.power_w > 0:
                assert state.soc_pct is not None
                assert state.soc_pct.value > each.floor_pct(state)
                assert not state.calibrating
                again_s = (
                    0.0 if each.meter is None or each.meter.arrived_s is None else each.meter.period_s
                )  # it may be said once more
                assert each.caps.battery_to_grid or each.meter_age_s < 20 + again_s
            if order.power_w < 0:
                assert state.soc_pct is not None
                assert state.soc_pct.value < each.ceiling_pct(state)
                assert state.temperature_c is None or 0 < state.temperature_c <= 52
        assert not {1.0, -1.0} <= directions
