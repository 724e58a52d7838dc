"""The home of ``plan.py``: four seasons of a real load, PV and prices, and forecasts of PV that are as wrong as real ones.

The series are extracts (``data/README.md``), scaled to a home of 4200 kWh a year and to prices of these years. Beside the weeks
that count there are others of the same home, on which methods may be developed; neither set contains a day of the other.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from indevolt.control.plan.past import PER_DAY, Past, Terms
from indevolt.control.plan.problem import BatteryModel

DATA: Final = Path(__file__).parent / "data"
HISTORY_DAYS: Final = 14  # to learn from
REPLAYED_DAYS: Final = 14
TAIL_DAYS: Final = 2  # in which foresight finds what is worth what is left at the end
WINDOW_DAYS: Final = HISTORY_DAYS + REPLAYED_DAYS + TAIL_DAYS
SEASONS: Final = {"January": 0, "April": 91, "July": 181, "October": 274}  # the day of the year with which each begins
DEVELOPMENT: Final = {"February": 35, "May": 125, "August": 215, "December": 325}
_WINDOWS: Final = SEASONS | DEVELOPMENT
PV_KWP: Final = (1.6, 4.0)
FEED_IN: Final = (0.0, 0.08)  # EUR/kWh

LOAD_SHARE: Final = 0.45  # of the French home: 4200 kWh a year
PRICE_SPREAD: Final = 2.2  # prices of 2018, made as far apart ...
PRICE_LEVEL: Final = 95.0  # ... and as high in the mean as those of these years, in EUR/MWh
TAXED: Final = 1.19
FEES: Final = 0.19  # EUR/kWh: grid, levies and electricity tax

DAY_ERROR: Final = 0.25  # standard deviation of the logarithm of a day's forecast of PV
HOUR_ERROR: Final = 0.2  # and, besides, of an hour's, which lasts: 0.7 of it is still there an hour later
HOUR_LASTS: Final = 0.7

NEW_YEAR: Final = datetime(2018, 1, 1, tzinfo=ZoneInfo("Etc/GMT-1"))  # all series are without daylight saving

Numbers = NDArray[np.float64]

BATTERY: Final = BatteryModel(capacity_wh=4000, soc_pct=20, charge_w=2000, discharge_w=2400, asleep_w=9, awake_w=20)
"""A PowerFlex 2000 with one extension pack; wear 2 ct/kWh, losses as control.md has them."""


@dataclass(frozen=True)
class Case:
    """One season with one PV plant and one price for what is fed in."""

    season: str
    kwp: float
    feed_in: float

    def __str__(self) -> str:
        return f"{self.season}, {self.kwp:g} kWp, {self.feed_in * 100:g} ct"

    @property
    def first(self) -> int:
        """The quarter with which the replay begins."""
        return HISTORY_DAYS * PER_DAY

    def past(self, *, errors: bool = True) -> Past:
        """Return the whole window; without errors, forecasts of PV are right."""
        window = list(_WINDOWS).index(self.season)
        span = slice(window * WINDOW_DAYS * PER_DAY, (window + 1) * WINDOW_DAYS * PER_DAY)
        pv_w = _pv()[span] * self.kwp * 1000
        prices = _prices()[span]
        return Past(
            start=NEW_YEAR + timedelta(days=_WINDOWS[self.season]),
            step_s=60.0,
            load_w=_load()[span.start * 15 : span.stop * 15],
            pv_w=np.repeat(pv_w, 15),
            import_per_kwh=prices,
            export_per_kwh=np.full(len(prices), self.feed_in),
            foreseen_w=foreseen(_pv(), seed=window)[span] * self.kwp * 1000 if errors else pv_w,
        )


CASES: Final = tuple(Case(season, kwp, feed_in) for season in SEASONS for kwp in PV_KWP for feed_in in FEED_IN)
DEVELOPMENT_CASES: Final = tuple(Case(season, kwp, feed_in) for season in DEVELOPMENT for kwp in PV_KWP for feed_in in FEED_IN)
TERMS: Final = Terms(battery=BATTERY)


def foreseen(pv: Numbers, seed: int) -> Numbers:
    """Return a forecast of PV: smooth over two hours, and wrong by the day and by the hour."""
    chance = np.random.default_rng(seed)
    hours = len(pv) // 4
    smooth = np.convolve(pv, np.full(9, 1 / 9), "same")
    day = np.repeat(chance.normal(-(DAY_ERROR**2) / 2, DAY_ERROR, hours // 24), PER_DAY)
    hour = np.empty(hours)
    drawn = chance.normal(0, HOUR_ERROR, hours)
    hour[0] = drawn[0]
    for index in range(1, hours):
        hour[index] = HOUR_LASTS * hour[index - 1] + np.sqrt(1 - HOUR_LASTS**2) * drawn[index]
    factor: Numbers = np.exp(day + np.repeat(hour - HOUR_ERROR**2 / 2, 4))
    return np.minimum(smooth * factor, 1.0)


@cache
def _load() -> Numbers:
    return _column("household_load_1min") * LOAD_SHARE


@cache
def _pv() -> Numbers:
    return _column("pv_15min")


@cache
def _prices() -> Numbers:
    mwh = _column("day_ahead_hourly")
    wholesale = (mwh - mwh.mean()) * PRICE_SPREAD + PRICE_LEVEL
    return np.repeat(wholesale / 1000 * TAXED + FEES, 4)


def _column(name: str) -> Numbers:
    with gzip.open(DATA / f"{name}.csv.gz", "rt") as file:
        next(file)
        return np.array([float(line) for line in file])
