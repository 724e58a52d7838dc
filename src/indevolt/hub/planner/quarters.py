"""Quarters of an hour as a grid, and what the store kept on it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from indevolt.hub.prices.records import QUARTER


def quarters(since: datetime, until: datetime) -> list[datetime]:
    """Return the starts of all quarters between two starts."""
    return [since + number * QUARTER for number in range(int((until - since) / QUARTER))]


def on_grid(times: Sequence[datetime], column: Sequence[object], grid: Iterable[datetime]) -> list[float | None]:
    """Return a column of the store's at the instants of a grid; None where it has no number."""
    known = {at: float(value) for at, value in zip(times, column, strict=True) if isinstance(value, int | float)}
    return [known.get(at) for at in grid]
