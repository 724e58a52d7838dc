"""The rounds of what is read more rarely than power: shares that turns have brought, put together once all of a tier is there.

Which packs a unit has shows in a whole round of them. What is asked when is in ``turns``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from indevolt.battery import Quality, Reading, Sample, Shares
from indevolt.catalogue import Model
from indevolt.hub.events import Tier
from indevolt.hub.latest import Latest
from indevolt.hub.tiers import names_of


class Rounds:
    """The rounds of one device, from when it was opened on; ``missing_parts`` are the packs that it does not have."""

    def __init__(self, model: Model, latest: Latest) -> None:
        self.missing_parts: frozenset[str] = frozenset()
        self._model = model
        self._latest = latest
        self._shares: dict[Tier, list[Reading]] = {}  # of rounds that are under way
        self._left_out: dict[Tier, Mapping[str, Sample]] = {}  # of the last round: what was not asked for

    def add(self, tier: Tier, share: Reading, *, ends: bool) -> Reading | None:
        """Take in a share; return the whole at the end of its round, with what is left out of packs that are not there."""
        shares = self._shares.setdefault(tier, [])
        shares.append(share)
        if not ends:
            return None
        del self._shares[tier]
        found = set().union(*shares)
        left_out = replace(share, samples=self._unasked(tier, found))
        if tier is Tier.PACKS:
            odd, points = Shares(shares).odd(), self._model.points
            there = {points[name].part for name in found if odd.get(name) is not Quality.NOT_INSTALLED}
            self.missing_parts = frozenset(self._model.presence.keys() - there)
        return replace(share, samples=Shares([left_out, *shares]))

    def _unasked(self, tier: Tier, found: set[str]) -> Mapping[str, Sample]:
        """Return what is known of the quantities of a tier that a round was not to bring; usually as for the round before."""
        names, known = names_of(self._model.family)[tier], self._left_out.get(tier, {})
        if len(known) + len(found) != len(names) or not found.isdisjoint(known):
            known = self._left_out[tier] = self._latest.told(name for name in names if name not in found)
        return known
