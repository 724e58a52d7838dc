"""What the plan wants in this slot. Self-use is a wish as well: then the plan says that nothing else is worth it."""

from __future__ import annotations

from typing import Final

from indevolt.control.decision import Proposal
from indevolt.control.situation import Situation
from indevolt.control.strategies.actions import proposal

NAME: Final = "plan"


def propose(situation: Situation) -> Proposal:
    """Return the slot that runs now; a plan that has ended wants nothing."""
    slot = situation.slot
    if slot is None or slot.pinned or not situation.clock_trusted or not slot.holds(situation.at):
        return Proposal(NAME)
    reason = f"the plan until {slot.end:%H:%M %Z}: {slot.reason or slot.action.value.replace('_', '-')}"
    otherwise = "pin another action to this slot, or switch the plan off"
    return proposal(NAME, slot.action, slot.power_w, reason, otherwise, surplus=True)
