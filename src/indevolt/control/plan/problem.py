"""What a plan is made from: prices, scenarios of load and PV, what the battery can do, and what its owner wants.

Frozen records, checked when they are made; no numpy here, so that hub and dashboard can use them without it. Prices are in the
tariff's currency per kWh, taxes and fees included. Not here: how any of it is solved.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from indevolt.control.situation import LEAST_SOC_PCT, Action, Target
from indevolt.errors import InvalidInput

LONGEST_SLOT: Final = timedelta(hours=1)
"""Forecasts are no better than that, and a longer slot hides what happens inside it."""
MISSED_PER_KWH: Final = 5.0
"""What a kWh short of a target costs in a plan: more than energy ever does, so that it is missed only if it cannot be reached."""
MOST_SLOTS: Final = 400  # four days of quarter hours; beyond that nothing is known and all of it costs time


def _require(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:  # which is also false for nan
        raise InvalidInput(f"{name}: {value!r} is not in {low:g} to {high:g}", remedy=f"Give a number from {low:g} to {high:g}.")


@dataclass(frozen=True, slots=True)
class LossCurve:
    """What is lost between the socket and the cells, in W, at so much power at the socket; either direction.

    The shape is that of a converter: own consumption while it works, semiconductors, resistance. The defaults are the curve that
    control.md, section 2.1 recommends to start with; a unit's own is better.
    """

    fixed_w: float = 12.0
    linear: float = 0.02
    quadratic_per_w: float = 1e-5

    def __post_init__(self) -> None:
        _require("loss.fixed_w", self.fixed_w, 0, 200)
        _require("loss.linear", self.linear, 0, 0.3)
        _require("loss.quadratic_per_w", self.quadratic_per_w, 0, 1e-3)

    def at(self, power_w: float) -> float:
        """Return what is lost while so much passes the socket, in W; nothing at rest."""
        power_w = abs(power_w)
        return self.fixed_w + self.linear * power_w + self.quadratic_per_w * power_w * power_w if power_w else 0.0


CAPTURED_LOSS: Final = LossCurve(fixed_w=14.3, linear=0.0582, quadratic_per_w=1.18e-5)
"""Between the two captured pairs of battery and AC power, 726/661 W and 2451/2240 W, and 20 W awake (protocol.md, section 12):
twice the default's losses. By AC power, less the 7 W that a unit takes at rest anyway."""


@dataclass(frozen=True, slots=True)
class BatteryModel:
    """What a battery, or several as one, can do and what it costs to use it. Powers are at the socket."""

    capacity_wh: float
    soc_pct: float  # now
    charge_w: float
    discharge_w: float
    floor_pct: float = LEAST_SOC_PCT  # hard: nothing is given below
    reserve_pct: float = LEAST_SOC_PCT  # soft: to be below it costs ``Problem.reserve_price``
    ceiling_pct: float = 100.0
    loss: LossCurve = field(default_factory=LossCurve)
    asleep_w: float = 7.0  # taken from the house at all times; 7 W and 2 W for each extension pack (control.md, section 0)
    awake_w: float = 20.0  # taken while it stands ready without passing power
    minimum_w: float = 50.0  # it passes no less than this
    wear_per_kwh: float = 0.02  # per kWh given at the socket

    def __post_init__(self) -> None:
        _require("capacity_wh", self.capacity_wh, 100, 10_000_000)
        _require("soc_pct", self.soc_pct, 0, 100)
        _require("charge_w", self.charge_w, 0, 1_000_000)
        _require("discharge_w", self.discharge_w, 0, 1_000_000)
        _require("floor_pct", self.floor_pct, 0, 100)
        _require("reserve_pct", self.reserve_pct, 0, 100)
        _require("ceiling_pct", self.ceiling_pct, self.floor_pct, 100)
        _require("asleep_w", self.asleep_w, 0, 500)
        _require("awake_w", self.awake_w, self.asleep_w, 500)
        _require("minimum_w", self.minimum_w, 0, 1000)
        _require("wear_per_kwh", self.wear_per_kwh, 0, 10)


@dataclass(frozen=True, slots=True)
class Pin:
    """What the owner wants of one slot, whatever it costs."""

    action: Action
    power_w: float = 0.0  # of charge and discharge; 0: as much as there is
    because: str = ""  # why, where it comes of something else that he wants


@dataclass(frozen=True, slots=True)
class Slot:
    """A stretch of time with one price. Those of a problem follow one another without a gap, quarters and hours as they come."""

    start: datetime  # aware
    length: timedelta
    import_per_kwh: float
    export_per_kwh: float
    charge_limit_w: float = math.inf  # below the battery's own: cold cells, a tripped pack, a calibration
    discharge_limit_w: float = math.inf
    published: bool = True  # False: beyond the published prices, assumed
    pin: Pin | None = None

    def __post_init__(self) -> None:
        if self.start.tzinfo is None:
            raise InvalidInput(f"slot.start: {self.start} has no time zone", remedy="Give aware times.")
        if not timedelta() < self.length <= LONGEST_SLOT:
            raise InvalidInput(f"slot.length: {self.length} is not in above 0 to 1 h", remedy="Split longer stretches.")
        for name in ("import_per_kwh", "export_per_kwh"):
            _require(f"slot.{name}", getattr(self, name), -100, 100)
        _require("slot.charge_limit_w", self.charge_limit_w, 0, math.inf)
        _require("slot.discharge_limit_w", self.discharge_limit_w, 0, math.inf)

    @property
    def end(self) -> datetime:
        """When the next one begins."""
        return self.start + self.length

    @property
    def hours(self) -> float:
        """Its length in hours."""
        return self.length.total_seconds() / 3600


