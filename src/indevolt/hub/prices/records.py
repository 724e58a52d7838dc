"""The records of prices. Money is in the currency of the site for a kWh; times are aware and UTC."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

QUARTER: Final = timedelta(minutes=15)
"""Prices change at quarters of an hour at the most, and everywhere at the same ones: zones differ by whole quarters."""


@dataclass(frozen=True, slots=True)
class Spot:
    """What a source told of one stretch of time, before anything is added.

    ``market`` is the price at the market where ``price`` is more than that, as suppliers tell it: exports go by it.

    Raises:
        ValueError: a price is none: programs write nan for what they do not know.
    """

    start: datetime
    end: datetime
    price: float
    market: float | None = None

    def __post_init__(self) -> None:
        for price in (self.price, self.market):
            if price is not None and not math.isfinite(price):
                raise ValueError(f"{price} is no price")


@dataclass(frozen=True, slots=True)
class Rate:
    """What a kWh costs and brings, everything included."""

    import_price: float
    export_price: float


@dataclass(frozen=True, slots=True)
class Priced:
    """A stretch of time with its prices. What is not known is guessed from days before, or made up: no bill says so."""

    start: datetime
    end: datetime
    rate: Rate
    known: bool = True


def quarter_of(at: datetime) -> datetime:
    """Return the start of the quarter of an hour that an instant is in."""
    return at.replace(minute=at.minute - at.minute % 15, second=0, microsecond=0)
