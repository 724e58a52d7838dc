"""The plant: one battery with PV inputs in one house, as small as it can be and still keep its books.

Pure: time, house and orders are arguments, and nothing of the protocol is known here. What is left out is left out on purpose:
taper, temperature, standby consumption, ramps and dead time, hysteresis at the reserve.

Signs are the house's: power is positive when it flows into the house. With the loss of conversion at the inverter::

    load = grid + ac        ac = pv + battery - loss
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, TypeAlias
from zlib import crc32

EFFICIENCY: Final = 0.91
"""Between battery and socket: both captured pairs show it, 726 W giving 661 W and 2451 W giving 2240 W (protocol.md, section 12).

The other way, from the socket into the battery, the same is assumed.
"""

CADENCE_S: Final = 1.0
"""Time between two looks of the device at itself; values change no more often than this."""

MAX_STEP_S: Final = 900.0  # a quarter of an hour: the sun moves 4 degrees in it
STEPS_PER_GAP: Final = 60  # so a device that nobody asked for an hour catches up in minutes
MAX_STEPS: Final = 1000  # at some microseconds each, whatever the gap; one more for each midnight in it
_DUST_S: Final = 1e-6  # what rounding leaves of a gap
_HOUR_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What sky and house do at an instant: watts of each PV input, watts that the house takes."""

    load_w: float
    pv_w: tuple[float, ...]


House: TypeAlias = Callable[[datetime], Surroundings]


@dataclass(frozen=True, slots=True)
class Orders:
    """What the unit's settings ask of the plant.

    ``power_w`` is the battery power to keep, positive when discharging; None follows the house: no import, PV surplus into the
    battery. The battery stays between ``floor_pct`` and ``ceiling_pct``: it neither discharges below nor charges above.
    """

    power_w: float | None = None
    floor_pct: float = 0.0
    ceiling_pct: float = 100.0
    charge_max_w: float = math.inf  # at the battery
    discharge_max_w: float = math.inf
    ac_in_max_w: float = math.inf  # at the socket
    ac_out_max_w: float = math.inf
    feed_in_max_w: float = math.inf  # at the meter
    sees_load: bool = True  # without a meter the unit gives the house nothing (its load curve is 0 W; inferred)


@dataclass(frozen=True, slots=True)
class Flows:
    """Where power flows, in watts; the batteries' own sign is the house's too."""

    pv_w: tuple[float, ...]
    battery_w: float
    ac_w: float
    load_w: float

    @property
    def grid_w(self) -> float:
        """What the house takes from the grid; negative when it gives."""
        return self.load_w - self.ac_w

    @property
    def loss_w(self) -> float:
        """What conversion turns into heat; never negative."""
        return sum(self.pv_w) + self.battery_w - self.ac_w


ENERGIES: Final = (
    "battery_charge_energy",
    "battery_discharge_energy",
    "pv_energy",
    "ac_input_energy",
    "ac_output_energy",
)


