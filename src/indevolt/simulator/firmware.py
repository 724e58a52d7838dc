"""What the unit's own firmware wants of its plant: modes, reserve, forced full charge, plan, standby.

Pure, over a :class:`~indevolt.simulator.physics.Unit` and its orders. How settings on the wire become orders is in ``registers``;
what a unit that follows the house is asked for comes from the meter, in ``site``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import timedelta
from enum import IntEnum
from typing import Final

from indevolt.simulator.converter import to_ac, to_dc
from indevolt.simulator.physics import HOUR_S, Unit

DAY_S: Final = 86_400.0
HALF_HOUR_S: Final = 1800.0

RECHARGE_W: Final = 500.0  # the documented default (protocol.md, section 15)
RESUME_PCT: Final = 2.0  # above the reserve discharging begins again, so far below it recharging does (protocol.md, section 15)
LOW_PCT, LIFTED_PCT = 3.0, 5.0  # with PV as the only source the grid helps from about 3 % to 5 % (protocol.md, section 15)
FULL_PCT: Final = 99.95
TOP_UP_PCT: Final = 98.0  # a full battery takes no more until it falls below this (inferred)
START_W: Final = 60.0  # what a resting converter starts for: discharging shows from here (protocol.md, section 15; inferred)
STOP_W: Final = 20.0  # and below which a running one rests (inferred)
DEEP_AFTER_S: Final = 600.0  # of rest until deep standby (inferred)


_ON_TIME: Final = timedelta()


class Mode(IntEnum):
    """What the plant is to do."""

    FOLLOW = 0  # the house: no import, PV surplus into the battery
    POWER = 1  # a real-time command: a battery power
    PLAN = 2  # slots of a schedule
    REST = 3  # neither
    PORTABLE = 4  # away from the grid; the bypass socket only
    KEEP = 5  # a captured power goes on, whatever its limits


@dataclass(frozen=True, slots=True)
class Slot:
    """One slot of the unit's own plan: a battery power, positive when discharging, between two seconds of the UTC day."""

    start_s: float
    end_s: float  # below start_s: over midnight
    power_w: float
    soc_pct: float  # where it ends

    def holds(self, second: float) -> bool:
        """Return whether the slot is running at a second of the day."""
        if self.start_s <= self.end_s:
            return self.start_s <= second < self.end_s
        return second >= self.start_s or second < self.end_s


@dataclass(frozen=True, slots=True)
class Orders:
    """What the unit's settings ask of the plant. Equal orders are one object, see ``registers``."""

    mode: Mode = Mode.FOLLOW
    power_w: float = 0.0  # of the battery, positive when discharging
    target_pct: float | None = None  # where a command ends
    reserve_pct: float = 0.0
    grid_charging: bool = True
    recharge_w: float = RECHARGE_W
    ac_in_max_w: float = math.inf
    ac_out_max_w: float = math.inf
    feed_in_max_w: float = math.inf  # at the meter
    sees_meter: bool = True
    follows_curve: bool = False  # the load curve is chosen as the load source
    curve_w: tuple[float, ...] = ()  # of 48 half hours; empty for all 0
    bypass_on: bool = True
    full_every_s: float = 0.0  # 0: never by itself
    full_from_s: float = 0.0  # of the day
    deep_from_s: float = 0.0  # a window of deep standby; the same twice is none
    deep_to_s: float = 0.0
    plan: tuple[Slot, ...] = field(default=())

    def sleeps_at(self, second: float) -> bool:
        """Return whether a second of the day is in the window of deep standby."""
        return self.deep_from_s != self.deep_to_s and Slot(self.deep_from_s, self.deep_to_s, 0.0, 0.0).holds(second)


