"""The units that a plan reckons with, and what is known of them now. Without numpy, so that everybody may ask.

Whoever tells where a plan began, or by how much the charge misses it, has to mean the same units as whoever made it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from indevolt.battery import Quality, Reading, Value
from indevolt.catalogue import LIMITING
from indevolt.hub.keeper import Keeper, Link

if TYPE_CHECKING:
    from indevolt.device import Device

_RECKONED: Final = ("rated_capacity", "battery_soc", "cluster_role", *LIMITING)


@dataclass(frozen=True, slots=True)
class PlannedUnit:
    """A unit that answers."""

    keeper: Keeper
    device: Device
    known: Reading  # what of it a plan reckons with, however old
    live: Mapping[str, Value]  # what of that is of now

    @property
    def capacity_wh(self) -> float | None:
        """What its battery holds; None while that is unknown."""
        return self._number("rated_capacity")

    @property
    def soc_pct(self) -> float | None:
        """Its state of charge; None while that is unknown."""
        return self._number("battery_soc")

    def _number(self, name: str) -> float | None:
        value = self.live.get(name)
        return float(value) if isinstance(value, int | float) else None


def units_of(keepers: Iterable[Keeper]) -> Iterator[PlannedUnit]:
    """Yield those that answer of those that may be controlled, or of all where none may: then a plan is only looked at.

    What a slave has, its master counts.
    """
    every = tuple(keepers)
    controlled = tuple(keeper for keeper in every if keeper.config.control)
    for keeper in controlled or every:
        if keeper.link is not Link.ONLINE or keeper.device is None:
            continue
        known = keeper.snapshot(_RECKONED)
        live = {
            name: sample.value
            for name, sample in known.items()
            if sample.value is not None and sample.quality in (Quality.LIVE, Quality.HELD)
        }
        if live.get("cluster_role") != "slave":
            yield PlannedUnit(keeper, keeper.device, known, live)


def soc_of(keepers: Iterable[Keeper]) -> float | None:
    """Return the state of charge of all batteries together; None where that of one of them is unknown."""
    stored_wh = capacity_wh = 0.0
    for unit in units_of(keepers):
        if unit.capacity_wh is None or unit.soc_pct is None:
            return None
        stored_wh += unit.capacity_wh * unit.soc_pct / 100
        capacity_wh += unit.capacity_wh
    return stored_wh / capacity_wh * 100 if capacity_wh else None
