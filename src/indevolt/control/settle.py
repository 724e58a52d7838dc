"""Folds what all strategies say into one range and one wish, and keeps every reason.

Rank by rank the range narrows; of two that contradict each other the first holds. The first wish holds too, and what ranks below it
neither outbids nor binds it: a plan that wants to hold does not stop an owner who wants to discharge. Pure; hunting is damped in
``steady``, and the power is divided in ``split``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from indevolt.control.decision import Bound, Preference, Proposal, Reason, Weight
from indevolt.control.situation import NetLoad, Rank, Situation, Tier
from indevolt.control.strategies.safety import sight

NOBODY: Final = Preference(0.0, "nobody wants anything: rest")
LEFT_ALONE_W: Final = 20.0  # the device's own loop is left alone as long as the range takes no more than this from it


@dataclass(frozen=True, slots=True)
class Settled:
    """What all of it comes to. ``power_w`` None: the device's own loop decides."""

    power_w: float | None
    wanted_w: float | None  # before any bound
    low_w: float
    high_w: float
    hard_low_w: float  # without the bounds that move with the house
    hard_high_w: float
    follows_house: bool
    reasons: tuple[Reason, ...]


def settle(situation: Situation, said: Sequence[tuple[Rank, Proposal]]) -> Settled:
    """Return the fold of proposals that come in the order of their rank."""
    rank, strategy, preference = _chosen(said)
    blind, why, otherwise = sight(situation)
    wanted, follows = _wanted(preference, None if blind else situation.net_load)
    last = next((index for index, (_, proposal) in enumerate(said) if proposal.preference is preference), len(said))
    low, high = hard_low, hard_high = -math.inf, math.inf
    own_loop = preference.power_w is None and preference.loop and situation.tier is not Tier.REALTIME
    loop = own_loop and _leaves_alone(situation.net_load, said[: last + 1])
    reasons: list[Reason] = []
    for index, (of, proposal) in enumerate(said):
        for bound in proposal.bounds:
            counts = index <= last and not (loop and bound.own)
            applies = counts and bound.low_w <= high and bound.high_w >= low
            if counts:
                low, high = _narrowed(low, high, bound)
                if not bound.soft:
                    hard_low, hard_high = _narrowed(hard_low, hard_high, bound)
            reasons.append(_told(of, proposal.strategy, bound, _weight(bound, wanted, applies=applies, spared=loop and bound.own)))
        if (wish := proposal.preference) is not None and wish is not preference:
            reasons.append(_wished(of, proposal.strategy, wish, Weight.OUTRANKED))
    reasons.insert(0, _wished(rank, strategy, preference, Weight.CHOSEN))
    # A soft bound of higher rank holds against a hard one of lower rank.
    hard_low, hard_high = min(hard_low, low), max(hard_high, high)
    power = None if loop else min(max(0.0 if wanted is None else wanted, low), high)
    if blind and preference.power_w is None and power == 0 and _might_move(situation.net_load, low, high):
        reasons.append(Reason(Rank.SAFETY, "safety", f"{why}: rest", Weight.BINDING, 0.0, 0.0, otherwise=otherwise))
    follows = follows or _moves_with_house(reasons, power)
    return Settled(power, wanted, low, high, hard_low, hard_high, follows, tuple(reasons))


def _chosen(said: Sequence[tuple[Rank, Proposal]]) -> tuple[Rank, str, Preference]:
    for rank, proposal in said:
        if proposal.preference is not None:
            return rank, proposal.strategy, proposal.preference
    return Rank.SELF_USE, "nobody", NOBODY


def _wanted(preference: Preference, load: NetLoad | None) -> tuple[float | None, bool]:
    """Return the power that is wished for, and whether that moves with the house, as far as somebody sees it."""
    least_w = preference.power_w
    if load is None:
        return least_w, least_w is None
    if least_w is None or (preference.surplus and load.wanted_w < least_w):
        return load.wanted_w, True
    return least_w, False


def _might_move(load: NetLoad | None, low: float, high: float) -> bool:
    """Return whether a house that is not seen might have the battery do more than rest."""
    return low < 0 < high if load is None else min(max(load.wanted_w, low), high) != 0


def _narrowed(low: float, high: float, bound: Bound) -> tuple[float, float]:
    """Return the part of a range within a bound, or the end of the range that is nearest to it."""
    if bound.low_w > bound.high_w:
        return low, high  # no range at all: nothing can be made of it
    return min(max(low, bound.low_w), high), max(min(high, bound.high_w), low)


def _weight(bound: Bound, wanted: float | None, *, applies: bool, spared: bool) -> Weight:
    if spared:
        return Weight.SLACK
    if not applies:
        return Weight.OVERRULED
    if wanted is None or bound.low_w <= wanted <= bound.high_w:
        return Weight.SLACK
    return Weight.BINDING


def _leaves_alone(load: NetLoad | None, said: Sequence[tuple[Rank, Proposal]]) -> bool:
    """Return whether the device's own loop stays within the range by itself; what it wants is known as far as the load is."""
    low, high = -math.inf, math.inf
    for _, proposal in said:
        for bound in proposal.bounds:
            if not bound.own:
                low, high = _narrowed(low, high, bound)
    if load is None:
        return low < 0 < high
    return low - LEFT_ALONE_W <= load.wanted_w <= high + LEFT_ALONE_W


def _moves_with_house(reasons: Sequence[Reason], power: float | None) -> bool:
    """Return whether the bound that makes the power is one of the soft ones."""
    return any(reason.weight is Weight.BINDING and reason.soft and power in (reason.low_w, reason.high_w) for reason in reasons)


def _told(rank: Rank, strategy: str, bound: Bound, weight: Weight) -> Reason:
    return Reason(rank, strategy, bound.reason, weight, bound.low_w, bound.high_w, otherwise=bound.otherwise, soft=bound.soft)


def _wished(rank: Rank, strategy: str, wish: Preference, weight: Weight) -> Reason:
    return Reason(rank, strategy, wish.reason, weight, power_w=wish.power_w, otherwise=wish.otherwise)
