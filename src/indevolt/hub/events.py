"""What happens in the hub, as records that services hear of on the bus.

Journal entries are of the store's vocabulary; readings of the battery's. Here is only what puts them in order.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from indevolt.battery import Reading
from indevolt.store import Entry


class Tier(StrEnum):
    """How often quantities are read, and why together."""

    POWER = "power"  # what moves within seconds
    PACKS = "packs"  # temperatures, voltages, single packs
    SETTINGS = "settings"  # what people set, and limits
    IDENTITY = "identity"  # versions and serial numbers: at the start, after a restart or an update
    DERIVED = "derived"  # worked out of the others, by the hub


@dataclass(frozen=True, slots=True)
class Update:
    """A device was read; ``reading`` has what this cycle brought, ``number`` rises by one with each update of the hub."""

    device: str
    tier: Tier
    reading: Reading
    number: int


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """The connection to a device came, went or was refused; ``state`` is a word of :class:`~indevolt.hub.keeper.Link`."""

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


Event: TypeAlias = Update | LinkChanged | Noted | Alert
