"""The plant of one unit: battery modules, converter, PV inputs and bypass socket, and the books that they keep.

Pure: time, weather and orders are arguments, a step may have any size, and nothing of the protocol is known here. Which power is
wanted is decided by ``firmware``, how a house shares and measures it by ``site``; what single packs and cells show is in ``cells``.

Signs are the house's: power is positive when it flows into the house. Over every step::

    pv + battery = inverter + loss          ac = inverter - bypass          stored energy falls by the battery's

A battery gives back what it was given, since captures match the plain integration of its power (protocol.md, section 12): all
losses are the converter's. In each step first :meth:`Unit.look` tells what is possible, then :meth:`Unit.run` does what was chosen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time
from functools import cache, lru_cache
from typing import Final

from indevolt.catalogue import Product
from indevolt.catalogue.model import Derating
from indevolt.simulator.bypass import Bypass
from indevolt.simulator.converter import AWAKE_W, LIFELIKE, Motion, Response, to_ac, to_dc

HOUR_S: Final = 3600.0

# ---- what a unit is made of ------------------------------------------------------------------------------------------------------

DEEP_W: Final = 7.0  # own consumption in deep standby ...
DEEP_PACK_W: Final = 2.0  # ... and of each extension pack (protocol.md, section 15)
OFFGRID_W: Final = 29.0  # own consumption while it makes its own grid ...
OFFGRID_PACK_W: Final = 5.0  # ... and of each extension pack (control.md, section 0)
HEATER_W: Final = 37.9  # a module (protocol.md, section 15)
HEATER_ON_C: Final = 0.5
HEATER_OFF_C: Final = 5.5
PV_FROM_W: Final = 50.0  # PV wakes a unit, and charges it, from about this (protocol.md, section 15)
PV_DARK_W: Final = 10.0  # and lets it go below this (inferred)
PV_DERATING: Final = (
    (96.0, 0.6),
    (93.0, 0.8),
)  # above so many °C of the power stage PV falls to this share (protocol.md, section 15)
OFFGRID_PER_MODULE_W: Final = {"solidflex": (1000.0, 2000.0, 2400.0), "powerflex": (1200.0, 2400.0)}  # protocol.md, section 15
_UNPUBLISHED: Final = (Derating(0.0, 0.0, math.inf), Derating(53.0, math.inf, math.inf))  # the ends that all published tables share

# All of these are inferred; they give a module some degrees over the room on a busy day.
_CELL_TIME_S: Final = 10_800.0  # a module follows the air within hours
_CELL_K_PER_W: Final = 0.45  # of one module
_CELL_SHARE: Final = 0.25  # of the converter's losses, which warm the modules beside it
_STAGE_TIME_S: Final = 900.0  # the power stage follows within a quarter of an hour
_STAGE_K_PER_W: Final = 0.24

# Taper: inferred. Near full the cells' voltage, near empty their resistance lowers what a module takes or gives.
TAPER_FULL_PCT: Final = 95.0
TAPER_FULL_SHARE: Final = 0.04
TAPER_EMPTY_PCT: Final = 5.0
TAPER_EMPTY_SHARE: Final = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class Kit:
    """What a unit is made of; one object for all units of the same product and number of modules."""

    product: Product
    modules: int
    capacity_wh: float
    charge_w: float  # what so many modules take at the battery
    discharge_w: float
    offgrid_w: float
    derating: tuple[tuple[float, float, float], ...]  # up to °C: charge and discharge W of all modules together
    deep_w: float
    offgrid_own_w: float

    def carries(self, temperature_c: float) -> tuple[float, float]:
        """Return what the modules take and give at a cell temperature, in W; nothing outside the table."""
        for upto_c, charge_w, discharge_w in self.derating:
            if temperature_c <= upto_c:
                return charge_w, discharge_w
        return 0.0, 0.0


@cache
def kit(product: Product, modules: int, capacity_wh: float | None = None) -> Kit:
    """Return what a product with so many modules is made of; a captured unit may have another capacity than the documents say."""
    offgrid = OFFGRID_PER_MODULE_W.get(product.name[:9], product.discharge_w)
    packs = modules - 1
    return Kit(
        product=product,
        modules=modules,
        capacity_wh=product.module_wh * modules if capacity_wh is None else capacity_wh,
        charge_w=limit_w(product.charge_w, modules),
        discharge_w=limit_w(product.discharge_w, modules),
        offgrid_w=limit_w(offgrid, modules),
        derating=tuple(
            (step.upto_c, step.charge_w * modules, step.discharge_w * modules) for step in product.derating or _UNPUBLISHED
        ),
        deep_w=DEEP_W + DEEP_PACK_W * packs,
        offgrid_own_w=OFFGRID_W + OFFGRID_PACK_W * packs,
    )


def limit_w(by_modules: Sequence[float], modules: int) -> float:
    """Return what so many modules allow; the last entry stands for more."""
    return by_modules[min(modules, len(by_modules)) - 1]


# ---- counters ----------------------------------------------------------------------------------------------------------------

COUNTERS: Final = (
    "battery_charge_energy",
    "battery_discharge_energy",
    "pv_energy",
    "ac_input_energy",
    "ac_output_energy",
    "bypass_output_energy",
    "microinverter_energy",
    "offgrid_output_energy",
)
"""What a unit counts in Wh, over its lifetime and since midnight UTC. When a real one starts its day is unverified (section 11)."""


# ---- the unit ----------------------------------------------------------------------------------------------------------------


class Unit:
    """One unit. Powers are means over the last step, in W; counters and stored energy in Wh, temperatures in °C."""

    __slots__ = (
        "ac_w",
        "asleep",
        "battery_w",
        "bypass",
        "bypass_w",
        "charge_max_w",
        "counted_wh",
        "discharge_max_w",
        "heating",
        "high_w",
        "inverter_w",
        "island",
        "kit",
        "loss_w",
        "low_w",
        "midnight_wh",
        "motion",
        "own_w",
        "pv_offered_w",
        "pv_w",
        "response",
        "spread_pct",
        "stage_c",
        "stored_wh",
        "temperature_c",
    )

    def __init__(
        self,
        kit: Kit,
        *,
        soc_pct: float,
        temperature_c: float = 25.0,
        response: Response = LIFELIKE,
        spread_pct: float = 4.0,
    ) -> None:
        """Put a unit together.

        Args:
            kit: what it is made of.
            soc_pct: state of charge, 0 to 100.
            temperature_c: of cells and power stage.
            response: how its power follows an order.
            spread_pct: by how many points the packs' charges differ at half charge; 3 to 15 were documented (protocol.md, section
            15).
        """
        self.kit = kit
        self.response = response
        self.spread_pct = spread_pct
        self.stored_wh = kit.capacity_wh * soc_pct / 100
        self.temperature_c = self.stage_c = temperature_c
        self.motion = Motion()
        self.asleep = False  # in deep standby
        self.heating = False
        self.bypass: Bypass | None = None  # the socket's memory, once something hangs on it
        self.island = False  # it makes its own grid for the bypass socket
        self.counted_wh = [0.0] * len(COUNTERS)
        self.midnight_wh: Sequence[float] = ()  # what they were when the day began; empty for all 0
        self.pv_w: tuple[float, ...] = ()
        self.pv_offered_w = 0.0
        self.battery_w = self.inverter_w = self.ac_w = self.bypass_w = self.loss_w = 0.0
        self.own_w = AWAKE_W
        self.charge_max_w = self.discharge_max_w = self.low_w = self.high_w = 0.0

    # ---- what there is -------------------------------------------------------------------------------------------------------

    @property
    def soc_pct(self) -> float:
        """State of charge, 0 to 100."""
        return self.stored_wh / self.kit.capacity_wh * 100

    @soc_pct.setter
    def soc_pct(self, soc_pct: float) -> None:
        self.stored_wh = min(max(soc_pct, 0.0), 100.0) / 100 * self.kit.capacity_wh

    def energy_wh(self, counter: str, *, today: bool = False) -> float:
        """Return a counter."""
        index = COUNTERS.index(counter)
        return self.counted_wh[index] - (self.midnight_wh[index] if today and self.midnight_wh else 0.0)

    def set_energy(self, counter: str, energy_wh: float, *, today: bool = False) -> None:
        """Let a counter stand somewhere; the lifetime counter leaves that of today alone and the other way round."""
        index = COUNTERS.index(counter)
        midnight = list(self.midnight_wh or [0.0] * len(COUNTERS))
        if not today:
            midnight[index] += energy_wh - self.counted_wh[index]
            self.counted_wh[index] = energy_wh
        else:
            midnight[index] = self.counted_wh[index] - energy_wh
        self.midnight_wh = tuple(midnight)

    def turn_day(self) -> None:
        """Begin a day: what is counted today starts at 0."""
        self.midnight_wh = tuple(self.counted_wh)

    # ---- a step --------------------------------------------------------------------------------------------------------------

    def look(self, pv_w: Sequence[float], seconds: float) -> None:
        """Find out what is possible for so many seconds: the limits of the battery and what the PV inputs offer.

        ``charge_max_w`` and ``discharge_max_w`` are the battery's own limits by modules, temperature and charge; energy for the
        whole step is there.
        """
        kit, stored = self.kit, self.stored_wh
        charge, discharge = kit.carries(self.temperature_c)
        charge, discharge = min(charge, kit.charge_w), min(discharge, kit.discharge_w)
        soc = stored / kit.capacity_wh * 100
        if soc > TAPER_FULL_PCT:
            charge *= max(TAPER_FULL_SHARE, (100 - soc) / (100 - TAPER_FULL_PCT))
        elif soc < TAPER_EMPTY_PCT:
            discharge *= max(TAPER_EMPTY_SHARE, soc / TAPER_EMPTY_PCT)
        self.charge_max_w = min(charge, _power(kit.capacity_wh - stored, seconds))
        self.discharge_max_w = min(discharge, _power(stored, seconds))
        offered = sum(pv_w)
        if offered < (PV_FROM_W if self.asleep else PV_DARK_W):
            self.pv_w, offered = (), 0.0
        else:
            self.pv_w = tuple(pv_w)
            if self.stage_c > PV_DERATING[-1][0]:
                share = next(share for above_c, share in PV_DERATING if self.stage_c > above_c)
                self.pv_w, offered = tuple(each * share for each in self.pv_w), offered * share
        self.pv_offered_w = offered
        if self.heating or self.temperature_c <= HEATER_ON_C:
            self.heating = self.temperature_c < HEATER_OFF_C and not self.asleep
        self.own_w = AWAKE_W + HEATER_W * kit.modules if self.heating else AWAKE_W

    def bound(
        self,
        seconds: float,
        *,
        floor_pct: float,
        ceiling_pct: float,
        ac_in_max_w: float,
        ac_out_max_w: float,
        discharges: bool = True,
    ) -> None:
        """Narrow what is possible to what the settings allow, and tell the range of inverter power: ``low_w`` to ``high_w``.

        Whatever the settings say, the battery feeds the unit's own consumption where the sun does not, as long as there is
        anything in it (inferred: 26 W were seen on a unit that called itself static; protocol.md, section 15).
        """
        wh_per_pct = self.kit.capacity_wh / 100
        charge = self.charge_max_w
        if ceiling_pct < 100:
            charge = min(charge, _power(ceiling_pct * wh_per_pct - self.stored_wh, seconds))
        give = min(self.discharge_max_w, _power(self.stored_wh - floor_pct * wh_per_pct, seconds)) if discharges else 0.0
        pv = self.pv_offered_w
        keep_awake = min(max(0.0, to_dc(0.0, self.own_w) - pv), self.discharge_max_w)
        self.charge_max_w = charge
        self.discharge_max_w = max(give, keep_awake)
        self.low_w = max(-ac_in_max_w, min(0.0, to_ac(pv - charge, self.own_w)))
        self.high_w = min(ac_out_max_w, to_ac(pv + self.discharge_max_w, self.own_w))
        self.low_w = min(self.low_w, self.high_w)  # nothing in it and no sun: the socket feeds what keeps it awake

    def plug(self, offered_w: float, seconds: float, *, on: bool, welcome_w: float | None = None) -> None:
        """Let something hang on the bypass socket; ``welcome_w`` as in :meth:`Bypass.carry`."""
        if not on or (offered_w == 0 and self.bypass is None):
            self.bypass_w = 0.0
            return
        if self.bypass is None:
            self.bypass = Bypass()
        self.bypass_w = self.bypass.carry(offered_w, seconds, most_w=self.kit.offgrid_w, welcome_w=welcome_w)

    def stop_at(self, target_pct: float, seconds: float, *, charging: bool) -> None:
        """Keep the battery from going past a state of charge in this step."""
        target_wh, pv, own = target_pct / 100 * self.kit.capacity_wh, self.pv_offered_w, self.own_w
        if charging:
            self.charge_max_w = min(self.charge_max_w, _power(target_wh - self.stored_wh, seconds))
            self.low_w = max(self.low_w, min(0.0, to_ac(pv - self.charge_max_w, own)))
        else:
            left_w = max(_power(self.stored_wh - target_wh, seconds), to_dc(0.0, own))
            self.discharge_max_w = min(self.discharge_max_w, left_w)
            self.high_w = min(self.high_w, to_ac(pv + self.discharge_max_w, own))

    def run(self, target_w: float, seconds: float, ambient_c: float) -> None:
        """Live through a step with this inverter power as the aim, the limits of :meth:`bound` kept."""
        kit, pv, charge, give = self.kit, self.pv_offered_w, self.charge_max_w, self.discharge_max_w
        if self.asleep:
            battery = min(kit.deep_w, give)
            used, inverter = 0.0, battery - kit.deep_w
            self.motion.place(0.0)
        else:
            low, high, motion = self.low_w, self.high_w, self.motion
            if not low <= motion.level_w <= high:
                motion.place(min(max(motion.level_w, low), high))
            inverter = min(max(motion.move(min(max(target_w, low), high), seconds, self.response), low), high)
            dc = to_dc(inverter, self.own_w)
            battery, used = dc - pv, pv
            if battery < -charge:  # what neither battery nor socket may take, the inputs do not deliver
                used = max(0.0, dc + charge)
                battery = dc - used
            elif battery > give:
                battery = give
                inverter = to_ac(give + pv, self.own_w)
                motion.place(inverter)
        if used < pv:
            self.pv_w = tuple(each * (used / pv) for each in self.pv_w)
        self._count(battery, used, inverter, seconds, ambient_c)

    def run_alone(self, seconds: float, ambient_c: float) -> None:
        """Live through a step without the grid: the inverter feeds what hangs on the bypass socket, if it can."""
        load_w, pv, give, hours = self.bypass_w, self.pv_offered_w, self.discharge_max_w, seconds / HOUR_S
        own = self.kit.offgrid_own_w + self.own_w - AWAKE_W  # with the heaters, if they are on
        served = load_w if 0 <= load_w <= min(self.kit.offgrid_w, to_ac(pv + give, own)) else 0.0
        self.motion.place(0.0)
        dc = to_dc(served, own)
        if served == 0 and dc > pv + give:  # not even its own consumption: it is dark
            battery, used = min(give, own), 0.0
            self.heating = False
        else:
            battery = max(min(dc - pv, give), -self.charge_max_w)
            used = min(pv, max(0.0, dc - battery))
        if used < pv:
            self.pv_w = tuple(each * (used / pv) for each in self.pv_w)
        self.bypass_w = served
        self._count(battery, used, served, seconds, ambient_c)
        self.counted_wh[7] += served * hours

    def _count(self, battery: float, pv: float, inverter: float, seconds: float, ambient_c: float) -> None:
        """Take down a step: stored energy, counters, temperatures."""
        hours, counted, bypass = seconds / HOUR_S, self.counted_wh, self.bypass_w
        ac = inverter - bypass
        self.battery_w, self.inverter_w, self.ac_w = battery, inverter, ac
        self.loss_w = loss = pv + battery - inverter
        moved = battery * hours
        self.stored_wh = min(self.kit.capacity_wh, max(0.0, self.stored_wh - moved))  # rounding only: limits leave room for all
        if moved < 0:
            counted[0] -= moved
        else:
            counted[1] += moved
        counted[2] += pv * hours
        if ac < 0:
            counted[3] -= ac * hours
        else:
            counted[4] += ac * hours
        if bypass > 0:
            counted[5] += bypass * hours
        elif bypass < 0:
            counted[6] -= bypass * hours
        if seconds > 0:
            cells, stage = _decays(seconds)
            warmth = (loss * _CELL_SHARE / self.kit.modules + (HEATER_W if self.heating else 0.0)) * _CELL_K_PER_W
            self.temperature_c += (ambient_c + warmth - self.temperature_c) * cells
            self.stage_c += (ambient_c + max(0.0, loss) * _STAGE_K_PER_W - self.stage_c) * stage


def _power(energy_wh: float, seconds: float) -> float:
    """Return the power that so much energy lasts for; without end where no time passes, none where there is no energy."""
    if energy_wh <= 0:
        return 0.0
    return energy_wh * HOUR_S / seconds if seconds > 0 else math.inf


@lru_cache(maxsize=256)
def _decays(seconds: float) -> tuple[float, float]:
    """Return how far cells and power stage come in so many seconds, as shares of the way."""
    return -math.expm1(-seconds / _CELL_TIME_S), -math.expm1(-seconds / _STAGE_TIME_S)


def seconds_of(at: time) -> float:
    """Return the seconds since midnight."""
    return at.hour * HOUR_S + at.minute * 60 + at.second
