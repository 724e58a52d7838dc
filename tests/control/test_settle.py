"""The fold of what all strategies say."""

from __future__ import annotations

import math

import pytest
from control_scene import load, situation
from hypothesis import given, strategies as st

from indevolt.control.decision import Bound, Preference, Proposal, Weight
from indevolt.control.settle import Settled, settle
from indevolt.control.situation import Rank, Situation, Tier

FOLLOW = Preference(None, "the house")


def said(*proposals: tuple[Rank, Proposal]) -> Settled:
    return settle(situation(), proposals)


def bound(low_w: float, high_w: float, *, soft: bool = False) -> Proposal:
    return Proposal("bound", (Bound(low_w, high_w, f"{low_w} to {high_w}", soft=soft),))


def wish(power_w: float | None, *bounds: Bound) -> Proposal:
    return Proposal("wish", bounds, Preference(power_w, f"wants {power_w}"))


def weights(settled: Settled) -> list[Weight]:
    return [reason.weight for reason in settled.reasons]


def test_nobody_wants_anything_so_it_rests() -> None:
    assert said().power_w == 0
    assert weights(said()) == [Weight.CHOSEN]


def test_the_wish_of_higher_rank_holds_and_the_other_is_kept() -> None:
    settled = said((Rank.OWNER, wish(-500)), (Rank.PLAN, wish(800)))
    assert settled.power_w == settled.wanted_w == -500
    assert weights(settled) == [Weight.CHOSEN, Weight.OUTRANKED]


def test_bounds_above_the_wish_narrow_it() -> None:
    settled = said((Rank.SAFETY, bound(-2400, 600)), (Rank.OWNER, wish(1000)))
    assert settled.power_w == 600
    assert weights(settled) == [Weight.CHOSEN, Weight.BINDING]


def test_bounds_below_the_wish_do_not() -> None:
    settled = said((Rank.OWNER, wish(1000)), (Rank.PLAN, bound(-2400, 0)))
    assert settled.power_w == 1000
    assert weights(settled) == [Weight.CHOSEN, Weight.OVERRULED]


def test_the_bound_of_a_wish_holds_for_it() -> None:
    assert said((Rank.PLAN, wish(None, Bound.at_most(0.0, "hold")))).power_w == 0


def test_of_two_bounds_that_contradict_each_other_the_first_holds() -> None:
    settled = said((Rank.SAFETY, bound(-2400, 0)), (Rank.PLAN, bound(500, 2400)), (Rank.SELF_USE, wish(None)))
    assert settled.power_w == 0  # as near to 500 as safety lets it
    assert [reason.weight for reason in settled.reasons if reason.text.startswith("500")] == [Weight.OVERRULED]


def test_following_the_house_is_what_the_observer_wants() -> None:
    settled = said((Rank.SELF_USE, wish(None)))
    assert settled.power_w == 400
    assert settled.follows_house


def test_a_wish_that_a_moving_bound_holds_down_follows_the_house_too() -> None:
    settled = said((Rank.SAFETY, bound(-2400, 300, soft=True)), (Rank.OWNER, wish(1000)))
    assert settled.power_w == 300
    assert settled.follows_house
    assert (settled.hard_low_w, settled.hard_high_w) == (-math.inf, math.inf)
    assert not said((Rank.SAFETY, bound(-2400, 300)), (Rank.OWNER, wish(1000))).follows_house


@pytest.mark.parametrize("tier", [Tier.NATIVE, Tier.POSED])
def test_where_the_device_has_a_loop_it_is_left_to_it(tier: Tier) -> None:
    known = situation(tier=tier)
    assert settle(known, [(Rank.SELF_USE, wish(None))]).power_w is None


def test_the_loop_is_taken_over_where_it_would_leave_the_range() -> None:
    known = situation(tier=Tier.NATIVE)
    assert settle(known, [(Rank.PLAN, wish(None, Bound.at_most(0.0, "hold")))]).power_w == 0
    charging = situation(tier=Tier.NATIVE, net_load=load(-800))
    assert settle(charging, [(Rank.PLAN, wish(None, Bound.at_most(0.0, "hold")))]).power_w is None


def test_a_loop_that_nobody_sees_is_taken_over_by_any_bound_that_may_matter() -> None:
    blind = situation(tier=Tier.NATIVE, net_load=None)
    assert settle(blind, [(Rank.SELF_USE, wish(None))]).power_w is None
    assert settle(blind, [(Rank.PLAN, wish(None, Bound.at_most(0.0, "hold")))]).power_w == 0


def test_the_loop_goes_on_where_a_bound_is_for_commands_only() -> None:
    blind = Bound.at_most(0.0, "nobody sees the house", own=True)
    settled = settle(situation(tier=Tier.NATIVE), [(Rank.SAFETY, Proposal("bound", (blind,))), (Rank.SELF_USE, wish(None))])
    assert settled.power_w is None
    assert [reason.weight for reason in settled.reasons if reason.text == blind.reason] == [Weight.SLACK]
    commanded = settle(situation(tier=Tier.NATIVE), [(Rank.SAFETY, Proposal("bound", (blind,))), (Rank.OWNER, wish(800))])
    assert commanded.power_w == 0
    posed = settle(situation(tier=Tier.REALTIME), [(Rank.SAFETY, Proposal("bound", (blind,))), (Rank.SELF_USE, wish(None))])
    assert posed.power_w == 0


def between(one_w: float, other_w: float, soft: bool) -> Bound:
    return Bound(min(one_w, other_w), max(one_w, other_w), "drawn", soft=soft)


watts = st.floats(-3000, 3000)
bounds = st.lists(st.builds(between, watts, watts, st.booleans()), max_size=3).map(tuple)
wishes = st.none() | st.builds(
    Preference, st.none() | st.floats(-3000, 3000) | st.sampled_from([math.inf, -math.inf]), st.just("drawn")
)
proposals = st.lists(st.builds(Proposal, st.just("drawn"), bounds, wishes), max_size=6)


@given(proposals, st.sampled_from(list(Tier)))
def test_whatever_is_said_the_power_stays_in_what_the_first_bound_allows(drawn: list[Proposal], tier: Tier) -> None:
    first = Bound(-1000.0, 700.0, "safety")
    folded = settle(situation(tier=tier), [(Rank.SAFETY, Proposal("safety", (first,))), *((Rank.PLAN, each) for each in drawn)])
    assert -1000 <= folded.low_w <= folded.high_w <= 700
    assert folded.hard_low_w <= folded.low_w
    assert folded.high_w <= folded.hard_high_w
    if folded.power_w is not None:
        assert folded.low_w <= folded.power_w <= folded.high_w
    assert weights(folded).count(Weight.CHOSEN) == 1
    assert len(folded.reasons) == 1 + sum(len(each.bounds) + (each.preference is not None) for each in drawn) + (
        0 if any(each.preference for each in drawn) else 1
    ), "every reason is kept"


@given(st.lists(bounds, min_size=1, max_size=4))
def test_bounds_that_agree_narrow_to_their_intersection(drawn: list[tuple[Bound, ...]]) -> None:
    every = [each for some in drawn for each in some]
    low = max((each.low_w for each in every), default=-math.inf)
    high = min((each.high_w for each in every), default=math.inf)
    if low <= high:
        folded = settle(situation(), [(Rank.SAFETY, Proposal("drawn", some)) for some in drawn])
        assert (folded.low_w, folded.high_w) == (low, high)


def test_no_situation_is_needed_to_be_silent() -> None:
    silent: Situation = situation(net_load=None, meter=None)
    assert settle(silent, [(Rank.SELF_USE, Proposal("nobody"))]).power_w == 0
