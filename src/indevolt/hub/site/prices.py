"""What energy costs at an instant: the seam between the site, which counts energy, and whoever knows prices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Price:
    """Prices of a kWh in the currency of the site, everything included; they may be negative."""

    import_per_kwh: float
    export_per_kwh: float | None  # None: nobody knows what is paid for export


Tariff: TypeAlias = Callable[[datetime], Price | None]
"""Gives the prices that hold, or held, at an instant (aware); None where nobody knows.

Called for every quarter of an hour of a year at a time, so it answers from memory. Prices may change only at quarters of an hour.
"""
