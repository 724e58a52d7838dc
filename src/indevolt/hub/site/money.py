"""What energy cost, and what it would have cost otherwise, quarter by quarter of an hour. Pure.

A quarter without a price, or without energies, is left out of the sums and of ``known_s``: nothing is made up for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from indevolt.hub.site.prices import Tariff

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


@dataclass(frozen=True, slots=True)
class Quarter:
    """By how much each counter of the site grew in a quarter of an hour; None where that is unknown."""

    start: datetime
    grown_wh: Mapping[str, float | None]


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


def quarters(times: Sequence[datetime], columns: Mapping[str, Sequence[float | None]]) -> Iterator[Quarter]:
    """Yield by how much counters grew in each step but the first, which only tells where they begin.

    What grew behind a gap counts to the first quarter after it.
    """
    before: dict[str, float | None] = {name: values[0] if values else None for name, values in columns.items()}
    for at, start in enumerate(times[1:], 1):
        grown: dict[str, float | None] = {}
        for name, values in columns.items():
            now, then = values[at], before[name]
            grown[name] = None if now is None or then is None else max(0.0, now - then)
            before[name] = then if now is None else now
        yield Quarter(start, grown)


def spent(over: Iterable[Quarter], tariff: Tariff) -> Money:
    """Return what quarters cost."""
    money = Money()
    for quarter in over:
        wh = {name: quarter.grown_wh.get(name) for name in USED}
        price = tariff(quarter.start)
        if price is None or None in wh.values():
            continue
        kwh = {name: (each or 0.0) / 1000 for name, each in wh.items()}
        money.known_s += STEP_S
        money.import_wh += kwh["energy_grid_import"] * 1000
        money.export_wh += kwh["energy_grid_export"] * 1000
        money.import_cost = (money.import_cost or 0.0) + kwh["energy_grid_import"] * price.import_per_kwh
        money.cost_without_battery_and_sun = (money.cost_without_battery_and_sun or 0.0) + (
            kwh["energy_house"] * price.import_per_kwh
        )
        if price.export_per_kwh is None:
            continue
        money.export_revenue = (money.export_revenue or 0.0) + kwh["energy_grid_export"] * price.export_per_kwh
        otherwise = kwh["energy_import_without_battery"] * price.import_per_kwh
        otherwise -= kwh["energy_export_without_battery"] * price.export_per_kwh
        money.cost_without_battery = (money.cost_without_battery or 0.0) + otherwise
    return money


def _less(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other
