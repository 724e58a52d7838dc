"""A house is put together from load, sky and modules, and the one that comes built in has everything that moves."""

from __future__ import annotations

import tracemalloc
from array import array
from datetime import UTC, datetime, timedelta

import pytest

from indevolt.errors import InvalidInput
from indevolt.simulator.house import Array, House, Surroundings, built_in_house, furnished_house, steady_house
from indevolt.simulator.series import Series
from indevolt.simulator.sky import Sky, Weather, plane

MIDNIGHT = datetime(2026, 6, 21, tzinfo=UTC)
NOON = MIDNIGHT.replace(hour=11, minute=20)
CLEAR = Sky(weather=Weather.CLEAR)


def day_of(house: House, step_s: float = 300) -> list[Surroundings]:
    return [house(MIDNIGHT + timedelta(seconds=step_s * index)) for index in range(int(86_400 / step_s))]


def steady(power_w: float) -> Series:
    return Series(array("f", [power_w]), 3600)


def test_nothing_changes_in_a_steady_house() -> None:
    around = Surroundings(500, (100, 50))
    house = steady_house(around)
    assert house(MIDNIGHT) is around
    assert house(NOON) is around
    assert around == (500, (100, 50), 20, 0, 0, True)


def test_a_house_has_the_load_the_air_and_the_modules_that_it_was_given() -> None:
    house = furnished_house(steady(300), CLEAR, [Array(1000), Array(500), Array(0), Array(400, 90, 90)])
    around, light = house(NOON), CLEAR.light(NOON)
    assert around.load_w == 300
    assert around.ambient_c == light.air_c
    assert around.pv_w == pytest.approx(
        (1000 * plane().per_peak(light), 500 * plane().per_peak(light), 0, 400 * plane(90, 90).per_peak(light)),
    )
    assert around.grid_up
    assert around.roof_w == around.bypass_w == 0


def test_every_input_is_there_at_night_as_well() -> None:
    assert furnished_house(steady(300), CLEAR, [Array(1000)] * 4)(MIDNIGHT).pv_w == (0, 0, 0, 0)


def test_other_pv_of_the_house_loses_a_little_and_stops_at_its_inverter() -> None:
    house = furnished_house(steady(300), CLEAR, roof=Array(5000, 35, 170))
    direct = 5000 * plane(35, 170).per_peak(CLEAR.light(NOON))
    assert house(NOON).roof_w == pytest.approx(0.96 * direct)
    assert house(NOON).pv_w == ()
    assert house(MIDNIGHT).roof_w == 0
    assert furnished_house(steady(0), CLEAR, roof=Array(5000), sun=steady(1.2))(NOON).roof_w == 4500


def test_a_recorded_sun_takes_the_place_of_the_sky_and_leaves_its_air() -> None:
    house = furnished_house(steady(300), CLEAR, [Array(800), Array(400, 90, 0)], roof=Array(1000), sun=steady(0.5))
    assert house(MIDNIGHT).pv_w == (400, 200)
    assert house(MIDNIGHT).roof_w == 480
    assert house(NOON).ambient_c == CLEAR.light(NOON).air_c
    dark = furnished_house(steady(300), CLEAR, [Array(800)], roof=Array(1000), sun=steady(-0.01))
    assert dark(NOON)[1:4:2] == ((0,), 0)


def test_a_recorded_load_below_nothing_is_nothing() -> None:
    assert furnished_house(steady(-20), CLEAR)(NOON).load_w == 0


@pytest.mark.parametrize("bypass_w", [350, -600])
def test_the_bypass_socket_draws_or_feeds(bypass_w: float) -> None:
    assert furnished_house(steady(300), CLEAR, bypass=steady(bypass_w))(NOON).bypass_w == bypass_w


@pytest.mark.parametrize(
    ("arrays", "roof", "named"),
    [
        ([Array(400), Array(-1)], None, r"arrays\[1\]\.peak_w: -1"),
        ([], Array(2e6), r"roof\.peak_w: 2000000"),
        ([Array(400, 100)], None, "tilt_deg: 100"),
        ([], Array(400, 30, 500), "azimuth_deg: 500"),
    ],
)
def test_modules_that_cannot_be_are_named(arrays: list[Array], roof: Array | None, named: str) -> None:
    with pytest.raises(InvalidInput, match=named):
        furnished_house(steady(300), CLEAR, arrays, roof=roof)


# ---- the built-in one --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(12))
def test_the_built_in_house_has_a_night_and_a_noon_and_moves_at_any_hour(seed: int) -> None:
    day = day_of(built_in_house(seed, 4), 60)
    assert sum(day[0].pv_w) == 0
    assert 200 < max(sum(each.pv_w) for each in day) < 4 * 440 * 1.2
    assert all(len(each.pv_w) == 4 for each in day)
    assert min(each.load_w for each in day) > 60
    assert max(each.load_w for each in day) > 1500
    for hour in range(24):
        assert len({each.load_w for each in day[60 * hour : 60 * (hour + 1)]}) > 20


def test_the_built_in_house_repeats_by_its_seed() -> None:
    assert day_of(built_in_house(3, 2)) == day_of(built_in_house(3, 2))
    assert day_of(built_in_house(3, 2)) != day_of(built_in_house(4, 2))


def test_modules_of_the_built_in_house_may_face_two_ways() -> None:
    east, _, _, west = built_in_house(5, 4, weather=Weather.CLEAR)(MIDNIGHT.replace(hour=6)).pv_w
    assert east > 2 * west > 0


def test_the_built_in_house_turns_to_the_north_below_the_equator() -> None:
    def energy(latitude_deg: float, house_of: int) -> float:
        around = built_in_house(house_of, 1, latitude_deg=latitude_deg, weather=Weather.CLEAR)
        return sum(around(MIDNIGHT + timedelta(days=91, hours=hour)).pv_w[0] for hour in range(24))

    # Near the equinox both halves have the same sun.
    assert energy(-35, 1) == pytest.approx(energy(35, 1), rel=0.1)


def test_the_built_in_house_is_as_big_and_as_warm_as_asked_for() -> None:
    small = day_of(built_in_house(1, 1, input_peak_w=200, daily_kwh=2, temperature_c=(3, 3)))
    large = day_of(built_in_house(1, 1, input_peak_w=800, daily_kwh=30))
    assert {each.ambient_c for each in small} == {3}
    assert max(each.pv_w[0] for each in large) > 3.5 * max(each.pv_w[0] for each in small)
    assert sum(each.load_w for each in large) > 5 * sum(each.load_w for each in small)


def test_a_device_without_inputs_has_a_house_too() -> None:
    assert built_in_house(1, 0)(NOON).pv_w == ()


def test_a_thousand_houses_weigh_less_than_a_kilobyte_each() -> None:
    for seed in range(16):
        built_in_house(seed, 4)(NOON)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        houses = [built_in_house(number % 16, 4) for number in range(1000)]
        for house in houses:
            house(NOON)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 1000 * len(houses)
