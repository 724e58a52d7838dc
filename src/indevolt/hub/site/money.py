"""What energy cost, and what it would have cost otherwise, quarter by quarter of an hour. Pure.

A quarter without a price, or without energies, is left out of the sums and of ``known_s``: nothing is made up for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from indevolt.hub.site.prices import Price, Tariff

STEP_S: Final = 900.0  # prices change at quarters of an hour at the most
USED: Final = (
    "energy_grid_import",
    "energy_grid_export",
    "energy_house",
    "energy_import_without_battery",
    "energy_export_without_battery",
)
TAKEN_FOR_GRANTED: Final = (
    "Without a battery the sun's power is taken to reach the house without loss, and what is left over to be paid like any export.",
    "What is in the battery at the end of a period is worth nothing here, and what was in it at the beginning cost nothing.",
)


@dataclass(slots=True)
class Money:
    """Sums of some quarters, in the currency of the site. An amount is None as long as nothing of it is known."""

    known_s: float = 0.0
    import_wh: float = 0.0
    export_wh: float = 0.0
    import_cost: float | None = None
    export_revenue: float | None = None
    cost_without_battery: float | None = None
    cost_without_battery_and_sun: float | None = None

    def add(self, price: Price, grown_wh: tuple[float, ...]) -> None:
        """Add a quarter of an hour, in which the counters of :data:`USED` grew by so much."""
        bought_wh, given_wh, house_wh, otherwise_bought_wh, otherwise_given_wh = grown_wh
        buys, gives = price.import_per_kwh / 1000, price.export_per_kwh
        self.known_s += STEP_S
        self.import_wh += bought_wh
        self.export_wh += given_wh
        self.import_cost = (self.import_cost or 0.0) + bought_wh * buys
        self.cost_without_battery_and_sun = (self.cost_without_battery_and_sun or 0.0) + house_wh * buys
        if gives is not None:
            self.export_revenue = (self.export_revenue or 0.0) + given_wh * gives / 1000
            otherwise = otherwise_bought_wh * buys - otherwise_given_wh * gives / 1000
            self.cost_without_battery = (self.cost_without_battery or 0.0) + otherwise

    @property
    def cost(self) -> float | None:
        """Import less export."""
        return _less(self.import_cost, self.export_revenue)

    @property
    def saved_by_battery(self) -> float | None:
        """How much less it cost than without a battery."""
        return _less(self.cost_without_battery, self.cost)

    @property
    def saved_by_battery_and_sun(self) -> float | None:
        """How much less it cost than with neither."""
        return _less(self.cost_without_battery_and_sun, self.cost)


def spent(
    times: Sequence[datetime], columns: Mapping[str, Sequence[float | None]], edges: Sequence[datetime], tariff: Tariff
) -> list[Money]:
    """Return what energy cost in each period.

    Args:
        times: starts of quarters of an hour; the first one only tells where counters begin.
        columns: what each of :data:`USED` had come to at the end of each quarter; None where that is unknown.
        edges: starts of the periods, and the end of the last one.
        tariff: gives prices.

    What grew behind a gap counts to the first quarter after it.
    """
    found = [Money() for _ in edges[:-1]]
    grown = [_growth(columns[name]) for name in USED]
    period, ends = 0, edges[1:]
    for start, *grown_wh in zip(times[1:], *grown, strict=True):
        while start >= ends[period]:
            period += 1
        known = tuple(each for each in grown_wh if each is not None)
        price = tariff(start)
        if price is not None and len(known) == len(USED):
            found[period].add(price, known)
    return found


def _growth(values: Sequence[float | None]) -> list[float | None]:
    """Return by how much a counter grew in each step but the first."""
    grown: list[float | None] = []
    before = values[0] if values else None
    for now in values[1:]:
        grown.append(None if now is None or before is None else max(0.0, now - before))
        before = before if now is None else now
    return grown


def _less(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other
