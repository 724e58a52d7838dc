"""The meter that the hub poses as for a unit, as the API tells it; a part of how that unit is steered."""

from __future__ import annotations

from pydantic import BaseModel, Field

from indevolt.hub.config_pose import Way
from indevolt.hub.keeper import Keeper


class PosedBody(BaseModel):
    """A meter that the hub poses as: a Shelly Pro 3EM (http, udp) or a P1 reader (push)."""

    transports: list[Way] = Field(description="How what is shown gets to the unit.")
    places: list[str] = Field(description="Where it can be asked, or sends to; empty while it cannot be opened.")
    follows: bool = Field(description="The unit goes by it, as far as is known.")
    over: Way | None = Field(description="How it was followed last.")
    shown_w: float | None = Field(description="What the unit was shown last, import positive; null: nothing.")
    why: str = Field(description="Why nothing of the true meter is shown now; empty: it is.")


def posed_body(keeper: Keeper) -> PosedBody | None:
    """Return what is known of it; None where the hub poses as no meter."""
    posing = keeper.posing
    if posing is None:
        return None
    return PosedBody(
        transports=list(posing.ways),
        places=list(posing.places),
        follows=posing.follows,
        over=posing.over,
        shown_w=posing.shown_w,
        why=posing.why,
    )


def in_a_sentence(posed: PosedBody) -> str:
    """Return the same for people."""
    if not posed.places:
        return f"The hub poses as no meter for it: {posed.why or 'not yet'}."
    what = f"The hub poses as its meter ({', '.join(posed.places)})"
    if not posed.follows:
        return f"{what}, which it does not follow{f'; {posed.why}' if posed.why else ''}."
    if posed.shown_w is None:
        return f"{what} and shows it nothing now: {posed.why or 'it has not looked yet'}."
    shown = f"was shown {posed.shown_w:+.0f} W last"
    return f"{what}; it follows, and {shown}{f', to bring it to rest: {posed.why}' if posed.why else ''}."
