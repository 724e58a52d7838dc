"""Sun, clouds and air at a place, by date: what PV modules and batteries out there would meet.

A pure function of seed, place and time. Days run by local mean solar time, so that the seam between two of them lies in the dark
and no cloud jumps. What a day has drawn is kept in a cache that all skies share: thousands of houses under few skies cost few days.

Good-looking physics and no more: the sun's height is right to half a degree, a clear sky to about 10 %. Not here: what modules are
installed (``house``), recorded series (``series``).
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from math import asin, cos, exp, pi, radians, sin
from random import Random
from typing import Final, NamedTuple, TypeAlias

from indevolt.errors import InvalidInput

Range: TypeAlias = tuple[float, float]
"""The coldest and the warmest, in °C."""

DAY_S: Final = 86_400.0
YEAR_D: Final = 365.2422
SUN_S_PER_DEGREE: Final = DAY_S / 360  # solar time by longitude

_TURN: Final = 2 * pi / DAY_S  # of the earth, rad/s
_TILT: Final = radians(23.44)  # of its axis
_SUN_W: Final = 1353.0  # W/m2 above the air
_HAZE: Final = 0.93  # of air over land; mountain air has 1
_ALBEDO: Final = 0.2  # of lawn and roofs
_HOT_PER_W: Final = 0.03  # a module in 1 kW/m2 of sun is 30 K above the air
_LOSS_PER_K: Final = 0.004  # of silicon, from 25 °C on
_CLEAN: Final = 0.97  # dirt, mismatch and cables


class Weather(StrEnum):
    """The character of a day's sky."""

    CLEAR = "clear"
    BROKEN = "broken"  # sun and clouds, with ramps of 1 to 5 minutes between them
    OVERCAST = "overcast"
    SEASONAL = "seasonal"  # drawn day by day from the three others, by the season


class Light(NamedTuple):
    """Where the sun stands, as a vector of length 1, and what comes through the air and the clouds. All 0 when it is down."""

    air_c: float
    up: float = 0.0  # sine of the sun's height
    south: float = 0.0
    west: float = 0.0
    beam_w: float = 0.0  # per m2, square to the sun
    diffuse_w: float = 0.0  # per m2 on the level, from all of the sky


class Plane(NamedTuple):
    """How a flat array of modules lies: the vector that it faces, and how much of the sky it sees."""

    up: float
    south: float
    west: float
    sees: float

    def per_peak(self, light: Light) -> float:
        """Return DC watts per installed watt of peak power: 0 to about 1.1, the most on a cold day at the edge of a cloud."""
        _, up, south, west, beam_w, diffuse_w = light
        if diffuse_w <= 0:
            return 0.0
        falls_w = diffuse_w * self.sees + (beam_w * up + diffuse_w) * _ALBEDO * (1 - self.sees)
        toward = self.up * up + self.south * south + self.west * west
        if toward > 0:
            falls_w += beam_w * toward
        return falls_w / 1e3 * _CLEAN * (1 - _LOSS_PER_K * (light[0] + _HOT_PER_W * falls_w - 25))


@lru_cache(maxsize=256)
def plane(tilt_deg: float = 30.0, azimuth_deg: float = 180.0) -> Plane:
    """Return how an array lies; planes that lie alike are one object.

    Args:
        tilt_deg: 0 flat to 90 upright.
        azimuth_deg: where it faces, by the compass: 90 east, 180 south, 270 west.

    Raises:
        InvalidInput: a tilt out of 0 to 90, an azimuth out of -360 to 360.
    """
    require_within("tilt_deg", tilt_deg, 0, 90)
    require_within("azimuth_deg", azimuth_deg, -360, 360)
    tilt, azimuth = radians(tilt_deg), radians(azimuth_deg)
    return Plane(cos(tilt), -sin(tilt) * cos(azimuth), -sin(tilt) * sin(azimuth), (1 + cos(tilt)) / 2)


