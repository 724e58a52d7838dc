"""The bypass socket tells a load from a micro-inverter, and cuts off what is too much for it."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from indevolt.simulator.bypass import Bypass

MOST_W = 2400.0
QUARTER_S = 900


def carried(socket: Bypass, offered_w: float, seconds: int, *, welcome_w: float | None = None) -> list[float]:
    """Return what flowed in each second."""
    return [socket.carry(offered_w, 1, most_w=MOST_W, welcome_w=welcome_w) for _ in range(seconds)]


def seconds_until_it_turns(socket: Bypass, offered_w: float) -> int | None:
    before = socket.feeds_in
    for second in range(1, 120):
        socket.carry(offered_w, 1, most_w=MOST_W, welcome_w=None)
        if socket.feeds_in != before:
            return second
    return None


# ---- what hangs on it (protocol.md, section 15) --------------------------------------------------------------------------


def test_a_micro_inverter_is_known_after_5_s_and_a_load_after_20_s() -> None:
    socket = Bypass()
    seen = [(socket.feeds_in, seconds_until_it_turns(socket, offered_w), socket.feeds_in) for offered_w in (-31, 31)]
    assert seen == [(False, 5, True), (True, 20, False)]


@pytest.mark.parametrize("offered_w", [0, 30, -30, 29.9, -29.9])
def test_what_is_too_little_to_notice_turns_nothing(offered_w: float) -> None:
    load, micro_inverter = Bypass(), Bypass()
    seconds_until_it_turns(micro_inverter, -500)
    assert seconds_until_it_turns(load, offered_w) is None
    assert seconds_until_it_turns(micro_inverter, offered_w) is None


def test_a_cloud_does_not_make_a_load_of_a_micro_inverter_nor_add_up() -> None:
    socket = Bypass()
    seconds_until_it_turns(socket, -500)
    for _ in range(10):
        carried(socket, 100, 19)
        carried(socket, -500, 1)
    assert socket.feeds_in


# ---- too much ------------------------------------------------------------------------------------------------------------


def test_an_overload_cuts_off_and_a_quarter_of_an_hour_later_it_tries_again() -> None:
    socket = Bypass()
    assert carried(socket, MOST_W + 1, 3) == [MOST_W + 1, MOST_W + 1, 0]
    assert not any(carried(socket, 500, QUARTER_S))
    assert carried(socket, 500, 3) == [500] * 3


def test_an_overload_that_stays_is_cut_off_again_and_again() -> None:
    flowing = [power > 0 for power in carried(Bypass(), 3000, 3 * QUARTER_S)]
    assert sum(flowing) == 3 * 2
    assert flowing[:2] == [True, True]


def test_the_start_of_a_motor_is_no_overload() -> None:
    socket = Bypass()
    assert carried(socket, 4000, 2) == [4000, 4000]
    assert carried(socket, 800, 5) == [800] * 5
    assert carried(socket, 4000, 2) == [4000, 4000]


def test_all_that_it_carries_it_carries_for_ever() -> None:
    assert set(carried(Bypass(), MOST_W, 2000)) == {MOST_W}
    assert set(carried(Bypass(), -MOST_W, 2000)) == {-MOST_W}


# ---- a micro-inverter that a full battery has no use for (control.md, section 0) -----------------------------------------


@pytest.mark.parametrize(
    ("welcome_w", "fed_in_w", "stays"),
    [
        (0, 50, True),  # 50 W more than wanted are let through ...
        (0, 51, False),
        (400, 450, True),
        (400, 451, False),
        (1000, 1100, True),  # ... or a tenth
        (1000, 1101, False),
    ],
)
def test_a_micro_inverter_may_feed_a_little_more_than_wanted(welcome_w: float, fed_in_w: float, *, stays: bool) -> None:
    flowing = carried(Bypass(), -fed_in_w, 40, welcome_w=welcome_w)
    assert set(flowing[:30]) == {-fed_in_w}
    assert set(flowing[30:]) == ({-fed_in_w} if stays else {0})


def test_where_all_is_welcome_a_micro_inverter_stays() -> None:
    assert set(carried(Bypass(), -1500, 200)) == {-1500}


def test_a_cut_off_micro_inverter_comes_back_after_a_quarter_of_an_hour() -> None:
    socket = Bypass()
    carried(socket, -800, 31, welcome_w=0)
    assert not any(carried(socket, -800, QUARTER_S))
    assert carried(socket, -800, 1) == [-800]


@given(st.lists(st.tuples(st.floats(-4000, 4000), st.floats(0, 1000)), max_size=20), st.none() | st.floats(0, 2400))
def test_either_all_of_what_is_offered_flows_or_nothing(offers: list[tuple[float, float]], welcome_w: float | None) -> None:
    socket = Bypass()
    for offered_w, seconds in offers:
        assert socket.carry(offered_w, seconds, most_w=MOST_W, welcome_w=welcome_w) in (0, offered_w)
