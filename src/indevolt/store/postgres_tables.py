"""Tables and rows on a PostgreSQL server: made, filled, rolled up and fetched, on a connection that is given. Plain SQL only.

The same wide rows as in the embedded store: whole numbers, one row per reading, five-minute and hourly roll-ups beside them.
Readings are partitioned by day, so that what is past its time is dropped and not searched. Rows come by COPY into a staging table
and from there with ``ON CONFLICT DO NOTHING``: fast, and a row that comes twice is ignored.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, TypeAlias

from indevolt.errors import StoreDamaged
from indevolt.store import rollup
from indevolt.store.contract import Column, ColumnKind, Table
from indevolt.store.feed import Feed, table_of
from indevolt.store.history import Columns, Rows
from indevolt.store.layout import Kept, Layout, Layouts, Place, Row, Shape, instant, settled
from indevolt.store.newest import Newest
from indevolt.store.rollup import DAY_MS, FIELDS, LEVELS, Level, combined, fields, rolled

Connection: TypeAlias = Any
"""Of asyncpg, which has no types."""

VERSION: Final = 1
_TYPES: Final = {
    ColumnKind.GAUGE: "integer",
    ColumnKind.COUNTER: "bigint",
    ColumnKind.WORD: "smallint",
    ColumnKind.SWITCH: "smallint",
}
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS store (version integer NOT NULL);
CREATE TABLE IF NOT EXISTS feed (
    id serial PRIMARY KEY, device text NOT NULL, "table" text NOT NULL, rolled bigint NOT NULL, newest text NOT NULL,
    UNIQUE (device, "table"));
CREATE TABLE IF NOT EXISTS quantity (
    "table" text NOT NULL, number integer NOT NULL, sql text NOT NULL, name text NOT NULL, unit text NOT NULL,
    digits integer NOT NULL, kind text NOT NULL, words text NOT NULL, PRIMARY KEY ("table", number));
CREATE TABLE IF NOT EXISTS journal (
    number bigint PRIMARY KEY, at bigint NOT NULL, kind text NOT NULL, device text NOT NULL, actor text NOT NULL,
    text text NOT NULL, data text NOT NULL);
CREATE TABLE IF NOT EXISTS state (key text PRIMARY KEY, value text NOT NULL);
"""


def partition_of(layout: Layout, day: int) -> str:
    """Return the quoted name of a day's partition."""
    return f'"raw_{layout.name}_{instant(day * DAY_MS):%Y%m%d}"'


# ---- tables ----------------------------------------------------------------------------------------------------------


async def prepare(connection: Connection, schema: str, tables: Sequence[Table]) -> Layouts:
    """Add what is missing on the server, and return how all tables that are named now are kept there.

    Raises:
        StoreDamaged: a later version of ours has been here.
    """
    async with connection.transaction():
        await connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
        await connection.execute(_SCHEMA)
        version = await connection.fetchval("SELECT max(version) FROM store")
        if version is None:
            await connection.execute("INSERT INTO store VALUES ($1)", VERSION)
        elif version > VERSION:
            raise StoreDamaged(f"schema {schema!r} was made by a later version of indevolt", remedy="Use that version.")
        layouts = [await _prepare_table(connection, table) for table in tables]
    for layout in layouts:
        await connection.execute(
            f'CREATE TEMP TABLE "stage_{layout.name}" (LIKE {table_of(Level.RAW, layout)}) ON COMMIT DELETE ROWS'
        )
    return Layouts(layouts)


async def _prepare_table(connection: Connection, table: Table) -> Layout:
    known = [
        Place(number, sql, Column(name, unit, digits, ColumnKind(kind), tuple(json.loads(words))))
        for number, sql, name, unit, digits, kind, words in await connection.fetch(
            'SELECT number, sql, name, unit, digits, kind, words FROM quantity WHERE "table" = $1 ORDER BY number', table.name
        )
    ]
    layout, news = settled(table, known)
    for place in news:
        column = place.column
        await connection.execute(
            "INSERT INTO quantity VALUES ($1, $2, $3, $4, $5, $6, $7, $8) "
            'ON CONFLICT ("table", number) DO UPDATE SET unit = excluded.unit, words = excluded.words',
            table.name,
            place.number,
            place.sql,
            column.name,
            column.unit,
            column.digits,
            column.kind.value,
            json.dumps(column.words),
        )
    for level in LEVELS:
        partitions = " PARTITION BY RANGE (_at)" if level is Level.RAW else ""
        await connection.execute(
            f"CREATE TABLE IF NOT EXISTS {table_of(level, layout)} "
            f"(_feed integer NOT NULL, _at timestamptz NOT NULL, PRIMARY KEY (_feed, _at)){partitions}"
        )
        for name, kind in _column_types(layout, level).items():
            await connection.execute(f'ALTER TABLE {table_of(level, layout)} ADD COLUMN IF NOT EXISTS "{name}" {kind}')
    return layout


