"""What single battery modules and their cells show, derived from the whole: charges that differ, voltages, temperatures, health.

Nothing here has a state of its own: the modules' charges always add up to the unit's, and their powers to the battery's. Voltages
are those of lithium iron phosphate, 16 cells in a row (51.2 V in samples, getdata_gen2); how far modules and cells differ is
inferred but for the 3 to 15 points that documents give for charges (protocol.md, section 15).
"""

from __future__ import annotations

from typing import Final

from indevolt.simulator.physics import Unit

CELLS: Final = 16
MODULE_OHM: Final = 0.025  # of all cells and connections of a module; 30 A move its voltage by less than a volt
CELL_SPREAD_V: Final = 0.004  # between the best and the worst cell at work, more at both ends
CYCLES_TO_80_PCT: Final = 6e3  # of such cells by common data sheets
_OPEN_V: Final = (
    # state of charge in percent, open-circuit voltage of a cell
    (0.0, 2.80),
    (2.0, 3.00),
    (5.0, 3.13),
    (10.0, 3.20),
    (20.0, 3.245),
    (30.0, 3.27),
    (40.0, 3.285),
    (60.0, 3.30),
    (70.0, 3.315),
    (90.0, 3.335),
    (97.0, 3.36),
    (99.0, 3.42),
    (100.0, 3.50),
)


def open_voltage(soc_pct: float) -> float:
    """Return the voltage of a cell at rest, in V."""
    last_soc, last_v = _OPEN_V[0]
    for soc, volts in _OPEN_V[1:]:
        if soc_pct <= soc:
            return last_v + (volts - last_v) * (max(soc_pct, 0.0) - last_soc) / (soc - last_soc)
        last_soc, last_v = soc, volts
    return last_v


def _place(unit: Unit, index: int) -> float:
    """Return where a module stands between the fullest, 0.5, and the emptiest, -0.5."""
    others = unit.kit.modules - 1
    return 0.5 - index / others if others else 0.0


def module_soc(unit: Unit, index: int) -> float:
    """Return the state of charge of a module, 0 to 100; the main unit's is 0, extension packs count from 1.

    Modules differ most at half charge, and not at all when full or empty, for there the fullest or the emptiest stops all.
    """
    soc = unit.soc_pct
    return soc + unit.spread_pct * _place(unit, index) * 4 * (soc / 100) * (1 - soc / 100)


def module_power(unit: Unit, index: int) -> float:
    """Return what a module gives, in W, so that its charge stays what :func:`module_soc` says."""
    unevenness = unit.spread_pct / 100 * _place(unit, index) * (4 - 8 * unit.soc_pct / 100)
    return unit.battery_w / unit.kit.modules * (1 + unevenness)


def module_current(unit: Unit, index: int) -> float:
    """Return the current out of a module, in A."""
    return module_power(unit, index) / (CELLS * open_voltage(module_soc(unit, index)))


def module_voltage(unit: Unit, index: int) -> float:
    """Return the voltage of a module at work, in V."""
    return CELLS * open_voltage(module_soc(unit, index)) - module_current(unit, index) * MODULE_OHM


def cell_voltage(unit: Unit, index: int, cell: int) -> float:
    """Return the voltage of a cell of a module, in V; cells count from 1, and each has its own small distance to the mean."""
    soc = module_soc(unit, index)
    spread = CELL_SPREAD_V * (1 + 4 * abs(soc - 50) / 50)
    quality = (cell * 7 + index * 3 + 4) % CELLS / (CELLS - 1) - 0.5
    return module_voltage(unit, index) / CELLS + spread * quality


def module_temperature(unit: Unit, index: int) -> float:
    """Return the temperature of a module, in °C: the main unit's is warmed by the electronics, packs stand free."""
    return unit.temperature_c + (0.8 if index == 0 else -0.2 * index)


def coldest_cell(unit: Unit, index: int) -> float:
    """Return the temperature of the coldest cell of a module, in °C."""
    return module_temperature(unit, index) - 0.6


def cycles(unit: Unit) -> float:
    """Return how often the battery was emptied and filled, as full cycles."""
    return unit.counted_wh[1] / unit.kit.capacity_wh


def health(unit: Unit) -> float:
    """Return the state of health, in percent; 80 is the end of life by data sheets."""
    return max(0.0, 100 - 20 * cycles(unit) / CYCLES_TO_80_PCT)


def battery_voltage(unit: Unit) -> float:
    """Return the mean voltage of all modules, in V."""
    return sum(module_voltage(unit, index) for index in range(unit.kit.modules)) / unit.kit.modules
