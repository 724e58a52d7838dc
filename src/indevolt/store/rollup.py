"""Five minutes and hours: what is kept of many readings, as whole numbers, so that no order of work changes the result.

A roll-up has up to five fields a quantity. Sums and numbers are kept instead of means, because means cannot be put together again.
Pure; the back ends fetch rows and write what comes out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from functools import lru_cache
from itertools import groupby
from typing import Final

from indevolt.errors import InvalidInput
from indevolt.store.contract import ColumnKind
from indevolt.store.layout import Layout, Place, Row

DAY_MS: Final = 86_400_000


class Level(Enum):
    """How fine rows are: the readings themselves, and the two roll-ups."""

    RAW = ("raw", 1)
    FIVE = ("five", 300_000)
    HOUR = ("hour", 3_600_000)

    def __init__(self, prefix: str, span_ms: int) -> None:
        self.prefix = prefix
        self.span_ms = span_ms

    def floor(self, at_ms: int) -> int:
        """Return the start of the span that a time is in."""
        return at_ms - at_ms % self.span_ms


LEVELS: Final = tuple(Level)
FIELDS: Final[dict[ColumnKind, tuple[str, ...]]] = {
    ColumnKind.GAUGE: ("n", "sum", "min", "max", "last"),
    ColumnKind.COUNTER: ("min", "last"),  # it only grows: the least is the first
    ColumnKind.WORD: ("last",),
    ColumnKind.SWITCH: ("last",),
}
STATS: Final = ("n", "sum", "min", "max", "last")  # in the order of their numbers; see field_number
_COMBINE: Final[dict[str, Callable[[Sequence[int]], int]]] = {
    "n": sum,
    "sum": sum,
    "min": min,
    "max": max,
    "last": lambda values: values[-1],
}


def kept_days(raw_days: int, five_minute_days: int | None = None) -> dict[Level, int | None]:
    """Return how many days each level is kept; None is for ever.

    Raises:
        InvalidInput: less than a day, or roll-ups for a shorter time than what they are made of.
    """
    if raw_days < 1 or (five_minute_days is not None and five_minute_days < raw_days):
        raise InvalidInput(
            f"raw_days {raw_days} and five_minute_days {five_minute_days}: readings are kept 1 day or longer, and five-minute "
            "roll-ups at least as long",
            remedy="Raise five_minute_days, or leave it out to keep them for ever.",
        )
    return {Level.RAW: raw_days, Level.FIVE: five_minute_days, Level.HOUR: None}


def field(sql: str, stat: str) -> str:
    """Return the name of a roll-up's column in SQL."""
    return f"{sql}__{stat}"


@lru_cache(maxsize=256)  # a few levels of a few tables; layouts live as long as their store
def fields(layout: Layout, level: Level) -> Mapping[str, int]:
    """Return the name of every column that a level has of a table, and its number: for good, and above 0."""
    if level is Level.RAW:
        return {place.sql: place.number * 8 for place in layout.places}
    return {
        field(place.sql, stat): place.number * 8 + STATS.index(stat)
        for place in layout.places
        for stat in FIELDS[place.column.kind]
    }


def rolled(layout: Layout, rows: Iterable[Row]) -> list[Row]:
    """Return five-minute rows of readings that are in order of time; the first number of each row is its time."""
    found = []
    for start_ms, members in groupby(rows, key=lambda row: Level.FIVE.floor(row[0] or 0)):
        _, *columns = zip(*members, strict=True)
        row: list[int | None] = [start_ms]
        for place, column in zip(layout.places, columns, strict=True):
            known = [each for each in column if each is not None] if None in column else column
            if not known:
                row += [None] * len(FIELDS[place.column.kind])
                continue
            match place.column.kind:
                case ColumnKind.GAUGE:
                    row += (len(known), sum(known), min(known), max(known), known[-1])
                case ColumnKind.COUNTER:
                    row += (min(known), known[-1])
                case _:
                    row.append(known[-1])
        found.append(tuple(row))
    return found


def rolled_whole(places: Sequence[Place], start_ms: int, rows: Sequence[Row]) -> tuple[list[str], Row]:
    """Return the fields and the five-minute row of readings that all have a number for all of some places, in order of time.

    The usual case, and the hot path of rolling up; the rows here are without their times. The same as :func:`rolled`, but in C.
    """
    columns = list(zip(*rows, strict=True))
    names: list[str] = []
    row: list[int | None] = [start_ms]
    for stat, work in (("sum", sum), ("min", min), ("max", max)):
        chosen = [at for at, place in enumerate(places) if stat in FIELDS[place.column.kind]]
        names += [field(places[at].sql, stat) for at in chosen]
        row += map(work, [columns[at] for at in chosen])  # there is no None in them
    gauges = [field(place.sql, "n") for place in places if place.column.kind is ColumnKind.GAUGE]
    names += gauges
    row += [len(rows)] * len(gauges)
    names += [field(place.sql, "last") for place in places]
    row += rows[-1]
    return names, tuple(row)


def combined(layout: Layout, rows: Iterable[Row]) -> list[Row]:
    """Return hourly rows of five-minute rows that are in order of time."""
    stats = [stat for place in layout.places for stat in FIELDS[place.column.kind]]
    found = []
    for start_ms, members in groupby(rows, key=lambda row: Level.HOUR.floor(row[0] or 0)):
        _, *columns = zip(*members, strict=True)
        row: list[int | None] = [start_ms]
        for stat, column in zip(stats, columns, strict=True):
            known = [each for each in column if each is not None]
            row.append(_COMBINE[stat](known) if known else None)
        found.append(tuple(row))
    return found


def pieces(level: Level, start_ms: int, end_ms: int, rolled_ms: int) -> list[tuple[Level, int, int]]:
    """Return which level serves which part of a span: as coarse as asked where that exists, and finer after it.

    ``rolled_ms`` is up to where five-minute rows are written; hours are up to the last whole one before it.
    """
    found = []
    for each in (Level.HOUR, Level.FIVE):
        edge = min(end_ms, each.floor(rolled_ms))
        if each.span_ms <= level.span_ms and start_ms < edge:
            found.append((each, start_ms, edge))
            start_ms = edge
    if start_ms < end_ms:
        found.append((Level.RAW, start_ms, end_ms))
    return found