def _column_types(layout: Layout, level: Level) -> dict[str, str]:
    if level is Level.RAW:
        return {place.sql: _TYPES[place.column.kind] for place in layout.places}
    return {
        rollup.field(place.sql, stat): {"n": "integer", "sum": "bigint"}.get(stat, _TYPES[place.column.kind])
        for place in layout.places
        for stat in FIELDS[place.column.kind]
    }


# ---- rows ------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Batch:
    """Readings of one feed that are written together; ``after_ms`` is when the last one is that the server has already."""

    feed: Feed
    readings: list[Kept] = field(default_factory=list)
    after_ms: int = -1

    @property
    def latest_ms(self) -> int:
        """When the last one is."""
        return max(each.at_ms for each in self.readings)

    @property
    def is_new(self) -> bool:
        """Whether none of them can be on the server, or here twice."""
        times = {each.at_ms for each in self.readings}
        return len(times) == len(self.readings) and min(times) > self.after_ms

    @property
    def alone_from_ms(self) -> int:
        """From which five-minute span on there are no others."""
        return 0 if self.after_ms < 0 else Level.FIVE.floor(self.after_ms) + Level.FIVE.span_ms

    def rows(self, start_ms: int, end_ms: int) -> list[Row]:
        """Return the readings of a span of time in order, as whole rows with the time first."""
        picks: dict[Shape, Callable[[Row], Row]] = {}
        found = []
        for each in sorted(self.readings, key=lambda each: each.at_ms):
            if start_ms <= each.at_ms < end_ms:
                pick = picks.get(each.shape)
                if pick is None:
                    pick = picks[each.shape] = each.shape.picker()
                found.append((each.at_ms, *pick(each.row)))
        return found


def _by_shape(batches: Iterable[Batch]) -> dict[Shape, list[tuple[Any, ...]]]:
    """Return rows as they are copied, those with the same columns together."""
    found: dict[Shape, list[tuple[Any, ...]]] = defaultdict(list)
    for batch in batches:
        for each in batch.readings:
            found[each.shape].append((batch.feed.id, instant(each.at_ms), *each.row))
    return found


async def fetch(connection: Connection, feed: Feed, rows: Rows) -> Columns:
    """Return columns of a span."""
    names = "".join(f', "{name}"' for name in rows.fields)
    found = await connection.fetch(
        f"SELECT (extract(epoch FROM _at) * 1000)::bigint{names} FROM {table_of(rows.level, rows.layout)} "
        "WHERE _feed = $1 AND _at >= $2 AND _at < $3 ORDER BY _at",
        feed.id,
        instant(rows.start_ms),
        instant(rows.end_ms),
    )
    times, *columns = zip(*found, strict=True) if found else ([], *([] for _ in rows.fields))
    return Columns(rows, times, dict(zip(rows.fields, columns, strict=True)))


async def fetch_rows(connection: Connection, feed: Feed, level: Level, start_ms: int, end_ms: int) -> list[Row]:
    """Return whole rows, the time first."""
    found = await fetch(connection, feed, Rows(feed.layout, level, tuple(fields(feed.layout, level)), start_ms, end_ms))
    return list(zip(found.times, *found.fields.values(), strict=True))


