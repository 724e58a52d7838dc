"""The house battery does not feed the car: discharge is limited to what the house takes without the charger."""

from __future__ import annotations

from typing import Final

from indevolt.control.decision import Bound, Proposal
from indevolt.control.situation import Situation

NAME: Final = "house_not_car"
CHARGING_W: Final = 50.0  # what a charger draws without a car is below, the least that a car takes (1.4 kW) far above


def propose(situation: Situation) -> Proposal:
    """Return the bound while a car charges; without a look at the load nothing is given at all then."""
    charger = situation.charger_w
    if not situation.goals.spare_charger or charger is None or charger < CHARGING_W:
        return Proposal(NAME)
    load = situation.net_load
    most = 0.0 if load is None else max(0.0, load.power_w - charger)
    reason = f"the car takes {charger:.0f} W, and the battery covers only the other {most:.0f} W"
    return Proposal(NAME, (Bound.at_most(most, reason, "let the battery feed the car (spare_charger)", soft=True),))
