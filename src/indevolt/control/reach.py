"""How far each unit may go now, whatever anybody wants: hardware, charge, temperature, link.

The hard clamps of control.md, section 5, rules 3 and 15. They belong to single units; what holds for the site as a whole is the
safety strategy's.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from indevolt.control.decision import Bound
from indevolt.control.situation import ABOVE_BACKUP_PCT, LEAST_SOC_PCT, Situation, UnitState

FROZEN_C: Final = 0.0  # no charging at or below (lithium plating), ...
HOT_C: Final = 52.0  # ... and none above (control.md, section 5, rule 15)
RESUME_PCT: Final = ABOVE_BACKUP_PCT  # discharge that ended at the floor begins again so far above it, as the device's own does
TOP_UP_PCT: Final = 1.0  # and charge that ended at the ceiling so far below


@dataclass(frozen=True, slots=True)
class Reach:
    """The range of one unit, and what makes it."""

    unit: str
    low_w: float  # at most so much charging, as a negative number
    high_w: float
    bounds: tuple[Bound, ...] = ()


def reach(situation: Situation, unit: UnitState) -> Reach:
    """Return the range of a unit that may be commanded; the range always contains 0."""
    bounds = tuple(_bounds(situation, unit))
    low = max((bound.low_w for bound in bounds), default=0.0)
    high = min((bound.high_w for bound in bounds), default=0.0)
    return Reach(unit.name, min(low, 0.0), max(high, 0.0), bounds)


def together(reaches: tuple[Reach, ...]) -> Bound:
    """Return the range of all units as one battery."""
    low, high = sum(each.low_w for each in reaches), sum(each.high_w for each in reaches)
    limiting = [bound.reason for each in reaches for bound in each.bounds if bound.high_w == 0 or bound.low_w == 0]
    limits = "; ".join(dict.fromkeys(limiting)) or "limits of the units"
    return Bound(low, high, f"{abs(low):.0f} W of charge and {high:.0f} W of discharge are possible: {limits}")


def kept_here(situation: Situation, unit: UnitState) -> bool:
    """Return whether a unit is at a bound of the owner's, or may be; to bounds of its own its loop keeps by itself."""
    limits, reserve, ceiling = unit.limits, situation.goals.reserve_pct, situation.goals.ceiling_pct
    low = reserve > max(LEAST_SOC_PCT, unit.backup_pct or 0.0, limits.soc_min.value)
    high = ceiling < limits.soc_max.value
    if unit.soc_pct is None or not math.isfinite(unit.soc_pct.value):
        return low or high
    return (low and unit.soc_pct.value < reserve + RESUME_PCT) or (high and unit.soc_pct.value > ceiling - TOP_UP_PCT)


def _bounds(situation: Situation, unit: UnitState) -> Iterator[Bound]:
    limits, moving = unit.limits, unit.commanded_w or 0.0
    yield Bound.at_most(
        max(0.0, limits.discharge.value), f"{unit.name} gives at most {limits.discharge.value:.0f} W: {limits.discharge.cause}"
    )
    yield Bound.at_least(
        -max(0.0, limits.charge.value), f"{unit.name} takes at most {limits.charge.value:.0f} W: {limits.charge.cause}"
    )
    if unit.calibrating:
        yield Bound.at_most(0.0, f"{unit.name} charges on its own account, for calibration or its reserve", "it ends by itself")
    yield from _by_charge(situation, unit, moving)
    if (cold := unit.temperature_c) is not None and not FROZEN_C < cold <= HOT_C:
        text = f"{unit.name} is at {cold:.0f} °C: charging is only safe above {FROZEN_C:.0f} and up to {HOT_C:.0f} °C"
        yield Bound.at_least(0.0, text, "its temperature has to change")


def _by_charge(situation: Situation, unit: UnitState, moving: float) -> Iterator[Bound]:
    if unit.soc_pct is None or not math.isfinite(unit.soc_pct.value):
        yield Bound(0.0, 0.0, f"the charge of {unit.name} is unknown", "it has to be read")
        return
    soc, floor, ceiling = unit.soc_pct.value, situation.floor_pct(unit), situation.ceiling_pct(unit)
    if soc <= floor or (soc < min(floor + RESUME_PCT, ceiling) and moving <= 0):
        text = f"{unit.name} is at {soc:.0f} %, and nothing is given below {floor:.0f} %"
        more = f"; it begins again at {min(floor + RESUME_PCT, ceiling):.0f} %" if soc > floor else ""
        yield Bound.at_most(0.0, text + more, "a lower reserve, or more charge")
    if soc >= ceiling or (soc > max(ceiling - TOP_UP_PCT, floor) and moving >= 0):
        yield Bound.at_least(0.0, f"{unit.name} is at {soc:.0f} % of {ceiling:.0f} %: full", "a higher ceiling, or less charge")
