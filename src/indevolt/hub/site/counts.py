"""The energies of the site, which only grow, whichever units come and go: each adds by how much its own count grew. Pure.

A unit or meter that is seen for the first time adds nothing: its count is where it begins. One that was away adds what it counted
meanwhile. What nobody counts is integrated from powers, as long as they are known at most a minute apart.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from indevolt.hub.counters import Counters

WIDEST_GRID_W: Final = 100_000.0  # of any house; a counter that grows faster is doubted


class Counts:
    """Totals by name, and up to where each unit and meter has been counted."""

    def __init__(self) -> None:
        self.totals: dict[str, float] = {}
        self._bases: dict[str, dict[str, float]] = {}  # of whom, and name: the last count that went into the total
        self._meters = Counters()  # of meters, whose counts may begin anew or leap

    def grow(self, name: str, energy_wh: float) -> None:
        """Add what was measured."""
        self.totals[name] = self.totals.get(name, 0.0) + max(0.0, energy_wh)

    def follow(self, name: str, of: str, count_wh: float) -> None:
        """Add by how much somebody's count grew since it was last seen."""
        bases = self._bases.setdefault(of, {})
        self.grow(name, count_wh - bases.get(name, count_wh))
        bases[name] = max(count_wh, bases.get(name, count_wh))

    def follow_meter(self, name: str, meter: str, count_wh: float, at_s: float) -> None:
        """Add by how much a meter's own count grew; one that begins anew, or leaps, is gone along with."""
        total_wh = self._meters.take(f"{meter}:{name}", count_wh, at_s, WIDEST_GRID_W)
        if total_wh is not None:
            self.follow(name, f"meter {meter}", total_wh)

    def save(self) -> str:
        """Return a text that :meth:`restore` takes."""
        return json.dumps({"totals": self.totals, "bases": self._bases, "meters": self._meters.save()})

    def restore(self, text: str, at_s: float) -> None:
        """Go on from a saved text."""
        saved = json.loads(text)
        self.totals.update(saved["totals"])
        self._bases.update(saved["bases"])
        self._meters.restore(saved["meters"], at_s)

    def catch_up(self, totals: Mapping[str, float], of: Mapping[str, Mapping[str, float]]) -> None:
        """Let totals be no less than history has them: after a sudden end, what was saved is older.

        ``of`` has the counts of units in history; what they had grown by then is in those totals.
        """
        for name, total_wh in totals.items():
            if total_wh <= self.totals.get(name, -1.0):
                continue
            self.totals[name] = total_wh
            for unit, counts in of.items():
                if name in counts:
                    bases = self._bases.setdefault(unit, {})
                    bases[name] = max(counts[name], bases.get(name, counts[name]))
