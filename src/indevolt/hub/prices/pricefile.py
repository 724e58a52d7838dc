"""Prices that another program writes into a file: CSV with the columns start and price, or a list of such objects in JSON. Pure.

``start`` is ISO 8601 with an offset, as an hour without one exists twice a year. ``end`` and ``market`` may stand there as well;
without an end, a stretch ends where the next begins, and after an hour at the latest.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Final

import orjson

from indevolt.errors import InvalidInput
from indevolt.hub.prices.records import Spot

_HOUR: Final = timedelta(hours=1)
MOST: Final = 100_000  # rows: three years of quarters


def parse(text: str) -> tuple[Spot, ...]:
    """Return what a file says.

    Raises:
        InvalidInput: it cannot be read, or goes back in time; names the row.
    """
    rows = list(_json(text) if text.lstrip().startswith("[") else _csv(text))
    if len(rows) > MOST:
        raise InvalidInput(f"{len(rows)} rows", remedy=f"Keep {MOST} at most.")
    for number, (before, after) in enumerate(pairwise(rows), 2):
        if after[0] <= before[0]:
            raise InvalidInput(f"row {number}: {after[0].isoformat()} is not after the row before", remedy="Sort by start.")
    spots: list[Spot] = []
    for number, row in enumerate(rows):
        start = row[0]
        following = rows[number + 1][0] if number + 1 < len(rows) else None
        own = spots[-1].end - spots[-1].start if spots else _HOUR
        end = row[1] or (min(following, start + _HOUR) if following else start + own)
        if end <= start or (spots and start < spots[-1].end):
            raise InvalidInput(f"row {number + 1}: it ends before it begins, or begins before the row before ends")
        try:
            spots.append(Spot(start, end, row[2], row[3]))
        except ValueError as error:
            raise InvalidInput(f"row {number + 1}: {error}", remedy="Leave rows out whose price is not known.") from error
    return tuple(spots)


_Row = tuple[datetime, datetime | None, float, float | None]


def _csv(text: str) -> Iterator[_Row]:
    reader = csv.DictReader(text.lstrip("\ufeff").splitlines())
    missing = [name for name in ("start", "price") if name not in (reader.fieldnames or ())]
    if missing:
        raise InvalidInput(f"there is no column {' and no column '.join(missing)}", remedy="The first line: start,price")
    return _rows(list(reader))


def _json(text: str) -> Iterator[_Row]:
    try:
        told = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"it is no JSON: {error}") from error
    return _rows(told)


def _rows(told: Sequence[Mapping[str, Any]]) -> Iterator[_Row]:
    for number, each in enumerate(told, 1):
        try:
            start, end = (_moment(each.get(name)) for name in ("start", "end"))
            market = each.get("market")
            if start is None:
                raise ValueError("there is no start")
            yield start, end, float(each["price"]), None if market in (None, "") else float(market)
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
            remedy = "A row is like 2026-06-21T12:00:00+02:00,0.215 with the columns start,price"
            raise InvalidInput(f"row {number} is no start and price: {error}", remedy=remedy) from error


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text} has no offset, like +02:00 or Z")
    return at.astimezone(UTC)
