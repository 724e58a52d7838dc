"""A made-up market, to try things out: two peaks a day, cheap nights, noons that may cost less than nothing. Pure.

The same day always has the same prices. Nothing of it is measured anywhere, and whatever shows it says that it is simulated.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from datetime import datetime, timedelta

from indevolt.hub.prices.records import QUARTER, Spot, quarter_of


def spots(start: datetime, end: datetime) -> tuple[Spot, ...]:
    """Return the prices of each quarter of an hour."""
    return tuple(_spots(quarter_of(start), end))


def _spots(at: datetime, end: datetime) -> Iterator[Spot]:
    while at < end:
        yield Spot(at, at + QUARTER, round(_price(at), 5))
        at += QUARTER


def _price(at: datetime) -> float:
    hour = at.hour + at.minute / 60
    day = zlib.crc32(f"{at:%Y-%m-%d}".encode()) / 2**32  # how sunny it is, 0 to 1
    summer = 0.5 - 0.5 * math.cos(2 * math.pi * (at - at.replace(month=1, day=1)) / timedelta(days=365))
    peaks = 0.055 * _bump(hour, 7.5, 1.6) + 0.09 * _bump(hour, 19.0, 2.2)
    sun = (0.03 + 0.11 * summer) * day * _bump(hour, 12.5, 2.6)
    weekend = 0.012 if at.weekday() >= 5 else 0.0
    return 0.085 - weekend + peaks - sun - 0.02 * _bump(hour, 3.0, 2.5)


def _bump(hour: float, middle: float, width: float) -> float:
    return math.exp(-(((hour - middle) / width) ** 2) / 2)
