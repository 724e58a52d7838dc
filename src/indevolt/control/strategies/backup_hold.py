"""Keep everything for an outage: a storm, announced work on the grid. It beats any price."""

from __future__ import annotations

from typing import Final

from indevolt.control.decision import Bound, Preference, Proposal
from indevolt.control.situation import Situation

NAME: Final = "backup_hold"


def propose(situation: Situation) -> Proposal:
    """Return that nothing is given and the surplus is stored, as long as the owner said."""
    until = situation.goals.backup_until
    if until is None or (situation.clock_trusted and situation.at >= until):
        return Proposal(NAME)
    reason = f"everything is kept for an outage until {until:%d %b %H:%M %Z}"
    otherwise = "end the backup hold"
    return Proposal(NAME, (Bound.at_most(0.0, reason, otherwise),), Preference(None, reason, otherwise))
