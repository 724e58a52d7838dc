"""The vocabulary of control: what a strategy may know. What it may say, and what comes of it, is in ``decision``.

Frozen records only. A strategy is a pure function from :class:`Situation` to a proposal.

Signs are the house's: battery power is positive when it discharges, grid power when it is imported; ``load = grid + pv + battery``.
Two clocks: ``at`` is the wall clock (prices, expiries, targets), ``at_s`` counts monotonic seconds (ages, delays).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from indevolt.battery import Limit, Limits

LEAST_SOC_PCT: Final = 5.0
"""No discharge below this, whatever anybody wants: the lowest target the device takes (control.md, section 5, rule 3)."""
ABOVE_BACKUP_PCT: Final = 2.0
"""The hub stays so far above the device's own reserve, or the device recharges from the grid (control.md, section 0)."""


class Rank(StrEnum):
    """Who speaks; the order of the names here is the default order, first outranks second."""

    SAFETY = "safety"
    OWNER = "owner"
    FLEET = "fleet"
    PLAN = "plan"
    SELF_USE = "self_use"


class Tier(StrEnum):
    """How power is brought about (control.md, section 1.1), the best first."""

    NATIVE = "native"  # the device's own loop with a meter that it knows
    POSED = "posed"  # the device's own loop, and the hub poses as that meter
    REALTIME = "realtime"  # real-time writes


class Action(StrEnum):
    """What a slot of a plan, or an override, wants of the battery."""

    SELF_USE = "self_use"  # cover the house, store the surplus
    HOLD = "hold"  # store the surplus, give nothing
    CHARGE = "charge"  # with a power, from the grid where the sun is not enough; a plan means at least so much (strategies.actions)
    DISCHARGE = "discharge"  # with a power
    STOP = "stop"  # neither


class Role(StrEnum):
    """Place of a unit in a cluster of the device's own; only the master of one is commanded."""

    ALONE = "alone"
    MASTER = "master"
    SLAVE = "slave"


# ---- what is known ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Seen:
    """A value and the monotonic second it is from."""

    value: float
    at_s: float

    def age_s(self, now_s: float) -> float:
        """Return the seconds since then."""
        return now_s - self.at_s


@dataclass(frozen=True, slots=True)
class MeterSample:
    """What the meter at the grid connection showed."""

    power_w: float  # positive: import
    at_s: float  # when it was measured: the meter's own time where it tells one, else arrival less the usual latency
    period_s: float  # between samples, as seen lately
    arrived_s: float | None = None  # None: at once
    proven: bool = True  # the sign test passed for this meter (control.md, section 5, rule 4)

    def age_s(self, now_s: float) -> float:
        """Return the seconds since it was measured."""
        return now_s - self.at_s


@dataclass(frozen=True, slots=True)
class Dynamics:
    """How the power at the meter follows a command: from commissioning, found again while running (control.md, section 1.2)."""

    dead_s: float = 1.5  # from sending until anything moves
    slew_w_per_s: float = 400.0
    start_s: float = 1.5  # more, from standby
    swap_s: float = 3.0  # more, between the two directions
    gain: float = 0.95  # watts at the meter for a watt of discharge: 0.91 was captured (protocol.md, section 12), 1 if it means AC
    charge_gain: float = 1.05  # and for a watt of charge, which the losses come on top of (inferred)
    margin_s: float = 2.0  # how wrong all of these may be together
    identified: bool = False  # measured on this unit, not assumed

    def at_meter(self, power_w: float) -> float:
        """Return what a command gives at the meter."""
        return power_w * (self.gain if power_w > 0 else self.charge_gain)

    def for_meter(self, power_w: float) -> float:
        """Return the command that gives so much at the meter."""
        return power_w / (self.gain if power_w > 0 else self.charge_gain)


@dataclass(frozen=True, slots=True)
class UnitState:
    """One unit, or one cluster behind its master."""

    name: str
    limits: Limits  # effective now: product, modules, temperature, own settings
    soc_pct: Seen | None = None
    capacity_wh: float | None = None
    battery_w: Seen | None = None
    ac_w: Seen | None = None
    mode: str | None = None  # a word of the catalogue: self_use, realtime, schedule, ...
    backup_pct: float | None = None  # the device's own reserve, as it is set
    temperature_c: float | None = None  # of the coldest module
    online: bool = True
    controlled: bool = True  # the owner opted in, and nobody else holds the lease
    role: Role = Role.ALONE
    commanded_w: float | None = None  # what we last sent and was accepted; None: nothing that still holds
    calibrating: bool = False  # the device fills itself up, or recharges its reserve, on its own account
    dynamics: Dynamics = Dynamics()
    given_up: str = ""  # why it is left to itself for a while: it did not do what it was told; empty: it is not

    @property
    def stored_wh(self) -> float | None:
        """Energy in it, or None while charge or capacity is unknown."""
        if self.soc_pct is None or self.capacity_wh is None:
            return None
        return self.soc_pct.value / 100 * self.capacity_wh

    @property
    def usable(self) -> bool:
        """Whether it may be commanded at all."""
        return self.online and self.controlled and self.role is not Role.SLAVE and not self.given_up


@dataclass(frozen=True, slots=True)
class Price:
    """What energy costs at the meter now, in the tariff's currency per kWh, taxes and fees included."""

    import_per_kwh: float
    export_per_kwh: float


