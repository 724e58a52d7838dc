"""The quantities of the site: their names, units and meanings. Where they come from is in ``totals``, ``flows`` and ``counts``.

The site is kept and published like one more device, by the name ``site``, which no unit may have. The sign rule holds: power is
positive when it flows into the house.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

SITE: Final = "site"
"""The name that the site has where devices have theirs, and the name of its family and table."""


class Flow(StrEnum):
    """From where to where energy went, by a rule: sun serves the house first, then the battery, then the grid."""

    SOLAR_TO_HOUSE = "solar_to_house"
    SOLAR_TO_BATTERY = "solar_to_battery"
    SOLAR_TO_GRID = "solar_to_grid"
    BATTERY_TO_HOUSE = "battery_to_house"
    BATTERY_TO_GRID = "battery_to_grid"
    GRID_TO_HOUSE = "grid_to_house"
    GRID_TO_BATTERY = "grid_to_battery"


POWERS: Final[Mapping[str, str]] = {
    "grid_power": "Power at the meter: positive is taken from the grid, negative given to it",
    "grid_import_power": "Power taken from the grid",
    "grid_export_power": "Power given to the grid",
    "solar_power": "Power of the sun: all PV inputs of all units, and plants that a meter of the role pv measures",
    "battery_power": "Power of all batteries: positive out of them, negative into them",
    "charge_power": "Power into batteries, each unit by itself",
    "discharge_power": "Power out of batteries, each unit by itself",
    "ac_power": "AC power of all units: positive into the house",
    "house_power": "What the house takes, cars included: meter, units and plants of the role pv together",
    "charger_power": "Power that cars take, by meters of the role charger: a part of house_power; absent without such meters",
}
LEVELS: Final[Mapping[str, tuple[str, str]]] = {
    "battery_soc": ("%", "State of charge of all batteries, each weighted by its capacity"),
    "stored_energy": ("Wh", "Energy in all batteries: capacity times state of charge"),
    "capacity": ("Wh", "Nominal energy of all batteries"),
    "self_sufficiency": ("%", "Share of what the house takes now that is not bought (autarky)"),
    "self_consumption": ("%", "Share of the sun's power now that is not given to the grid"),
}
ENERGIES: Final[Mapping[str, str]] = {
    "energy_grid_import": "Energy taken from the grid; only grows",
    "energy_grid_export": "Energy given to the grid; only grows",
    "energy_solar": "Energy of the sun, as units and meters of plants count it; only grows",
    "energy_charge": "Energy into batteries, as the units count it; only grows",
    "energy_discharge": "Energy out of batteries, as the units count it; only grows",
    "energy_house": "Energy that the house took, cars included; only grows",
    "energy_charger": "Energy that cars took, a part of energy_house; only grows",
    "energy_import_without_battery": "What would have been bought, had the sun gone straight to the house; only grows",
    "energy_export_without_battery": "What would have been given to the grid then; only grows",
}
FLOWS: Final[Mapping[str, str]] = {
    f"energy_{flow}": f"Energy from {flow.replace('_to_', ' to ')}, allocated by rule; only grows" for flow in Flow
}

SITE_UNITS: Final[Mapping[str, str]] = {
    **dict.fromkeys(POWERS, "W"),
    **{name: unit for name, (unit, _) in LEVELS.items()},
    **dict.fromkeys((*ENERGIES, *FLOWS), "Wh"),
}
SITE_ABOUT: Final[Mapping[str, str]] = {**POWERS, **{name: about for name, (_, about) in LEVELS.items()}, **ENERGIES, **FLOWS}
COUNTERS: Final = (*ENERGIES, *FLOWS)
"""The quantities that only grow."""