@dataclass(frozen=True, slots=True)
class Sky:
    """Sun, clouds and air at one place.

    Args:
        seed: of clouds and temperatures; the same seed gives the same weather for ever.
        latitude_deg: -66 to 66, north is positive.
        longitude_deg: -180 to 180, east is positive.
        weather: the character of every day, one of ``Weather``.
        temperature_c: coldest and warmest air of every day; None: by latitude, season and day.

    Raises:
        InvalidInput: out of these ranges, or a temperature range out of -60 to 70 °C.
    """

    seed: int = 1
    latitude_deg: float = 51.0
    longitude_deg: float = 10.0
    weather: str = Weather.SEASONAL
    temperature_c: Range | None = None

    def __post_init__(self) -> None:
        require_within("latitude_deg", self.latitude_deg, -66, 66)  # beyond the polar circles midnight need not be dark
        require_within("longitude_deg", self.longitude_deg, -180, 180)
        if self.weather not in list(Weather):
            words = ", ".join(Weather)
            raise InvalidInput(f"weather: {self.weather!r} is no character of a sky", remedy=f"One of: {words}.")
        if self.temperature_c is not None:
            low_c, high_c = self.temperature_c
            require_within("temperature_c[0]", low_c, -60, 70)
            require_within("temperature_c[1]", high_c, low_c, 70)

    def light(self, at: datetime) -> Light:
        """Return what comes from the sky at an instant; a few microseconds."""
        day, second = divmod(at.timestamp() + self.longitude_deg * SUN_S_PER_DEGREE, DAY_S)
        (
            (air_c, air_rise_k, swing_k, swing_rise_k),
            (noon_s, up_always, up_at_noon, south_always, south_at_noon, west_at_six, sun_w),
            cover_s,
            covers,
        ) = _day(self.seed, self.latitude_deg, self.weather, self.temperature_c, day)
        share = second / DAY_S
        air_c += share * air_rise_k + (swing_k + share * swing_rise_k) * _warmth(second)
        turn = (second - noon_s) * _TURN
        toward_noon = cos(turn)
        up = up_always + up_at_noon * toward_noon
        if up <= 0:
            return Light(air_c)
        through = _HAZE * 0.7 ** ((up + 0.025 * exp(-11 * up)) ** -0.678)  # Meinel's clear air, Rozenberg's air mass
        beam_w = sun_w * through
        diffuse_w = 0.3 * (sun_w - beam_w) * up  # a third of what the air scatters comes down
        right = bisect_right(cover_s, second)
        start_s, before = cover_s[right - 1], covers[right - 1]
        cover = before + (covers[right] - before) * (second - start_s) / (cover_s[right] - start_s)
        level_w = (beam_w * up + diffuse_w) * (1 - 0.8 * cover)
        if cover > 0:
            beam_w *= max(0.0, 1 - 1.25 * cover)
        south, west = south_at_noon * toward_noon - south_always, west_at_six * sin(turn)
        return Light(air_c, up, south, west, beam_w, level_w - beam_w * up)


def _warmth(second: float) -> float:
    """Return the day's curve of warmth: -1 at 5 in the morning, 1 at 3 in the afternoon."""
    hour = second / 3600
    if 5 <= hour < 15:
        return -cos(pi * (hour - 5) / 10)
    return cos(pi * ((hour - 15) % 24) / 14)


# ---- one day ---------------------------------------------------------------------------------------------------------


class _Air(NamedTuple):
    """The air of a day; by the next midnight it has become that of the next."""

    air_c: float
    air_rise_k: float
    swing_k: float  # half of what lies between night and afternoon
    swing_rise_k: float


class _Sun(NamedTuple):
    """The sun's way over a day: its vector is always so much, and so much more at noon or at six, times a cosine or a sine."""

    noon_s: float
    up_always: float
    up_at_noon: float
    south_always: float  # to be subtracted
    south_at_noon: float
    west_at_six: float
    sun_w: float  # per m2 above the air


class _Day(NamedTuple):
    """What one day holds, whatever the time of day.

    ``cover`` is how much of the light the clouds take, at ``cover_s`` and linearly in between: 0 nothing, 1 four fifths; below 0
    bright clouds next to the sun add to it.
    """

    air: _Air
    sun: _Sun
    cover_s: array[float]
    cover: array[float]


def declination(day: float) -> float:
    """Return the sun's declination at noon in radians; ``day`` counts from 1 January 1970."""
    since = day - 10_957  # 1 January 2000
    anomaly = radians(357.528 + 0.9856003 * since)
    return asin(sin(_TILT) * sin(radians(280.46 + 0.9856474 * since + 1.915 * sin(anomaly) + 0.02 * sin(2 * anomaly))))


def daylight_h(latitude_deg: float, day: float) -> float:
    """Return the hours between sunrise and sunset; noon, in solar time, is in the middle of them."""
    lean = sin(radians(latitude_deg)) * sin(declination(day)) / (cos(radians(latitude_deg)) * cos(declination(day)))
    return 24 - 24 / pi * (pi / 2 - asin(max(-1.0, min(1.0, lean))))


def summer(latitude_deg: float, day: float) -> float:
    """Return the season: 1 at the height of summer, a month after the solstice, and -1 at that of winter."""
    wave = cos(2 * pi * (day - 201) / YEAR_D)
    return wave if latitude_deg >= 0 else -wave


