"""Why the battery does what it does, and what it would take to do otherwise: a decision in sentences, nothing added.

For the command line, the API and the page; whoever shows them adds the outcome of the writes.
"""

from __future__ import annotations

from dataclasses import dataclass

from indevolt.control.decision import Decision, Reason, Weight


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What stands in the way of another power, and what would have to be different."""

    strategy: str
    reason: str
    otherwise: str  # empty: nothing that anybody could change


def why(decision: Decision) -> tuple[str, ...]:
    """Return the sentences that lead from what somebody wants to what is done, the most important first."""
    said = [f"{_done(decision)} {_by(decision.chosen)}"]
    said += [f"{reason.text} ({reason.strategy})." for reason in decision.binding]
    for order in decision.orders:
        share = "its own loop" if order.power_w is None else f"{order.power_w:+.0f} W"
        said.append(f"{order.unit}: {share}" + (f"; {'; '.join(order.notes)}." if order.notes else "."))
    return tuple(said)


def obstacles(decision: Decision, power_w: float) -> tuple[Obstacle, ...]:
    """Return what keeps the battery from another power, in the order of rank; empty where nothing does.

    Bounds that do not hold now, since a wish of higher rank overrules them, are no obstacle.
    """
    found = [
        Obstacle(reason.strategy, reason.text, reason.otherwise)
        for reason in decision.reasons
        if reason.power_w is None and _bounds(reason) and not reason.low_w <= power_w <= reason.high_w
    ]
    chosen = decision.chosen
    if chosen is not None and chosen.power_w != power_w:
        found.append(Obstacle(chosen.strategy, chosen.text, chosen.otherwise))
    return tuple(found)


def _bounds(reason: Reason) -> bool:
    return reason.weight in (Weight.BINDING, Weight.SLACK)


def _done(decision: Decision) -> str:
    power = decision.power_w
    if power is None:
        return "The device follows the house by itself"
    if power > 0:
        return f"Discharge with {power:.0f} W"
    return f"Charge with {-power:.0f} W" if power < 0 else "Neither charge nor discharge"


def _by(chosen: Reason | None) -> str:
    return "as nobody wants anything." if chosen is None else f"since {chosen.text} ({chosen.strategy})."