class Writer:
    """What keeps rows on one connection, inside a transaction that is not committed here.

    It knows the last reading of each feed. What is newer cannot be there yet: it is copied straight into its table, and rolled up
    without being read again. So a spool of millions is emptied as fast as the server takes it.
    """

    def __init__(self, connection: Connection, newest: Newest) -> None:
        self._connection = connection
        self._newest = newest
        self._partitions: set[tuple[str, int]] = set()
        self._latest_ms: dict[int, int] = {}  # of feeds by number; -1 if there is no reading

    async def write(self, kept: Iterable[tuple[Feed, Kept]]) -> list[tuple[Feed, int]]:
        """Keep readings and roll up what they complete; return feeds and up to where they are rolled up."""
        batches: dict[int, Batch] = {}
        for feed, each in kept:
            batches.setdefault(feed.id, Batch(feed)).readings.append(each)
        for batch in batches.values():
            batch.after_ms = await self._latest_of(batch.feed)
        await self._add_partitions(batches.values())
        for is_new in (True, False):
            for shape, rows in _by_shape(batch for batch in batches.values() if batch.is_new is is_new).items():
                await self._copy(shape, rows, is_new=is_new)
        further = []
        for batch in batches.values():
            feed = batch.feed
            late = {Level.FIVE.floor(each.at_ms) for each in batch.readings if each.at_ms < feed.rolled_ms}
            if late:
                await self._roll_again(feed, late)
            upto_ms = Level.FIVE.floor(batch.latest_ms)
            if upto_ms > feed.rolled_ms:
                await self.roll(feed, upto_ms, batch if batch.is_new else None)
                further.append((feed, upto_ms))
        return further

    async def _latest_of(self, feed: Feed) -> int:
        """Return when the last reading of a feed is that the server has."""
        known = self._latest_ms.get(feed.id)
        if known is None:
            known = await self._connection.fetchval(
                f"SELECT (extract(epoch FROM max(_at)) * 1000)::bigint FROM {table_of(Level.RAW, feed.layout)} WHERE _feed = $1",
                feed.id,
            )
        return -1 if known is None else int(known)

    def committed(self, kept: Iterable[tuple[Feed, Kept]]) -> None:
        """Remember what is there for good."""
        for feed, each in kept:
            self._partitions.add((feed.layout.name, each.at_ms // DAY_MS))
            self._latest_ms[feed.id] = max(self._latest_ms.get(feed.id, -1), each.at_ms)

    def forget_partitions(self) -> None:
        """Look again which partitions exist, because some were dropped."""
        self._partitions.clear()

    async def _add_partitions(self, batches: Iterable[Batch]) -> None:
        days = {(batch.feed.layout, each.at_ms // DAY_MS) for batch in batches for each in batch.readings}
        for layout, day in days:
            if (layout.name, day) not in self._partitions:
                start = instant(day * DAY_MS)
                await self._connection.execute(
                    f"CREATE TABLE IF NOT EXISTS {partition_of(layout, day)} PARTITION OF {table_of(Level.RAW, layout)} "
                    f"FOR VALUES FROM ('{start.isoformat()}') TO ('{(start + timedelta(days=1)).isoformat()}')"
                )

    async def _copy(self, shape: Shape, rows: Sequence[tuple[Any, ...]], *, is_new: bool) -> None:
        names = ["_feed", "_at", *(place.sql for place in shape.places)]
        if is_new:
            await self._connection.copy_records_to_table(f"raw_{shape.layout.name}", records=rows, columns=names)
            return
        stage = f"stage_{shape.layout.name}"
        await self._connection.copy_records_to_table(stage, records=rows, columns=names)
        listed = ", ".join(f'"{name}"' for name in names)
        await self._connection.execute(
            f'INSERT INTO {table_of(Level.RAW, shape.layout)} ({listed}) SELECT {listed} FROM "{stage}" ON CONFLICT DO NOTHING'
        )
        await self._connection.execute(f'DELETE FROM "{stage}"')

    async def roll(self, feed: Feed, upto_ms: int, batch: Batch | None = None) -> None:
        """Write the roll-ups of a feed from where they end to ``upto_ms``; ``batch`` are readings just written, if all are new."""
        known_ms = upto_ms if batch is None else min(max(batch.alone_from_ms, feed.rolled_ms), upto_ms)
        fives = rolled(feed.layout, await fetch_rows(self._connection, feed, Level.RAW, feed.rolled_ms, known_ms))
        if batch is not None:
            fives += await asyncio.to_thread(lambda: rolled(feed.layout, batch.rows(known_ms, upto_ms)))
        await self._copy_rollups(feed, Level.FIVE, fives)
        start_ms, end_ms = Level.HOUR.floor(feed.rolled_ms), Level.HOUR.floor(upto_ms)
        if start_ms < end_ms:
            before = await fetch_rows(self._connection, feed, Level.FIVE, start_ms, feed.rolled_ms)
            hours = combined(feed.layout, [*before, *(each for each in fives if (each[0] or 0) < end_ms)])
            await self._copy_rollups(feed, Level.HOUR, hours)
        head = self._newest.head(feed.device, feed.layout).dump()
        await self._connection.execute("UPDATE feed SET rolled = $1, newest = $2 WHERE id = $3", upto_ms, head, feed.id)

    async def _copy_rollups(self, feed: Feed, level: Level, rows: Sequence[Row]) -> None:
        """Write roll-ups of spans that have none yet."""
        await self._connection.copy_records_to_table(
            f"{level.prefix}_{feed.layout.name}",
            records=[(feed.id, instant(row[0] or 0), *row[1:]) for row in rows],
            columns=["_feed", "_at", *fields(feed.layout, level)],
        )

    async def _roll_again(self, feed: Feed, starts_ms: Iterable[int]) -> None:
        """Write the roll-ups anew that late readings belong to."""
        starts_ms = list(starts_ms)
        for level, source, make in ((Level.FIVE, Level.RAW, rolled), (Level.HOUR, Level.FIVE, combined)):
            for start_ms in sorted({level.floor(each) for each in starts_ms}):
                if start_ms + level.span_ms <= level.floor(feed.rolled_ms):
                    rows = await fetch_rows(self._connection, feed, source, start_ms, start_ms + level.span_ms)
                    await self._replace(feed, level, make(feed.layout, rows))

    async def _replace(self, feed: Feed, level: Level, rows: Sequence[Row]) -> None:
        names = list(fields(feed.layout, level))
        listed = "".join(f', "{name}"' for name in names)
        marks = "".join(f", ${each + 3}" for each in range(len(names)))
        renewed = ", ".join(f'"{name}" = excluded."{name}"' for name in names)
        await self._connection.executemany(
            f"INSERT INTO {table_of(level, feed.layout)} (_feed, _at{listed}) VALUES ($1, $2{marks}) "
            f"ON CONFLICT (_feed, _at) DO UPDATE SET {renewed}",
            [(feed.id, instant(row[0] or 0), *row[1:]) for row in rows],
        )
