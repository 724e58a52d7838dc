"""What holds for the site, whatever anybody wants: what units can do, a meter that can be trusted, law and circuit.

Control.md, sections 1.9 and 5. Only bounds; safety prefers nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from indevolt.battery import Limit
from indevolt.control.identify import GAIN_LEAST
from indevolt.control.reach import reach, together
from indevolt.control.situation import Bound, Proposal, Situation

NAME: Final = "safety"
LATE_S: Final = 10.0  # a meter is late at three of its periods, no sooner than this (section 1.9) ...
LATEST_S: Final = 14.0  # ... and no later: a meter of 10 s and 3 s of delay is just in time
ZERO_S: Final = 16.0  # by then nothing is commanded any more: with 4 s for dead time and slope it is over before 20 s
SLACK_W: Final = 50.0  # of what moves with the load: the least power of a device, and above the noise of a house


def propose(situation: Situation) -> Proposal:
    """Return what is possible and allowed."""
    return Proposal(NAME, tuple(_bounds(situation)))


def _bounds(situation: Situation) -> Iterator[Bound]:
    usable = situation.usable
    if not usable:
        yield Bound(0.0, 0.0, "no unit may be commanded", "one has to be online, and its owner has to allow control")
        return
    yield together(tuple(reach(situation, unit) for unit in usable))
    yield from _by_meter(situation)
    caps = situation.caps
    if caps.output is not None:
        left = max(0.0, caps.output.value - situation.unit_pv_w)
        pv = f", and PV through the units has {situation.unit_pv_w:.0f} W of it" if situation.unit_pv_w else ""
        yield Bound.at_most(left, f"all units together give at most {_said(caps.output)}{pv}", "another rule at this site")
    yield from _by_load(situation)


def _by_meter(situation: Situation) -> Iterator[Bound]:
    """Let go of what follows the house when nobody sees the house any more."""
    left, why, otherwise = sight(situation)
    if left >= 1:
        return
    sent = [unit.commanded_w or 0.0 for unit in situation.usable]
    if not situation.caps.battery_to_grid:
        most = sum(unit.limits.discharge.value for unit in situation.usable)
        yield Bound.at_most(min(max(0.0, sum(sent)), left * most), f"{why}: discharge ends", otherwise)
    if not situation.caps.grid_charging:
        most = sum(unit.limits.charge.value for unit in situation.usable)
        yield Bound.at_least(max(min(0.0, sum(sent)), -left * most), f"{why}: charging ends", otherwise)


def sight(situation: Situation) -> tuple[float, str, str]:
    """Return how far the meter is to be trusted, from 1 to 0, why not more, and what would help."""
    meter, age = situation.meter, situation.meter_age_s
    if meter is None:
        return 0.0, "there is no meter", "configure a meter of the grid connection"
    if not meter.proven:
        return 0.0, "the sign of the meter is not proven", "indevolt commission tests it"
    if situation.net_load is None:
        return 0.0, "the load is not known yet", "the meter has to tell something"
    if age < 0:
        return 0.0, "the meter's samples are of the future", "its clock has to be right"
    late = min(max(3 * meter.period_s, LATE_S), LATEST_S)
    if age <= late:
        return 1.0, "", ""
    left = max(0.0, (ZERO_S - age) / (ZERO_S - late))
    return left, f"the meter has shown nothing new for {age:.0f} s", "the meter has to answer"


def _by_load(situation: Situation) -> Iterator[Bound]:
    """Keep what comes out of the battery, and what goes in, where law and contract let it.

    What is wished follows the load, and so is damped; what may not be passed even for a moment is a little more.
    """
    caps, load = situation.caps, situation.net_load
    if load is None or sight(situation)[0] <= 0:
        return
    if not caps.battery_to_grid:
        why, otherwise = "stored energy does not go to the grid here", "caps.battery_to_grid, where law and contract allow it"
        yield Bound.at_most(max(0.0, load.wanted_w), why, otherwise, soft=True)
        yield Bound.at_most(max(0.0, load.high_w) / GAIN_LEAST + SLACK_W, why, otherwise)
    if not caps.grid_charging:
        why, otherwise = "energy of the grid is not stored here now", "caps.grid_charging"
        yield Bound.at_least(min(0.0, load.wanted_w), why, otherwise, soft=True)
        yield Bound.at_least(min(0.0, load.low_w) / GAIN_LEAST - SLACK_W, why, otherwise)
    if caps.feed_in is not None:
        most = max(0.0, load.high_w + caps.feed_in.value)
        yield Bound.at_most(most, f"the grid is given at most {_said(caps.feed_in)}", "another contract")
    if caps.grid_import is not None:
        least = min(0.0, load.low_w - caps.grid_import.value)
        yield Bound.at_least(
            least, f"the grid connection gives at most {_said(caps.grid_import)}", "less load, or another connection"
        )


def _said(limit: Limit) -> str:
    return f"{limit.value:.0f} {limit.unit} ({limit.cause})"