@dataclass(frozen=True, slots=True)
class Scenario:
    """One way that load and PV may go: means of each slot, in W."""

    load_w: tuple[float, ...]
    pv_w: tuple[float, ...]
    weight: float = 1.0
    regime: int = 0  # scenarios of one regime (a sort of weather) are alike: which one holds is seen, and tends to stay


@dataclass(frozen=True, slots=True)
class PeakTariff:
    """A price on the month's highest quarter-hour import."""

    per_kw: float  # for each kW of a month's peak
    so_far_kw: float  # what this month's peak is already, or the floor that is charged anyway (BE: 2.5 kW)

    def __post_init__(self) -> None:
        _require("peak.per_kw", self.per_kw, 0, 10_000)
        _require("peak.so_far_kw", self.so_far_kw, 0, 10_000)


@dataclass(frozen=True, slots=True)
class TerminalValue:
    """What a kWh stored at the end of the horizon is worth: the first above the floor most, the last least, linearly between."""

    first_per_kwh: float
    last_per_kwh: float

    def __post_init__(self) -> None:
        if self.last_per_kwh > self.first_per_kwh:
            facts = f"terminal: the last kWh ({self.last_per_kwh}) is worth more than the first ({self.first_per_kwh})"
            raise InvalidInput(facts, remedy="Give a value that falls or stays.")


@dataclass(frozen=True, slots=True)
class Problem:
    """All that a plan depends on; the same problem gives the same plan."""

    slots: tuple[Slot, ...]
    scenarios: tuple[Scenario, ...]
    battery: BatteryModel
    currency: str = "EUR"
    battery_to_grid: bool = False  # whether stored energy may be exported
    grid_charging: bool = True  # whether energy of the grid may be stored
    feed_in_cap_w: float = math.inf  # PV beyond it is curtailed
    peak: PeakTariff | None = None
    targets: tuple[Target, ...] = ()  # a charge to be reached: by the owner's wish, or for a calibration
    terminal: TerminalValue | None = None  # None: worked out from the prices
    running: Action | None = None  # what the battery does now ...
    switch_cost: float = 0.0005  # ... and what it counts for to change that
    gate: float = 0.002  # least expected gain for which plain self-use is left, per kWh that is then moved otherwise
    reserve_price: float = 0.05  # per kWh below the reserve and hour
    zone: tzinfo = UTC  # by whose clocks reasons tell times
    persistence: float = 0.9  # probability that a regime holds from one hour of daylight to the next

    def __post_init__(self) -> None:
        if not 0 < len(self.slots) <= MOST_SLOTS:
            raise InvalidInput(f"slots: {len(self.slots)} is not in 1 to {MOST_SLOTS}", remedy="Give a shorter horizon.")
        for before, here in zip(self.slots, self.slots[1:], strict=False):
            if before.end != here.start:
                raise InvalidInput(f"slots: one ends at {before.end}, the next starts at {here.start}", remedy="Leave no gap.")
        if not self.scenarios:
            raise InvalidInput("scenarios: there is none", remedy="Give at least one; a forecast is a scenario.")
        for index, scenario in enumerate(self.scenarios):
            for name, values in (("load_w", scenario.load_w), ("pv_w", scenario.pv_w)):
                if len(values) != len(self.slots):
                    facts = f"scenarios[{index}].{name}: {len(values)} values for {len(self.slots)} slots"
                    raise InvalidInput(facts, remedy="Give one for each slot.")
                if not all(map(math.isfinite, values)):
                    raise InvalidInput(f"scenarios[{index}].{name}: a value is not finite", remedy="Fill gaps first.")
            if not 0 < scenario.weight < math.inf:
                raise InvalidInput(f"scenarios[{index}].weight: {scenario.weight} is not above 0", remedy="Leave it out.")
        _require("feed_in_cap_w", self.feed_in_cap_w, 0, math.inf)
        _require("persistence", self.persistence, 0, 1)
        _require("gate", self.gate, 0, 10)
        _require("switch_cost", self.switch_cost, 0, 10)
        _require("reserve_price", self.reserve_price, 0, 100)

    def first(self, slots: int) -> Problem:
        """Return the problem of its first slots."""
        near = tuple(replace(scenario, load_w=scenario.load_w[:slots], pv_w=scenario.pv_w[:slots]) for scenario in self.scenarios)
        return replace(self, slots=self.slots[:slots], scenarios=near)

    @property
    def start(self) -> datetime:
        """When the first slot begins."""
        return self.slots[0].start

    @property
    def end(self) -> datetime:
        """When the last slot ends."""
        return self.slots[-1].end
