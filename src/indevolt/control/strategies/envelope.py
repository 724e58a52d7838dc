"""A power envelope from outside, VPP or grid operator: signed, checked where it came in, and over when it ends."""

from __future__ import annotations

from typing import Final

from indevolt.control.decision import Bound, Proposal
from indevolt.control.situation import Situation

NAME: Final = "envelope"


def propose(situation: Situation) -> Proposal:
    """Return the envelope as a bound; one that ended, or whose end cannot be told, is none."""
    envelope = situation.envelope
    if envelope is None or not situation.clock_trusted or situation.at >= envelope.until:
        return Proposal(NAME)
    reason = f"{envelope.issuer} asks for {envelope.low_w:.0f} to {envelope.high_w:.0f} W until {envelope.until:%H:%M %Z}"
    return Proposal(NAME, (Bound(envelope.low_w, envelope.high_w, reason, f"an agreement with {envelope.issuer}"),))
