"""What of a wish becomes a command."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from indevolt.control.steady import Steady, Wish

FAR = 2400.0


def wish(power_w: float, *, low_w: float = -FAR, high_w: float = FAR, grid_w: float = 0.0, follows: bool = True) -> Wish:
    return Wish(power_w, low_w, high_w, follows, grid_w, 1.0)


def discharging(power_w: float, *, at_s: float = 0.0) -> Steady:
    steady = Steady()
    steady.sent(at_s, power_w)
    steady.consider(at_s, wish(power_w))
    return steady


def tell(steady: Steady, power_w: float, *, seconds: float, start_s: float, grid_w: float = 0.0) -> list[tuple[float, float]]:
    """Wish for the same every half second, command what comes of it, and return the commands."""
    sent = []
    for step in range(round(seconds * 2)):
        now = start_s + step / 2
        power = steady.consider(now, wish(power_w, grid_w=grid_w))
        if power != steady.commanded_w:
            steady.sent(now, power)
            sent.append((now, power))
    return sent


def test_a_kilowatt_from_rest_is_worth_it_within_two_seconds() -> None:
    ((at_s, power_w),) = tell(Steady(), 1000, seconds=5, start_s=0.50)
    assert power_w == 1000
    assert at_s <= 102


def test_from_rest_a_little_has_to_last() -> None:
    ((at_s, _),) = tell(Steady(), 60, seconds=60, start_s=100)
    assert at_s == pytest.approx(120, abs=1)


def test_below_the_start_it_stays_at_rest() -> None:
    assert tell(Steady(), 59, seconds=600, start_s=0) == []


def test_small_power_is_held_at_the_least_and_then_let_go() -> None:
    assert tell(discharging(80), 30, seconds=10, start_s=0.5)[-1][1] == 50
    assert tell(discharging(50), 19, seconds=10, start_s=0.5)[-1][1] == 0


def test_a_difference_in_the_deadband_is_left_alone() -> None:
    assert tell(discharging(400), 411, seconds=60, start_s=0.5) == []
    assert tell(discharging(2000), 1965, seconds=60, start_s=0.5) == []


def test_while_there_is_export_less_is_commanded_sooner() -> None:
    assert tell(discharging(400), 393, seconds=60, start_s=0.5, grid_w=-7)[0][1] == 393
    assert tell(discharging(400), 393, seconds=60, start_s=0.5, grid_w=7) == []


def test_a_small_difference_is_commanded_once_it_has_cost_enough() -> None:
    ((at_s, _),) = tell(discharging(400), 420, seconds=10, start_s=0.5)
    assert 4 <= at_s <= 5


def test_commands_are_two_seconds_apart_and_an_urgent_cut_one() -> None:
    steady = discharging(1000, at_s=10)
    assert steady.consider(11, wish(500)) == 1000
    assert steady.consider(11.5, wish(500, grid_w=-500)) == 500
    assert discharging(1000, at_s=10).consider(12, wish(500)) == 500


def test_with_a_slow_meter_they_are_five_seconds_apart() -> None:
    steady = discharging(1000, at_s=10)
    slow = Wish(500, -FAR, FAR, follows_house=True, grid_w=0, period_s=10)
    assert steady.consider(14, slow) == 1000
    assert steady.consider(15, slow) == 500


def test_the_other_direction_has_to_be_wanted_for_a_while() -> None:
    sent = tell(discharging(400), -480, seconds=60, start_s=0.5)
    assert [power for _, power in sent] == [0, -480]
    assert sent[1][0] - sent[0][0] == pytest.approx(3, abs=1)


def test_between_two_changes_of_direction_half_a_minute_passes() -> None:
    steady = discharging(400)
    tell(steady, -2000, seconds=10, start_s=0.5)
    assert steady.commanded_w == -2000
    turned_s = steady.sent_s
    sent = tell(steady, 2000, seconds=60, start_s=10.5)
    assert [power for _, power in sent] == [0, 2000]
    assert sent[-1][0] - turned_s == pytest.approx(30, abs=1)


def test_who_wants_just_this_power_gets_it_at_once() -> None:
    assert Steady().consider(10, wish(-800, follows=False)) == -800
    steady = discharging(400)
    assert steady.consider(10, wish(405, follows=False)) == 405


def test_what_is_out_of_range_is_left_at_once() -> None:
    steady = discharging(400, at_s=10)
    assert steady.consider(10.5, wish(400, high_w=395)) == 395
    assert steady.consider(10.5, wish(400, high_w=0)) == 0
    assert steady.consider(10.5, wish(400, high_w=40)) == 0  # the device can do no less than 50 W


@given(
    st.lists(
        st.tuples(
            st.floats(0.1, 20),
            st.floats(-5000, 5000),
            st.floats(-2400, 0),
            st.floats(0, 2400),
            st.booleans(),
            st.floats(-3000, 3000),
        ),
        max_size=40,
    )
)
def test_no_sequence_of_wishes_leaves_the_range_or_the_device_s_least_power(
    wishes: list[tuple[float, float, float, float, bool, float]],
) -> None:
    steady, now = Steady(), 0.0
    for pause, power, low, high, follows, grid in wishes:
        now += pause
        commanded = steady.consider(now, Wish(power, low, high, follows, grid, 1.0))
        assert low <= commanded <= high
        assert commanded == 0 or abs(commanded) >= 50
        steady.sent(now, commanded)


@given(st.lists(st.tuples(st.floats(0.1, 3), st.floats(-1500, 1500)), max_size=60))
def test_directions_never_change_more_often_than_the_dwell(wishes: list[tuple[float, float]]) -> None:
    steady, now, facing, turned = Steady(), 0.0, 0, -math.inf
    for pause, power in wishes:
        now += pause
        commanded = steady.consider(now, wish(power))
        steady.sent(now, commanded)
        way = (commanded > 0) - (commanded < 0)
        if way and facing and way != facing:
            assert now - turned >= 30
            turned = now
        facing = way or facing


def test_what_had_to_be_let_go_is_taken_up_again_at_once_with_a_slow_meter_too() -> None:
    slow = replace(wish(1000), period_s=10.0)
    for cut, back_s in ((False, 5.0), (True, 1.0)):
        steady = discharging(1000)
        if cut:
            steady.sent(10.0, steady.consider(10.0, replace(slow, high_w=400)))
        else:
            steady.sent(10.0, 400)
        assert steady.commanded_w == 400
        taken_up = next(now for step in range(40) if steady.consider(now := 10.5 + step / 2, slow) == 1000)
        assert taken_up == pytest.approx(10 + back_s, abs=0.5)


def test_a_small_difference_has_to_last_unless_the_meter_is_slow_anyway() -> None:
    for period_s, after_s in ((1.0, 4.0), (5.0, 0.5)):
        steady = discharging(400, at_s=90.0)
        steady.consider(100.0, replace(wish(400), period_s=period_s))
        worth = next(
            now for step in range(40) if steady.consider(now := 100.5 + step / 2, replace(wish(420), period_s=period_s)) != 400
        )
        assert worth == 100 + after_s
