"""Where things stand on a broker, and what their payloads look like. Nothing is sent here.

A device has one topic for what is read together, with one JSON object: a message every few seconds instead of one for each
quantity, and values that belong to one moment. What is unknown, old or absent is ``null`` there, and ``quality`` says why; it is
never 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time
from functools import cache
from typing import Any, Final

import orjson

from indevolt.battery import Quality, Reading, Value
from indevolt.catalogue import load
from indevolt.hub.derive import DERIVED_UNITS
from indevolt.hub.events import Alert, Tier
from indevolt.hub.tiers import names_of

ONLINE: Final = "online"
OFFLINE: Final = "offline"
TIERS: Final = tuple(tier for tier in Tier if tier is not Tier.SITE)  # of a device
_KNOWN: Final = (Quality.LIVE, Quality.HELD)  # one missed cycle is no reason to say that nothing is known
_DIGITS: Final = 3  # of fractions: finer than any device
_LEFT_OUT: Final = ("curve", "unknown")  # groups: 48 half hours, and what nobody knows the meaning of
_DOUBTFUL: Final = "dashboard only"  # in the note of a point that nobody but one hobby dashboard reads


@dataclass(frozen=True, slots=True)
class Asked:
    """A topic that somebody publishes to: a setting of a device, or with an empty name a command."""

    device: str
    name: str


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of one hub, all below ``root``."""

    root: str

    @property
    def status(self) -> str:
        """``online`` or ``offline``, retained: the hub itself; also its last will."""
        return f"{self.root}/status"

    @property
    def commands(self) -> tuple[str, str]:
        """What the hub listens to."""
        return f"{self.root}/+/set/+", f"{self.root}/+/command"

    def device_status(self, device: str) -> str:
        """``online`` or ``offline``, retained: whether the device answers the hub."""
        return f"{self.root}/{device}/status"

    def state(self, device: str, tier: Tier) -> str:
        """What was read together, as JSON, retained."""
        return f"{self.root}/{device}/state/{tier}"

    def alerts(self, device: str) -> str:
        """What needs attention, as JSON, retained; of the hub itself for an empty device."""
        return f"{self.root}/{device}/alerts" if device else f"{self.root}/alerts"

    def setting(self, device: str, name: str) -> str:
        """Where a value for a setting is published to."""
        return f"{self.root}/{device}/set/{name}"

    def command(self, device: str) -> str:
        """Where commands are published to."""
        return f"{self.root}/{device}/command"

    def outcome(self, device: str) -> str:
        """What became of each, as JSON."""
        return f"{self.root}/{device}/outcome"

    def asked(self, topic: str) -> Asked | None:
        """Return what a topic asks for; None for one that asks for nothing."""
        match topic.removeprefix(f"{self.root}/").split("/"):
            case [device, "set", name]:
                return Asked(device, name)
            case [device, "command"]:
                return Asked(device, "")
        return None


@cache
def told_names(family: str, tier: Tier) -> tuple[str, ...]:
    """Return the quantities in the state of a tier: all that is read, but for what nobody should rely on."""
    if tier is Tier.DERIVED:
        return tuple(DERIVED_UNITS)
    points = load(family).points
    return tuple(
        name for name in names_of(family)[tier] if points[name].group not in _LEFT_OUT and _DOUBTFUL not in points[name].note
    )


def state_payload(reading: Reading, names: Iterable[str]) -> bytes:
    """Return the state of quantities: ``at`` (ISO 8601, UTC), each value or null, and the quality of each that is not live."""
    values: dict[str, Any] = {}
    quality: dict[str, str] = {}
    at: datetime | None = None
    for name in names:
        sample = reading.samples.get(name)
        if sample is None:
            values[name] = None
            continue
        known = sample.quality in _KNOWN
        values[name] = plain(sample.value) if known else None
        if sample.quality is not Quality.LIVE:
            quality[name] = sample.quality.value
        if known and (at is None or sample.at > at):
            at = sample.at
    return orjson.dumps({"at": plain(at), **values, "quality": quality})


def alerts_payload(alerts: Iterable[Alert]) -> bytes:
    """Return active alerts: their words in ``active``, and for people a text each."""
    active = sorted(alerts, key=lambda alert: alert.what)
    return orjson.dumps({"active": [alert.what for alert in active], "texts": {alert.what: alert.text for alert in active}})


def plain(value: Value | None) -> bool | int | float | str | None:
    """Return a value as JSON has it: times like ``22:30``, clocks in ISO 8601."""
    match value:
        case float():
            return round(value, _DIGITS)
        case datetime():
            return value.isoformat()
        case time():
            return f"{value:%H:%M}"
    return value


def plain_all(values: Mapping[str, Value | None]) -> dict[str, Any]:
    """Return values by name as JSON has them."""
    return {name: plain(value) for name, value in values.items()}
