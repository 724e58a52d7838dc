"""What is known grows old on the monotonic clock: live, held for one missed cycle, stale, offline."""

from __future__ import annotations

import pytest

from indevolt.battery import Quality, Reading, Sample
from indevolt.clock import ManualClock
from indevolt.hub.latest import Latest

PERIOD_S = 5.0


def told(clock: ManualClock, value: float | None, quality: Quality) -> Reading:
    at = clock.now()
    return Reading("cellar", "gen2", at, {"battery_soc": Sample("battery_soc", value, "%", at, quality)})


def known(clock: ManualClock, value: float | None = 42.0, quality: Quality = Quality.LIVE) -> Latest:
    latest = Latest(clock)
    latest.take(told(clock, value, quality), PERIOD_S)
    return latest


@pytest.mark.parametrize(
    ("age_s", "quality"),
    [
        (0, Quality.LIVE),
        (7.9, Quality.LIVE),
        (8.1, Quality.HELD),
        (12.9, Quality.HELD),
        (13.1, Quality.STALE),
        (1e6, Quality.STALE),
    ],
)
def test_a_sample_grows_old_by_missed_cycles(age_s: float, quality: Quality) -> None:
    clock = ManualClock()
    latest = known(clock)
    clock.tick(age_s)
    sample = latest.sample("battery_soc")
    assert sample is not None
    assert (sample.quality, sample.value) == (quality, 42.0)  # the last value stays, with the time it is from
    assert (latest.value("battery_soc") is not None) is (quality is Quality.LIVE)


def test_a_wall_clock_that_jumps_makes_nothing_old() -> None:
    clock = ManualClock()
    latest = known(clock)
    clock.jump(3600)
    assert latest.value("battery_soc") == 42.0
    assert latest.age_s("battery_soc") == 0


@pytest.mark.parametrize(("state", "quality"), [("offline", Quality.OFFLINE), ("frozen", Quality.STALE)])
def test_a_device_that_is_away_or_repeats_itself_devalues_all(state: str, quality: Quality) -> None:
    clock = ManualClock()
    latest = known(clock)
    setattr(latest, state, True)
    assert latest.samples()["battery_soc"].quality is quality


@pytest.mark.parametrize("quality", [Quality.NOT_AVAILABLE, Quality.NOT_INSTALLED, Quality.ABSENT, Quality.UNREADABLE])
def test_what_has_no_value_stays_what_it_is(quality: Quality) -> None:
    clock = ManualClock()
    latest = known(clock, None, quality)
    clock.tick(100)
    sample = latest.sample("battery_soc")
    assert sample is not None
    assert (sample.quality, sample.value) == (quality, None)


def test_a_point_in_quarantine_keeps_its_last_value_which_grows_old() -> None:
    clock = ManualClock()
    latest = known(clock)
    clock.tick(20)
    latest.take(told(clock, None, Quality.QUARANTINED), PERIOD_S)
    sample = latest.sample("battery_soc")
    assert sample is not None
    assert (sample.quality, sample.value) == (Quality.STALE, 42.0)


def test_what_was_never_read_is_unknown() -> None:
    latest = Latest(ManualClock())
    assert latest.sample("battery_soc") is None
    assert latest.age_s("battery_soc") is None
    assert "battery_soc" not in latest


def test_what_was_known_of_another_device_is_forgotten() -> None:
    latest = known(ManualClock())
    latest.forget()
    assert latest.sample("battery_soc") is None
    assert "battery_soc" not in latest
