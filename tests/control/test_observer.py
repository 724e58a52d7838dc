"""The observer: what the house takes, through a late meter and behind a slow battery."""

from __future__ import annotations

import pytest
from control_scene import sample

from indevolt.control.observer import Aim, Observer
from indevolt.control.situation import Dynamics, MeterSample, NetLoad, Seen

EXACT = Dynamics(dead_s=1.5, gain=1.0)
AIM = Aim(grid_w=0.0)


def watching(dynamics: Dynamics = EXACT) -> Observer:
    return Observer({"battery": dynamics})


def estimate(observer: Observer, aim: Aim = AIM) -> NetLoad:
    found = observer.net_load(aim)
    assert found is not None
    return found


def test_before_the_first_sample_nothing_is_known() -> None:
    assert watching().net_load(AIM) is None


def test_without_a_battery_the_load_is_what_the_meter_shows() -> None:
    observer = watching()
    observer.see(sample(700, at_s=1), AIM)
    found = estimate(observer)
    assert (found.power_w, found.low_w, found.high_w, found.wanted_w) == (700, 700, 700, 700)


def test_what_the_battery_gives_is_counted_at_the_time_of_the_sample() -> None:
    observer = watching()
    observer.see(sample(1000, at_s=1), AIM)
    observer.sent("battery", 1.0, 1000)
    observer.see(sample(0, at_s=20), AIM)
    assert estimate(observer).power_w == 1000


def test_an_echo_of_our_own_step_changes_nothing() -> None:
    # The meter still shows 1 kW of import while the battery is on its way: a law that trusts it would command 2 kW.
    observer = watching()
    observer.see(sample(1000, at_s=1), AIM)
    observer.sent("battery", 1.0, 1000)
    for at_s, grid in [(2, 1000), (3, 1000), (4, 1000), (5, 600), (6, 200), (7, 0), (8, 0)]:
        observer.see(sample(grid, at_s=at_s), AIM)
        assert estimate(observer).power_w == pytest.approx(1000, abs=1), at_s


def test_what_the_battery_cannot_explain_is_a_step_of_the_house() -> None:
    observer = watching()
    observer.see(sample(1000, at_s=1), AIM)
    observer.sent("battery", 1.0, 1000)
    observer.see(sample(3000, at_s=3), AIM)
    assert estimate(observer).power_w >= 3000


def test_small_surprises_are_halved_and_large_ones_believed() -> None:
    observer = watching()
    observer.see(sample(500, at_s=1), AIM)
    observer.see(sample(540, at_s=2), AIM)
    assert estimate(observer).power_w == 520
    observer.see(sample(800, at_s=3), AIM)
    assert estimate(observer).power_w == 800


def test_a_sample_that_is_not_newer_is_ignored() -> None:
    observer = watching()
    assert observer.see(sample(500, at_s=2), AIM)
    assert not observer.see(sample(900, at_s=2), AIM)
    assert not observer.see(sample(900, at_s=1), AIM)
    assert estimate(observer).power_w == 500


def alternate(observer: Observer, half_cycle_s: float, *, seconds: int, high_w: float = 1500) -> None:
    for second in range(1, seconds):
        up = (second // half_cycle_s) % 2
        observer.see(MeterSample(200 + high_w * up, float(second), 1.0, second + 0.5), AIM)


def test_a_hob_that_switches_too_fast_is_met_at_a_quantile() -> None:
    observer = watching()
    alternate(observer, 4, seconds=40)
    assert estimate(observer).chattering
    assert estimate(observer, Aim(0.0, 0.2)).power_w == 200
    assert estimate(observer, Aim(0.0, 0.8)).power_w == 1700


def test_an_oven_that_switches_slowly_is_followed() -> None:
    observer = watching()
    alternate(observer, 40, seconds=170)
    found = estimate(observer)
    assert not found.chattering
    assert found.power_w == 200


def test_steps_that_are_not_alike_are_no_chatter() -> None:
    observer = watching()
    for second, grid in enumerate([200, 1700, 900, 1100, 300, 2200, 200]):
        observer.see(sample(grid, at_s=2.0 * second), AIM)
    assert not estimate(observer).chattering


def test_the_trim_takes_a_residual_away_and_stays_small() -> None:
    observer = watching()
    observer.sent("battery", 0.0, 1000)
    for second in range(20, 60):
        observer.see(sample(20, at_s=second), AIM)
    found = estimate(observer)
    assert found.wanted_w - found.power_w == pytest.approx(20 * 0.06 * 39, abs=2)
    for second in range(60, 400):
        observer.see(sample(50, at_s=second), AIM)
    assert estimate(observer).wanted_w - estimate(observer).power_w == 60


def test_a_battery_at_its_limit_does_not_wind_the_trim_up() -> None:
    observer = watching()
    observer.sent("battery", 0.0, 1000)
    for second in range(20, 60):
        observer.see(sample(50, at_s=second), AIM, saturated=True)
    assert estimate(observer).wanted_w == estimate(observer).power_w


def test_the_trim_of_one_direction_does_not_count_in_the_other() -> None:
    observer = watching()
    observer.sent("battery", 0.0, 1000)
    for second in range(20, 60):
        observer.see(sample(50, at_s=second), AIM)
    observer.sent("battery", 60.0, -500)
    found = estimate(observer)
    assert found.wanted_w == found.power_w


def test_more_is_commanded_than_wanted_at_the_meter_where_something_is_lost() -> None:
    observer = watching(Dynamics(gain=0.9))
    observer.see(sample(905, at_s=1), Aim(5.0))
    assert estimate(observer, Aim(5.0)).wanted_w == pytest.approx(1000)


def test_a_unit_that_gives_less_than_it_was_told_shows_a_limit_for_a_while() -> None:
    observer = watching()
    observer.sent("battery", 0.0, 1000)
    for at_s in (10, 15, 21):
        observer.told("battery", Seen(600, at_s), commanded=True)
    assert observer.limit_w("battery", 30) == 600
    assert observer.limit_w("battery", 82) is None


def test_telemetry_that_is_late_is_no_limit() -> None:
    observer = watching()
    observer.sent("battery", 0.0, 1000)
    observer.told("battery", Seen(0, 1), commanded=True)
    observer.told("battery", Seen(600, 10), commanded=True)
    observer.told("battery", Seen(990, 15), commanded=True)
    observer.told("battery", Seen(600, 21), commanded=True)
    assert observer.limit_w("battery", 22) is None


def test_what_a_unit_does_the_other_way_is_no_limit_of_either() -> None:
    """A unit that is full takes nothing, and a few watts that it gives meanwhile are not the most that it can give."""
    observer = watching()
    observer.sent("battery", 0.0, -1000)
    for at_s in (10, 15, 21):
        observer.told("battery", Seen(30, at_s), commanded=True)
    assert observer.limit_w("battery", 22) is None


def test_a_unit_in_its_own_loop_is_where_it_says() -> None:
    observer = watching()
    observer.told("battery", Seen(350, 1), commanded=False)
    observer.see(sample(10, at_s=2), AIM)
    assert estimate(observer).power_w == 360
