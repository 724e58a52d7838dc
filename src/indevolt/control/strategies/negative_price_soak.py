"""Charge from the grid while import costs less than the owner's mark, for example less than nothing."""

from __future__ import annotations

from typing import Final

from indevolt.control.decision import Bound, Preference, Proposal
from indevolt.control.situation import Situation

NAME: Final = "negative_price_soak"


def propose(situation: Situation) -> Proposal:
    """Return full charge while it is cheap; there is nothing to give then, and a full battery rests."""
    mark, price = situation.goals.soak_below_per_kwh, situation.price
    if mark is None or price is None or price.import_per_kwh >= mark or not situation.clock_trusted:
        return Proposal(NAME)
    most = sum(unit.limits.charge.value for unit in situation.usable)
    reason = f"import costs {price.import_per_kwh:.3f} per kWh, less than {mark:.3f}"
    otherwise = "a lower soak_below_per_kwh, or a higher price"
    return Proposal(NAME, (Bound.at_most(0.0, reason, otherwise),), Preference(-most, reason, otherwise))
