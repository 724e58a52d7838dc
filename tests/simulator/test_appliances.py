"""Households switch things on and off, by their habits, and take over the year what they were asked to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from statistics import fmean, median

import pytest

from indevolt.errors import InvalidInput
from indevolt.simulator import appliances as module
from indevolt.simulator.appliances import APPLIANCES, Household

MONDAY = datetime(2026, 6, 15, tzinfo=UTC)
WINTER = datetime(2026, 12, 1, tzinfo=UTC)
FLICKER_W = 9.0


def many_days(home: Household, first: datetime, days: int, start_h: float) -> list[float]:
    """Return what is drawn in the same hour of many days."""
    return [each for day in range(days) for each in watts(home, first + timedelta(days=day), 120, start_h=start_h, hours=1)]


def watts(home: Household, day: datetime, step_s: float = 60, *, start_h: float = 0, hours: float = 24) -> list[float]:
    return [home(day + timedelta(hours=start_h, seconds=step_s * index)) for index in range(int(hours * 3600 / step_s))]


@pytest.mark.parametrize(("seed", "daily_kwh"), [(1, 3), (2, 9), (3, 9), (4, 20)])
def test_over_a_year_a_household_takes_what_was_asked_for(seed: int, daily_kwh: float) -> None:
    home = Household(seed, daily_kwh)
    year = [home(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=5 * index)) for index in range(365 * 288)]
    assert fmean(year) * 24 / 1000 == pytest.approx(daily_kwh, rel=0.04)


def test_a_load_steps_and_does_not_drift() -> None:
    seconds = watts(Household(5), MONDAY, 1)
    steps = [abs(later - before) for before, later in pairwise(seconds)]
    assert max(steps) > 1500  # kettle, hob, oven
    assert sum(step > 300 for step in steps) > 10
    assert sum(step == 0 for step in steps) > 0.75 * len(steps)


@pytest.mark.parametrize("seed", range(3))
def test_something_moves_at_every_hour(seed: int) -> None:
    for hour in range(24):
        assert len(set(watts(Household(seed), MONDAY, 5, start_h=hour, hours=1))) > 50


def test_at_night_only_fridges_cycle() -> None:
    night = watts(Household(1), MONDAY, start_h=0.5, hours=3)
    assert min(night) > 60
    assert max(night) - min(night) > 100
    assert max(night) < 500


def test_evenings_take_more_than_nights_and_mornings_have_their_peak() -> None:
    def hour(start_h: float) -> float:
        return fmean(
            each for day in range(60) for each in watts(Household(2), MONDAY + timedelta(days=day), 120, start_h=start_h, hours=1)
        )

    night, morning, evening = hour(1), hour(5.7), hour(17.6)
    assert evening > 2.5 * night
    assert morning > 1.5 * night


def test_dark_evenings_are_lit() -> None:
    def evening(first: datetime) -> float:
        return median(
            each for day in range(40) for each in watts(Household(3), first + timedelta(days=day), 300, start_h=15.8, hours=1)
        )

    assert evening(WINTER) > evening(MONDAY) + 40


def test_weekends_differ() -> None:
    def forenoon(*days: int) -> float:
        return fmean(
            each
            for week in range(30)
            for day in days
            for each in watts(Household(6), MONDAY + timedelta(days=7 * week + day), 300, start_h=9, hours=3)
        )

    assert forenoon(5, 6) > 1.2 * forenoon(0, 1, 2, 3, 4)


def test_winter_takes_more_than_summer() -> None:
    def month(first: datetime) -> float:
        return fmean(watts(Household(7), first, 300, hours=24 * 40))

    assert month(WINTER) > 1.07 * month(MONDAY)


@pytest.mark.parametrize("daily_kwh", [0.5, 9, 100])
def test_what_is_switched_off_was_on_before(daily_kwh: float) -> None:
    home = Household(9, daily_kwh)
    assert min(home(MONDAY + timedelta(minutes=index)) for index in range(20 * 1440)) > -FLICKER_W


def test_what_a_day_starts_it_ends() -> None:
    habits = module._habits(1, 100.0, 51.0)._replace(up_h=23.7)  # breakfast at midnight
    switches = list(module._runs(Random(1), habits, 0.0, is_weekend=True))
    assert len(switches) > 500
    assert sum(more_w for _, more_w in switches) == pytest.approx(0, abs=1e-6)
    assert 0 <= min(switches)[0] <= max(switches)[0] <= 86_400 + 1e-6


def test_a_seed_means_one_household_for_ever() -> None:
    day = watts(Household(11), MONDAY)
    assert day == watts(Household(11), MONDAY)
    assert day != watts(Household(12), MONDAY)
    assert day != watts(Household(11), MONDAY + timedelta(days=1))


def test_households_that_are_alike_share_what_a_day_costs() -> None:
    before = module._day.cache_info().misses
    for _ in range(50):
        watts(Household(987_654), MONDAY, start_h=3, hours=1)
    assert module._day.cache_info().misses == before + 1


def test_people_live_by_their_own_sun() -> None:
    here, there = Household(13, longitude_deg=0), Household(13, longitude_deg=90)
    assert watts(here, MONDAY, start_h=12, hours=2) == watts(there, MONDAY, start_h=6, hours=2)


@pytest.mark.parametrize("appliance", APPLIANCES, ids=lambda each: each.name)
def test_appliances_take_what_a_fuse_allows_and_end_in_a_day(appliance: module.Appliance) -> None:
    assert 0 < max(phase[0] for phase in appliance.phases) < 3680
    assert 10 < appliance.energy_wh < 2000
    assert appliance.takes_s < 6 * 3600


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"daily_kwh": 0}, "daily_kwh: 0 is not in 0.5 to 100"),
        ({"latitude_deg": 90}, "latitude_deg: 90"),
        ({"longitude_deg": -999}, "longitude_deg: -999"),
    ],
)
def test_a_household_that_cannot_be_is_named(wrong: dict[str, float], named: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        Household(seed=1, **wrong)
    assert named in str(raised.value)
    assert raised.value.remedy
