"""What an action means as a wish, whoever wants it: an override, a slot of a plan.

Bounds that come with an action belong to the wish: who is outranked by another wish does not bind it either.
"""

from __future__ import annotations

import math
from typing import assert_never

from indevolt.control.decision import Bound, Preference, Proposal
from indevolt.control.situation import Action


def proposal(strategy: str, action: Action, power_w: float, reason: str, otherwise: str = "", *, surplus: bool = False) -> Proposal:
    """Return the proposal of a strategy that wants an action.

    Args:
        strategy: who says it.
        action: what it wants.
        power_w: of charge and discharge; 0 is as much as there is.
        reason: why.
        otherwise: what would have to be different for this not to hold.
        surplus: where the sun gives more than a charge wants, that is stored too. Who asks for a number gets that number; a slot of
            a plan, whose power is of a forecast, would sell what it then has to buy again.
    """
    most = power_w or math.inf
    match action:
        case Action.SELF_USE:
            return Proposal(strategy, (), Preference(None, reason, otherwise))
        case Action.HOLD:
            bound = Bound.at_most(0.0, f"{reason}: nothing is given", otherwise)
            return Proposal(strategy, (bound,), Preference(None, reason, otherwise))
        case Action.CHARGE:
            return Proposal(strategy, (), Preference(-most, reason, otherwise, surplus=surplus))
        case Action.DISCHARGE:
            return Proposal(strategy, (), Preference(most, reason, otherwise))
        case Action.STOP:
            return Proposal(strategy, (), Preference(0.0, reason, otherwise))
        case _:
            assert_never(action)
