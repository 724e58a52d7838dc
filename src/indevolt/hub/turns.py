"""Whose turn it is: what a device is asked next, and when.

Power keeps its pace. What is read more rarely travels in the room that a request for power has left, a share each time: so a
device hears one request in each cycle, as the vendor recommends (protocol.md, section 7), and power never waits for packs. Only
what does not fit within its period has requests of its own, right after power: everything at the start, and some of many packs.

Pure: time is an argument. What quantities belong together is in ``tiers``, what becomes of readings in ``keeper``.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from indevolt.hub.events import Tier

JITTER: Final = 0.05  # of a period, so that many devices do not stay in step
BEAT_S: Final = 0.25
"""Turns begin on a beat that all devices of a hub share, so that it wakes up less often and does more each time.

Above the milliseconds that a reading costs the hub; at most the jitter of the usual period, which spreads devices over beats.
"""
OWN_S: Final = 2.0  # what a request of its own needs before power is due: a second apart, and answered within one
SPARE: Final = 12  # one in so many cycles is left for what is read even more rarely
EARLY: Final = 5
"""What somebody sets in the vendor's app is to show soon: where requests for power have room that nobody needs, a round of settings
begins after this part of its period. It costs no request; each value is as old as it says in any case."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What is read together: power or nothing, and a share of one of the other tiers or nothing."""

    power: tuple[str, ...]
    tier: Tier | None = None
    share: tuple[str, ...] = ()
    ends: bool = False  # whether this share is the last of its round

    @property
    def groups(self) -> list[tuple[str, ...]]:
        """Return the selections to read."""
        return [group for group in (self.power, self.share) if group]


@dataclass(slots=True)
class _Round:
    """The reading of all of a tier, as far as it has got."""

    due_s: float  # when the next one begins
    own: Sequence[str] = ()  # quantities that are left for requests of their own
    fill: Sequence[str] = ()  # and for the room beside power
    early_s: float = math.inf  # when the next one may begin already, if there is room for it

    @property
    def is_over(self) -> bool:
        return not self.own and not self.fill


class Turns:
    """The order in which everything of one device is read.

    Args:
        power: quantities of the power tier.
        names_of: what is to be read of another tier, asked when a round of it begins.
        periods: how often each tier is read; of the others, those that are read more often come first.
        most: most quantities in one request; may be lowered at any time.
        now_s: the present.
        rng: source of jitter.
    """

    def __init__(
        self,
        power: tuple[str, ...],
        names_of: Callable[[Tier], Sequence[str]],
        periods: Mapping[Tier, float],
        *,
        most: int,
        now_s: float,
        rng: random.Random,
    ) -> None:
        self._power = power
        self._names_of = names_of
        self._periods = periods
        self.most = most
        self._rng = rng
        self._power_s = now_s
        self._rounds: dict[Tier, _Round] = {}
        for tier in sorted(periods, key=lambda each: periods[each]):
            if tier is not Tier.POWER:
                self._rounds[tier] = self._all_at_once(tier, now_s)
        self._shifted = False  # whether this device has left those that began with it
        self._own_turns = 1  # since power was read; the very first turn is power's

    def due_s(self, now_s: float) -> float:
        """Return when the next turn begins."""
        return now_s if self._own_tier(now_s) else self._power_s

    def next(self, now_s: float) -> Turn:
        """Return what to read now; the same again until it is :meth:`done`."""
        if (tier := self._own_tier(now_s)) is not None:
            it = self._rounds[tier]
            size = -(-len(it.own) // -(-len(it.own) // self.most))  # as few requests as can be, of about equal size
            return Turn((), tier, tuple(it.own[:size]), ends=len(it.own) == size and not it.fill)
        for tier in self._rounds:
            it = self._rounds[tier]
            if it.is_over and now_s + self._periods[Tier.POWER] / 2 >= min(it.due_s, it.early_s):
                it = self._begin(tier, now_s)
            if not self._room:  # any more, for a device that has proven to take less
                it.own, it.fill = (*it.own, *it.fill), ()
            if it.fill:
                return Turn(self._power, tier, tuple(it.fill[: self._room]), ends=len(it.fill) <= self._room and not it.own)
        return Turn(self._power)

    def done(self, turn: Turn, began_s: float) -> None:
        """Go on to the next turn; this one has brought what it should."""
        if turn.tier is not None:
            it = self._rounds[turn.tier]
            if turn.power:
                it.fill = it.fill[len(turn.share) :]
            else:
                it.own = it.own[len(turn.share) :]
        if not turn.power:
            self._own_turns += 1
            return
        self._own_turns = 0
        earliest = 1 - JITTER if self._shifted else 0.0
        self._shifted = True
        # A loop that comes late to its turns must not make each cycle that much longer; what is more than a beat late begins anew.
        planned_s = self._power_s if 0.0 <= began_s - self._power_s <= BEAT_S else began_s
        self._power_s = _on_beat(planned_s + self._periods[Tier.POWER] * self._rng.uniform(earliest, 1 + JITTER))

    def put_off(self, until_s: float) -> None:
        """Read nothing before a moment, after a turn that brought nothing."""
        self._power_s = max(self._power_s, until_s)
        self._own_turns = max(1, self._own_turns)

    def _own_tier(self, now_s: float) -> Tier | None:
        """Return the tier that has a request of its own now: one after each power, and more while there is time."""
        if self._own_turns and now_s + OWN_S > self._power_s:
            return None
        return next((tier for tier, it in self._rounds.items() if it.own), None)

    @property
    def _room(self) -> int:
        return max(0, self.most - len(self._power))

    def _all_at_once(self, tier: Tier, now_s: float) -> _Round:
        """Return the first round of a tier; the next one ends a period later, as it takes its time beside power."""
        names = tuple(self._names_of(tier))
        takes_s = len(names) / self._room * self._periods[Tier.POWER] if self._room else 0.0
        return _Round(now_s + max(0.0, self._period_s(tier) - takes_s), own=names)

    def _begin(self, tier: Tier, now_s: float) -> _Round:
        names = tuple(self._names_of(tier))
        cycles = int(self._periods[tier] / self._periods[Tier.POWER] * (1 - 1 / SPARE))
        own = max(0, len(names) - self._room * cycles)
        early_s = now_s + self._periods[tier] / EARLY if tier is Tier.SETTINGS and not own else math.inf
        self._rounds[tier] = _Round(now_s + self._period_s(tier), names[:own], names[own:], early_s)
        return self._rounds[tier]

    def _period_s(self, tier: Tier) -> float:
        return self._periods[tier] * self._rng.uniform(1 - JITTER, 1 + JITTER)


def _on_beat(at_s: float) -> float:
    return round(at_s / BEAT_S) * BEAT_S
