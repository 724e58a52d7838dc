"""What an action means as a wish, whoever wants it: an override, a slot of a plan.

Bounds that come with an action belong to the wish: who is outranked by another wish does not bind it either.
"""

from __future__ import annotations

import math
from typing import assert_never

from indevolt.control.decision import Bound, Preference, Proposal
from indevolt.control.situation import Action


def proposal(strategy: str, action: Action, power_w: float, reason: str, otherwise: str = "") -> Proposal:
    """Return the proposal of a strategy that wants an action; ``power_w`` 0 is as much as there is."""
    most = power_w or math.inf
    match action:
        case Action.SELF_USE:
            return Proposal(strategy, (), Preference(None, reason, otherwise))
        case Action.HOLD:
            bound = Bound.at_most(0.0, f"{reason}: nothing is given", otherwise)
            return Proposal(strategy, (bound,), Preference(None, reason, otherwise))
        case Action.CHARGE:
            return Proposal(strategy, (), Preference(-most, reason, otherwise))
        case Action.DISCHARGE:
            return Proposal(strategy, (), Preference(most, reason, otherwise))
        case Action.STOP:
            return Proposal(strategy, (), Preference(0.0, reason, otherwise))
        case _:
            assert_never(action)
