"""Quantities that the hub works out: directions, the house's load, energies that only grow, and whether signs can be right.

Pure but for the books it keeps. Signs are the house's; names carry the direction, so that nobody has to know them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from indevolt.hub.counters import Counters

LONGEST_GAP_S: Final = 60.0  # between two readings that are joined by a straight line; longer ones are unknown
BALANCE_AFTER: Final = 5  # readings in a row that do not add up before it is said
BALANCE_LEAST_W: Final = 200.0  # of battery power; below it losses hide everything
LEAST_LOSS_W: Final = -60.0  # readings of different moments and meters
OWN_LOSS_W: Final = 120.0
LOSS_SHARE: Final = 0.3  # far above any converter's


@dataclass(frozen=True, slots=True)
class Powers:
    """What a device told of its powers in one cycle, in W; None where it did not."""

    battery_w: float | None
    ac_w: float | None
    pv_w: float | None
    grid_w: float | None
    soc_pct: float | None


DERIVED_UNITS: Final[Mapping[str, str]] = {
    "grid_import_power": "W",
    "grid_export_power": "W",
    "charge_power": "W",
    "discharge_power": "W",
    "solar_power": "W",
    "house_power": "W",
    "energy_grid_import": "Wh",
    "energy_grid_export": "Wh",
    "energy_charge": "Wh",
    "energy_discharge": "Wh",
    "energy_solar": "Wh",
    "energy_house": "Wh",
    "battery_efficiency": "%",
}
DERIVED_ABOUT: Final[Mapping[str, str]] = {
    "grid_import_power": "Power taken from the grid",
    "grid_export_power": "Power given to the grid",
    "charge_power": "Power into the battery",
    "discharge_power": "Power out of the battery",
    "solar_power": "Power of all PV inputs",
    "house_power": "What the house takes: meter and unit together",
    "energy_grid_import": "Energy taken from the grid; only grows",
    "energy_grid_export": "Energy given to the grid; only grows",
    "energy_charge": "Energy into the battery; only grows",
    "energy_discharge": "Energy out of the battery; only grows",
    "energy_solar": "Energy of all PV inputs; only grows",
    "energy_house": "Energy that the house took; only grows",
    "battery_efficiency": "Energy out of the battery over energy into it, its charge settled, since the hub first saw a full cycle",
}
COUNTED: Final[Mapping[str, str]] = {
    # energies that the device counts itself: ours, and its own
    "energy_charge": "battery_charge_energy_total",
    "energy_discharge": "battery_discharge_energy_total",
    "energy_solar": "pv_energy_total",
}
INTEGRATED: Final[Mapping[str, str]] = {
    # energies that nobody counts: integrated from power while it is live
    "energy_grid_import": "grid_import_power",
    "energy_grid_export": "grid_export_power",
    "energy_house": "house_power",
}


class Derivation:
    """Works out the derived quantities of one device, cycle by cycle."""

    def __init__(self, counters: Counters, *, max_power_w: float, capacity_wh: float | None = None) -> None:
        self.counters = counters
        self.max_power_w = max_power_w
        self.capacity_wh = capacity_wh
        self.unbalanced = 0  # readings in a row that cannot be right
        self._before: dict[str, float] = {}
        self._before_s: float | None = None
        self._start: tuple[float, float, float] | None = None  # charge, discharge and stored energy when efficiency began to count
        self._start_capacity_wh: float | None = None

    def another_device(self) -> None:
        """Let energies go on from whatever the next readings are; nothing else that was worked out is of this device."""
        self.counters.another_device()
        self.capacity_wh = self._start = None
        self.unbalanced = 0

    def cycle(self, powers: Powers, totals: Mapping[str, float], at_s: float, *, alone: bool = True) -> dict[str, float]:
        """Return what can be worked out of one cycle; what needs an unknown value is left out.

        ``alone``: no other unit feeds the same house. Otherwise meter and unit do not tell what the house takes.
        """
        found = _directions(powers, alone=alone)
        self._count(totals, at_s, found)
        self._integrate(found, at_s)
        self._check(powers)
        efficiency = self._efficiency(found, powers.soc_pct)
        if efficiency is not None:
            found["battery_efficiency"] = efficiency
        return found

    def _count(self, totals: Mapping[str, float], at_s: float, found: dict[str, float]) -> None:
        for name, own in COUNTED.items():
            if own in totals:
                total = self.counters.take(name, totals[own], at_s, self.max_power_w)
                if total is not None:
                    found[name] = total

    def _integrate(self, found: dict[str, float], at_s: float) -> None:
        gap_s = None if self._before_s is None else at_s - self._before_s
        for name, power in INTEGRATED.items():
            if power not in found:
                continue
            if gap_s is not None and 0 < gap_s <= LONGEST_GAP_S and power in self._before:
                found[name] = self.counters.add(name, (found[power] + self._before[power]) / 2 * gap_s / 3600)
            elif (total := self.counters.total(name)) is not None:
                found[name] = total
            else:
                found[name] = self.counters.add(name, 0.0)
        self._before = {power: found[power] for power in INTEGRATED.values() if power in found}
        self._before_s = at_s

    def _check(self, powers: Powers) -> None:
        """Count readings whose signs cannot be right: what goes in must come out, but for a loss that is never much."""
        if powers.battery_w is None or powers.ac_w is None or abs(powers.battery_w) < BALANCE_LEAST_W:
            return
        pv_w = powers.pv_w or 0.0
        loss_w = pv_w + powers.battery_w - powers.ac_w
        most_w = OWN_LOSS_W + LOSS_SHARE * (abs(powers.battery_w) + pv_w)
        self.unbalanced = 0 if LEAST_LOSS_W <= loss_w <= most_w else self.unbalanced + 1

    def _efficiency(self, found: Mapping[str, float], soc_pct: float | None) -> float | None:
        """Return the round-trip efficiency in %, once a whole capacity was charged; None before."""
        charged, discharged, capacity_wh = found.get("energy_charge"), found.get("energy_discharge"), self.capacity_wh
        if charged is None or discharged is None or soc_pct is None or capacity_wh is None or not capacity_wh > 0:
            return None
        stored = soc_pct / 100 * capacity_wh
        if self._start is None or capacity_wh != self._start_capacity_wh:  # with another pack, a level is another energy
            self._start, self._start_capacity_wh = (charged, discharged, stored), capacity_wh
        into, out = charged - self._start[0], discharged - self._start[1]
        if into < capacity_wh:
            return None
        return min(100.0, max(0.0, (out + stored - self._start[2]) / into * 100))


def ac_power(number: Callable[[str], float | None]) -> float | None:
    """Return the AC power of a whole unit, positive into the house, out of what a family tells; None where that is not known.

    The first generation has no signed quantity, but one for each direction (catalogue, gen1).
    """
    signed = number("ac_power")
    if signed is not None:
        return signed
    out, into = number("ac_output_power"), number("ac_input_power")
    return None if out is None or into is None else out - into


def _directions(powers: Powers, *, alone: bool) -> dict[str, float]:
    found: dict[str, float] = {}
    if powers.battery_w is not None:
        found["charge_power"], found["discharge_power"] = max(0.0, -powers.battery_w), max(0.0, powers.battery_w)
    if powers.grid_w is not None:
        found["grid_import_power"], found["grid_export_power"] = max(0.0, powers.grid_w), max(0.0, -powers.grid_w)
    if powers.pv_w is not None:
        found["solar_power"] = powers.pv_w
    if alone and powers.grid_w is not None and powers.ac_w is not None:
        found["house_power"] = max(0.0, powers.grid_w + powers.ac_w)
    return found