@dataclass(frozen=True, slots=True)
class PlanSlot:
    """What a plan wants between two instants."""

    start: datetime
    end: datetime
    action: Action
    power_w: float = 0.0  # of charge and discharge, a positive number of watts; 0: as much as there is
    reason: str = ""
    plan: str = ""  # which plan this is of
    pinned: bool = False  # by the owner: then it is his wish and not the plan's

    def holds(self, at: datetime) -> bool:
        """Return whether it is running at an instant."""
        return self.start <= at < self.end


@dataclass(frozen=True, slots=True)
class Override:
    """What somebody asked for by hand; it always ends."""

    action: Action
    until: datetime
    by: str
    power_w: float = 0.0  # as in PlanSlot
    soc_pct: float | None = None  # done when this is reached


@dataclass(frozen=True, slots=True)
class Envelope:
    """A range of battery power from outside (VPP, grid operator); its signature was checked by whoever made this record."""

    low_w: float
    high_w: float
    until: datetime
    issuer: str


@dataclass(frozen=True, slots=True)
class Caps:
    """What law, circuit and tariff allow at this site; None: no such cap."""

    output: Limit | None = None  # AC power that all units together may give (DE, plug-in: 800 W)
    feed_in: Limit | None = None  # export at the meter (share of PV, zero export by contract)
    grid_import: Limit | None = None  # import at the meter: fuse, or dimming by the grid operator
    battery_to_grid: bool = False  # may stored energy be exported
    grid_charging: bool = True  # may energy of the grid be stored


@dataclass(frozen=True, slots=True)
class Target:
    """A state of charge to be reached by a time."""

    soc_pct: float
    by: datetime


@dataclass(frozen=True, slots=True)
class Goals:
    """What the owner set; every strategy reads its own part, and one without a part is silent."""

    reserve_pct: float = LEAST_SOC_PCT  # never discharge below
    ceiling_pct: float = 100.0  # never charge above
    grid_target_w: float = 5.0  # what zero export aims at, import positive
    hard_zero: bool = False  # export costs more than its price: aim below the middle of a chattering load
    peak_import_w: float | None = None  # shave import above
    backup_until: datetime | None = None  # keep everything for an outage until then ...
    backup_pct: float | None = None  # ... and charge to this for it
    target: Target | None = None
    soak_below_per_kwh: float | None = None  # charge from the grid while import costs less
    spare_charger: bool = False  # the battery does not feed the car


@dataclass(frozen=True, slots=True)
class NetLoad:
    """What the house takes beyond its PV, without the battery, as the observer sees it."""

    power_w: float  # the best estimate
    low_w: float  # it is not below this, by what is known of the battery's own delay,
    high_w: float  # nor above
    wanted_w: float  # what the battery should give so that the grid rests on its target
    at_s: float  # of the newest sample behind it
    settled: bool = False
    chattering: bool = False


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a strategy may know."""

    at: datetime
    at_s: float
    units: tuple[UnitState, ...]
    meter: MeterSample | None = None
    net_load: NetLoad | None = None
    pv_w: float | None = None  # through the units and beside them, where known
    unit_pv_w: float = 0.0  # part of it that goes through the units and shares their output cap
    charger_w: float | None = None  # what the car draws, where known
    price: Price | None = None
    stored_value_per_kwh: float | None = None  # of energy in the battery, after losses and wear; from the plan
    slot: PlanSlot | None = None
    overrides: tuple[Override, ...] = ()
    envelope: Envelope | None = None
    goals: Goals = field(default_factory=Goals)
    caps: Caps = field(default_factory=Caps)
    tier: Tier = Tier.REALTIME
    clock_trusted: bool = True  # False after a jump of the wall clock: nothing that hangs on it then counts

    @property
    def usable(self) -> tuple[UnitState, ...]:
        """The units that may be commanded."""
        return tuple(unit for unit in self.units if unit.usable)

    @property
    def meter_age_s(self) -> float:
        """Seconds since the meter measured; infinite without one."""
        return math.inf if self.meter is None else self.meter.age_s(self.at_s)

    @property
    def soc_pct(self) -> float | None:
        """State of charge of all usable units together, weighed by capacity; None while one is unknown."""
        known = [(unit.stored_wh, unit.capacity_wh) for unit in self.usable]
        stored = [wh for wh, _ in known if wh is not None]
        capacity = sum(wh for _, wh in known if wh is not None)
        return sum(stored) / capacity * 100 if len(stored) == len(known) and capacity else None

    def for_meter(self, power_w: float) -> float:
        """Return the command over all units that gives so much at the meter, as far as is known of them."""
        commands = [unit.dynamics.for_meter(power_w) for unit in self.usable]
        return sum(commands) / len(commands) if commands else power_w

    def floor_pct(self, unit: UnitState) -> float:
        """Return the state of charge below which a unit gives nothing: the owner's reserve, and room above the device's own.

        The device's own loop keeps its own reserve, so there no room is needed.
        """
        room = ABOVE_BACKUP_PCT if self.tier is Tier.REALTIME else 0.0
        own = 0.0 if unit.backup_pct is None else unit.backup_pct + room
        return min(100.0, max(LEAST_SOC_PCT, self.goals.reserve_pct, own, unit.limits.soc_min.value))

    def ceiling_pct(self, unit: UnitState) -> float:
        """Return the state of charge above which a unit takes nothing."""
        return min(100.0, self.goals.ceiling_pct, unit.limits.soc_max.value)
