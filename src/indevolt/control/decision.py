"""What a strategy may say, and what comes of it: frozen records only.

``settle`` folds the proposals of all strategies, rank by rank, into a :class:`Decision` that keeps every reason. What strategies
know is in ``situation``, with the signs that hold here too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeAlias

from indevolt.battery import Command
from indevolt.control.situation import Rank, Situation, Tier

PACED: Final = "steady"
"""Who says that a power is due and not yet commanded, as ``steady`` lets it wait."""

# ---- what a strategy says --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Bound:
    """A narrowed range of battery power, and why."""

    low_w: float
    high_w: float
    reason: str
    otherwise: str = ""  # what would have to be different for this not to bind
    soft: bool = False  # it moves with the house: hunting is damped, and it may be left for a moment
    own: bool = False  # it binds commands only: the device's own loop keeps to it by itself, or sees what is not seen here

    @classmethod
    def at_most(cls, high_w: float, reason: str, otherwise: str = "", *, soft: bool = False, own: bool = False) -> Bound:
        """Return a bound from above."""
        return cls(-math.inf, high_w, reason, otherwise, soft, own)

    @classmethod
    def at_least(cls, low_w: float, reason: str, otherwise: str = "", *, soft: bool = False, own: bool = False) -> Bound:
        """Return a bound from below."""
        return cls(low_w, math.inf, reason, otherwise, soft, own)


@dataclass(frozen=True, slots=True)
class Preference:
    """A wish within the range that is left.

    ``power_w`` None follows the house: the device's own loop where the tier has one and the range leaves it alone, else what the
    observer wants.
    """

    power_w: float | None
    reason: str
    otherwise: str = ""  # what would have to be different for another wish
    loop: bool = True  # False: by commands alone, also where the device's own loop would do, for the moment
    surplus: bool = False  # of a charge: where somebody sees that the sun gives more, all of that


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a strategy says; empty when it has nothing to say."""

    strategy: str
    bounds: tuple[Bound, ...] = ()
    preference: Preference | None = None

    def __bool__(self) -> bool:
        return bool(self.bounds) or self.preference is not None


Strategy: TypeAlias = Callable[[Situation], Proposal]


# ---- what comes of it ------------------------------------------------------------------------------------------------------------


class Weight(StrEnum):
    """What became of something that was said."""

    CHOSEN = "chosen"  # the preference that holds
    OUTRANKED = "outranked"  # a preference, and one of higher rank holds
    BINDING = "binding"  # a bound that keeps the battery from what was preferred
    SLACK = "slack"  # a bound that changes nothing now
    OVERRULED = "overruled"  # a bound that contradicts one of higher rank


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that a strategy said, and what became of it."""

    rank: Rank
    strategy: str
    text: str
    weight: Weight
    low_w: float = -math.inf
    high_w: float = math.inf
    power_w: float | None = None  # of a preference
    otherwise: str = ""
    soft: bool = False


@dataclass(frozen=True, slots=True)
class UnitOrder:
    """What one unit is to do."""

    unit: str
    command: Command
    power_w: float | None  # signed, as commanded; None: the device's own loop decides
    notes: tuple[str, ...] = ()  # what bounds this unit, and how the share came about


@dataclass(frozen=True, slots=True)
class Decision:
    """What all units are to do now, and everything that led to it."""

    at: datetime
    at_s: float
    tier: Tier
    power_w: float | None  # of all units together, signed; None: the device's own loop decides
    wanted_w: float | None  # what the chosen preference asked for, before bounds and damping
    low_w: float  # the range that was left
    high_w: float
    orders: tuple[UnitOrder, ...]
    reasons: tuple[Reason, ...]
    urgent: bool = False  # a cut that does not wait for its turn: the spacing of the device is kept, the interval of control is not

    @property
    def chosen(self) -> Reason | None:
        """The preference that holds."""
        return next((reason for reason in self.reasons if reason.weight is Weight.CHOSEN), None)

    @property
    def binding(self) -> tuple[Reason, ...]:
        """The bounds that keep the battery from what was preferred."""
        return tuple(reason for reason in self.reasons if reason.weight is Weight.BINDING)

    @property
    def waits(self) -> bool:
        """Whether another power is due, and only not yet commanded."""
        return any(reason.strategy == PACED for reason in self.reasons)

    def order(self, unit: str) -> UnitOrder | None:
        """Return the order for one unit."""
        return next((order for order in self.orders if order.unit == unit), None)
