"""A state of charge by a time: the last moment is worked out, and then it is charged, whatever it costs.

A plan reaches the same target earlier and cheaper; this is what remains when there is none, or when it was wrong.
"""

from __future__ import annotations

from typing import Final

from indevolt.control.decision import Bound, Preference, Proposal
from indevolt.control.situation import Situation

NAME: Final = "target_by_time"
IN_HAND: Final = 1.15  # for taper near full, losses, and what goes wrong
GOES_ON: Final = 2.0  # and until so much is in hand it goes on: else each percent would end it and begin it again
EFFICIENCY: Final = 0.9  # of charging (inferred from the captured pairs of protocol.md, section 12)


def propose(situation: Situation) -> Proposal:
    """Return the charge that is still needed once it is time; what was reached is kept."""
    target, soc = situation.goals.target, situation.soc_pct
    if target is None or soc is None or not situation.clock_trusted or situation.at >= target.by:
        return Proposal(NAME)
    by = f"{target.soc_pct:.0f} % by {target.by:%H:%M %Z}"
    otherwise = "drop or move the target"
    if soc >= target.soc_pct:
        reached = Bound.at_most(0.0, f"{by} are there", otherwise)
        return Proposal(NAME, (reached,) if soc <= target.soc_pct + 1 else ())
    capacity = sum(unit.capacity_wh or 0.0 for unit in situation.usable)
    missing_wh = (target.soc_pct - soc) / 100 * capacity / EFFICIENCY
    left_h = (target.by - situation.at).total_seconds() / 3600
    most = sum(unit.limits.charge.value for unit in situation.usable)
    charging = sum(unit.commanded_w or 0.0 for unit in situation.usable) <= -most / 2
    if not missing_wh or missing_wh * (GOES_ON if charging else IN_HAND) < most * left_h:
        return Proposal(NAME)
    reason = f"{by}: {missing_wh:.0f} Wh are missing and {left_h * 60:.0f} minutes are left"
    return Proposal(NAME, (Bound.at_most(0.0, reason, otherwise),), Preference(-most, reason, otherwise))
