"""What a conversion costs, and how power moves: the same in one long step as in many short ones."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from indevolt.simulator.converter import AWAKE_W, INSTANT, LIFELIKE, Motion, Response, to_ac, to_dc

watts = st.floats(-5000, 5000, allow_subnormal=False)
own_watts = st.floats(0, 300, allow_subnormal=False)
responses = st.builds(Response, st.floats(0, 5), st.floats(0, 5), st.floats(0, 20), st.floats(10, 5000))
Legs = list[tuple[float, float, int]]  # target, seconds, in so many pieces
legs = st.lists(st.tuples(st.just(0.0) | watts, st.floats(0.01, 60), st.integers(1, 9)), min_size=1, max_size=6)


# ---- what a conversion costs -------------------------------------------------------------------------------------------


@given(watts, own_watts)
def test_each_direction_of_the_loss_curve_undoes_the_other(power_w: float, own_w: float) -> None:
    assert to_dc(to_ac(power_w, own_w), own_w) == pytest.approx(power_w, abs=1e-6)
    assert to_ac(to_dc(power_w, own_w), own_w) == pytest.approx(power_w, abs=1e-6)


@given(watts, st.floats(0.1, 500), own_watts)
def test_more_power_in_is_more_power_out_and_never_without_a_loss(dc_w: float, more_w: float, own_w: float) -> None:
    assert to_ac(dc_w + more_w, own_w) > to_ac(dc_w, own_w)
    assert dc_w - to_ac(dc_w, own_w) >= own_w - 1e-9


@pytest.mark.parametrize(("dc_w", "ac_w"), [(726, 661), (2451, 2240)])  # protocol.md, section 12
def test_the_loss_curve_goes_through_both_captured_pairs(dc_w: float, ac_w: float) -> None:
    assert to_ac(dc_w) == pytest.approx(ac_w, abs=0.1)
    assert to_dc(ac_w) == pytest.approx(dc_w, abs=0.1)


def test_at_no_power_only_the_own_consumption_is_lost() -> None:
    assert to_ac(0) == -AWAKE_W == -20
    assert to_ac(0, 7) == -7


def test_what_charges_at_the_socket_pays_twice_as_well() -> None:
    battery_w = -to_dc(-1000)
    assert 900 < battery_w < 1000 - AWAKE_W
    assert 0.78 < to_ac(battery_w) / 1000 < 0.9  # there and back again


# ---- how power moves ---------------------------------------------------------------------------------------------------


def moved(legs: Legs, response: Response, *, in_pieces: bool) -> tuple[float, Motion]:
    """Return the energy in Ws, and the motion as it ends."""
    motion, energy = Motion(), 0.0
    for target_w, seconds, pieces in legs:
        count = pieces if in_pieces else 1
        for _ in range(count):
            energy += motion.move(target_w, seconds / count, response) * (seconds / count)
    return energy, motion


@given(legs, responses)
def test_a_step_may_be_split_into_any_smaller_ones(legs: Legs, response: Response) -> None:
    whole, once = moved(legs, response, in_pieces=False)
    parts, often = moved(legs, response, in_pieces=True)
    assert parts == pytest.approx(whole, abs=1e-3)
    assert often.level_w == pytest.approx(once.level_w, abs=1e-4)
    assert often.wait_s == pytest.approx(once.wait_s, abs=1e-6)


@given(legs, responses)
def test_power_never_passes_its_target_nor_moves_faster_than_it_can(legs: Legs, response: Response) -> None:
    motion = Motion()
    for target_w, seconds, _ in legs:
        before = motion.level_w
        mean = motion.move(target_w, seconds, response)
        low, high = min(before, target_w), max(before, target_w)
        assert low - 1e-6 <= motion.level_w <= high + 1e-6
        assert low - 1e-6 <= mean <= high + 1e-6
        assert abs(motion.level_w - before) <= response.slew_w_per_s * seconds + 1e-6


def levels(motion: Motion, target_w: float, seconds: int, response: Response = LIFELIKE) -> list[float]:
    """Return the power after each quarter of a second."""
    return [(motion.move(target_w, 0.25, response), motion.level_w)[1] for _ in range(4 * seconds)]


def test_from_rest_power_waits_and_then_climbs() -> None:
    curve = levels(Motion(), 800, 5)
    assert curve[:6] == [0] * 6  # 1.5 s
    assert curve[6:14] == pytest.approx([100 * step for step in range(1, 9)])  # 400 W a second
    assert curve[14:] == [800] * 6


def test_between_the_directions_power_rests_longer() -> None:
    motion = Motion()
    levels(motion, 250, 4)
    curve = levels(motion, -200, 5)
    assert curve[:2] == pytest.approx([150, 50])
    assert curve[2:14] == [0] * 12  # 3 s
    assert curve[14:17] == pytest.approx([-50, -150, -200])


def test_what_was_at_rest_for_a_moment_starts_anew() -> None:
    motion = Motion()
    levels(motion, 200, 4)
    motion.move(0, 2, LIFELIKE)
    curve = levels(motion, 200, 2)
    assert curve[:6] == [0] * 6
    assert curve[6] == pytest.approx(100)


def test_a_start_that_was_called_off_starts_anew() -> None:
    motion = Motion()
    assert levels(motion, 400, 1) == [0] * 4
    motion.move(0, 0.25, LIFELIKE)
    curve = levels(motion, 400, 2)
    assert curve[:6] == [0] * 6
    assert curve[6] == pytest.approx(100)


def test_what_wakes_waits_longest_and_then_as_told_once() -> None:
    motion = Motion()
    motion.wait_s = LIFELIKE.wake_s
    curve = levels(motion, 400, 12)
    assert curve[:40] == [0] * 40  # 10 s
    assert curve[40] == pytest.approx(100)


def test_small_changes_on_the_way_do_not_wait() -> None:
    motion = Motion()
    levels(motion, 400, 4)
    assert levels(motion, 500, 1)[0] == pytest.approx(500)
    assert levels(motion, 450, 1)[0] == pytest.approx(450)


def test_an_instant_response_is_there_at_once() -> None:
    motion = Motion()
    assert INSTANT.is_instant
    assert not LIFELIKE.is_instant
    assert motion.move(2400, 1, INSTANT) == 2400
    assert motion.move(-2400, 0, INSTANT) == motion.level_w == -2400


def test_a_placed_power_is_where_it_was_put_and_goes_on_from_there() -> None:
    motion = Motion()
    motion.place(-600)
    assert motion.move(-1000, 1, LIFELIKE) == pytest.approx(-800)
    assert motion.level_w == pytest.approx(-1000)
    motion.place(-100)
    assert levels(motion, 100, 4)[:13] == [0] * 13  # a quarter of a second to rest, and 3 s there: it knows where it came from


def test_no_time_moves_nothing() -> None:
    motion = Motion()
    motion.place(300)
    assert motion.move(2000, 0, LIFELIKE) == 300
    assert motion.level_w == 300