class Firmware:
    """What a unit remembers from one step to the next, and what it decides in each."""

    __slots__ = ("_blocked", "_full_at_s", "_rest_s", "_running", "clock_ahead", "forcing", "full", "orders", "recharging")

    def __init__(self, orders: Orders, at_s: float) -> None:
        self.orders = orders
        self.clock_ahead = _ON_TIME  # of the unit's own clock before the true one
        self.full = False
        self.recharging = False  # from the grid, up to the reserve
        self.forcing = False  # a full charge that is due
        self._blocked = False  # by the reserve
        self._full_at_s = at_s
        self._rest_s = 0.0
        self._running = False

    def decide(self, unit: Unit, at_s: float, seconds: float, *, meter_online: bool = True) -> float | None:
        """Return the battery power that is wanted for a step, in W; None to follow the house.

        Also narrows the unit's limits to the orders. ``at_s`` is Unix time.
        """
        orders = self.orders
        self._watch_charge(unit.soc_pct, at_s)
        if orders.mode is Mode.KEEP:
            return self._keep(unit, seconds)
        wanted, floor, ceiling = self._wanted(unit, at_s, seconds, meter_online=meter_online)
        unit.bound(
            seconds,
            floor_pct=floor,
            ceiling_pct=ceiling,
            ac_in_max_w=orders.ac_in_max_w,
            ac_out_max_w=orders.ac_out_max_w,
            discharges=not self._blocked,
        )
        if self.full:
            unit.charge_max_w = 0.0
            unit.low_w = max(unit.low_w, min(0.0, to_ac(unit.pv_offered_w, unit.own_w)))
        return wanted

    def settle(self, unit: Unit, target_w: float, at_s: float, seconds: float) -> float:
        """Return the inverter power to aim at: what was wanted, or nothing where that is not worth being awake for.

        ``target_w`` is the inverter's AC power. A unit that rests long enough goes into deep standby, and the next need wakes it.
        """
        orders = self.orders
        if orders.mode is Mode.KEEP:
            unit.motion.place(target_w)  # it has been there for long
            return target_w
        if orders.mode is Mode.FOLLOW and not (self.forcing or self.recharging):
            self._running = abs(target_w) >= (STOP_W if self._running else START_W)
            if not self._running and unit.pv_offered_w == 0:
                target_w = 0.0
        if orders.mode is Mode.FOLLOW and unit.pv_offered_w == 0 and orders.sleeps_at(at_s % DAY_S):
            self._rest_s, target_w = DEEP_AFTER_S, 0.0
        able = unit.low_w < -STOP_W if target_w < 0 else unit.high_w >= STOP_W
        busy = unit.pv_offered_w > 0 or unit.heating or (abs(target_w) >= STOP_W and able)
        if busy:
            if unit.asleep:
                unit.asleep = False
                unit.motion.wait_s = unit.response.wake_s
            self._rest_s = 0.0
        else:
            unit.asleep = self._rest_s >= DEEP_AFTER_S
            self._rest_s += seconds
        return target_w

    def state(self, unit: Unit) -> str:
        """Return the unit's state in the words of the catalogue."""
        if unit.island:
            return "offgrid_discharging" if unit.battery_w > 0 else "offgrid_charging"
        if unit.asleep:
            return "deep_sleep"
        if self.forcing:
            return "forced_full_charge"
        if self.recharging:
            return "low_battery_charging"
        if unit.inverter_w <= -START_W / 2:
            return "grid_charging"
        if unit.inverter_w >= STOP_W:
            return "grid_discharging"
        return "mppt" if unit.pv_offered_w > 0 else "standby"

    # ---- inside --------------------------------------------------------------------------------------------------------------

    def _watch_charge(self, soc: float, at_s: float) -> None:
        """Keep the memories that hang on the state of charge."""
        orders, reserve = self.orders, self.orders.reserve_pct
        if soc >= FULL_PCT:
            self.full, self.forcing, self._full_at_s = True, False, at_s
        elif soc < TOP_UP_PCT:
            self.full = False
        if soc <= reserve + 1e-6:
            self._blocked = True
        elif soc >= min(reserve + RESUME_PCT, FULL_PCT):
            self._blocked = False
        low, lifted = (reserve - RESUME_PCT, reserve) if orders.grid_charging else (LOW_PCT, LIFTED_PCT)
        if soc >= lifted - 1e-6:
            self.recharging = False
        elif soc < low:
            self.recharging = True
        if orders.full_every_s and not self.forcing:
            full_day_s = self._full_at_s // DAY_S * DAY_S  # of the day: the hours that a charge takes do not move the next
            self.forcing = at_s >= full_day_s + orders.full_every_s + orders.full_from_s

    def _wanted(self, unit: Unit, at_s: float, seconds: float, *, meter_online: bool) -> tuple[float | None, float, float]:
        """Return battery power (None to follow), floor and ceiling of the charge."""
        orders, reserve = self.orders, self.orders.reserve_pct
        if orders.mode is Mode.POWER:  # a command outranks the forced full charge: who sent it sees what was sent (inferred)
            return self._command(orders.power_w, orders.target_pct, reserve)
        if self.forcing:
            return -math.inf, reserve, 100.0
        if self.recharging:
            return -self._recharge_power(unit, seconds), reserve, 100.0
        if orders.mode is Mode.PLAN:
            running = next((slot for slot in orders.plan if slot.holds(at_s % DAY_S)), None)
            return self._command(running.power_w, running.soc_pct, reserve) if running else (0.0, reserve, 100.0)
        if orders.mode is not Mode.FOLLOW:
            return 0.0, reserve, 100.0
        if meter_online and orders.sees_meter and not orders.follows_curve:
            return None, reserve, 100.0
        # Without a meter the load curve says what it gives (protocol.md, section 15).
        given_w = orders.curve_w[int(at_s % DAY_S // HALF_HOUR_S)] if orders.curve_w else 0.0
        return to_dc(given_w, unit.own_w) - unit.pv_offered_w, reserve, 100.0

    def _recharge_power(self, unit: Unit, seconds: float) -> float:
        """Return what brings the battery back to the reserve, and no further."""
        up_to = self.orders.reserve_pct if self.orders.grid_charging else LIFTED_PCT
        missing_wh = max(0.0, up_to - unit.soc_pct) / 100 * unit.kit.capacity_wh
        return min(self.orders.recharge_w, missing_wh * HOUR_S / seconds) if seconds > 0 else self.orders.recharge_w

    @staticmethod
    def _command(power_w: float, target_pct: float | None, reserve: float) -> tuple[float, float, float]:
        if power_w < 0:
            return power_w, reserve, 100.0 if target_pct is None else target_pct
        return power_w, reserve if target_pct is None else max(reserve, target_pct), 100.0

    def _keep(self, unit: Unit, seconds: float) -> float:
        """Let a captured power go on as long as there is energy for it."""
        unit.asleep = False
        unit.bound(
            seconds,
            floor_pct=self.orders.reserve_pct,
            ceiling_pct=100.0,
            ac_in_max_w=math.inf,
            ac_out_max_w=math.inf,
        )
        kept, hours = self.orders.power_w, seconds / HOUR_S
        stored, wh_per_pct = unit.stored_wh, unit.kit.capacity_wh / 100
        above, room = stored - self.orders.reserve_pct * wh_per_pct, unit.kit.capacity_wh - stored
        if kept > 0:
            kept = 0.0 if above <= 0 else min(kept, above / hours) if hours else kept
        else:
            kept = 0.0 if room <= 0 else max(kept, -room / hours) if hours else kept
        unit.charge_max_w, unit.discharge_max_w = max(0.0, -kept), max(0.0, kept)
        unit.low_w, unit.high_w = -math.inf, math.inf
        return kept
