"""One battery in a linear model: pieces of its curve of losses, its minimum power, its bounds, and what is left in it.

In kW and kWh, as such models are well scaled. Not here: the house around it, and other units (``coupled``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from indevolt.control.plan.effects import Indices, Numbers
from indevolt.control.plan.linear import LinearModel, Term
from indevolt.control.plan.problem import MISSED_PER_KWH, BatteryModel, LossCurve, Slot, TerminalValue
from indevolt.control.situation import Target

ENDS: Final = (0.0, 0.125, 0.25, 0.5, 1.0)
"""Of the pieces of the curve of losses, as shares of the greatest power: fine where a house is most of the time. With 2400 W they
lie 0.2 to 3.6 W above the curve (chords of x² at 1e-5 per W)."""
NEAR_KW: Final = 0.1
"""Where it is known about which power it will be, a piece reaches so far to both sides of it: at most 0.1 W above the curve."""
_LAST_PIECES: Final = 4  # of the value of what is left


@dataclass(frozen=True, slots=True, eq=False)
class Way:
    """One direction of a battery's power: its pieces, and whether it is on."""

    pieces: tuple[Indices, ...]
    on: Indices
    lost: tuple[Numbers, ...]  # share of each piece, slot by slot
    fixed_kw: float

    @property
    def power(self) -> list[Term]:
        """The sum of its pieces, in kW at the socket."""
        return [(piece, 1.0) for piece in self.pieces]

    def total(self, values: Numbers) -> Numbers:
        """Return the power in a solution."""
        total: Numbers = sum((values[piece] for piece in self.pieces), np.zeros(len(self.on)))
        return total


class UnitModel:
    """The columns and rows of one battery."""

    def __init__(
        self,
        model: LinearModel,
        battery: BatteryModel,
        slots: Sequence[Slot],
        *,
        switches: Callable[[], Indices],
        near_kw: Numbers | None = None,
        terminal: TerminalValue,
        targets: Sequence[Target] = (),
        reserve_price: float = 0.05,
    ) -> None:
        """Add them to a model.

        ``switches`` adds a column for each slot that is 1 while a direction is on; with ``near_kw`` it is known which one is on,
        and about with how much.
        """
        self.model, self.battery, self.slots = model, battery, slots
        self.hours = np.array([slot.hours for slot in slots])
        per_pct = battery.capacity_wh / 1000 / 100
        start, floor, ceiling = battery.soc_pct * per_pct, battery.floor_pct * per_pct, battery.ceiling_pct * per_pct
        in_kw = np.array([min(battery.charge_w, slot.charge_limit_w) for slot in slots]) / 1000
        out_kw = np.array([min(battery.discharge_w, slot.discharge_limit_w) for slot in slots]) / 1000
        self.charge, self.discharge = (
            self._way(limit_kw, switches, cost=cost, near_kw=None if near_kw is None else np.maximum(sign * near_kw, 0.0))
            for limit_kw, cost, sign in ((in_kw, 0.0, -1), (out_kw, battery.wear_per_kwh, 1))
        )
        # Outside its bounds already, it may stay there.
        self.stored = model.columns(len(slots), low=min(floor, start), high=max(ceiling, start))
        self.balance = self._balance(start)
        short = model.columns(len(slots), cost=reserve_price * self.hours)
        model.rows([(short, 1.0), (self.stored, 1.0)], low=battery.reserve_pct * per_pct)
        for target in targets:
            index = next((index for index, slot in enumerate(slots) if slot.start < target.by <= slot.end), None)
            if index is not None:
                missed = model.columns(1, cost=MISSED_PER_KWH)
                model.rows([(missed, 1.0), (self.stored[index : index + 1], 1.0)], low=target.soc_pct * per_pct)
        self._worth(terminal, min(floor, start), battery.capacity_wh / 1000)

    def _way(self, limit_kw: Numbers, switches: Callable[[], Indices], *, cost: float, near_kw: Numbers | None) -> Way:
        loss = self.battery.loss
        if near_kw is None:
            on = switches()
            ends_kw = [np.full(len(limit_kw), end * limit_kw.max(initial=0.0)) for end in ENDS]
        else:
            known = np.where(near_kw > 0, 1.0, 0.0)
            on, limit_kw = self.model.columns(len(known), low=known, high=known), limit_kw * known
            ends_kw = [np.clip(end_kw, 0.0, limit_kw) for end_kw in (0.0, near_kw - NEAR_KW, near_kw + NEAR_KW, np.inf)]
        pieces = tuple(
            self.model.columns(len(limit_kw), cost=cost * self.hours, high=np.clip(limit_kw, low_kw, high_kw) - low_kw)
            for low_kw, high_kw in pairwise(ends_kw)
        )
        way = Way(pieces, on, lost_shares(loss, ends_kw), loss.fixed_w / 1000)
        self.model.rows([*way.power, (on, -limit_kw)], high=0.0)
        able = np.minimum(self.battery.minimum_w / 1000, limit_kw)
        self.model.rows([*way.power, (on, -able)], low=0.0)
        return way

    def _balance(self, start: float) -> Indices:
        """What is stored changes by what passes, less what is lost; return the rows that say so."""
        terms: list[Term] = [(self.stored, 1.0)]
        for piece, lost in zip(self.charge.pieces, self.charge.lost, strict=True):
            terms.append((piece, -(1 - lost) * self.hours))
        for piece, lost in zip(self.discharge.pieces, self.discharge.lost, strict=True):
            terms.append((piece, (1 + lost) * self.hours))
        terms += [(way.on, way.fixed_kw * self.hours) for way in (self.charge, self.discharge)]
        first = [(columns[:1], np.asarray(factor).ravel()[:1]) for columns, factor in terms]
        rest = [(columns[1:], np.broadcast_to(factor, len(columns))[1:]) for columns, factor in terms]
        one = self.model.rows(first, low=start, high=start)
        return np.concatenate([one, self.model.rows([*rest, (self.stored[:-1], -1.0)], low=0.0, high=0.0)])

    def _worth(self, terminal: TerminalValue, floor: float, capacity: float) -> None:
        """Value what is left at the end: pieces that are worth less and less."""
        width = max(capacity - floor, 0.0) / _LAST_PIECES
        falls = (terminal.first_per_kwh - terminal.last_per_kwh) / _LAST_PIECES
        worth: Numbers = terminal.first_per_kwh - falls * (np.arange(_LAST_PIECES, dtype=np.float64) + 0.5)
        left = self.model.columns(_LAST_PIECES, cost=-worth, high=width)
        self.model.sum_row([(left, 1.0), (self.stored[-1:], -1.0)], high=-floor)


def lost_shares(loss: LossCurve, ends_kw: Sequence[Numbers]) -> tuple[Numbers, ...]:
    """Return which share is lost of each piece of power, slot by slot: chords of the curve, which lie a little above it."""
    return tuple(loss.linear + loss.quadratic_per_w * (low_kw + high_kw) * 1000 for low_kw, high_kw in pairwise(ends_kw))
