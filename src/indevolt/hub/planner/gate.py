"""Which gate holds: the one that would have cost least on the site's own last days, or the configured one, and why. No numpy.

How it is found is ``tuning``'s.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

SELF_USE: Final = 1.0
"""Per kWh, as ``control.plan.tuning.NEVER``: no spread of prices is worth leaving plain self-use."""


@dataclass(frozen=True, slots=True)
class Tuned:
    """What was found the last time. Money is in the currency of the site."""

    at: datetime
    usual: float  # the gate of the configuration then
    gate: float  # the one that holds; the usual one without figures
    days: float  # that were lived again
    cost_per_day: Mapping[float, float]  # by gate; empty where there was too little history
    reason: str

    def save(self) -> str:
        """Return a text that :meth:`of_text` takes."""
        costs = [[gate, round(cost, 6)] for gate, cost in self.cost_per_day.items()]
        kept = {
            "at": self.at.isoformat(),
            "usual": self.usual,
            "gate": self.gate,
            "days": self.days,
            "costs": costs,
            "reason": self.reason,
        }
        return json.dumps(kept, separators=(",", ":"))

    @classmethod
    def of_text(cls, text: str) -> Tuned:
        """Go on from a saved text.

        Raises:
            ValueError: it was not saved by this program.
        """
        try:
            kept = json.loads(text)
            costs = {float(gate): float(cost) for gate, cost in kept["costs"]}
            at = datetime.fromisoformat(kept["at"])
            return cls(at, float(kept["usual"]), float(kept["gate"]), float(kept["days"]), costs, str(kept["reason"]))
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"this is no kept gate: {error!r}") from error


def found(at: datetime, usual: float, days: float, cost_per_day: Mapping[float, float], currency: str) -> Tuned:
    """Return what a tournament says: the gate of least cost, of equal ones the configured one."""
    gate = min(cost_per_day, key=lambda each: (round(cost_per_day[each], 6), each != usual))
    others = "; ".join(
        f"{name_of(each, usual)} {cost_per_day[each]:.3f}" for each in (usual, SELF_USE) if each != gate and each in cost_per_day
    )
    best = f"over the last {days:g} days, {name_of(gate, usual)} would have cost least: {cost_per_day[gate]:.3f} {currency} a day"
    return Tuned(at, usual, gate, days, cost_per_day, f"{best}; {others}" if others else best)


def too_little(at: datetime, usual: float, days: float, least_days: float) -> Tuned:
    """Return that the configured gate holds, for want of history."""
    reason = (
        f"{least_days:g} days to try gates on are needed, and the history has {days:g} without a gap; the configured gate holds"
    )
    return Tuned(at, usual, usual, days, {}, reason)


def name_of(gate: float, usual: float) -> str:
    """Return what people call a gate."""
    if gate == SELF_USE:
        return "plain self-use"
    return f"the configured gate of {gate:g}" if gate == usual else f"a gate of {gate:g}"
