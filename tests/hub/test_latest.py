"""What is known grows old on the monotonic clock: live, held for one missed cycle, stale, offline."""

from __future__ import annotations

import pytest

from indevolt.battery import Columns, Quality, Reading, Row, Sample
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


POWERS = Columns.of({"battery_power": "W", "meter_power": "W"})
LEVELS = Columns.of({"battery_soc": "%", "meter_power": "W"})  # what somebody asks for in between shares a quantity with the poll


def row(clock: ManualClock, columns: Columns, *values: float | None, odd: Quality | None = None) -> Reading:
    names = [name for name, value in zip(columns.names, values, strict=True) if value is None]
    return Reading("cellar", "gen2", clock.now(), Row(columns, values, clock.now(), dict.fromkeys(names, odd or Quality.ABSENT)))


def test_each_quantity_is_as_old_as_the_last_reading_that_had_it() -> None:
    clock = ManualClock()
    latest = Latest(clock)
    for battery_w in (100, 200):
        latest.take(row(clock, POWERS, battery_w, 1), PERIOD_S)
        clock.tick(1.0)
    latest.take(row(clock, LEVELS, 50, 2), PERIOD_S)
    clock.tick(1.0)
    assert latest.age_s("battery_power") == 2.0
    assert (latest.age_s("meter_power"), latest.value("meter_power")) == (1.0, 2)
    latest.take(row(clock, POWERS, 300, 3), PERIOD_S)
    assert {name: each.value for name, each in latest.samples().items()} == {
        "battery_power": 300,
        "meter_power": 3,
        "battery_soc": 50,
    }
    clock.tick(4.0)
    latest.take(row(clock, LEVELS, 51, 4), 60.0)
    clock.tick(6.0)
    assert latest.value("battery_power") is None, "ten seconds old, of a cycle of five"
    assert latest.value("meter_power") == 4, "it came with what is read every minute"


def test_a_quantity_that_is_left_out_grows_old_while_those_beside_it_are_read_on() -> None:
    clock = ManualClock()
    latest = Latest(clock)
    latest.take(row(clock, POWERS, 100, 1), PERIOD_S)
    for battery_w in (200, 300):
        clock.tick(1.0)
        latest.take(row(clock, POWERS, battery_w, None, odd=Quality.QUARANTINED), PERIOD_S)
        assert latest.samples()["meter_power"].value == 1
    assert (latest.age_s("battery_power"), latest.age_s("meter_power")) == (0.0, 2.0)
    clock.tick(1.0)
    latest.take(row(clock, POWERS, 400, 4), PERIOD_S)
    assert (latest.age_s("meter_power"), latest.value("meter_power")) == (0.0, 4)
