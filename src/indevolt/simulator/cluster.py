"""How a cluster divides power among its units (protocol.md, section 14). Pure.

A master and up to two slaves act as one: the master follows the meter and takes commands with the total power, every unit answers
for itself. Which units belong together is known by ``site``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MAX_UNITS: Final = 3
ONE_BELOW_W: Final = 200.0  # the unit with the highest charge alone ...
TWO_BELOW_W: Final = 500.0  # ... the two highest, and above this all, by charge (protocol.md, section 14)
CENTRALIZED_W: Final = {"gen2": 3 * 1200.0, "gen3": 3 * 1200.0, "sf1200": 2300.0, "gen1": 2300.0}  # by family (same section)
_DUST_W: Final = 1e-6


class Role(StrEnum):
    """The part of a unit; words as in the catalogue."""

    MASTER = "master"
    SLAVE = "slave"
    NONE = "none"


class Wiring(StrEnum):
    """How the units of a cluster are wired; words as in the catalogue."""

    CENTRALIZED = "centralized"  # behind one socket, whose rating limits all together
    COORDINATED = "coordinated"  # each at its own socket


@dataclass(frozen=True, slots=True)
class Share:
    """What one unit can do, and how full it is."""

    soc_pct: float
    low_w: float
    high_w: float


def share_by_charge(total_w: float, units: Sequence[Share]) -> list[float]:
    """Divide what the house needs: little to the fullest unit alone, more to two, much to all in proportion to their charge.

    Surplus goes the other way round: to the emptiest, in proportion to their room (inferred). What a unit cannot do, others do.
    """
    giving = total_w >= 0
    fullness = [each.soc_pct if giving else 100 - each.soc_pct for each in units]
    size = abs(total_w)
    count = 1 if size < ONE_BELOW_W else 2 if size < TWO_BELOW_W else len(units)
    ranked = sorted(range(len(units)), key=lambda index: -fullness[index])
    chosen = set(ranked[:count])
    weights = [max(fullness[index], 1.0) if index in chosen else 0.0 for index in range(len(units))]
    parts = _fill(total_w, units, weights)
    rest = total_w - sum(parts)
    if abs(rest) > _DUST_W and count < len(units):
        parts = _fill(total_w, units, [max(each, 1.0) for each in fullness])
    return parts


def share_alike(total_w: float, units: Sequence[Share]) -> list[float]:
    """Divide a command: a pair took 1200 W each of 2400 W (protocol.md, section 14). What a unit cannot do, others do."""
    return _fill(total_w, units, [1.0] * len(units))


def _fill(total_w: float, units: Sequence[Share], weights: Sequence[float]) -> list[float]:
    """Divide by weights, and what a limit keeps from one unit among those that are still free."""
    parts = [0.0] * len(units)
    free = {index for index, weight in enumerate(weights) if weight > 0}
    left = total_w
    while free and abs(left) > _DUST_W:
        weight = sum(weights[index] for index in free)
        stuck = set()
        for index in free:
            wish = left * weights[index] / weight
            limit = units[index].high_w if wish > 0 else units[index].low_w
            if abs(wish) >= abs(limit) or wish * limit < 0:
                stuck.add(index)
                parts[index] = limit if wish * limit >= 0 else 0.0
        if not stuck:
            for index in free:
                parts[index] = left * weights[index] / weight
            break
        free -= stuck
        left = total_w - sum(parts)
    return parts
