"""Tables and rows on a PostgreSQL server: made, filled, rolled up and fetched, on a connection that is given. Plain SQL only.

The same wide rows as in the embedded store: whole numbers, one row per reading, five-minute and hourly roll-ups beside them.
Readings are partitioned by day, so that what is past its time is dropped and not searched. Rows come by COPY into a staging table
and from there with ``ON CONFLICT DO NOTHING``: fast, and a row that comes twice is ignored.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, Final, TypeAlias

from indevolt.errors import StoreDamaged
from indevolt.store.contract import Column, ColumnKind, Table
from indevolt.store.feed import Feed, table_of
from indevolt.store.history import Columns, Rows
from indevolt.store.layout import Kept, Layout, Layouts, Place, Row, Shape, instant, settled
from indevolt.store.newest import Newest
from indevolt.store.rollup import DAY_MS, FIELDS, LEVELS, Level, combined, field, fields, rolled

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
        field(place.sql, stat): {"n": "integer", "sum": "bigint"}.get(stat, _TYPES[place.column.kind])
        for place in layout.places
        for stat in FIELDS[place.column.kind]
    }


# ---- rows ------------------------------------------------------------------------------------------------------------


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
    """What keeps rows on one connection, inside a transaction that is not committed here."""

    def __init__(self, connection: Connection, newest: Newest) -> None:
        self._connection = connection
        self._newest = newest
        self._partitions: set[tuple[str, int]] = set()

    async def write(self, kept: Iterable[tuple[Feed, Kept]]) -> list[tuple[Feed, int]]:
        """Keep readings and roll up what they complete; return feeds and up to where they are rolled up."""
        of_shapes: dict[Shape, list[tuple[Any, ...]]] = defaultdict(list)
        latest: dict[int, tuple[Feed, int]] = {}
        late: dict[int, tuple[Feed, set[int]]] = {}
        days: dict[tuple[str, int], Layout] = {}
        for feed, each in kept:
            of_shapes[each.shape].append((feed.id, instant(each.at_ms), *each.row))
            days[feed.layout.name, each.at_ms // DAY_MS] = feed.layout
            if each.at_ms < feed.rolled_ms:
                late.setdefault(feed.id, (feed, set()))[1].add(Level.FIVE.floor(each.at_ms))
            elif feed.id not in latest or each.at_ms > latest[feed.id][1]:
                latest[feed.id] = (feed, each.at_ms)
        for (table, day), layout in days.items():
            if (table, day) not in self._partitions:
                await self._add_partition(layout, day)
        for shape, rows in of_shapes.items():
            await self._copy(shape, rows)
        for feed, starts in late.values():
            await self._roll_again(feed, starts)
        further = [(feed, Level.FIVE.floor(at_ms)) for feed, at_ms in latest.values()]
        further = [(feed, upto_ms) for feed, upto_ms in further if upto_ms > feed.rolled_ms]
        for feed, upto_ms in further:
            await self.roll(feed, upto_ms)
        return further

    def committed(self, kept: Iterable[tuple[Feed, Kept]]) -> None:
        """Remember which partitions exist for good."""
        self._partitions.update((feed.layout.name, each.at_ms // DAY_MS) for feed, each in kept)

    def forget_partitions(self) -> None:
        """Look again which partitions exist, because some were dropped."""
        self._partitions.clear()

    async def _add_partition(self, layout: Layout, day: int) -> None:
        start = instant(day * DAY_MS)
        await self._connection.execute(
            f"CREATE TABLE IF NOT EXISTS {partition_of(layout, day)} PARTITION OF {table_of(Level.RAW, layout)} "
            f"FOR VALUES FROM ('{start.isoformat()}') TO ('{(start + timedelta(days=1)).isoformat()}')"
        )

    async def _copy(self, shape: Shape, rows: Sequence[tuple[Any, ...]]) -> None:
        stage = f"stage_{shape.layout.name}"
        names = ["_feed", "_at", *(place.sql for place in shape.places)]
        await self._connection.copy_records_to_table(stage, records=rows, columns=names)
        listed = ", ".join(f'"{name}"' for name in names)
        await self._connection.execute(
            f'INSERT INTO {table_of(Level.RAW, shape.layout)} ({listed}) SELECT {listed} FROM "{stage}" ON CONFLICT DO NOTHING'
        )
        await self._connection.execute(f'DELETE FROM "{stage}"')

    async def roll(self, feed: Feed, upto_ms: int) -> None:
        """Write the roll-ups of a feed from where they end to ``upto_ms``."""
        fives = rolled(feed.layout, await fetch_rows(self._connection, feed, Level.RAW, feed.rolled_ms, upto_ms))
        await self._replace(feed, Level.FIVE, fives)
        start_ms, end_ms = Level.HOUR.floor(feed.rolled_ms), Level.HOUR.floor(upto_ms)
        if start_ms < end_ms:
            hours = combined(feed.layout, await fetch_rows(self._connection, feed, Level.FIVE, start_ms, end_ms))
            await self._replace(feed, Level.HOUR, hours)
        head = self._newest.head(feed.device, feed.layout).dump()
        await self._connection.execute("UPDATE feed SET rolled = $1, newest = $2 WHERE id = $3", upto_ms, head, feed.id)

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
