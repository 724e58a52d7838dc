"""What holds for the site, whatever anybody wants: what units can do, a meter that can be trusted, law and circuit.

Control.md, sections 1.9 and 5. Only bounds; safety prefers nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from indevolt.battery import Limit
from indevolt.control.decision import Bound, Proposal
from indevolt.control.identify import GAIN_LEAST
from indevolt.control.reach import kept_here, reach, together
from indevolt.control.situation import Dynamics, Situation, Tier, UnitState

NAME: Final = "safety"
LATE_S: Final = 10.0  # a meter is late at three of its periods, no sooner than this (section 1.9) ...
LATEST_S: Final = 14.0  # ... and no later: a meter of 10 s and 3 s of delay is just in time
BLIND_S: Final = 16.0  # from then on nobody sees the house
OVER_S: Final = 20.0  # and by then what follows the house has come to rest, whatever dead time and slope that takes
AHEAD_S: Final = 1.5  # of letting go: a few writes from full power to rest
SLACK_W: Final = 50.0  # of what moves with the load: the least power of a device, and above the noise of a house


def propose(situation: Situation) -> Proposal:
    """Return what is possible and allowed."""
    return Proposal(NAME, tuple(_bounds(situation)))


def _bounds(situation: Situation) -> Iterator[Bound]:
    usable = situation.usable
    if not usable:
        given_up = next((unit.given_up for unit in situation.units if unit.given_up), "")
        otherwise = "one has to be online, and its owner has to allow control"
        if given_up:
            otherwise = "it is tried again by itself then, and at once when a person asks it for something"
        yield Bound(0.0, 0.0, given_up or "no unit may be commanded", otherwise)
        return
    own = not any(kept_here(situation, unit) for unit in usable)
    yield replace(together(tuple(reach(situation, unit) for unit in usable)), own=own)
    yield from _by_meter(situation)
    caps = situation.caps
    if caps.output is not None:
        left = max(0.0, caps.output.value - situation.unit_pv_w)
        pv = f", and PV through the units has {situation.unit_pv_w:.0f} W of it" if situation.unit_pv_w else ""
        yield Bound.at_most(left, f"all units together give at most {_said(caps.output)}{pv}", "another rule at this site")
    yield from _by_load(situation)


def _by_meter(situation: Situation) -> Iterator[Bound]:
    """Let go of what follows the house, as long as there is time for it, when nobody sees the house any more.

    Likewise of what is limited at the connection, whoever wants it: nobody sees what is left of that.
    """
    blind, why, otherwise = sight(situation)
    age, caps, usable = situation.meter_age_s, situation.caps, situation.usable
    own = situation.tier is Tier.NATIVE  # that loop has a meter of its own, and an answer when that fails
    most = 0.0 if blind else sum(_lets_go_w(unit, age) for unit in usable)
    sent = sum(unit.commanded_w or 0.0 for unit in usable)
    late = situation.meter is None or age > late_s(situation.meter.period_s)
    if (not caps.battery_to_grid or caps.feed_in is not None) and (
        late or most < sum(unit.limits.discharge.value for unit in usable)
    ):
        why = why or f"the meter has shown nothing new for {age:.0f} s, and no more can be let go in time"
        yield Bound.at_most(min(most, max(0.0, sent)), f"{why}: discharge ends", otherwise, own=own)
    if (not caps.grid_charging or caps.grid_import is not None) and late:
        yield Bound.at_least(max(-most, min(0.0, sent)), f"{why}: charging ends", otherwise, own=own)


def late_s(period_s: float) -> float:
    """Return the age at which a meter is late: then nothing increases any more."""
    return min(max(3 * period_s, LATE_S), LATEST_S)


def _lets_go_w(unit: UnitState, age_s: float) -> float:
    """Return from how much a unit can still come to rest in time.

    What is given already is let go by so much that it lasts for a while, so that this does not cost a write a second. A unit that
    is too slow to be in time begins when a meter may be late, and is at rest as soon as it can be.
    """
    if age_s < LATE_S:
        return math.inf
    most = _in_time_w(unit.dynamics, age_s)
    given = unit.commanded_w or 0.0
    return most if given <= most else _in_time_w(unit.dynamics, age_s + AHEAD_S)


def _in_time_w(dynamics: Dynamics, age_s: float) -> float:
    left_s = OVER_S - age_s - dynamics.dead_s - dynamics.margin_s
    return dynamics.slew_w_per_s * max(0.0, left_s) / dynamics.gain


def sight(situation: Situation) -> tuple[bool, str, str]:
    """Return whether nobody sees the house, why (also why that is near), and what would help."""
    meter, age = situation.meter, situation.meter_age_s
    if meter is None:
        return True, "there is no meter", "configure a meter of the grid connection"
    if not meter.proven:
        return True, "the sign of the meter is not proven", "indevolt commission tests it"
    if situation.net_load is None:
        return True, "the load is not known yet", "the meter has to tell something"
    if age < 0:
        return True, "the meter's samples are of the future", "its clock has to be right"
    if age <= late_s(meter.period_s):
        return False, "", ""
    return age >= BLIND_S, f"the meter has shown nothing new for {age:.0f} s", "the meter has to answer"


def _by_load(situation: Situation) -> Iterator[Bound]:
    """Keep what comes out of the battery, and what goes in, where law and contract let it.

    What is wished follows the load, and so is damped; what may not be passed even for a moment is a little more.
    """
    caps, load = situation.caps, situation.net_load
    if load is None or sight(situation)[0]:
        return
    own = situation.tier is Tier.NATIVE  # it aims at nothing from the grid and nothing to it by a meter that it sees sooner
    if not caps.battery_to_grid:
        why, otherwise = "stored energy does not go to the grid here", "caps.battery_to_grid, where law and contract allow it"
        yield Bound.at_most(max(0.0, load.wanted_w), why, otherwise, soft=True, own=own)
        yield Bound.at_most(max(0.0, load.high_w) / GAIN_LEAST + SLACK_W, why, otherwise, own=own)
    if not caps.grid_charging:
        why, otherwise = "energy of the grid is not stored here now", "caps.grid_charging"
        yield Bound.at_least(min(0.0, load.wanted_w), why, otherwise, soft=True, own=own)
        yield Bound.at_least(min(0.0, load.low_w) / GAIN_LEAST - SLACK_W, why, otherwise, own=own)
    if caps.feed_in is not None:
        why, otherwise = f"the grid is given at most {_said(caps.feed_in)}", "another contract"
        most, surely = (situation.for_meter(max(0.0, power_w + caps.feed_in.value)) for power_w in (load.power_w, load.high_w))
        yield Bound.at_most(most, why, otherwise, soft=True, own=own)
        yield Bound.at_most(surely + SLACK_W, why, otherwise, own=own)
    if caps.grid_import is not None:
        why, otherwise = f"the grid connection gives at most {_said(caps.grid_import)}", "less load, or another connection"
        least, surely = (situation.for_meter(min(0.0, power_w - caps.grid_import.value)) for power_w in (load.power_w, load.low_w))
        yield Bound.at_least(least, why, otherwise, soft=True, own=own)
        yield Bound.at_least(surely - SLACK_W, why, otherwise, own=own)


def _said(limit: Limit) -> str:
    return f"{limit.value:.0f} {limit.unit} ({limit.cause})"
