"""The sky keeps to astronomy, its clouds to their character, and its air to the season."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import asin, degrees
from typing import Any

import pytest

from indevolt.errors import InvalidInput
from indevolt.simulator import sky as module
from indevolt.simulator.sky import Plane, Sky, Weather, daylight_h, plane

JUNE = datetime(2026, 6, 21, tzinfo=UTC)
MARCH = datetime(2026, 3, 20, tzinfo=UTC)
DECEMBER = datetime(2026, 12, 21, tzinfo=UTC)
CLEAR = Sky(weather=Weather.CLEAR)
SOUTH = plane()


def through(day: datetime, step_s: float = 60, *, hours: float = 24) -> list[datetime]:
    return [day + timedelta(seconds=step_s * index) for index in range(int(hours * 3600 / step_s))]


def yields(sky: Sky, times: list[datetime], lies: Plane = SOUTH) -> list[float]:
    return [lies.per_peak(sky.light(at)) for at in times]


def energy(sky: Sky, day: datetime, lies: Plane = SOUTH) -> float:
    """Return what a day gives, in kWh per kWp."""
    return sum(yields(sky, through(day, 300), lies)) / 12


@pytest.mark.parametrize(("day", "height_deg"), [(JUNE, 62.4), (MARCH, 39.0), (DECEMBER, 15.6)])
def test_the_noon_sun_stands_where_astronomy_has_it(day: datetime, height_deg: float) -> None:
    highest = max(CLEAR.light(at).up for at in through(day))
    assert degrees(asin(highest)) == pytest.approx(height_deg, abs=0.5)


@pytest.mark.parametrize(("day", "hours"), [(JUNE, 16.3), (DECEMBER, 7.7)])
def test_days_are_as_long_as_the_season_has_them(day: datetime, hours: float) -> None:
    assert daylight_h(51, day.timestamp() / 86_400) == pytest.approx(hours, abs=0.2)
    lit = [at for at in through(day) if CLEAR.light(at).up > 0]
    assert len(lit) / 60 == pytest.approx(hours, abs=0.2)
    assert CLEAR.light(lit[0]).west < 0 < CLEAR.light(lit[-1]).west


def test_the_sun_vector_keeps_its_length() -> None:
    for at in through(JUNE, 1800):
        light = CLEAR.light(at)
        if light.up:
            assert light.up**2 + light.south**2 + light.west**2 == pytest.approx(1)


def test_the_sun_is_early_in_the_east_of_a_time_zone_and_late_in_the_west() -> None:
    def noon(longitude_deg: float) -> datetime:
        sky = Sky(longitude_deg=longitude_deg, weather=Weather.CLEAR)
        return max(through(MARCH), key=lambda at: sky.light(at).up)

    assert noon(0) - noon(15) == pytest.approx(timedelta(hours=1), abs=timedelta(minutes=2))
    # 7.5 minutes late on 20 March, by the equation of time
    assert noon(0).hour * 60 + noon(0).minute == pytest.approx(12 * 60 + 7.5, abs=2)


def test_a_clear_day_gives_what_is_known_of_clear_days() -> None:
    assert max(yields(CLEAR, through(JUNE, 300))) == pytest.approx(0.8, abs=0.08)
    assert 6 < energy(CLEAR, JUNE) < 8
    assert 1.5 < energy(CLEAR, DECEMBER) < 3


def test_a_year_gives_what_germany_is_known_for() -> None:
    hours = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=index) for index in range(8760)]
    assert 900 < sum(yields(Sky(3), hours)) < 1200


def test_an_array_works_when_the_sun_is_on_its_side() -> None:
    morning, evening = JUNE.replace(hour=7), JUNE.replace(hour=17)
    east, west = plane(30, 90), plane(30, 270)
    assert east.per_peak(CLEAR.light(morning)) > 2 * west.per_peak(CLEAR.light(morning))
    assert west.per_peak(CLEAR.light(evening)) > 2 * east.per_peak(CLEAR.light(evening))
    assert energy(CLEAR, DECEMBER, plane(70)) > energy(CLEAR, DECEMBER, plane(0))
    assert energy(CLEAR, JUNE, plane(30)) > energy(CLEAR, JUNE, plane(90))


def test_modules_that_face_away_still_have_half_the_sky_and_the_ground() -> None:
    light = CLEAR.light(JUNE.replace(hour=12))
    assert 1.4 < plane(90, 0).per_peak(light) / (light.diffuse_w / 2 / 1000) < 3


def test_the_southern_half_has_its_summer_in_december_and_its_sun_in_the_north() -> None:
    sky = Sky(latitude_deg=-34, longitude_deg=18, weather=Weather.CLEAR)
    assert energy(sky, DECEMBER) > energy(sky, JUNE)
    assert energy(sky, JUNE, plane(30, 0)) > 1.5 * energy(sky, JUNE, plane(30, 180))
    assert sky.light(DECEMBER.replace(hour=12)).air_c > sky.light(JUNE.replace(hour=12)).air_c


def test_nothing_comes_from_the_sky_at_night() -> None:
    light = CLEAR.light(JUNE.replace(hour=23, minute=30))
    assert light[1:] == (0, 0, 0, 0, 0)
    assert SOUTH.per_peak(light) == 0


def falls(values: list[float]) -> int:
    """Count the minutes after which, five minutes on, a third of the power is gone."""
    return sum(later < before * 2 / 3 for before, later in zip(values, values[5:], strict=False) if before > 0.2)


@pytest.mark.parametrize("seed", range(3))
def test_a_broken_sky_ramps_within_minutes_and_a_clear_one_does_not(seed: int) -> None:
    day = through(JUNE.replace(hour=7), hours=9)
    broken = Sky(seed, weather=Weather.BROKEN)
    assert falls(yields(broken, day)) > 10
    assert falls(yields(Sky(seed, weather=Weather.CLEAR), day)) == 0
    assert falls(yields(Sky(seed, weather=Weather.OVERCAST), day)) == 0
    seconds = yields(broken, through(JUNE.replace(hour=10), 1, hours=3))
    assert max(abs(later - before) for before, later in pairwise(seconds)) < 0.02  # a ramp of a minute, not a step


def test_bright_clouds_beside_the_sun_give_more_than_a_clear_sky() -> None:
    noons = [at for day in range(5) for at in through(JUNE + timedelta(days=day, hours=9), hours=4)]
    clear = max(yields(Sky(1, weather=Weather.CLEAR, temperature_c=(20, 20)), noons))
    assert max(yields(Sky(1, weather=Weather.BROKEN, temperature_c=(20, 20)), noons)) > 1.06 * clear


def test_an_overcast_day_gives_a_third_and_has_no_beam() -> None:
    grey = Sky(weather=Weather.OVERCAST)
    assert 0.1 < energy(grey, JUNE) / energy(CLEAR, JUNE) < 0.45
    assert max(grey.light(at).beam_w for at in through(JUNE)) < 0.3 * max(CLEAR.light(at).beam_w for at in through(JUNE))


def test_a_seasonal_sky_has_days_of_every_character_and_brighter_summers() -> None:
    def share(day: datetime) -> list[float]:
        days = [day + timedelta(days=index) for index in range(-40, 40)]
        return [energy(Sky(5), each) / energy(CLEAR, each) for each in days]

    summer, winter = share(JUNE + timedelta(days=30)), share(DECEMBER + timedelta(days=30))
    assert min(summer) < 0.45
    assert max(summer) > 0.9
    assert min(winter) < 0.35
    assert sum(summer) > 1.15 * sum(winter)


def test_the_air_is_as_cold_and_as_warm_as_asked_for() -> None:
    sky = Sky(temperature_c=(-5, 3))
    air = [sky.light(at).air_c for at in through(DECEMBER, 600)]
    assert min(air) == pytest.approx(-5, abs=0.01)
    assert max(air) == pytest.approx(3, abs=0.01)
    assert 4 <= through(DECEMBER, 600)[air.index(min(air))].hour <= 5
    assert 14 <= through(DECEMBER, 600)[air.index(max(air))].hour <= 15


def test_the_air_has_seasons_days_and_spells() -> None:
    def mean(day: datetime) -> float:
        return sum(Sky(2).light(day + timedelta(days=index, hours=12)).air_c for index in range(30)) / 30

    assert 10 < mean(JUNE) - mean(DECEMBER) < 25
    noons = [CLEAR.light(JUNE + timedelta(days=index, hours=12)).air_c for index in range(60)]
    assert max(noons) - min(noons) > 5


@pytest.mark.parametrize("longitude_deg", [-170.0, -74, 10, 151, 179])
def test_nothing_jumps_when_the_date_changes(longitude_deg: float) -> None:
    sky = Sky(4, latitude_deg=45, longitude_deg=longitude_deg)
    lights = [sky.light(at) for at in through(JUNE, 20)]
    for before, after in pairwise(lights):
        assert abs(after.air_c - before.air_c) < 0.05
        assert abs(SOUTH.per_peak(after) - SOUTH.per_peak(before)) < 0.3


def test_a_seed_means_one_weather_for_ever() -> None:
    day = through(JUNE, 600)
    assert yields(Sky(8), day) == yields(Sky(8), day)
    assert yields(Sky(8, weather=Weather.BROKEN), day) != yields(Sky(9, weather=Weather.BROKEN), day)


def test_skies_that_are_alike_share_what_a_day_costs() -> None:
    before = module._day.cache_info().misses
    for _ in range(50):
        yields(Sky(987_654), through(JUNE.replace(hour=10), hours=1))
    assert module._day.cache_info().misses == before + 1
    assert plane(30, 135) is plane(30, 135)


def test_a_word_is_as_good_as_the_character() -> None:
    assert Sky(weather="clear") == CLEAR
    assert yields(Sky(weather="clear"), through(JUNE, 3600)) == yields(CLEAR, through(JUNE, 3600))


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"latitude_deg": 80}, "latitude_deg: 80 is not in -66 to 66"),
        ({"longitude_deg": 200}, "longitude_deg: 200 is not in -180 to 180"),
        ({"weather": "foggy"}, "weather: 'foggy'"),
        ({"temperature_c": (10, 5)}, "temperature_c[1]: 5 is not in 10 to 70"),
        ({"temperature_c": (-300, 5)}, "temperature_c[0]: -300"),
        ({"latitude_deg": float("nan")}, "latitude_deg: nan"),
    ],
)
def test_a_sky_that_cannot_be_is_named(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        Sky(**wrong)
    assert named in str(raised.value)
    assert raised.value.remedy


@pytest.mark.parametrize(("tilt_deg", "azimuth_deg", "named"), [(95, 180, "tilt_deg: 95"), (30, 720, "azimuth_deg: 720")])
def test_an_array_that_cannot_lie_so_is_named(tilt_deg: float, azimuth_deg: float, named: str) -> None:
    with pytest.raises(InvalidInput, match=named):
        plane(tilt_deg, azimuth_deg)
