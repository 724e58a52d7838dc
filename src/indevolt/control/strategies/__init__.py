"""One strategy a module, a page each: ``propose(situation) -> Proposal``, pure.

Here is their order. Within a rank the first outranks the second; the order of the ranks between safety and self-use is the owner's
to choose (``ranks`` of ``[control]``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from indevolt.control.decision import Strategy
from indevolt.control.situation import Rank
from indevolt.control.strategies import (
    backup_hold,
    envelope,
    house_not_car,
    negative_price_soak,
    override,
    peak_shaving,
    plan,
    safety,
    self_use,
    target_by_time,
)

STRATEGIES: Final[Mapping[Rank, tuple[Strategy, ...]]] = MappingProxyType(
    {
        Rank.SAFETY: (safety.propose,),
        Rank.OWNER: (
            backup_hold.keep,
            override.propose,
            target_by_time.propose,
            backup_hold.propose,
            house_not_car.propose,
        ),
        Rank.FLEET: (envelope.propose,),
        Rank.PLAN: (peak_shaving.propose, negative_price_soak.propose, plan.propose),
        Rank.SELF_USE: (self_use.propose,),
    }
)


def ordered(ranks: Sequence[Rank] = tuple(Rank)) -> tuple[tuple[Rank, Strategy], ...]:
    """Return all strategies of some ranks in their order; safety is first wherever it was put, and self-use last."""
    middle = [rank for rank in dict.fromkeys(ranks) if rank not in (Rank.SAFETY, Rank.SELF_USE)]
    return tuple((rank, strategy) for rank in (Rank.SAFETY, *middle, Rank.SELF_USE) for strategy in STRATEGIES[rank])
