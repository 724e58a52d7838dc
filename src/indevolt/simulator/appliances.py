"""What a household draws: appliances that switch, by hour, day of the week and season.

A pure function of seed and time. A household has its habits and its own appliances for ever, and draws each day anew what runs
when. How much it takes over the year is asked for and met: a thrifty household runs the same appliances less often. What a day has
drawn is kept in a cache that all households share.

Not here: recorded loads (``series``), and what else hangs on the wires (``house``).
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import accumulate, chain
from random import Random
from typing import Final, NamedTuple, TypeAlias

from indevolt.simulator.sky import DAY_S, SUN_S_PER_DEGREE, daylight_h, require_within, summer

Phase: TypeAlias = tuple[float, float, float, int]
"""Watts, minutes of them, minutes of rest, and how many times over: ``(1500, 0.2, 0.3, 40)`` is a hob for 20 minutes."""


class Appliance(NamedTuple):
    """One kind of appliance, and how people use it."""

    name: str
    phases: tuple[Phase, ...]
    runs: float  # a day, on average over the week, in a household of about 5.5 kWh a day; others switch more or less
    weekend: float  # runs on a day of the weekend for each on a working day
    hours: tuple[float, ...]  # of local solar time, about when; each is as likely; below 0: so long after getting up
    spread_h: float

    @property
    def energy_wh(self) -> float:
        """Return what one run takes."""
        return sum(watts * on_min / 60 * times for watts, on_min, _, times in self.phases)

    @property
    def takes_s(self) -> float:
        """Return how long one run takes."""
        return 60 * sum((on_min + off_min) * times for _, on_min, off_min, times in self.phases)


_WASH: Final = ((60.0, 4, 0, 1), (2.05e3, 16, 0, 1), (280.0, 0.4, 0.35, 60), (520.0, 6, 0, 1))  # fill, heat, tumble, spin
_DISHES: Final = ((70.0, 7, 0, 1), (1.95e3, 14, 0, 1), (80.0, 30, 0, 1), (1.95e3, 11, 0, 1), (25.0, 20, 0, 1))

# Ordinary European ones, by their labels: watts, minutes and habits are round figures from daily life, not measured.
APPLIANCES: Final = (
    Appliance("kettle", ((2.1e3, 2.6, 0, 1),), 2.6, 1.2, (-0.3, -0.6, 10, 15.5, 19), 0.5),
    Appliance("coffee machine", ((1.4e3, 1.2, 0, 1), (1.1e3, 0.15, 0.6, 8)), 1.4, 1.3, (-0.4, -1.2, 14.5), 0.3),
    Appliance("toaster", ((950.0, 2.8, 0, 1),), 0.6, 1.4, (-0.6,), 0.25),
    Appliance("hair dryer", ((1.6e3, 5, 0, 1),), 0.5, 0.9, (-0.5, 20), 0.3),
    Appliance("microwave", ((1250.0, 3.5, 0, 1),), 1.1, 0.9, (12.3, 18.2, 18.8), 0.5),
    Appliance("hob", ((1.9e3, 6, 0, 1), (1.5e3, 0.2, 0.25, 36)), 0.9, 1.3, (12.2, 18.2, 18.4), 0.6),
    Appliance("oven", ((2.3e3, 11, 0, 1), (2.3e3, 0.7, 1.5, 14)), 0.35, 2.2, (11.6, 17.8), 0.5),
    Appliance("washing machine", _WASH, 0.45, 2.0, (9, 10.5, 17), 1.2),
    Appliance("dishwasher", _DISHES, 0.6, 1.2, (13, 19.8), 0.7),
    Appliance("vacuum cleaner", ((780.0, 6, 0.5, 2),), 0.25, 3.0, (10.5, 16), 1.0),
    Appliance("television", ((105.0, 150.0, 0, 1),), 0.95, 1.2, (19.2, 19.8), 0.5),
    Appliance("computer", ((85.0, 110, 20, 2),), 0.7, 0.7, (8.5, 13.5), 0.8),
)

_BASE_W: Final = 62.0  # routers, clocks, chargers, whatever stands by
_FRIDGES: Final = ((78.0, 16.0, 30.0), (92.0, 14.0, 44.0))  # watts, minutes on, minutes off: one in the kitchen, one to freeze
_LAMP_W: Final = 22.0  # each step of light that somebody switches
_LAMPS: Final = 6  # switched in an evening
_FLICKER_S: Final = 5.0  # between two looks at what electronics draw
_FLICKER_W: Final = array("f", map(Random(7).triangular, [-9] * 1024, [9] * 1024))


@dataclass(frozen=True, slots=True)
class Household:
    """Who lives there: called with an aware datetime, it returns the watts drawn then.

    Args:
        seed: of habits, appliances and days; the same seed gives the same household for ever.
        daily_kwh: what a day takes on average over the year, 0.5 to 100.
        latitude_deg: -66 to 66, for when it is dark.
        longitude_deg: -180 to 180, for what time it is: people live by the sun here, without time zones.

    Raises:
        InvalidInput: out of these ranges.
    """

    seed: int = 1
    daily_kwh: float = 9.0
    latitude_deg: float = 51.0
    longitude_deg: float = 10.0

    def __post_init__(self) -> None:
        require_within("daily_kwh", self.daily_kwh, 0.5, 100)
        require_within("latitude_deg", self.latitude_deg, -66, 66)
        require_within("longitude_deg", self.longitude_deg, -180, 180)

    def __call__(self, at: datetime) -> float:
        """Return what the household draws; about a microsecond, and half a millisecond for the first of a day."""
        day, second = divmod(at.timestamp() + self.longitude_deg * SUN_S_PER_DEGREE, DAY_S)
        times, watts = _day(self.seed, self.daily_kwh, self.latitude_deg, day)
        flicker_w = _FLICKER_W[int(second / _FLICKER_S + 97 * self.seed) & 1023]
        return watts[bisect_right(times, second) - 1] + flicker_w


# ---- one household ---------------------------------------------------------------------------------------------------


class _Habits(NamedTuple):
    """What stays: when people get up and go to bed, how much they switch, and how big their appliances are."""

    up_h: float
    bed_h: float
    often: float  # factor on everything, so that the year comes out as asked
    sizes: tuple[float, ...]  # factors on the watts, one per appliance


@lru_cache(maxsize=1 << 9)
def _habits(seed: int, daily_kwh: float, latitude_deg: float) -> _Habits:
    random = Random(f"{seed} habits")
    up_h, bed_h = random.uniform(5.6, 7.6), random.uniform(21.3, 23.2)
    sizes = tuple(random.uniform(0.85, 1.15) for _ in APPLIANCES)
    runs_wh = sum(each.runs * each.energy_wh * size for each, size in zip(APPLIANCES, sizes, strict=True))
    fridges_wh = sum(24 * watts * on / (on + off) for watts, on, off in _FRIDGES)
    light_wh = sum(_light_wh(up_h, bed_h, latitude_deg, 30.4 * month) for month in range(12)) / 12
    return _Habits(up_h, bed_h, daily_kwh * 1e3 / (24 * _BASE_W + fridges_wh + light_wh + runs_wh), sizes)


def _dark(up_h: float, bed_h: float, latitude_deg: float, day: float) -> tuple[float, float]:
    """Return when the lights go out in the morning and on in the evening."""
    half = daylight_h(latitude_deg, day) / 2 - 0.4  # inside it gets dark before sunset
    return max(up_h, 12 - half), min(bed_h, 12 + half)


def _light_wh(up_h: float, bed_h: float, latitude_deg: float, day: float) -> float:
    """Return what lighting takes on average: lamps come on one by one through half of the dark hours and go off in the rest."""
    out_h, on_h = _dark(up_h, bed_h, latitude_deg, day)
    return _LAMP_W * (_LAMPS * (bed_h - on_h) / 2 + _LAMPS / 2 * (out_h - up_h))


# ---- one day ---------------------------------------------------------------------------------------------------------

Switch: TypeAlias = tuple[float, float]  # second of the day, watts more from then on


@lru_cache(maxsize=1 << 9)  # some 5 kB each
def _day(seed: int, daily_kwh: float, latitude_deg: float, day: float) -> tuple[array[float], array[float]]:
    """Return the seconds at which the load steps, and the load from each of them on."""
    habits = _habits(seed, daily_kwh, latitude_deg)
    random = Random(f"{seed} day {day}")
    steps_w = {0.0: _BASE_W * habits.often}
    for second, more_w in chain(
        _fridges(random, habits),
        _lights(random, habits, latitude_deg, day),
        _runs(random, habits, summer(latitude_deg, day), is_weekend=(day + 3) % 7 >= 5),  # 1 January 1970 was a Thursday
    ):
        tenth = round(second, 1)  # what goes off as something else comes on is one step
        steps_w[tenth] = steps_w.get(tenth, 0.0) + more_w
    times = sorted(steps_w)
    return array("f", times), array("f", accumulate(steps_w[second] for second in times))


def _fridges(random: Random, habits: _Habits) -> Iterator[Switch]:
    for watts, on_min, off_min in _FRIDGES:
        at = -60 * random.uniform(0, on_min + off_min)
        while at < DAY_S:
            for more_w, minutes in ((watts, on_min), (-watts, off_min)):
                yield max(0.0, at), more_w * habits.often
                at += 60 * minutes * random.uniform(0.85, 1.15)


def _lights(random: Random, habits: _Habits, latitude_deg: float, day: float) -> Iterator[Switch]:
    out_h, on_h = _dark(habits.up_h, habits.bed_h, latitude_deg, day)
    for lamp_w, start_h, end_h in [(_LAMP_W, on_h, habits.bed_h)] * _LAMPS + [(_LAMP_W / 2, habits.up_h, out_h)] * _LAMPS:
        on, off = sorted((random.uniform(start_h, end_h), random.uniform(start_h, end_h))) if start_h < end_h else (0.0, 0.0)
        # Two draws leave a third of the hours between them on average, and half is what light takes.
        yield 3600 * on, 1.5 * lamp_w * habits.often
        yield 3600 * off, -1.5 * lamp_w * habits.often


def _runs(random: Random, habits: _Habits, warm: float, *, is_weekend: bool) -> Iterator[Switch]:
    for appliance, size in zip(APPLIANCES, habits.sizes, strict=True):
        working_day = appliance.runs * 7 / (5 + 2 * appliance.weekend)
        wanted = habits.often * working_day * (appliance.weekend if is_weekend else 1.0) * (1 - 0.12 * warm)
        for _ in range(int(wanted + random.random())):
            hour = random.choice(appliance.hours)
            start = 3600 * random.gauss(habits.up_h - hour if hour < 0 else hour, appliance.spread_h)
            at = max(0.0, min(DAY_S - appliance.takes_s, start))
            for watts, on_min, off_min, times in appliance.phases:
                for _ in range(times):
                    yield at, watts * size
                    yield at + 60 * on_min, -watts * size
                    at += 60 * (on_min + off_min)
