"""What happens in the hub, as records that services hear of on the bus.

Journal entries are of the store's vocabulary; readings of the battery's. Here is only what puts them in order.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeAlias

from indevolt.battery import Outcome, Reading
from indevolt.hub.config_meters import MeterRole
from indevolt.store import Entry


class Tier(StrEnum):
    """How often quantities are read, and why together."""

    POWER = "power"  # what moves within seconds
    PACKS = "packs"  # temperatures, voltages, single packs
    SETTINGS = "settings"  # what people set, and limits
    IDENTITY = "identity"  # versions and serial numbers: at the start, after a restart or an update
    DERIVED = "derived"  # worked out of the others, by the hub
    SITE = "site"  # the house as a whole, out of all units and the meter, by the hub


@dataclass(frozen=True, slots=True)
class Update:
    """A device was read; ``reading`` has what this cycle brought, ``number`` rises by one with each update of the hub."""

    device: str
    tier: Tier
    reading: Reading
    number: int


@dataclass(frozen=True, slots=True)
class MeterSample:
    """A meter at the house's connection to the grid was read by the hub itself; not one that a unit tells of.

    ``power_w`` is positive when power is taken from the grid. Counters are the meter's own, where it has any; they need not begin
    at 0, and may begin anew.
    """

    meter: str  # its name in the hub's configuration; no device has the same
    power_w: float
    at: datetime  # when it was measured, as far as that is known; else when it was read
    period_s: float  # how often a sample comes; the value is live for a cycle and a half, and held for one more
    import_wh: float | None = None
    export_wh: float | None = None
    simulated: bool = False


@dataclass(frozen=True, slots=True)
class BranchSample:
    """A meter of a part of the house was read by the hub itself: of a PV plant, a car, another load."""

    meter: str
    role: MeterRole  # never that of the grid
    power_w: float  # of a plant, what it gives; else what is taken
    at: datetime  # as in MeterSample
    period_s: float
    energy_wh: float | None = None  # its own counter of that
    simulated: bool = False
    quiet_s: float = 0.0  # how long its owner says that it may tell nothing while nothing changes; as long the value is live


REMOVED: Final = "removed"
"""The state of the connection to a device that is not kept any more."""


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """The connection to a device came, went or was refused; ``state`` is a word of :class:`~indevolt.hub.keeper.Link`.

    A device that is not kept any more is ``removed``.
    """

    device: str
    state: str
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Noted:
    """Something was written into the journal."""

    entry: Entry


@dataclass(frozen=True, slots=True)
class Alert:
    """Something needs attention, or no longer does."""

    device: str  # empty for the hub itself
    what: str  # a word of hub.alerts
    active: bool
    text: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Steered:
    """How far an order to a device has got, or that something else about its steering has changed."""

    device: str
    step: str  # a word of hub.steer.records.Step
    text: str
    at: datetime
    override: str  # its id; empty where it is about none
    owner: str  # a word of hub.steer.records.Owner: who decides now
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Reread:
    """Quantities of a device were read anew, out of turn, as a write had changed them."""

    device: str
    names: frozenset[str]


Event: TypeAlias = Update | Reread | MeterSample | BranchSample | LinkChanged | Noted | Alert | Steered
