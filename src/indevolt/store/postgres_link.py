"""The connection that writes to the PostgreSQL server: opened with all that has to be known, and good for one commit at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from types import ModuleType
from typing import Final, Self

from indevolt.errors import IndevoltError, InvalidInput, StoreUnavailable
from indevolt.store.ageing import SteadyClock
from indevolt.store.contract import StoredReading, Table
from indevolt.store.feed import Feed, table_of
from indevolt.store.layout import Kept, Layout, Layouts, instant
from indevolt.store.newest import Newest
from indevolt.store.parcel import Parcel
from indevolt.store.postgres_tables import Connection, Writer, fetch, partition_of, prepare
from indevolt.store.rollup import DAY_MS, Level

try:
    asyncpg: ModuleType | None = import_module("asyncpg")  # it has no types
except ImportError:  # the extra is not installed; library() says so when it is needed
    asyncpg = None

COMMAND_S: Final = 30.0  # longer than any statement of ours on a slow server, shorter than anybody waits for an answer
CONNECT_S: Final = 10.0
LOCK_MS: Final = 5 * 1000  # how long the server may take to notice that the hub before us is gone
_HORIZON: Final = "store.horizon."
_CLOCK: Final = "store.clock"
_PUT: Final = "INSERT INTO state VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
_RESOURCES, _INTERVENTION, _CONNECTION = "53", "57", "08"  # classes of SQLSTATE that pass by themselves


def library() -> ModuleType:
    """Return asyncpg.

    Raises:
        InvalidInput: it is not installed.
    """
    if asyncpg is None:
        raise InvalidInput("PostgreSQL needs asyncpg, which is not installed", remedy='pip install "indevolt[postgres]"')
    return asyncpg


def is_away(error: BaseException) -> bool:
    """Return whether an error means that the server cannot serve now, and may later."""
    if isinstance(error, OSError | TimeoutError | EOFError):
        return True
    if asyncpg is None:
        return False
    if isinstance(error, asyncpg.InterfaceError | asyncpg.InternalClientError):
        return True
    state = getattr(error, "sqlstate", None) or ""
    return isinstance(error, asyncpg.PostgresError) and state[:2] in (_RESOURCES, _INTERVENTION, _CONNECTION)


def in_words(error: BaseException) -> str:
    """Return an error as text that is never empty."""
    return str(error) or type(error).__name__


class Link:
    """An open connection, and what is known about the server."""

    def __init__(self, connection: Connection, schema: str, newest: Newest) -> None:
        self.layouts = Layouts(())
        self.feeds: dict[tuple[str, str], Feed] = {}
        self.horizon_ms: dict[Level, int] = {}
        self.last_number = 0
        self.rolled_up = 0
        self.too_old = 0
        self._steady = SteadyClock()
        self._connection = connection
        self._schema = schema
        self._newest = newest
        self._writer = Writer(connection, newest)

    @classmethod
    async def open(cls, url: str, schema: str, tables: Sequence[Table], newest: Newest) -> Self:
        """Connect, take the schema for us alone, and bring it up to date.

        Raises:
            StoreUnavailable: another hub has the schema.
            StoreDamaged: it is of a later version.
            Exception: what asyncpg raises; see :func:`is_away`.
        """
        settings = {"search_path": f'"{schema}"', "synchronous_commit": "on", "timezone": "UTC", "client_min_messages": "error"}
        connection = await library().connect(url, timeout=CONNECT_S, command_timeout=COMMAND_S, server_settings=settings)
        link = cls(connection, schema, newest)
        try:
            await connection.execute(f"SET lock_timeout = {LOCK_MS}")
            await connection.execute("SELECT pg_advisory_lock(hashtext($1))", f"indevolt.{schema}")
            await connection.execute("SET lock_timeout = 0")
            link.layouts = await prepare(connection, schema, tables)
            newest.adopt(link.layouts)
            await link._read()
        except BaseException as error:
            link.abort()
            if isinstance(error, library().LockNotAvailableError):
                raise StoreUnavailable(f"schema {schema!r} belongs to another hub", remedy="Give each hub a schema.") from error
            raise
        return link

    async def _read(self) -> None:
        connection = self._connection
        for number, device, table, rolled, newest in await connection.fetch('SELECT id, device, "table", rolled, newest FROM feed'):
            layout = self.layouts.by_table.get(table)
            if layout is not None:
                feed = self.feeds[device, table] = Feed(number, device, layout, rolled)
                await self._remember(feed, newest)
        self.last_number = await connection.fetchval("SELECT coalesce(max(number), 0) FROM journal")
        for key, value in await connection.fetch("SELECT key, value FROM state WHERE starts_with(key, $1)", _HORIZON):
            self.horizon_ms[Level[key.removeprefix(_HORIZON)]] = int(value)
        if value := await connection.fetchval("SELECT value FROM state WHERE key = $1", _CLOCK):
            self._steady = SteadyClock.load(value)

    async def _remember(self, feed: Feed, newest: str) -> None:
        """Take up the last values of a feed: as they were at the last roll-up, and what came after."""
        head = self._newest.head(feed.device, feed.layout)
        if head.remembers:
            return  # the server was away, and we were not
        head.load(newest)
        head.follow(await fetch(self._connection, feed, head.wanted(feed.rolled_ms)))

    @property
    def is_closed(self) -> bool:
        """Whether the connection broke."""
        return bool(self._connection.is_closed())

    async def close(self) -> None:
        """Say goodbye to the server."""
        await self._connection.close(timeout=5.0)

    def abort(self) -> None:
        """Let go of it at once."""
        self._connection.terminate()

    async def commit(self, parcels: Sequence[Parcel]) -> None:
        """Keep parcels in one transaction: all of them, or none."""
        new: dict[tuple[str, str], Feed] = {}
        horizon_ms = self.horizon_ms.get(Level.RAW, 0)
        encoded = await asyncio.to_thread(self._encoded, parcels)
        async with self._connection.transaction():
            kept = [(await self._feed(each, new), each) for each in encoded if each.at_ms >= horizon_ms]
            further = await self._writer.write(kept)
            entries = [entry for parcel in parcels for entry in parcel.entries]
            state = [pair for parcel in parcels for pair in parcel.state]
            if entries:
                await self._connection.executemany(
                    "INSERT INTO journal VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING", entries
                )
            if state:
                await self._connection.executemany(_PUT, state)
        self._writer.committed(kept)
        self.feeds.update(new)
        for feed, rolled_ms in further:
            self.rolled_up += (rolled_ms - feed.rolled_ms) // Level.FIVE.span_ms if feed.rolled_ms else 1
            feed.rolled_ms = rolled_ms
        self.too_old += sum(len(parcel.readings) for parcel in parcels) - len(kept)

    def _encoded(self, parcels: Sequence[Parcel]) -> list[Kept]:
        return [each for parcel in parcels for each in map(self._encode, parcel.readings) if each is not None]

    def _encode(self, reading: StoredReading) -> Kept | None:
        """Return a reading as numbers; one that waited since an earlier version may have quantities that are no more."""
        try:
            return self.layouts.encode(reading)
        except IndevoltError:
            layout = self.layouts.by_table.get(reading.table)
            if layout is None:
                return None
            return self.layouts.encode(replace(reading, values={n: v for n, v in reading.values.items() if n in layout}))

    async def _feed(self, kept: Kept, new: dict[tuple[str, str], Feed]) -> Feed:
        layout: Layout = self.layouts.by_table[kept.shape.layout.name]
        key = (kept.device, layout.name)
        feed = self.feeds.get(key) or new.get(key)
        if feed is None:
            number = await self._connection.fetchval(
                "INSERT INTO feed (device, \"table\", rolled, newest) VALUES ($1, $2, 0, '{}') RETURNING id", *key
            )
            feed = new[key] = Feed(number, kept.device, layout, 0)
        return feed

    # ---- ageing ------------------------------------------------------------------------------------------------------

    async def close_days(self, before_ms: int) -> None:
        """Roll up what belongs to finished days, of devices that say nothing any more as well."""
        for feed in list(self.feeds.values()):
            head = self._newest.head(feed.device, feed.layout).numbers()
            latest_ms = max((at_ms for at_ms, _ in head.values()), default=0)
            if feed.rolled_ms <= latest_ms < before_ms:
                async with self._connection.transaction():
                    await self._writer.roll(feed, before_ms)
                feed.rolled_ms = before_ms

    async def believes(self, now_ms: int) -> bool:
        """Return whether what the clock says may be deleted by."""
        is_believed = self._steady.look(now_ms)
        if self._steady.is_due:
            await self._connection.execute(_PUT, _CLOCK, self._steady.save())
        return is_believed

    async def forget(self, level: Level, day: int, *, is_believed: bool) -> int:
        """Delete a level's rows from before a day, where the clock is believed, and return how many there were."""
        horizon_ms = self.horizon_ms.get(level, 0)
        if day * DAY_MS == horizon_ms or (day * DAY_MS > horizon_ms and not is_believed):
            return 0
        if day * DAY_MS < horizon_ms:  # the clock was ahead: what it says now is not too old
            await self._connection.execute(_PUT, _HORIZON + level.name, str(day * DAY_MS))
            self.horizon_ms[level] = day * DAY_MS
            return 0
        deleted = 0
        async with self._connection.transaction():
            for layout in self.layouts.by_table.values():
                table = table_of(level, layout)
                if level is Level.RAW:
                    deleted += await self._drop_partitions(layout, day)
                else:
                    done = await self._connection.execute(f"DELETE FROM {table} WHERE _at < $1", instant(day * DAY_MS))
                    deleted += int(done.split()[-1])
            await self._connection.execute(_PUT, _HORIZON + level.name, str(day * DAY_MS))
        self.horizon_ms[level] = day * DAY_MS
        return deleted

    async def _drop_partitions(self, layout: Layout, day: int) -> int:
        prefix = f"raw_{layout.name}_"
        first_kept = partition_of(layout, day).strip('"')
        deleted = 0
        for (name,) in await self._connection.fetch(
            "SELECT tablename FROM pg_tables WHERE schemaname = $1 AND starts_with(tablename, $2) AND length(tablename) = $3",
            self._schema,
            prefix,
            len(first_kept),
        ):
            if name < first_kept:
                deleted += await self._connection.fetchval(f'SELECT count(*) FROM "{name}"')
                await self._connection.execute(f'DROP TABLE "{name}"')
                self._writer.forget_partitions()
        return deleted

    async def size_bytes(self) -> int:
        """Return what the schema takes on the server's disk."""
        return int(
            await self._connection.fetchval(
                "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class c "
                "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relkind IN ('r', 'p')",
                self._schema,
            )
        )