@lru_cache(maxsize=512)  # some 3 kB each
def _day(seed: int, latitude_deg: float, weather: str, temperature_c: Range | None, day: float) -> _Day:
    lat, dec = radians(latitude_deg), declination(day)
    around = 2 * pi * (day - 80) / YEAR_D
    late_min = 7.53 * cos(around) + 1.5 * sin(around) - 9.87 * sin(2 * around)  # equation of time
    air_c, swing_k = _air(seed, latitude_deg, weather, temperature_c, day)
    air_next_c, swing_next_k = _air(seed, latitude_deg, weather, temperature_c, day + 1)
    cover_s, cover = _clouds(Random(f"{seed} clouds {day}"), _character(seed, latitude_deg, weather, day))
    return _Day(
        _Air(air_c, air_next_c - air_c, swing_k, swing_next_k - swing_k),
        _Sun(
            noon_s=DAY_S / 2 + 60 * late_min,
            up_always=sin(lat) * sin(dec),
            up_at_noon=cos(lat) * cos(dec),
            south_always=cos(lat) * sin(dec),
            south_at_noon=sin(lat) * cos(dec),
            west_at_six=cos(dec),
            sun_w=_SUN_W * (1 + 0.033 * cos(2 * pi * day / YEAR_D)),
        ),
        cover_s,
        cover,
    )


def _character(seed: int, latitude_deg: float, weather: str, day: float) -> str:
    """Return clear, broken or overcast; when drawn, summers are brighter."""
    if weather != Weather.SEASONAL:
        return weather
    warm = summer(latitude_deg, day)
    draw = Random(f"{seed} sky {day}").random()
    if draw < 0.15 + 0.07 * warm:
        return Weather.CLEAR
    return Weather.OVERCAST if draw > 0.58 + 0.14 * warm else Weather.BROKEN


_SWING_K: Final = {"clear": 6.0, "broken": 4.0, "overcast": 2.0}  # half of what lies between night and afternoon


def _air(seed: int, latitude_deg: float, weather: str, temperature_c: Range | None, day: float) -> tuple[float, float]:
    """Return the mean of a day's air, and half of what lies between its coldest and its warmest."""
    if temperature_c is not None:
        return (temperature_c[0] + temperature_c[1]) / 2, (temperature_c[1] - temperature_c[0]) / 2
    warm, away = summer(latitude_deg, day), abs(latitude_deg)
    # Warm and cold spells last some days: what the last four drew counts. At 51 degrees a year has 10 °C, its seasons 9 K off it.
    draws = (Random(f"{seed} air {day - back}").uniform(-1, 1) for back in range(4))
    swing_k = _SWING_K[_character(seed, latitude_deg, weather, day)]
    return 27 - 0.33 * away + 0.18 * away * warm + 2.5 * sum(draws) + warm * (swing_k - 4), swing_k


def _clouds(random: Random, character: str) -> tuple[array[float], array[float]]:
    """Return the corners of the curve of cloud cover, from before midnight to after the next."""
    times, cover = array("d", [-1.0]), array("d", [0.0])

    def draw_to(seconds: float, value: float) -> None:
        times.append(times[-1] + seconds)
        cover.append(value)

    gloom = random.uniform(0.25, 0.75)
    while times[-1] <= DAY_S:
        if character == Weather.CLEAR:
            draw_to(random.uniform(3e3, 9e3), random.uniform(0, 0.07))
        elif character == Weather.OVERCAST:
            draw_to(random.uniform(1.2e3, 6e3), random.uniform(0.5, 0.8) + 0.4 * gloom)
        else:
            bright, dark = random.uniform(-0.12, 0.06), random.uniform(0.4, 0.75) + 0.3 * gloom
            draw_to(random.uniform(60, 60 + 240 * random.random()), bright)
            draw_to(random.expovariate(1 / (1.6e3 * (1 - gloom))) + 60, bright + random.uniform(-0.04, 0.04))
            draw_to(random.uniform(60, 60 + 240 * random.random()), dark)
            draw_to(random.expovariate(1 / (1.6e3 * gloom)) + 60, dark + random.uniform(-0.1, 0.1))
    return times, cover


# ---- checks ----------------------------------------------------------------------------------------------------------


def require_within(what: str, value: float, low: float, high: float) -> None:
    """Check a number of a house or its sky.

    Raises:
        InvalidInput: names it, its value and the range.
    """
    if not low <= value <= high:
        raise InvalidInput(f"{what}: {value!r} is not in {low:g} to {high:g}", remedy=f"Give a number from {low:g} to {high:g}.")
