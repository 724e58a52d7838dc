"""Zero export: the battery covers what the house takes and stores what it has left."""

from __future__ import annotations

from typing import Final

from indevolt.control.decision import Preference, Proposal
from indevolt.control.situation import Situation, Tier
from indevolt.control.strategies.safety import sight

NAME: Final = "self_use"


def propose(situation: Situation) -> Proposal:
    """Return that the house is to be followed; rest where nobody can see the house."""
    if situation.tier is Tier.NATIVE:
        several = len(situation.usable) > 1
        told = "the device follows its own meter"
        if several:
            told = "each unit follows its own meter, and may store what another one gives"
        otherwise = "let the hub pose as the meter of all of them, so that they share what the house takes" if several else ""
        return Proposal(NAME, (), Preference(None, f"zero export: {told}", otherwise))
    blind, why, otherwise = sight(situation)
    load = situation.net_load
    if load is None or blind:
        return Proposal(NAME, (), Preference(0.0, f"{why}: rest", otherwise))
    chatter = ", which switches on and off too fast to follow" if load.chattering else ""
    plants_w = 0.0 if situation.pv_w is None else situation.pv_w - situation.unit_pv_w
    pv = f" of {plants_w:.0f} W" if plants_w >= 1 else ""
    reason = f"the house takes {load.power_w:.0f} W beyond its PV{pv}{chatter}"
    return Proposal(NAME, (), Preference(None, reason, "an override, or a plan"))
