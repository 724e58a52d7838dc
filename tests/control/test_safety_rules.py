"""The safety rules of control.md, section 5, by number: one test each, which fails when the rule is taken out.

Here are those that a decision keeps. What a lease keeps is in ``tests/device/test_lease*.py`` and ``tests/control/test_ledger.py``
(1 one writer, 2 opt-in, 5 rate, 6 what was written, 7 fence and duration, 9 restore, 10 budgets, 11 journal), what a meter keeps in
``tests/hub/meters`` (4 plausibility), the door in ``tests/hub/api`` (12), and killing in ``tests/hub`` (16).
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from control_scene import FREE, Home, later, limits, load, sample, situation, unit

from indevolt.battery import Limit
from indevolt.control.controller import Controller
from indevolt.control.decision import Decision
from indevolt.control.ledger import REALTIME_ALLOWANCE
from indevolt.control.settle import Settled, settle
from indevolt.control.situation import Action, Caps, Dynamics, Envelope, Goals, Override, PlanSlot, Rank, Role, Situation, Tier
from indevolt.control.strategies import ordered
from indevolt.control.strategies.safety import sight


def decide(known: Situation) -> Decision:
    return Controller({each.name: Dynamics(gain=1.0) for each in known.units}).decide(known)


def power_w(known: Situation) -> float:
    power = decide(known).power_w
    assert power is not None
    return power


def settled(known: Situation) -> Settled:
    return settle(known, [(rank, strategy(known)) for rank, strategy in ordered()])


def discharge(power: float = 2000, **changes: Any) -> Situation:
    """Somebody wants to discharge, and law and contract let him."""
    changes.setdefault("caps", FREE)
    return situation(overrides=(Override(Action.DISCHARGE, later(30), "Ada", power),), **changes)


def charge(power: float = 2000, **changes: Any) -> Situation:
    return situation(overrides=(Override(Action.CHARGE, later(30), "Ada", power),), **changes)


# ---- 1: one arbiter, in this order -------------------------------------------------------------------------------------------


def test_rule_1_safety_before_owner_before_fleet_before_plan_before_self_use() -> None:
    slot = PlanSlot(later(0), later(15), Action.CHARGE, 700)
    known = situation(caps=FREE, slot=slot)
    assert decide(known).chosen.rank is Rank.PLAN  # type: ignore[union-attr]  # a wish is always chosen
    envelope = Envelope(-300, 2400, later(15), "grid operator")
    assert power_w(replace(known, envelope=envelope)) == -300
    asked = Override(Action.CHARGE, later(30), "Ada", 900)
    assert power_w(replace(known, envelope=envelope, overrides=(asked,))) == -900
    weak = unit(limits=limits(charge_w=500))
    assert power_w(replace(known, envelope=envelope, overrides=(asked,), units=(weak,))) == -500


def test_rule_1_a_unit_that_is_not_ours_is_not_commanded() -> None:
    assert decide(discharge(units=(unit(controlled=False),))).orders == ()
    assert decide(discharge(units=(unit(role=Role.SLAVE),))).orders == ()


# ---- 3: hard clamps ----------------------------------------------------------------------------------------------------------


def test_rule_3_power_stays_within_what_the_unit_can_do() -> None:
    weak = unit(limits=limits(900, 1000))
    assert power_w(discharge(9000, units=(weak,))) == 1000
    assert power_w(charge(9000, units=(weak,))) == -900


def test_rule_3_power_stays_within_what_the_country_allows_for_all_units_and_their_pv() -> None:
    caps = replace(FREE, output=Limit(800, "W", "plug-in units in Germany"))
    assert power_w(discharge(units=(unit("a"), unit("b")), caps=caps)) == 800
    assert power_w(discharge(caps=caps, unit_pv_w=300.0)) == 500


def test_rule_3_power_stays_within_the_circuit() -> None:
    caps = Caps(grid_import=Limit(2000, "W", "fuse"))
    power = settled(charge(caps=caps, net_load=load(1200))).power_w
    assert power is not None
    assert Dynamics().at_meter(power) == pytest.approx(-800), "the losses of charging are taken from the grid as well"


def test_rule_3_nothing_is_given_below_the_reserve_of_the_owner() -> None:
    assert power_w(discharge(units=(unit(soc=30),), goals=Goals(reserve_pct=30))) == 0
    assert power_w(discharge(units=(unit(soc=40),), goals=Goals(reserve_pct=30))) == 2000


def test_rule_3_nothing_is_given_below_two_above_the_reserve_of_the_device() -> None:
    assert power_w(discharge(units=(unit(soc=12, backup_pct=10),))) == 0
    assert power_w(discharge(units=(unit(soc=15, backup_pct=10),))) == 2000


def test_rule_3_nothing_is_given_below_five_whatever_is_configured() -> None:
    free = unit(soc=5, limits=replace(limits(), soc_min=Limit(0, "%", "none")))
    assert power_w(discharge(units=(free,), goals=Goals(reserve_pct=0))) == 0


def test_rule_3_discharge_that_ended_at_the_floor_begins_again_with_two_more() -> None:
    reserve = Goals(reserve_pct=30)
    assert power_w(discharge(units=(unit(soc=31.9),), goals=reserve)) == 0
    assert power_w(discharge(units=(unit(soc=32),), goals=reserve)) == 2000
    controller = Controller({"battery": Dynamics()})
    controller.sent("battery", 90.0, 2000)
    assert controller.decide(discharge(units=(unit(soc=30.1),), goals=reserve)).power_w == 2000, "what runs goes on to the floor"


def test_rule_3_not_even_the_fleet_goes_below_the_floor() -> None:
    wants = Envelope(1000, 2400, later(15), "virtual power plant")
    assert power_w(situation(unit(soc=30), caps=FREE, envelope=wants, goals=Goals(reserve_pct=30))) == 0


def test_rule_3_nothing_is_stored_above_the_ceiling() -> None:
    assert power_w(charge(units=(unit(soc=90),), goals=Goals(ceiling_pct=90))) == 0


# ---- 4: no closed loop on a meter that proved nothing ----------------------------------------------------------------------------


def test_rule_4_a_meter_whose_sign_is_not_proven_is_not_followed() -> None:
    home = Home(lambda _: 800, change=lambda known: replace(known, meter=unproven(known)))
    home.run(60)
    assert home.battery_w == 0
    assert home.decision is not None
    assert home.decision.chosen is not None
    assert "sign of the meter is not proven" in home.decision.chosen.text


def unproven(known: Situation) -> Any:
    return None if known.meter is None else replace(known.meter, proven=False)


def test_rule_4_a_wish_to_discharge_needs_it_too_where_the_grid_may_get_nothing() -> None:
    assert power_w(discharge(caps=Caps(), meter=sample(400, proven=False))) == 0
    assert power_w(discharge(caps=FREE, meter=sample(400, proven=False))) == 2000


# ---- 6: accepted is not done -------------------------------------------------------------------------------------------------


def test_rule_6_a_unit_that_is_given_up_is_not_commanded_and_others_do_its_part() -> None:
    gone = unit("a", given_up="a is left to itself until 12:30, as it does not do what it is told")
    known = discharge(units=(gone, unit("b")))
    assert [(order.unit, order.power_w) for order in decide(known).orders] == [("b", 2000)]
    alone = decide(discharge(units=(gone,)))
    assert alone.orders == ()
    assert gone.given_up in [reason.text for reason in alone.binding]


# ---- 7: nothing is open-ended ------------------------------------------------------------------------------------------------


def test_rule_7_an_override_ends() -> None:
    assert power_w(charge(at=later(29))) == -2000
    assert power_w(charge(at=later(30))) == 0


def test_rule_7_a_plan_ends_and_so_does_an_envelope() -> None:
    slot, envelope = PlanSlot(later(0), later(15), Action.CHARGE, 700), Envelope(-300, 0, later(10), "grid operator")
    known = situation(slot=slot, envelope=envelope)
    assert power_w(replace(known, at=later(9))) == -300
    assert power_w(replace(known, at=later(10))) == -700
    assert power_w(replace(known, at=later(15))) == 0


# ---- 8: stale meter, device, clock -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("period_s", "late_s"), [(1.0, 0.5), (2.0, 1.0), (5.0, 2.0), (10.0, 3.0)])
@pytest.mark.parametrize("dead_s", [0.5, 1.5, 3.0])
@pytest.mark.parametrize("load_w", [300, 2200])
def test_rule_8_no_discharge_on_a_meter_older_than_twenty_seconds(
    period_s: float, late_s: float, dead_s: float, load_w: int
) -> None:
    home = Home(lambda _: load_w, period_s=period_s, late_s=late_s, dead_s=dead_s, silent=lambda second: second > 60)
    home.run(60)
    assert home.battery_w > load_w / 2
    for now_s, _, battery_w in home.run(60):
        assert now_s <= 80 or battery_w <= 5, f"{battery_w:.0f} W at {now_s - 60:g} s after the last sample"


@pytest.mark.parametrize(("period_s", "late_s"), [(1.0, 0.5), (2.0, 1.0), (5.0, 2.0), (10.0, 3.0)])
@pytest.mark.parametrize("tells_time", [True, False])
def test_rule_8_a_quiet_house_is_not_taken_for_a_dead_meter(period_s: float, late_s: float, tells_time: bool) -> None:
    home = Home(lambda _: 1400, period_s=period_s, late_s=late_s, tells_time=tells_time)
    home.run(120)
    assert min(battery_w for _, _, battery_w in home.run(900)) > 1300


@pytest.mark.parametrize(("period_s", "late_s", "within_s"), [(1.0, 0.5, 20), (2.0, 1.0, 20), (5.0, 2.0, 25), (10.0, 3.0, 30)])
@pytest.mark.parametrize("load_w", [300, 2200])
def test_rule_8_a_meter_that_freezes_is_given_up(period_s: float, late_s: float, within_s: float, load_w: int) -> None:
    home = Home(lambda _: load_w, period_s=period_s, late_s=late_s, tells_time=False, frozen=lambda second: second > 60)
    home.run(60)
    assert home.battery_w > load_w / 2
    for now_s, _, battery_w in home.run(90):
        assert now_s <= 60 + within_s or battery_w <= 5, f"{battery_w:.0f} W at {now_s - 60:g} s after the last true sample"


def test_rule_8_a_unit_that_is_too_slow_to_be_in_time_is_not_held_back_before_the_meter_is_late() -> None:
    known = discharge(units=(unit(dynamics=Dynamics(slew_w_per_s=100.0)),), caps=Caps(), net_load=load(2000))
    for age_s, most_w in ((9.5, 2000), (10.5, 800)):
        controller = Controller({"battery": Dynamics(slew_w_per_s=100.0, gain=1.0)})
        controller.sent("battery", 50.0, 2000)
        decision = controller.decide(replace(known, meter=sample(0, at_s=100 - age_s, period_s=5.0)))
        assert decision.power_w is not None
        assert decision.power_w <= most_w
        assert decision.power_w > most_w - 400


def test_rule_8_a_meter_that_is_a_little_late_changes_nothing() -> None:
    home = Home(lambda _: 600, silent=lambda second: 60 < second < 69)
    home.run(60)
    assert min(battery_w for _, _, battery_w in home.run(30)) > 500


def test_rule_8_a_meter_that_is_back_is_followed_again() -> None:
    home = Home(lambda _: 600, silent=lambda second: 60 < second < 100)
    home.run(140)
    assert home.battery_w == pytest.approx(600, abs=35)


def test_rule_8_increase_waits_while_the_meter_is_late() -> None:
    controller = Controller({"battery": Dynamics(gain=1.0)})
    controller.sent("battery", 60.0, 300)
    late = situation(meter=sample(2000, at_s=88))
    controller.decide(late)
    assert controller.decide(replace(late, at_s=101.0)).power_w == 300


def test_rule_8_surplus_that_nobody_sees_is_not_stored_where_the_grid_may_not_be() -> None:
    blind = charge(caps=replace(FREE, grid_charging=False), meter=None)
    assert power_w(blind) == 0
    assert power_w(replace(blind, caps=FREE)) == -2000


@pytest.mark.parametrize(
    ("action", "caps"),
    [
        (Action.CHARGE, Caps(grid_import=Limit(2000, "W", "fuse"))),
        (Action.DISCHARGE, Caps(battery_to_grid=True, feed_in=Limit(800, "W", "contract"))),
    ],
)
def test_rule_8_a_limit_of_the_connection_that_nobody_sees_is_not_passed(action: Action, caps: Caps) -> None:
    slot = PlanSlot(later(0), later(60), action, 1000)
    home = Home(lambda _: 300, caps=caps, change=lambda known: replace(known, slot=slot), silent=lambda second: 60 < second < 100)
    home.run(60)
    assert abs(home.battery_w) > 900
    home.run(22)
    assert home.battery_w == 0
    assert home.decision is not None
    assert "nothing new" in " ".join(reason.text for reason in home.decision.binding)
    home.run(38)
    assert abs(home.battery_w) > 900, "the meter is back"
    assert power_w(situation(slot=slot, meter=None, net_load=None, caps=caps)) == 0


def test_rule_8_a_device_that_cannot_be_reached_is_left_out() -> None:
    assert decide(discharge(units=(unit(online=False),))).orders == ()


def test_rule_8_a_charge_that_is_unknown_is_not_used() -> None:
    assert power_w(discharge(units=(unit(soc=None),))) == 0
    assert power_w(charge(units=(unit(soc=None),))) == 0


def test_rule_8_a_clock_that_jumped_ends_what_hangs_on_it() -> None:
    assert power_w(charge(clock_trusted=False)) == 0


# ---- 13: modes and directions ------------------------------------------------------------------------------------------------


def test_rule_13_directions_change_no_more_often_than_every_half_minute() -> None:
    home = Home(lambda second: 900 if second // 12 % 2 else -900)
    home.run(600)
    turns, facing, turned_s = [], 0, 0.0
    for at_s, power in home.writes:
        way = (power > 0) - (power < 0)
        if way and facing and way != facing:
            turns.append(at_s - turned_s)
            turned_s = at_s
        facing = way or facing
    assert turns, "the house makes it turn"
    assert min(turns[1:]) >= 30


def test_rule_13_the_mode_is_not_given_back_within_five_minutes() -> None:
    controller = Controller({"battery": Dynamics()})
    controller.sent("battery", 90.0, 0.0)
    native = situation(tier=Tier.NATIVE)
    assert controller.decide(native).power_w is not None
    assert controller.decide(replace(native, at_s=390.0, meter=sample(400, at_s=390))).power_w is None


def test_rule_13_nor_taken_within_five_minutes_but_for_safety() -> None:
    controller = Controller({"battery": Dynamics()})
    controller.sent("battery", 10.0, 0.0)
    controller.sent("battery", 90.0, None)
    hold = situation(tier=Tier.NATIVE, slot=PlanSlot(later(0), later(15), Action.HOLD))
    assert controller.decide(hold).power_w is None
    empty = replace(hold, slot=None, units=(unit(soc=20),), goals=Goals(reserve_pct=30))
    assert controller.decide(empty).power_w == 0


# ---- 14: law ---------------------------------------------------------------------------------------------------------------------


def test_rule_14_stored_energy_does_not_go_to_the_grid_unless_that_is_enabled() -> None:
    asked = (Override(Action.DISCHARGE, later(60), "Ada", 2000),)
    home = Home(lambda second: 700 if second < 60 else 300, change=lambda known: replace(known, overrides=asked))
    home.run(60)
    assert home.battery_w == pytest.approx(700, abs=40)
    home.run(20)
    assert home.grid_w > -20


def test_rule_14_no_more_is_fed_in_than_the_contract_allows() -> None:
    caps = Caps(battery_to_grid=True, feed_in=Limit(600, "W", "60 % of the PV"))
    power = settled(discharge(caps=caps)).power_w
    assert power is not None
    assert Dynamics().at_meter(power) == pytest.approx(1000)


@pytest.mark.parametrize("period_s", [1.0, 5.0])
@pytest.mark.parametrize(
    ("house_w", "action", "limit_w", "goals"),
    [
        (500, Action.CHARGE, 2000, Goals()),
        (500, Action.DISCHARGE, -800, Goals()),
        (500, Action.CHARGE, 1800, Goals(peak_import_w=1800)),
        (3000, Action.SELF_USE, 1800, Goals(peak_import_w=1800, grid_target_w=1900)),
    ],
)
def test_rules_10_and_14_a_cap_of_the_connection_is_kept_to_without_hunting(
    period_s: float, house_w: float, action: Action, limit_w: float, goals: Goals
) -> None:
    chance = random.Random(1)
    around_w = [house_w + chance.gauss(0, 20) for _ in range(901)]
    caps = Caps(battery_to_grid=True, feed_in=Limit(800, "W", "contract"), grid_import=Limit(2000, "W", "fuse"))
    slot = PlanSlot(later(0), later(60), action, 2400)

    def wanted(known: Situation) -> Situation:
        return replace(known, slot=slot, goals=goals)

    home = Home(lambda at_s: around_w[int(at_s)], period_s=period_s, caps=caps, change=wanted)
    home.run(100)
    seen = [grid_w for _, grid_w, _ in home.run(800)]
    assert sum(seen) / len(seen) == pytest.approx(limit_w, abs=10)
    assert max(abs(grid_w - limit_w) for grid_w in seen) < 300
    assert len([at_s for at_s, _ in home.writes if at_s > 100]) < REALTIME_ALLOWANCE.most * 800 / 3600


def test_rule_14_no_energy_of_the_grid_is_stored_while_that_is_dimmed() -> None:
    asked = (Override(Action.CHARGE, later(60), "Ada", 2000),)
    dimmed = Caps(grid_charging=False)
    home = Home(lambda _: 400, caps=dimmed, change=lambda known: replace(known, overrides=asked))
    home.run(60)
    assert home.battery_w == 0
    sunny = Home(lambda _: -700, caps=dimmed, change=lambda known: replace(known, overrides=asked))
    sunny.run(60)
    assert sunny.battery_w == pytest.approx(-700, abs=40)


def test_rule_14_what_is_limited_says_why() -> None:
    caps = replace(FREE, output=Limit(800, "W", "plug-in units in Germany"))
    (binding,) = (reason for reason in decide(discharge(caps=caps)).binding)
    assert "plug-in units in Germany" in binding.text
    assert binding.otherwise


# ---- 15: thermal, backup, calibration ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("temperature_c", "wanted"), [(-5, 0), (0, 0), (1, -2000), (52, -2000), (53, 0)])
def test_rule_15_nothing_is_charged_in_frost_or_heat(temperature_c: float, wanted: float) -> None:
    assert power_w(charge(units=(unit(temperature_c=temperature_c),))) == wanted


def test_rule_15_a_backup_hold_beats_any_price() -> None:
    slot = PlanSlot(later(0), later(15), Action.DISCHARGE, 1500)
    known = situation(caps=FREE, slot=slot, goals=Goals(backup_until=later(60)))
    assert power_w(known) == 0
    assert decide(known).high_w == 0
    assert power_w(replace(known, goals=Goals())) == 1500


def test_rule_15_a_backup_hold_comes_before_orders_to_give() -> None:
    known = situation(caps=FREE, goals=Goals(backup_until=later(60)))
    pinned = PlanSlot(later(0), later(15), Action.DISCHARGE, 1500, pinned=True)
    assert power_w(replace(known, overrides=(Override(Action.DISCHARGE, later(5), "Ada", 500),))) == 0
    assert power_w(replace(known, slot=pinned)) == 0
    assert power_w(replace(known, overrides=(Override(Action.CHARGE, later(5), "Ada", 500),))) == -500


def test_rule_15_a_backup_hold_is_not_left_to_a_loop_that_gives_as_well() -> None:
    known = situation(tier=Tier.NATIVE, net_load=load(-600), goals=Goals(backup_until=later(60)))
    assert settled(known).power_w == -600
    assert settled(replace(known, net_load=load(600))).power_w == 0
    assert settled(replace(known, goals=Goals())).power_w is None


def test_rule_15_calibration_is_not_fought() -> None:
    assert power_w(discharge(units=(unit(calibrating=True),))) == 0


def test_rule_8_a_meter_that_is_silent_is_one_that_nobody_sees_the_house_by() -> None:
    for age_s, blind in ((2, False), (12, False), (16, True), (60, True)):
        found, why, _ = sight(situation(meter=sample(400, at_s=100 - age_s)))
        assert found is blind
        assert bool(why) is (age_s > 10)
