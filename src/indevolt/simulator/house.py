"""What surrounds the units: load, sun, air and grid of a house, as one pure function of time.

Here are the record and the composition. Not here: how a load or a sky comes about (``appliances``, ``sky``, ``series``), and what
units and meter make of it (``site``).

Signs are the house's, but what is drawn and what is generated are both given as positive watts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple, TypeAlias

from indevolt.simulator.appliances import Household
from indevolt.simulator.sky import Light, Plane, Sky, Weather, plane, require_within


class Surroundings(NamedTuple):
    """What sky and house do at an instant."""

    load_w: float  # what the house takes, without what the units' bypass sockets take
    pv_w: tuple[float, ...]  # DC watts of every PV input that the units have, unit after unit; a shorter tuple means 0 for the rest
    ambient_c: float = 20.0  # air around the units
    roof_w: float = 0.0  # AC power of other PV in the house (behind the meter, not through our units), never negative
    bypass_w: float = 0.0  # at the first unit's bypass socket: positive when a load draws, negative when a micro-inverter feeds in
    grid_up: bool = True  # False: the grid is out


House: TypeAlias = Callable[[datetime], Surroundings]
"""Aware UTC in; pure and deterministic."""

Load: TypeAlias = Callable[[datetime], float]
"""Watts, or watts per watt of peak power, at an aware UTC time; pure and deterministic: a ``Household``, a ``Series``."""


_INVERTER: Final = 0.96
_INVERTER_SIZE: Final = 0.9  # of the peak power of its modules; roofs are built so


class Array(NamedTuple):
    """PV modules that lie alike."""

    peak_w: float  # as printed on them; 0 when nothing is plugged in
    tilt_deg: float = 30.0  # 0 flat to 90 upright
    azimuth_deg: float = 180.0  # by the compass: 90 east, 180 south, 270 west


def steady_house(surroundings: Surroundings) -> House:
    """Return a house where nothing ever changes, as captured values leave it."""
    return lambda _: surroundings


def furnished_house(
    load: Load,
    sky: Sky,
    arrays: Sequence[Array] = (),
    *,
    roof: Array | None = None,
    sun: Load | None = None,
    bypass: Load | None = None,
) -> House:
    """Return a house put together from its parts; it costs some microseconds a call and weighs some hundred bytes.

    Args:
        load: what the house takes, in watts; less than 0 counts as 0.
        sky: sun and air.
        arrays: what is plugged into the PV inputs of the units, input after input.
        roof: other PV in the house, through an inverter of its own that passes on 96 % up to nine tenths of the peak power.
        sun: watts per watt of peak power for all arrays, instead of what the sky gives: a recorded series. The air stays the sky's.
        bypass: what is on the first unit's bypass socket, in watts: a load is positive, a micro-inverter negative.

    Raises:
        InvalidInput: an array of less than 0 W or more than 1 MW, or one that cannot lie so.
    """
    for index, array in enumerate(arrays):
        require_within(f"arrays[{index}].peak_w", array.peak_w, 0, 1e6)
    if roof is not None:
        require_within("roof.peak_w", roof.peak_w, 0, 1e6)
        plane(roof.tilt_deg, roof.azimuth_deg)
    lying = [plane(each.tilt_deg, each.azimuth_deg) for each in arrays]
    planes = tuple(dict.fromkeys(lying))
    peaks_w = tuple((each.peak_w, planes.index(lies)) for each, lies in zip(arrays, lying, strict=True))
    return _Furnished(load, sky, planes, peaks_w, roof, sun, bypass)


@dataclass(frozen=True, slots=True)
class _Furnished:
    """A house out of parts; thousands of these weigh less than as many closures."""

    load: Load
    sky: Sky
    planes: tuple[Plane, ...]  # each way that arrays lie, once
    peaks_w: tuple[tuple[float, int], ...]  # of each input: peak power, and which plane
    roof: Array | None
    sun: Load | None
    bypass: Load | None

    def __call__(self, at: datetime) -> Surroundings:
        light = self.sky.light(at)
        load_w = self.load(at)
        if self.sun is not None:
            per_peak = max(0.0, self.sun(at))
            pv_w = tuple([peak_w * per_peak for peak_w, _ in self.peaks_w])
        elif light.up > 0:
            yields = [each.per_peak(light) for each in self.planes]
            pv_w = tuple([peak_w * yields[lies] for peak_w, lies in self.peaks_w])
        else:
            pv_w = (0.0,) * len(self.peaks_w)
        return Surroundings(
            load_w if load_w > 0 else 0.0,
            pv_w,
            light.air_c,
            0.0 if self.roof is None else self._roof_w(self.roof, light, at),
            0.0 if self.bypass is None else self.bypass(at),
        )

    def _roof_w(self, roof: Array, light: Light, at: datetime) -> float:
        per_peak = plane(roof.tilt_deg, roof.azimuth_deg).per_peak(light) if self.sun is None else max(0.0, self.sun(at))
        return roof.peak_w * min(per_peak * _INVERTER, _INVERTER_SIZE)


_TILTS_DEG: Final = (15.0, 30.0, 60.0, 80.0)  # flat roof to balcony
_SIDES_DEG: Final = ((180.0, 180.0), (180.0, 180.0), (135.0, 225.0), (150.0, 150.0), (210.0, 210.0), (90.0, 270.0))


def built_in_house(
    seed: int,
    pv_inputs: int,
    *,
    input_peak_w: float = 440.0,
    daily_kwh: float = 9.0,
    latitude_deg: float = 51.0,
    longitude_deg: float = 10.0,
    weather: str = Weather.SEASONAL,
    temperature_c: tuple[float, float] | None = None,
) -> House:
    """Return the house of a device that was given none: its load moves at any hour, its sun by day, all of it by the seed.

    Houses of one seed are alike to the minute and share what a day costs, so a fleet does well with a dozen seeds.

    Args:
        seed: of habits, appliances, weather, and how the modules lie.
        pv_inputs: how many the unit has; each gets an array, the first half facing one way and the others perhaps another.
        input_peak_w: peak power of each array.
        daily_kwh: what the house takes a day, averaged over the year.
        latitude_deg: -66 to 66.
        longitude_deg: -180 to 180.
        weather: the character of every day, one of ``Weather``.
        temperature_c: coldest and warmest air of every day; None: by latitude, season and day.

    Raises:
        InvalidInput: something is out of its range.
    """
    tilt_deg = _TILTS_DEG[seed % len(_TILTS_DEG)]
    sides_deg = [(each if latitude_deg >= 0 else 180 - each) for each in _SIDES_DEG[seed % len(_SIDES_DEG)]]
    arrays = [Array(input_peak_w, tilt_deg, sides_deg[2 * index // pv_inputs]) for index in range(pv_inputs)]
    sky = Sky(seed, latitude_deg, longitude_deg, weather, temperature_c)
    return furnished_house(Household(seed, daily_kwh, latitude_deg, longitude_deg), sky, arrays)
