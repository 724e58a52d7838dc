"""A device that repeats itself is noticed, and one that merely has nothing to do is not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from indevolt.battery import Quality, Reading, Sample
from indevolt.hub.freeze import CLOCK_AFTER_S, FROZEN_AFTER_S, LEAST_W, FreezeWatch

START = datetime(2026, 6, 21, 10, tzinfo=UTC)


def reading(**values: Any) -> Reading:
    samples = {name: Sample(name, value, "", START, Quality.LIVE) for name, value in values.items()}
    return Reading("cellar", "gen2", START, samples)


def frozen_after(watch: FreezeWatch, seconds: float, **changing: Any) -> bool:
    """Show a watch the same reading every 5 s, but for what changes; return what it says in the end."""
    verdict = False
    for at_s in range(0, int(seconds) + 1, 5):
        values = {name: value(at_s) if callable(value) else value for name, value in changing.items()}
        verdict = watch.look(reading(**values), float(at_s))
    return verdict


def ticking(at_s: float) -> datetime:
    return START + timedelta(seconds=at_s)


def test_the_same_values_with_power_flowing_are_a_freeze_after_two_minutes() -> None:
    same: dict[str, Any] = {"battery_power": 700, "battery_soc": 55}
    assert not frozen_after(FreezeWatch(), FROZEN_AFTER_S - 5, **same)
    assert frozen_after(FreezeWatch(), FROZEN_AFTER_S, **same)


@pytest.mark.parametrize("name", ["battery_power", "ac_power", "meter_power"])
@pytest.mark.parametrize("sign", [1, -1])
def test_power_in_either_direction_counts(name: str, sign: int) -> None:
    assert frozen_after(FreezeWatch(), FROZEN_AFTER_S, **{name: sign * LEAST_W})


def test_a_device_at_rest_may_repeat_itself_all_night() -> None:
    assert not frozen_after(FreezeWatch(), 8 * 3600, battery_power=0, battery_soc=10, meter_power=LEAST_W - 1)


def test_a_clock_that_goes_on_shows_that_the_device_is_awake() -> None:
    assert not frozen_after(FreezeWatch(), 600, battery_power=700, device_time=ticking)


def test_a_clock_that_stands_still_is_a_freeze_even_at_rest() -> None:
    assert not frozen_after(FreezeWatch(), CLOCK_AFTER_S - 5, battery_power=0, device_time=START)
    assert frozen_after(FreezeWatch(), CLOCK_AFTER_S, battery_power=0, device_time=START)


def test_a_clock_that_stands_still_while_values_move_is_only_a_bad_clock() -> None:
    assert not frozen_after(FreezeWatch(), 600, battery_power=lambda at_s: 700 + at_s % 7, device_time=START)


def test_one_new_value_ends_a_freeze() -> None:
    watch = FreezeWatch()
    assert frozen_after(watch, 300, battery_power=700, battery_soc=55)
    assert not watch.look(reading(battery_power=700, battery_soc=54), 305)
    assert not watch.look(reading(battery_power=700, battery_soc=54), 400)
    assert watch.look(reading(battery_power=700, battery_soc=54), 305 + FROZEN_AFTER_S)


def test_a_clock_that_is_not_available_is_not_held_against_the_device() -> None:
    watch = FreezeWatch()
    unknown = Sample("device_time", None, "", START, Quality.NOT_AVAILABLE)
    at_rest = Sample("battery_power", 0, "W", START, Quality.LIVE)
    for at_s in range(0, 3600, 5):
        assert not watch.look(Reading("cellar", "gen2", START, {"device_time": unknown, "battery_power": at_rest}), at_s)
