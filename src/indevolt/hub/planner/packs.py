"""What battery modules will let through, slot by slot: cold ones take little, and freezing ones nothing (control.md, section 0).

How warm they will be is inferred: as yesterday at the same time, drawn towards what they are now. What heats them while they work
is not reckoned with, so a plan errs towards less.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from indevolt.catalogue import LIMITING, Product
from indevolt.hub.keeper import Keeper
from indevolt.hub.planner.quarters import on_grid, quarters
from indevolt.hub.planner.units import PlannedUnit, units_of
from indevolt.hub.prices.records import QUARTER, quarter_of
from indevolt.hub.steer.situation import TEMPERATURES, derated, unit_state

if TYPE_CHECKING:
    from indevolt.hub.hub import Hub

PER_DAY: Final = 96
_OF_NOW: Final = ("battery_max_charge_power", "system_max_discharge_power")
"""What a unit reports of itself moves with the temperature of its packs; everything else that limits it is set."""
_MILD_C: Final = 25.0  # at which no product's packs are limited
FORGOTTEN_H: Final = 6.0
"""After so long little is left of how far today departs from yesterday: packs of tens of kilograms take hours (inferred)."""


@dataclass(frozen=True, slots=True)
class Passage:
    """What all batteries together may pass in one slot, in W; and how warm the coldest pack is, where that binds."""

    charge_w: float
    discharge_w: float
    coldest_c: float | None = None


async def passages(hub: Hub, now: datetime, slots: int) -> tuple[Passage, ...]:
    """Return what can be passed in each of so many quarters from now on.

    Raises:
        IndevoltError: the store is away.
    """
    by_unit = [await _of_unit(hub, unit, now, slots) for unit in tuple(units_of(hub.keepers.values()))]
    return tuple(_together(each) for each in zip(*by_unit, strict=True)) if by_unit else ()


def expected_c(now_c: float, yesterday: Sequence[float | None], slots: int) -> list[float]:
    """Return how warm it is expected to be, by quarters; ``yesterday`` are the last 96 of them, as far as they are known."""
    before_c = next((value for value in yesterday if value is not None), None)
    departs_c = 0.0 if before_c is None else now_c - before_c
    found = []
    for number in range(slots):
        same_time = yesterday[number % PER_DAY] if len(yesterday) == PER_DAY else None
        if same_time is None:
            found.append(now_c)
        else:
            found.append(same_time + departs_c * math.exp(-number / 4 / FORGOTTEN_H))
    return found


async def _of_unit(hub: Hub, unit: PlannedUnit, now: datetime, slots: int) -> list[Passage]:
    keeper, device = unit.keeper, unit.device
    reported, model = device.limits_in(unit.known), device.model
    now_c = unit_state(keeper, hub.clock.monotonic()).temperature_c
    products = [each for each in ([device.product] if device.product else model.products.values()) if each.derating]
    if now_c is None or not products or unit.live.get("cluster_role") == "master":
        return [Passage(reported.charge.value, reported.discharge.value)] * slots
    modules = keeper.config.modules or device.modules
    warm = device.limits_in(keeper.snapshot([name for name in LIMITING if name not in _OF_NOW]))
    found = []
    for celsius in expected_c(now_c, await _yesterday(hub, keeper, now), slots):
        left = [derated(warm, product, celsius, modules) for product in products]
        charge_w, discharge_w = max(each.charge.value for each in left), max(each.discharge.value for each in left)
        if _row(products, celsius) == _row(products, now_c):  # as warm as now, so that what it reports now holds
            charge_w, discharge_w = min(charge_w, reported.charge.value), min(discharge_w, reported.discharge.value)
        binds = _row(products, celsius) != _row(products, _MILD_C)
        found.append(Passage(charge_w, discharge_w, celsius if binds else None))
    return found


def _row(products: Sequence[Product], celsius: float) -> float | None:
    """Return up to which temperature the row of the table goes that holds at this one; None beyond it."""
    return next((row.upto_c for row in products[0].derating if celsius <= row.upto_c), None)


async def _yesterday(hub: Hub, keeper: Keeper, now: datetime) -> list[float | None]:
    """Return how warm the coldest pack was in each quarter of the last day."""
    names = [name for name in TEMPERATURES if name in keeper.latest]
    until = quarter_of(now)
    since = until - timedelta(days=1)
    series = await hub.store.series(keeper.id, names, since, until, step_s=QUARTER.total_seconds())
    grid = quarters(since, until)
    columns = [on_grid(series.times, series.columns[name], grid) for name in names]
    return [_least(each) for each in zip(*columns, strict=True)] if columns else [None] * PER_DAY


def _least(values: Sequence[float | None]) -> float | None:
    return min((value for value in values if value is not None), default=None)


def _together(each: Sequence[Passage]) -> Passage:
    cold = [passage.coldest_c for passage in each if passage.coldest_c is not None]
    return Passage(sum(one.charge_w for one in each), sum(one.discharge_w for one in each), min(cold, default=None))
