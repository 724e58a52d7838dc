"""Rows in the file of the embedded store: written, rolled up, sealed and fetched. Synchronous, and on a connection that is given.

A row's key is its feed's number and the time in one whole number, so that a feed's
rows lie side by side in the order of time, and one that comes twice is seen as such. What is true in every committed state:
five-minute rows exist up to the feed's ``rolled`` time, hours up to the last whole one before it, and what came late is in them.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from indevolt.store.feed import Feed, table_of
from indevolt.store.history import Columns, Rows
from indevolt.store.layout import Kept, Row, Shape
from indevolt.store.newest import Newest
from indevolt.store.rollup import DAY_MS, LEVELS, Level, combined, fields, rolled, rolled_whole
from indevolt.store.sealed import length, seal, unseal
from indevolt.store.sqlite_tables import insert, selected, write_rollups

TIME_BITS: Final = 42  # milliseconds since 1970, up to the year 2109
TIME_MASK: Final = (1 << TIME_BITS) - 1
# A sealed column's key, from the top: level (2 bits), feed (20), number of the field (12), day since 1970 (16). So the days of one
# column lie side by side. Field 0 is the times.
_FEED_BITS, _FIELD_BITS, _DAY_BITS = 20, 12, 16


def key_of(feed: Feed, at_ms: int) -> int:
    """Return the key of a row."""
    return feed.id << TIME_BITS | at_ms


def sealed_key_of(feed: Feed, level: Level, number: int, day: int) -> int:
    """Return the key of one column of one day."""
    return ((LEVELS.index(level) << _FEED_BITS | feed.id) << _FIELD_BITS | number) << _DAY_BITS | day


# ---- out -------------------------------------------------------------------------------------------------------------


def fetch(connection: sqlite3.Connection, feed: Feed, rows: Rows) -> Columns:
    """Return columns of a span, sealed days and loose rows together; to be called inside one transaction."""
    loose_times, loose = _loose(connection, feed, rows)
    times, columns = _of_sealed_days(connection, feed, rows)
    if not times:
        times, columns = loose_times, loose
    elif loose_times and loose_times[0] <= times[-1]:  # something came late, and waits to be sealed as well
        times, columns = _merged(rows.level, (times, columns), (loose_times, loose))
    else:
        times += loose_times
        for column, more in zip(columns, loose, strict=True):
            column.extend(more)
    return Columns(rows, times, dict(zip(rows.fields, columns, strict=True)))


_Found = tuple[list[int], list[list[int | None]]]


def _loose(connection: sqlite3.Connection, feed: Feed, rows: Rows) -> _Found:
    """Return what is in rows still."""
    found = connection.execute(
        f"SELECT _key & {TIME_MASK}{selected(rows)} FROM {table_of(rows.level, rows.layout)} "
        "WHERE _key >= ? AND _key < ? ORDER BY _key",
        (key_of(feed, rows.start_ms), key_of(feed, min(rows.end_ms, TIME_MASK))),
    ).fetchall()
    if not found:
        return [], [[] for _ in rows.fields]
    times, *columns = map(list, zip(*found, strict=True))
    return times, columns


def _of_sealed_days(connection: sqlite3.Connection, feed: Feed, rows: Rows) -> _Found:
    """Return what is in sealed days."""
    first_day, last_day = rows.start_ms // DAY_MS, (rows.end_ms - 1) // DAY_MS
    numbers = fields(rows.layout, rows.level)

    def days_of(number: int) -> dict[int, bytes]:
        start, end = sealed_key_of(feed, rows.level, number, first_day), sealed_key_of(feed, rows.level, number, last_day)
        found = connection.execute("SELECT key, body FROM sealed WHERE key BETWEEN ? AND ?", (start, end))
        return {key & (1 << _DAY_BITS) - 1: body for key, body in found}

    times: list[int] = []
    columns: list[list[int | None]] = [[] for _ in rows.fields]
    axes = days_of(0)
    if not axes:
        return times, columns
    bodies = [days_of(numbers[name]) for name in rows.fields]
    for day, axis in axes.items():
        day_times = [at_ms or 0 for at_ms in unseal(axis)]
        start, end = bisect_left(day_times, rows.start_ms), bisect_left(day_times, rows.end_ms)
        times += day_times[start:end]
        for column, of_days in zip(columns, bodies, strict=True):
            body = of_days.get(day)
            column.extend([None] * (end - start) if body is None else unseal(body)[start:end])
    return times, columns


def _merged(level: Level, sealed: _Found, loose: _Found) -> _Found:
    """Return both in order. Of readings the first one that came counts, of roll-ups the last one that was made."""
    first, second = (loose, sealed) if level is Level.RAW else (sealed, loose)
    found = {at_ms: row for times, columns in (first, second) for at_ms, *row in zip(times, *columns, strict=True)}
    times = sorted(found)
    return times, [list(column) for column in zip(*(found[at_ms] for at_ms in times), strict=True)]


def fetch_rows(connection: sqlite3.Connection, feed: Feed, level: Level, start_ms: int, end_ms: int) -> list[Row]:
    """Return whole rows, the time first."""
    found = fetch(connection, feed, Rows(feed.layout, level, tuple(fields(feed.layout, level)), start_ms, end_ms))
    return list(zip(found.times, *found.fields.values(), strict=True))


# ---- in --------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _WholeRows:
    """The readings of a span of five minutes that is not over, as long as all have the same quantities and came in order.

    With them the span is rolled up without reading from the file what was just written there.
    """

    shape: Shape
    start_ms: int
    last_ms: int = -1
    rows: list[Row] = field(default_factory=list)

    @property
    def upto_ms(self) -> int:
        """Return the end of the span."""
        return self.start_ms + Level.FIVE.span_ms

    def add(self, readings: Iterable[Kept]) -> bool:
        """Take readings in; false if they are not of this kind, and then this is of no use any more."""
        for each in readings:
            fits = self.last_ms < each.at_ms < self.upto_ms and each.at_ms >= self.start_ms
            if not fits or each.shape is not self.shape or None in each.row:
                return False
            self.last_ms = each.at_ms
            self.rows.append(each.row)
        return True


class Writer:
    """What keeps rows; remembers the SQL of each shape. Nothing is committed here."""

    def __init__(self, newest: Newest) -> None:
        self._newest = newest
        self._inserts: dict[Shape, str] = {}
        self._whole_rows: dict[int, _WholeRows] = {}  # of feeds, by number

    def forget(self) -> None:
        """Forget what was written since the last commit, because it was undone."""
        self._whole_rows.clear()

    def write(self, connection: sqlite3.Connection, kept: Iterable[tuple[Feed, Kept]]) -> dict[int, tuple[Feed, int]]:
        """Keep readings and roll up what they complete.

        Returns:
            Feeds that are rolled up further than before, by their number, and up to where: to be noted once it is committed.
        """
        of_shapes: dict[Shape, list[Row]] = defaultdict(list)
        of_feeds: dict[int, tuple[Feed, list[Kept]]] = {}
        for feed, each in kept:
            of_shapes[each.shape].append((key_of(feed, each.at_ms), *each.row))
            known = of_feeds.get(feed.id)
            if known is None:
                known = of_feeds[feed.id] = (feed, [])
            known[1].append(each)
        for shape, rows in of_shapes.items():
            connection.executemany(self._insert(shape), rows)
        further = {}
        for feed, readings in of_feeds.values():
            latest_ms = max(each.at_ms for each in readings)
            upto_ms = Level.FIVE.floor(latest_ms)
            late = {Level.FIVE.floor(each.at_ms) for each in readings if each.at_ms < feed.rolled_ms}
            if late:
                self._roll_again(connection, feed, late)
            if upto_ms > feed.rolled_ms:
                self.roll(connection, feed, upto_ms, readings)
                further[feed.id] = (feed, upto_ms)
            elif feed.id in self._whole_rows and not self._whole_rows[feed.id].add(readings):
                del self._whole_rows[feed.id]
        return further

    def _insert(self, shape: Shape) -> str:
        """Return the statement that keeps a reading unless it is there already."""
        text = self._inserts.get(shape)
        if text is None:
            text = insert(shape)
            if len(self._inserts) < 1024:  # shapes that come once only are not worth remembering
                self._inserts[shape] = text
        return text

    def roll(self, connection: sqlite3.Connection, feed: Feed, upto_ms: int, newer: Sequence[Kept] = ()) -> None:
        """Write the roll-ups of a feed from where they end to ``upto_ms``; ``newer`` are readings just written."""
        known = self._whole_rows.pop(feed.id, None)
        if known is not None and known.add([each for each in newer if each.at_ms < upto_ms]) and known.upto_ms >= upto_ms:
            names, row = rolled_whole(known.shape.places, known.start_ms, known.rows)
            self._replace(connection, feed, Level.FIVE, names, [row])
        else:
            fives = rolled(feed.layout, fetch_rows(connection, feed, Level.RAW, feed.rolled_ms, upto_ms))
            self._replace(connection, feed, Level.FIVE, tuple(fields(feed.layout, Level.FIVE)), fives)
        self._begin_whole_rows(feed, upto_ms, [each for each in newer if each.at_ms >= upto_ms])
        start_ms, end_ms = Level.HOUR.floor(feed.rolled_ms), Level.HOUR.floor(upto_ms)
        if start_ms < end_ms:
            hours = combined(feed.layout, fetch_rows(connection, feed, Level.FIVE, start_ms, end_ms))
            self._replace(connection, feed, Level.HOUR, tuple(fields(feed.layout, Level.HOUR)), hours)
        head = self._newest.head(feed.device, feed.layout).dump()
        connection.execute("UPDATE feed SET rolled = ?, newest = ? WHERE id = ?", (upto_ms, head, feed.id))

    def _begin_whole_rows(self, feed: Feed, start_ms: int, readings: Sequence[Kept]) -> None:
        """Begin to remember the rows of a span, if all that it has so far is known."""
        if readings:
            begun = _WholeRows(readings[0].shape, start_ms)
            if begun.add(readings):
                self._whole_rows[feed.id] = begun

    def _roll_again(self, connection: sqlite3.Connection, feed: Feed, starts_ms: Iterable[int]) -> None:
        """Write the roll-ups anew that late readings belong to."""
        for level, source, make in ((Level.FIVE, Level.RAW, rolled), (Level.HOUR, Level.FIVE, combined)):
            for start_ms in sorted({level.floor(each) for each in starts_ms}):
                if start_ms + level.span_ms <= level.floor(feed.rolled_ms):
                    rows = fetch_rows(connection, feed, source, start_ms, start_ms + level.span_ms)
                    self._replace(connection, feed, level, tuple(fields(feed.layout, level)), make(feed.layout, rows))

    @staticmethod
    def _replace(connection: sqlite3.Connection, feed: Feed, level: Level, names: Sequence[str], rows: Iterable[Row]) -> None:
        found = ((key_of(feed, row[0] or 0), dict(zip(names, row[1:], strict=True))) for row in rows)
        write_rollups(connection, feed.layout, level, found)


# ---- ageing ----------------------------------------------------------------------------------------------------------


def oldest_loose_day(connection: sqlite3.Connection, feed: Feed, level: Level) -> int | None:
    """Return the day of the first row of a feed that is not sealed."""
    (found,) = connection.execute(
        f"SELECT min(_key) FROM {table_of(level, feed.layout)} WHERE _key BETWEEN ? AND ?",
        (key_of(feed, 0), key_of(feed, TIME_MASK)),
    ).fetchone()
    return None if found is None else (found & TIME_MASK) // DAY_MS


def seal_day(connection: sqlite3.Connection, feed: Feed, level: Level, day: int) -> int:
    """Put the loose rows of a day among its sealed ones and return how many there are now. Roll up first."""
    numbers = fields(feed.layout, level)
    found = fetch(connection, feed, Rows(feed.layout, level, tuple(numbers), day * DAY_MS, (day + 1) * DAY_MS))
    bodies = [(sealed_key_of(feed, level, 0, day), seal(found.times))]
    for name, column in found.fields.items():
        if any(each is not None for each in column):
            bodies.append((sealed_key_of(feed, level, numbers[name], day), seal(column)))
    connection.executemany("INSERT OR REPLACE INTO sealed VALUES (?, ?)", bodies)
    connection.execute(
        f"DELETE FROM {table_of(level, feed.layout)} WHERE _key >= ? AND _key < ?",
        (key_of(feed, day * DAY_MS), key_of(feed, (day + 1) * DAY_MS)),
    )
    return len(found.times)


def delete_before(connection: sqlite3.Connection, feed: Feed, level: Level, day: int) -> int:
    """Delete a feed's rows of a level from before a day and return how many there were."""
    deleted = connection.execute(
        f"DELETE FROM {table_of(level, feed.layout)} WHERE _key >= ? AND _key < ?",
        (key_of(feed, 0), key_of(feed, day * DAY_MS)),
    ).rowcount
    spans = [
        (sealed_key_of(feed, level, number, 0), sealed_key_of(feed, level, number, day))
        for number in (0, *fields(feed.layout, level).values())
    ]
    for (axis,) in connection.execute("SELECT body FROM sealed WHERE key >= ? AND key < ?", spans[0]):
        deleted += length(axis)
    connection.executemany("DELETE FROM sealed WHERE key >= ? AND key < ?", spans)
    return deleted
