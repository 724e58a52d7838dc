"""The track of a unit: what it gives after its commands."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from indevolt.control.response import Track
from indevolt.control.situation import Dynamics
from indevolt.simulator.converter import Motion, Response

KNOWN = Dynamics(dead_s=1.5, slew_w_per_s=400, start_s=1.5, swap_s=3.0, gain=1.0, charge_gain=1.0)


def test_a_command_works_after_the_dead_time_and_along_the_slope() -> None:
    track = Track(KNOWN, power_w=200)
    track.command(10.0, 600)
    assert track.level_w(11.5) == 200
    assert track.level_w(12.0) == 400
    assert track.level_w(12.5) == track.level_w(60) == track.final_w == 600
    assert track.final_s == 12.5


def test_from_rest_it_waits_to_start() -> None:
    track = Track(KNOWN)
    track.command(10.0, 400)
    assert track.level_w(13.0) == 0
    assert track.level_w(14.0) == 400


def test_between_directions_it_waits_at_rest() -> None:
    track = Track(KNOWN, power_w=400)
    track.command(0.0, -400)
    assert track.level_w(2.5) == 0  # dead time and the way down
    assert track.level_w(5.5) == 0  # the dwell
    assert track.level_w(6.5) == -400


def test_a_command_before_the_last_one_worked_replaces_it() -> None:
    track = Track(KNOWN, power_w=100)
    track.command(0.0, 900)
    track.command(1.0, 300)
    assert track.level_w(2.5) == 500  # 1 s of the way to 900
    assert track.final_w == 300
    assert track.level_w(3.0) == 300


def test_a_start_that_has_begun_is_not_begun_again() -> None:
    track = Track(KNOWN)
    track.command(0.0, 400)
    track.command(1.0, 800)
    assert track.level_w(3.0) == 0
    assert track.level_w(4.0) == 400


def test_the_gain_is_what_arrives_at_the_meter() -> None:
    track = Track(replace(KNOWN, gain=0.9))
    track.command(0.0, 1000)
    assert track.final_w == 900


def test_a_range_has_every_corner_in_it() -> None:
    track = Track(KNOWN, power_w=300)
    track.command(0.0, 900)
    track.command(2.0, 100)
    assert track.range_w(0, 10) == (100, 900)
    assert track.range_w(0, 1) == (300, 300)


def test_what_it_tells_by_itself_is_where_it_is() -> None:
    track = Track(KNOWN, power_w=300)
    track.command(0.0, 900)
    track.place(1.0, 250)
    assert track.level_w(30) == 250


@given(
    st.lists(st.tuples(st.floats(0.5, 9), st.integers(-2400, 2400)), min_size=1, max_size=12),
    st.floats(0, 5),
)
def test_it_never_leaves_what_was_commanded(commands: list[tuple[float, int]], dead_s: float) -> None:
    track, now = Track(replace(KNOWN, dead_s=dead_s)), 0.0
    for pause, power in commands:
        now += pause
        track.command(now, power)
        low, high = track.range_w(now - 20, now + 60)
        powers = [0, *(each for _, each in commands)]
        assert min(powers) <= low <= high <= max(powers)
    assert track.level_w(now + 60) == commands[-1][1]


@pytest.mark.parametrize("powers", [(300, 900, 100), (600, -600, 600), (0, 500, 0), (-800, -200, 1000)])
def test_it_is_where_the_simulated_converter_is(powers: tuple[int, ...]) -> None:
    # Two independent descriptions of the same converter: exact motion there, a line of corners here.
    motion, response = Motion(), Response()
    track, sent_s = Track(replace(KNOWN, dead_s=0.0)), 0.0
    for power in powers:
        track.command(sent_s, power)
        for half in range(40):
            motion.move(power, 0.5, response)
            assert track.level_w(sent_s + half / 2 + 0.5) == pytest.approx(motion.level_w, abs=1e-6)
        sent_s += 20.0
