"""Each strategy by itself: what it says, and when it is silent."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest
from control_scene import FREE, NOON, Home, later, limits, load, situation, unit
from hypothesis import given, strategies as st

from indevolt.control.decision import Proposal, Weight
from indevolt.control.settle import Settled, settle
from indevolt.control.situation import (
    Action,
    Envelope,
    Goals,
    MeterSample,
    Override,
    PlanSlot,
    Price,
    Rank,
    Situation,
    Target,
    Tier,
    UnitState,
)
from indevolt.control.strategies import (
    STRATEGIES,
    backup_hold,
    envelope,
    house_not_car,
    negative_price_soak,
    ordered,
    override,
    peak_shaving,
    plan,
    self_use,
    target_by_time,
)


def wanted_w(proposal: Proposal) -> float | None:
    assert proposal.preference is not None, "it has no wish"
    return proposal.preference.power_w


def range_w(proposal: Proposal) -> tuple[float, float]:
    return max((each.low_w for each in proposal.bounds), default=-math.inf), min(
        (each.high_w for each in proposal.bounds), default=math.inf
    )


def with_goals(goals: Goals, **changes: Any) -> Situation:
    return replace(situation(), goals=goals, **changes)


# ---- self-use ------------------------------------------------------------------------------------------------------------


def test_self_use_follows_the_house_and_says_what_it_takes() -> None:
    said = self_use.propose(situation(net_load=load(730)))
    assert wanted_w(said) is None
    assert said.preference is not None
    assert "730 W" in said.preference.reason


@pytest.mark.parametrize(
    ("meter", "text"),
    [
        (None, "there is no meter"),
        (MeterSample(0.0, 60.0, 1.0), "nothing new for 40 s"),
        (MeterSample(0.0, 100.0, 1.0, proven=False), "sign of the meter is not proven"),
        (MeterSample(0.0, 130.0, 1.0), "of the future"),
    ],
)
def test_self_use_rests_where_nobody_sees_the_house(meter: MeterSample | None, text: str) -> None:
    said = self_use.propose(situation(meter=meter))
    assert wanted_w(said) == 0
    assert said.preference is not None
    assert text in said.preference.reason
    assert said.preference.otherwise


def test_a_device_with_its_own_meter_needs_none_of_ours() -> None:
    assert wanted_w(self_use.propose(situation(meter=None, net_load=None, tier=Tier.NATIVE))) is None


# ---- the owner -----------------------------------------------------------------------------------------------------------


def asked(action: Action, power_w: float = 0.0, soc_pct: float | None = None) -> Override:
    return Override(action, later(30), "Ada", power_w, soc_pct)


@pytest.mark.parametrize(
    ("action", "power_w", "wanted"),
    [
        (Action.CHARGE, 800, -800),
        (Action.DISCHARGE, 600, 600),
        (Action.CHARGE, 0, -math.inf),
        (Action.STOP, 0, 0),
        (Action.SELF_USE, 0, None),
        (Action.HOLD, 0, None),
    ],
)
def test_an_override_is_what_its_action_says(action: Action, power_w: float, wanted: float | None) -> None:
    assert wanted_w(override.propose(situation(overrides=(asked(action, power_w),)))) == wanted


def test_hold_stores_the_surplus_and_gives_nothing() -> None:
    assert range_w(override.propose(situation(overrides=(asked(Action.HOLD),)))) == (-math.inf, 0)


def test_the_newest_override_that_holds_counts() -> None:
    old, over = asked(Action.STOP), replace(asked(Action.CHARGE, 500), until=NOON)
    assert wanted_w(override.propose(situation(overrides=(old, asked(Action.DISCHARGE, 300))))) == 300
    assert wanted_w(override.propose(situation(overrides=(old, over)))) == 0
    assert not override.propose(situation(overrides=(over,)))


def test_an_override_is_done_at_its_charge() -> None:
    assert not override.propose(situation(unit(soc=80), overrides=(asked(Action.CHARGE, 500, 80),)))
    assert override.propose(situation(unit(soc=79), overrides=(asked(Action.CHARGE, 500, 80),)))
    assert not override.propose(situation(unit(soc=30), overrides=(asked(Action.DISCHARGE, 500, 30),)))


def folded(known: Situation) -> Settled:
    return settle(known, [(rank, said) for rank, strategy in ordered() if (said := strategy(known))])


def slot(action: Action = Action.CHARGE, *, pinned: bool = False) -> PlanSlot:
    return PlanSlot(NOON, later(15), action, 900, "cheap", "plan 7", pinned)


def test_a_pinned_slot_is_the_owner_s_and_any_other_the_plan_s() -> None:
    assert wanted_w(override.propose(situation(slot=slot(pinned=True)))) == -900
    assert not plan.propose(situation(slot=slot(pinned=True)))
    assert wanted_w(plan.propose(situation(slot=slot()))) == -900
    assert not override.propose(situation(slot=slot()))


@pytest.mark.parametrize("pinned", [False, True])
@pytest.mark.parametrize(("house_w", "power_w"), [(300, -900), (-500, -900), (-1400, -1400), (None, -900)])
def test_a_slot_that_charges_stores_what_the_sun_gives_beyond_it(house_w: float | None, power_w: float, pinned: bool) -> None:
    known = situation(slot=slot(pinned=pinned), net_load=None if house_w is None else load(house_w))
    assert folded(known).power_w == power_w
    assert folded(known).follows_house == (power_w == -1400)


def test_an_order_of_a_person_is_the_number_that_it_names() -> None:
    assert folded(situation(overrides=(asked(Action.CHARGE, 900),), net_load=load(-1400))).power_w == -900


def test_a_planned_charge_never_waits_in_the_device_s_own_loop_for_the_sun_to_go() -> None:
    known = situation(slot=slot(), net_load=load(-1400), tier=Tier.NATIVE)
    assert folded(known).power_w == -1400, "each cloud would else be two changes of mode"


def test_what_keeps_a_planned_charge_from_its_power_is_said() -> None:
    cold = folded(situation(unit(temperature_c=-2), slot=slot()))
    assert cold.power_w == 0
    assert [reason.rank for reason in cold.reasons if reason.weight is Weight.BINDING] == [Rank.SAFETY]
    shaved = folded(situation(slot=slot(), goals=Goals(peak_import_w=1000)))
    assert (shaved.power_w, shaved.follows_house) == (-600 / 1.05, True), "what moves with the house is damped"


def test_a_planned_charge_is_its_power_alone_where_nobody_sees_the_sun_any_more() -> None:
    assert folded(situation(slot=slot(), net_load=load(-1400), meter=MeterSample(-500, 60, 1))).power_w == -900


@pytest.mark.parametrize("action", [Action.SELF_USE, Action.HOLD])
@pytest.mark.parametrize("house_w", [1400, -1400])
@pytest.mark.parametrize("meter", [MeterSample(-500, 60, 1), MeterSample(-500, 100, 1, proven=False)])
def test_a_plan_follows_no_house_that_nobody_sees(action: Action, house_w: float, meter: MeterSample) -> None:
    blind = folded(situation(slot=slot(action), net_load=load(house_w), meter=meter, caps=FREE))
    assert blind.power_w == 0
    why = [reason.text for reason in blind.reasons if reason.weight is Weight.BINDING and reason.text.endswith("rest")]
    assert len(why) == (0 if action is Action.HOLD and house_w > 0 else 1), "said where it would else do something"
    seen = folded(situation(slot=slot(action), net_load=load(-1400), caps=FREE))
    assert seen.power_w == -1400


def test_a_slot_counts_only_while_it_runs() -> None:
    assert not plan.propose(situation(slot=slot(), at=later(15)))
    assert not plan.propose(situation(slot=slot(), at=later(-1)))


def test_a_clock_that_jumped_says_nothing_about_expiries() -> None:
    known = situation(overrides=(asked(Action.STOP),), slot=slot(), clock_trusted=False)
    assert not override.propose(known)
    assert not plan.propose(known)


def test_everything_is_kept_for_an_outage_until_it_is_over() -> None:
    goals = Goals(backup_until=later(60))
    assert range_w(backup_hold.keep(with_goals(goals))) == (-math.inf, 0)
    assert wanted_w(backup_hold.propose(with_goals(goals))) is None
    for strategy in (backup_hold.keep, backup_hold.propose):
        assert not strategy(with_goals(goals, at=later(60)))
        assert strategy(with_goals(goals, at=later(60), clock_trusted=False)), "in doubt it is kept"
        assert not strategy(situation())


def test_what_is_kept_for_an_outage_is_charged_first_where_that_is_wanted() -> None:
    goals = Goals(backup_until=later(60), backup_pct=80)

    def at(soc: float | None, commanded_w: float = 0.0) -> float | None:
        return wanted_w(backup_hold.propose(with_goals(goals, units=(unit(soc=soc, commanded_w=commanded_w),))))

    assert at(50) == -2400
    assert at(79, commanded_w=-2400) == -2400, "it goes on to the end"
    assert at(80, commanded_w=-2400) is None
    assert at(79) is None, "standby took it"
    assert at(None) is None


def test_the_battery_does_not_feed_the_car() -> None:
    car = with_goals(Goals(spare_charger=True), charger_w=3600.0, net_load=load(4100))
    assert range_w(house_not_car.propose(car)) == (-math.inf, 500)
    assert range_w(house_not_car.propose(replace(car, net_load=None))) == (-math.inf, 0)
    assert not house_not_car.propose(replace(car, charger_w=20.0))
    assert not house_not_car.propose(replace(car, charger_w=None))
    assert not house_not_car.propose(replace(car, goals=Goals()))


def target(soc_pct: float, minutes: float, **changes: Any) -> Proposal:
    return target_by_time.propose(with_goals(Goals(target=Target(soc_pct, later(minutes))), **changes))


def test_a_target_waits_for_the_last_moment_and_is_then_charged_for() -> None:
    # 30 % of 5.4 kWh and the losses are 1.8 kWh: 45 minutes with 2.4 kW, and some in hand
    assert not target(80, 120)
    assert range_w(target(80, 50)) == (-math.inf, 0)
    assert wanted_w(target(80, 50)) == pytest.approx(-2400, abs=100)
    assert wanted_w(target(80, 10)) == -2400, "what cannot be reached is tried"


def test_a_charge_for_a_target_is_not_ended_and_begun_again_with_each_percent() -> None:
    goals = Goals(target=Target(80, later(90)))
    home = Home(
        lambda _: 400, soc_pct=50, change=lambda known: replace(known, goals=goals, units=tuple(map(in_whole_percent, known.units)))
    )
    home.run(5400)
    ways = [power_w > 0 for _, power_w in home.writes if power_w]
    assert sum(one != other for one, other in pairwise(ways)) <= 8, "as far as it takes a few approaches"
    assert home.device.unit.soc_pct == pytest.approx(80, abs=0.5)


def in_whole_percent(state: UnitState) -> UnitState:
    assert state.soc_pct is not None
    return replace(state, soc_pct=replace(state.soc_pct, value=math.floor(state.soc_pct.value)))


def test_what_was_reached_is_kept_and_what_is_more_is_free() -> None:
    assert range_w(target(50, 30)) == (-math.inf, 0)
    assert not target(40, 30)
    assert not target(80, 0)


def test_a_target_without_a_known_charge_is_none() -> None:
    assert not target(80, 30, units=(unit(soc=None),))


# ---- others --------------------------------------------------------------------------------------------------------------


def test_an_envelope_from_outside_narrows_until_it_ends() -> None:
    known = situation(envelope=Envelope(-500, 0, later(15), "grid operator"))
    assert range_w(envelope.propose(known)) == (-500, 0)
    assert not envelope.propose(replace(known, at=later(15)))
    assert not envelope.propose(replace(known, clock_trusted=False))


def test_a_peak_of_import_is_shaved() -> None:
    assert range_w(peak_shaving.propose(with_goals(Goals(peak_import_w=2500), net_load=load(4000)))) == (1500 / 0.95, math.inf)
    assert range_w(peak_shaving.propose(with_goals(Goals(peak_import_w=2500), net_load=load(1000)))) == (-1500 / 1.05, math.inf), (
        "losses included"
    )
    assert not peak_shaving.propose(with_goals(Goals(peak_import_w=2500), net_load=None))
    assert not peak_shaving.propose(situation())


def test_what_costs_less_than_the_mark_is_stored() -> None:
    goals = Goals(soak_below_per_kwh=0.0)
    cheap = with_goals(goals, price=Price(-0.02, -0.05))
    assert wanted_w(negative_price_soak.propose(cheap)) == -2400
    assert not negative_price_soak.propose(replace(cheap, price=Price(0.0, 0.0)))
    assert not negative_price_soak.propose(replace(cheap, price=None))


# ---- all of them -----------------------------------------------------------------------------------------------------------


def test_safety_is_heard_first_and_self_use_last_whatever_the_owner_says() -> None:
    ranks = [rank for rank, _ in ordered((Rank.SELF_USE, Rank.PLAN, Rank.FLEET, Rank.SAFETY))]
    assert list(dict.fromkeys(ranks)) == [Rank.SAFETY, Rank.PLAN, Rank.FLEET, Rank.SELF_USE]
    assert list(dict.fromkeys(rank for rank, _ in ordered())) == list(Rank)


numbers = st.floats(allow_nan=True, allow_infinity=True) | st.floats(-5000, 5000)


@given(
    st.lists(numbers, min_size=5, max_size=5),
    st.none() | st.floats(0, 100),
    st.none() | st.integers(-100, 100).map(later),
    st.sampled_from([None, *Action]),
)
def test_no_strategy_breaks_over_what_it_is_shown(
    watts: list[float], soc: float | None, at: datetime | None, action: Action | None
) -> None:
    goals = Goals(peak_import_w=watts[0], spare_charger=True, soak_below_per_kwh=watts[1])
    if at is not None:
        goals = replace(goals, target=Target(80, at), backup_until=at, backup_pct=soc)
    known = situation(
        unit(soc=soc, limits=limits(600, 800)),
        meter=MeterSample(watts[2], 99.0, 1.0),
        net_load=load(watts[3]),
        charger_w=watts[4],
        price=Price(watts[0], watts[1]),
        goals=goals,
        overrides=() if action is None else (Override(action, later(5), "Ada", 500),),
    )
    for strategies in STRATEGIES.values():
        for strategy in strategies:
            said = strategy(known)
            assert said == strategy(known) or any(map(math.isnan, watts)), "it is a function"
            assert all(bound.reason for bound in said.bounds)


def test_several_units_that_follow_meters_of_their_own_are_told_what_that_costs() -> None:
    one, two = (self_use.propose(situation(*units, tier=Tier.NATIVE)).preference for units in ((unit(),), (unit("a"), unit("b"))))
    assert one is not None
    assert two is not None
    assert "store" not in one.reason + one.otherwise
    assert "may store what another one gives" in two.reason
    assert "pose" in two.otherwise
