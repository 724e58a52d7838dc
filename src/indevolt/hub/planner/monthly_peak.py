"""The peak of the month so far, which a capacity tariff charges for: the highest quarter-hour mean of what was taken from the grid.

A new month begins at the floor. Until then a plan reckons with the peak of this month, and is made anew when the other one begins.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from statistics import mean
from typing import TYPE_CHECKING, Final

from indevolt.control.plan.problem import PeakTariff
from indevolt.hub.prices.records import QUARTER, quarter_of
from indevolt.hub.site.quantities import SITE

if TYPE_CHECKING:
    from indevolt.hub.hub import Hub

_PARTS: Final = 3  # of a quarter, each of which has to be known: some minutes of cooking are no quarter's mean
_MISSED: Final = timedelta(days=1)  # of history at the start of a month, from which on it is told


async def monthly_peak(hub: Hub, now: datetime, notes: list[str]) -> PeakTariff | None:
    """Return what a kW of a higher peak costs, and how high it is; None where the tariff has no price on it.

    Raises:
        IndevoltError: the store is away.
    """
    tariff = hub.config.tariff
    if tariff is None or tariff.peak_price_per_kw is None:
        return None
    zone = hub.config.site.zone
    local = now.astimezone(zone)
    month = local.replace(day=1, hour=0, minute=0, second=0, microsecond=0, fold=0)
    since = month.astimezone(UTC)
    series = await hub.store.series(SITE, ["grid_import_power"], since, quarter_of(now), step_s=QUARTER.total_seconds() / _PARTS)
    parts: defaultdict[datetime, list[float]] = defaultdict(list)
    for at, value in zip(series.times, series.columns["grid_import_power"], strict=True):
        if isinstance(value, int | float):
            parts[quarter_of(at)].append(value)
    known = {quarter: mean(values) for quarter, values in parts.items() if len(values) == _PARTS}
    first = min(known, default=quarter_of(now))
    if first - since > _MISSED:
        notes.append(f"the peak of this month is known only from {first.astimezone(zone):%Y-%m-%d %H:%M} on")
    so_far_kw = max(known.values(), default=0.0) / 1000
    return PeakTariff(per_kw=tariff.peak_price_per_kw, so_far_kw=max(so_far_kw, tariff.peak_floor_kw))
