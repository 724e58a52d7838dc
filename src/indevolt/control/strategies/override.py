"""What somebody asked for by hand, until it ends: an override, or a slot that the owner pinned in the plan."""

from __future__ import annotations

from typing import Final

from indevolt.control.decision import Proposal
from indevolt.control.situation import Action, Override, Situation
from indevolt.control.strategies.actions import proposal

NAME: Final = "override"
NOBODY: Final = Proposal(NAME)


def propose(situation: Situation) -> Proposal:
    """Return the newest override that holds, else the pinned slot, else nothing."""
    if not situation.clock_trusted:
        return NOBODY  # whether it has ended cannot be told
    for override in reversed(situation.overrides):
        if situation.at < override.until and not _is_done(situation, override):
            until = f"until {override.until:%H:%M %Z}"
            reason = f"{override.by} asked to {_said(override.action)} {until}"
            return proposal(NAME, override.action, override.power_w, reason, "release the override")
    slot = situation.slot
    if slot is not None and slot.pinned and slot.holds(situation.at):
        reason = f"this slot is pinned until {slot.end:%H:%M %Z}: {_said(slot.action)}"
        return proposal(NAME, slot.action, slot.power_w, reason, "unpin the slot", surplus=True)
    return NOBODY


def _is_done(situation: Situation, override: Override) -> bool:
    soc, target = situation.soc_pct, override.soc_pct
    if soc is None or target is None:
        return False
    return soc >= target if override.action is Action.CHARGE else override.action is Action.DISCHARGE and soc <= target


def _said(action: Action) -> str:
    return action.value.replace("_", "-")
