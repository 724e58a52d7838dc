"""What a plane of modules gets from a sky without clouds, by the place, the date and the way it lies. Pure, without a library.

The sun's place is by the low-precision formulas of the Astronomical Almanac (right to about a minute of arc in this century), the
clear sky by Ineichen and Perez (2002) with one turbidity for all places and seasons, the air mass by Kasten and Young (1989), the
sky's light the same from everywhere. That is right to about a tenth of what comes (tests compare it with pvlib, where that is
there); what a plant makes of it is found out from what it gave.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from math import asin, atan2, cos, degrees, exp, pi, radians, sin
from typing import Final

TURBIDITY: Final = 3.0  # Linke's: 2 on a mountain, 3 in the country, 5 in a hazy town
ALBEDO: Final = 0.2  # of lawn and roofs
SOLAR_W: Final = 1361.0  # per m2 above the air, at the mean distance
YIELD: Final = 0.88  # of a plant: heat, dirt, cables and inverter, before its own history says better
_J2000: Final = datetime(2000, 1, 1, 12, 0, tzinfo=UTC)
_AIR_SCALE: Final = 0.868, 0.0387  # cg1 and cg2 of Ineichen and Perez at sea level


@dataclass(frozen=True, slots=True)
class Sun:
    """Where the sun stands."""

    height_rad: float  # above the horizon, without refraction
    azimuth_rad: float  # from north, eastwards
    distance: float  # in mean distances


@dataclass(frozen=True, slots=True)
class Light:
    """What comes through a clear sky, in W per m2."""

    beam_w: float  # square to the sun
    diffuse_w: float  # on the level


def sun_at(at: datetime, latitude_deg: float, longitude_deg: float) -> Sun:
    """Return where the sun stands at an instant."""
    days = (at - _J2000).total_seconds() / 86_400
    mean_long = radians((280.460 + 0.9856474 * days) % 360)
    anomaly = radians((357.528 + 0.9856003 * days) % 360)
    ecliptic = mean_long + radians(1.915 * sin(anomaly) + 0.020 * sin(2 * anomaly))
    tilt = radians(23.439 - 4e-7 * days)
    ascension = atan2(cos(tilt) * sin(ecliptic), cos(ecliptic))
    declination = asin(sin(tilt) * sin(ecliptic))
    sidereal = radians((280.46062 + 360.98564737 * days + longitude_deg) % 360)
    hour_angle = sidereal - ascension
    latitude = radians(latitude_deg)
    height = asin(sin(latitude) * sin(declination) + cos(latitude) * cos(declination) * cos(hour_angle))
    azimuth = atan2(-sin(hour_angle), cos(latitude) * sin(declination) / cos(declination) - sin(latitude) * cos(hour_angle))
    return Sun(height, azimuth % (2 * pi), 1.00014 - 0.01671 * cos(anomaly) - 0.00014 * cos(2 * anomaly))


def light_of(sun: Sun) -> Light:
    """Return what comes through a clear sky; nothing while the sun is down."""
    if sun.height_rad <= 0:
        return Light(0.0, 0.0)
    zenith_deg = 90 - degrees(sun.height_rad)
    up = sin(sun.height_rad)
    air = 1 / (up + 0.50572 * (96.07995 - zenith_deg) ** -1.6364)
    above_w = SOLAR_W / sun.distance**2
    scale, weakening = _AIR_SCALE
    level_w = scale * above_w * up * exp(-weakening * air * TURBIDITY)
    most_w = level_w / up * (1 - (0.1 - 0.2 * exp(-TURBIDITY)) / 0.982)  # some of it comes from the sky in any case
    beam_w = min(0.827 * above_w * exp(-0.09 * air * (TURBIDITY - 1)), most_w)
    return Light(beam_w, max(0.0, level_w - beam_w * up))


def on_plane(sun: Sun, light: Light, tilt_deg: float, azimuth_deg: float) -> float:
    """Return what falls on a plane, in W per m2: from the sun, the sky and the ground."""
    tilt, azimuth = radians(tilt_deg), radians(azimuth_deg)
    up = sin(sun.height_rad)
    toward = cos(tilt) * up + sin(tilt) * cos(sun.height_rad) * cos(sun.azimuth_rad - azimuth)
    sky = (1 + cos(tilt)) / 2
    level_w = light.diffuse_w + light.beam_w * max(0.0, up)
    return light.beam_w * max(0.0, toward) + light.diffuse_w * sky + level_w * ALBEDO * (1 - sky)
