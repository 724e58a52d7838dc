"""Which gate suits a site: a tournament on its own last days (control.md, section 2.1).

A gate keeps a battery in plain self-use where the plan's advantage is small. How small is too small depends on how well the future
of this house can be told, so it is tried: the same days, the same knowledge, several gates, and plain self-use beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from indevolt.control.plan.past import PER_DAY, Past, Terms
from indevolt.control.plan.replay import Decide, Method, Planning, Preparing, decide_by, race

GATES: Final = (0.0, 0.01, 0.02, 0.04)  # per kWh; from believing all to believing little
NEVER: Final = 1.0  # per kWh: no spread of prices is worth it, so this is plain self-use
LEAST_DAYS: Final = 5


@dataclass(frozen=True, slots=True)
class Tournament:
    """What each gate would have cost a day, and which to use."""

    gate: float
    cost_per_day: dict[float, float]
    days: float


def tune_gate(past: Past, terms: Terms, *, first: int, last: int, gates: Sequence[float] = GATES, usual: float) -> Tournament:
    """Return the gate that cost least between two quarters of a past; the usual one while there is too little of it."""
    days = (last - first) / PER_DAY
    if days < LEAST_DAYS:
        return Tournament(usual, {}, days)
    preparing = Preparing(past, replace(terms, gate=min(gates)), gates)
    entries: list[tuple[Method, Decide]] = [(Method.PLAN, Planning(past, replace(terms, gate=gate), preparing)) for gate in gates]
    entries.append((Method.SELF_USE, decide_by(past, terms, Method.SELF_USE, first, last)))
    played = race(past, terms, entries, first=first, last=last)
    costs = {gate: each.cost_per_day for gate, each in zip((*gates, NEVER), played, strict=True)}
    return Tournament(min(costs, key=lambda gate: costs[gate]), costs, days)
