"""The clear sky, against values worked out with pvlib, and a year of it against pvlib itself."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pandas as pd
import pvlib
import pytest
from hypothesis import given, strategies as st

from indevolt.hub.forecast.clearsky import Light, light_of, on_plane, sun_at

# Worked out with pvlib 0.16.1: solar position by NREL's algorithm, Ineichen's clear sky with Linke turbidity 3 at sea level,
# the plane's irradiance with an isotropic sky and an albedo of 0.2.
ORACLE = [
    (52.5, 13.4, datetime(2026, 6, 21, 11, 0, tzinfo=UTC), 30, 180, 60.89, 176.13, 994.4),
    (52.5, 13.4, datetime(2026, 6, 21, 5, 0, tzinfo=UTC), 30, 90, 17.20, 73.71, 481.2),
    (52.5, 13.4, datetime(2026, 12, 21, 11, 0, tzinfo=UTC), 60, 180, 14.05, 178.95, 589.6),
    (37.0, -6.0, datetime(2026, 3, 20, 16, 0, tzinfo=UTC), 15, 270, 29.35, 244.96, 612.0),
    (-33.9, 18.4, datetime(2026, 1, 10, 10, 0, tzinfo=UTC), 30, 0, 73.15, 48.19, 1016.0),
    (60.2, 24.9, datetime(2026, 9, 1, 15, 30, tzinfo=UTC), 0, 180, 13.28, 263.09, 163.8),
]


@pytest.mark.parametrize(("latitude", "longitude", "at", "tilt", "azimuth", "height", "direction", "sun_w"), ORACLE)
def test_sun_and_light_are_where_and_what_pvlib_says(
    *, latitude: float, longitude: float, at: datetime, tilt: float, azimuth: float, height: float, direction: float, sun_w: float
) -> None:
    sun = sun_at(at, latitude, longitude)
    assert math.degrees(sun.height_rad) == pytest.approx(height, abs=0.03)
    assert math.degrees(sun.azimuth_rad) == pytest.approx(direction, abs=0.05)
    assert on_plane(sun, light_of(sun), tilt, azimuth) == pytest.approx(sun_w, rel=0.02)


@pytest.mark.filterwarnings("ignore")  # of pandas about itself
def test_a_year_agrees_with_pvlib_within_a_hundredth() -> None:
    times = pd.date_range("2026-01-01", "2026-12-31", freq="7h", tz="UTC")
    place = pvlib.location.Location(52.5, 13.4, altitude=0)
    position = place.get_solarposition(times)
    air = pvlib.atmosphere.get_absolute_airmass(pvlib.atmosphere.get_relative_airmass(position.apparent_zenith), 101325)
    clear = pvlib.clearsky.ineichen(position.apparent_zenith, air, 3, 0, pvlib.irradiance.get_extra_radiation(times))
    seen = pvlib.irradiance.get_total_irradiance(
        30, 180, position.apparent_zenith, position.azimuth, clear.dni, clear.ghi, clear.dhi, albedo=0.2
    )
    theirs = seen["poa_global"].fillna(0.0).tolist()
    ours = [on_plane(sun, light_of(sun), 30, 180) for sun in (sun_at(at.to_pydatetime(), 52.5, 13.4) for at in times)]
    off = sum(abs(one - other) for one, other in zip(ours, theirs, strict=True))
    assert off / sum(theirs) < 0.01


@given(st.floats(-90, 90), st.floats(-180, 180), st.floats(0, 3.2e9), st.floats(0, 90), st.floats(0, 360))
def test_nowhere_and_never_is_there_more_sun_than_there_can_be(
    latitude: float, longitude: float, at_s: float, tilt: float, azimuth: float
) -> None:
    sun = sun_at(datetime.fromtimestamp(at_s, UTC), latitude, longitude)
    light = light_of(sun)
    assert -math.pi / 2 <= sun.height_rad <= math.pi / 2
    assert 0.98 < sun.distance < 1.02
    assert 0 <= on_plane(sun, light, tilt, azimuth) < 1250
    if sun.height_rad <= 0:
        assert light == Light(0.0, 0.0)


def test_a_day_is_as_long_as_its_season() -> None:
    def hours_of_sun(day: datetime) -> float:
        return sum(sun_at(day + timedelta(minutes=minute), 52.5, 13.4).height_rad > 0 for minute in range(1440)) / 60

    assert hours_of_sun(datetime(2026, 6, 21, tzinfo=UTC)) == pytest.approx(16.7, abs=0.2)
    assert hours_of_sun(datetime(2026, 12, 21, tzinfo=UTC)) == pytest.approx(7.5, abs=0.2)
    assert hours_of_sun(datetime(2026, 3, 20, tzinfo=UTC)) == pytest.approx(12.0, abs=0.1)