class Plant:
    """State of charge and energy counters. ``energy_wh`` counts over the lifetime, ``today_wh`` since midnight UTC.

    When a real device starts its day is unverified (protocol.md, section 11).
    """

    def __init__(self, *, capacity_wh: float, soc_pct: float, day: date) -> None:
        self.capacity_wh = capacity_wh
        self.soc_pct = soc_pct
        self.energy_wh = dict.fromkeys(ENERGIES, 0.0)
        self.today_wh = dict.fromkeys(ENERGIES, 0.0)
        self._day = day

    def flows(self, around: Surroundings, orders: Orders, seconds: float = CADENCE_S) -> Flows:
        """Return the flows that can last for so many seconds, all limits kept."""
        pv = sum(around.pv_w)
        ac_cap = max(0.0, min(orders.ac_out_max_w, around.load_w + orders.feed_in_max_w))
        wh_per_pct, hours = self.capacity_wh / 100, seconds / _HOUR_S
        discharge_max = min(
            orders.discharge_max_w,
            max(0.0, self.soc_pct - orders.floor_pct) * wh_per_pct / hours,
            max(0.0, ac_cap / EFFICIENCY - pv),
        )
        charge_max = min(
            orders.charge_max_w,
            max(0.0, orders.ceiling_pct - self.soc_pct) * wh_per_pct / hours,
            max(0.0, orders.ac_in_max_w) * EFFICIENCY + pv,
        )
        battery = min(discharge_max, max(-charge_max, self._wanted(around.load_w, pv, orders)))
        # What neither battery, house nor grid may take, the inputs do not deliver.
        used = min(pv, max(0.0, ac_cap / EFFICIENCY - battery))
        dc = used + battery
        share = used / pv if pv else 0.0
        return Flows(
            pv_w=tuple(each * share for each in around.pv_w),
            battery_w=battery,
            ac_w=dc * EFFICIENCY if dc > 0 else dc / EFFICIENCY,
            load_w=around.load_w,
        )

    def _wanted(self, load: float, pv: float, orders: Orders) -> float:
        if orders.power_w is not None:
            return orders.power_w
        return (load / EFFICIENCY if orders.sees_load else 0.0) - pv

    def advance(self, start: datetime, seconds: float, orders: Orders, house: House) -> None:
        """Live through a gap of any length, in steps short enough to follow the day and few enough to be quick."""
        longest = max(min(MAX_STEP_S, max(CADENCE_S, seconds / STEPS_PER_GAP)), seconds / MAX_STEPS)
        at, left = start, seconds
        self._turn_day(at)
        while left > _DUST_S:
            midnight = datetime.combine(at.date() + timedelta(days=1), time(), UTC)
            step = min(longest, left, max(_DUST_S, (midnight - at).total_seconds()))
            middle = house(at + timedelta(seconds=step / 2))
            self._step(self.flows(middle, orders, step), step)
            at += timedelta(seconds=step)
            left -= step
            self._turn_day(at)

    def _turn_day(self, at: datetime) -> None:
        if at.date() != self._day:
            self._day = at.date()
            self.today_wh = dict.fromkeys(ENERGIES, 0.0)

    def _step(self, flows: Flows, seconds: float) -> None:
        hours = seconds / _HOUR_S
        soc = self.soc_pct - flows.battery_w * hours / self.capacity_wh * 100
        self.soc_pct = min(100.0, max(0.0, soc))  # rounding only: flows() never asks for more than there is
        self._count("battery_discharge_energy" if flows.battery_w > 0 else "battery_charge_energy", abs(flows.battery_w) * hours)
        self._count("ac_output_energy" if flows.ac_w > 0 else "ac_input_energy", abs(flows.ac_w) * hours)
        self._count("pv_energy", sum(flows.pv_w) * hours)

    def _count(self, name: str, energy_wh: float) -> None:
        self.energy_wh[name] += energy_wh
        self.today_wh[name] += energy_wh


# ---- two houses ------------------------------------------------------------------------------------------------------

_SUNRISE_H, _SUNSET_H = 6.0, 18.0  # UTC; an equinox somewhere near Greenwich
_PV_PEAK_W: Final = 320.0  # per input, on a middling day of a balcony module
_BASE_W: Final = 160.0  # what is always on
_APPLIANCES_W: Final = (0.0, 0.0, 0.0, 0.0, 350.0, 350.0, 1100.0, 2100.0)  # one of them each quarter of an hour


def steady_house(surroundings: Surroundings) -> House:
    """Return a house where nothing ever changes, as captured values leave it."""
    return lambda _: surroundings


def built_in_day(seed: int, pv_inputs: int) -> House:
    """Return a house that moves: half a sine of sun on each input, a base load and appliances that step, by the seed."""

    def around(at: datetime) -> Surroundings:
        minute = int(at.timestamp()) // 60
        hour = at.hour + at.minute / 60 + at.second / 3600
        height = math.sin(math.pi * (hour - _SUNRISE_H) / (_SUNSET_H - _SUNRISE_H)) if _SUNRISE_H < hour < _SUNSET_H else 0.0
        pv = _PV_PEAK_W * height * (0.6 + 0.4 * _chance(f"{seed} cloud {minute // 5}") / 100)
        flicker = _chance(f"{seed} minute {minute}") * 0.6
        appliance = _APPLIANCES_W[_chance(f"{seed} quarter {minute // 15}") % len(_APPLIANCES_W)]
        return Surroundings(_BASE_W + flicker + appliance, (pv,) * pv_inputs)

    return around


def _chance(what: str) -> int:
    """Return a number from 0 to 99 that is always the same for the same text."""
    return crc32(what.encode()) % 100
