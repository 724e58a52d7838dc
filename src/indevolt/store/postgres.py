"""The store beyond one machine: a PostgreSQL server, or what speaks like one, and a local spool for when it is away.

One task writes: what waits is committed together, in one transaction with ``synchronous_commit`` on. When the server cannot be
reached, everything goes into the spool, and is acknowledged once it is on the local disk; when the server is back, the spool is
emptied in order before anything newer is written. A commit whose answer was lost is simply repeated: what is there is ignored.

One hub owns one schema, by an advisory lock. How rows lie on the server is in :mod:`~indevolt.store.postgres_tables`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeVar
from zoneinfo import ZoneInfo

from indevolt.clock import Clock
from indevolt.errors import InvalidInput, StoreUnavailable
from indevolt.store import history
from indevolt.store.contract import Aggregate, Energies, Entry, Health, Last, Period, Series, StoredReading, Table, Upkeep
from indevolt.store.entries import Asked
from indevolt.store.export import export
from indevolt.store.history import Columns, Rows
from indevolt.store.layout import Layouts, checked, instant, milliseconds, settled
from indevolt.store.newest import Newest
from indevolt.store.postgres_link import COMMAND_S, in_words, is_away, library
from indevolt.store.postgres_tables import Connection, Feed, fetch
from indevolt.store.postgres_writer import WriterTask
from indevolt.store.spool import Parcel, Spool

AnswerT = TypeVar("AnswerT")


class PostgresStore:
    """Satisfies :class:`~indevolt.store.contract.Store`."""

    def __init__(
        self,
        url: str,
        *,
        spool: Path,
        clock: Clock,
        schema: str = "indevolt",
        raw_days: int = 90,
        five_minute_days: int | None = None,
        spool_bytes: int = 1 << 30,
        retry_s: float = 2.0,
    ) -> None:
        """Say how; nothing is touched before :meth:`open`.

        Args:
            url: ``postgresql://user:password@host:port/database``; it is in no message.
            spool: a file on the local disk for when the server is away.
            clock: dates commits, and waits between two attempts to connect.
            schema: where everything is; each hub needs its own.
            raw_days: how long readings are kept, 1 or more.
            five_minute_days: how long five-minute roll-ups are kept, not shorter than readings; None for ever. Hours are for ever.
            spool_bytes: how large the spool may become; a gigabyte is about two months of one device.
            retry_s: how long to wait between two attempts to connect.

        Raises:
            InvalidInput: days out of range, a schema that is no name, or asyncpg is not installed.
        """
        if raw_days < 1 or (five_minute_days is not None and five_minute_days < raw_days):
            raise InvalidInput(
                f"raw_days {raw_days} and five_minute_days {five_minute_days}: readings are kept 1 day or longer, and five-minute "
                "roll-ups at least as long",
                remedy="Raise five_minute_days, or leave it out to keep them for ever.",
            )
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,40}", schema):
            raise InvalidInput(f"schema {schema!r} is no name", remedy="Small letters, digits and _, at most 41.")
        library()
        self._url = url
        self._schema = schema
        self._newest = Newest()
        self._spool = Spool(spool, max_bytes=spool_bytes)
        self._writer = WriterTask(url, schema, self._spool, self._newest, clock, days=(raw_days, five_minute_days), retry_s=retry_s)
        self._clock = clock
        self._pool: Any = None
        self._entries: dict[int, Entry] = {}  # on their way
        self._state: dict[str, str] = {}  # on its way
        self._dropped = 0

    async def open(self, tables: Sequence[Table]) -> None:
        """See the contract. With the server away it opens all the same, and says so in :meth:`health`."""
        checked(tables)
        await self._writer.start(tables, Layouts(settled(table, ())[0] for table in tables))
        settings = {"search_path": f'"{self._schema}"', "timezone": "UTC"}
        self._pool = library().create_pool(
            self._url, min_size=0, max_size=4, command_timeout=COMMAND_S, server_settings=settings, timeout=COMMAND_S
        )
        await self._pool

    async def close(self) -> None:
        """See the contract. What is in the spool stays there for the next start."""
        if self._pool is None:
            return
        pool, self._pool = self._pool, None
        await self._writer.stop()
        pool.terminate()
        await pool.close()

    @property
    def _layouts(self) -> Layouts:
        return self._writer.layouts

    # ---- in ----------------------------------------------------------------------------------------------------------

    async def _add(self, parcel: Parcel, done: Callable[[], object] | None = None) -> None:
        if self._pool is None:
            raise StoreUnavailable("the store is not open", remedy="Open it first.")
        await self._writer.add(parcel, done)

    async def append(self, readings: Sequence[StoredReading]) -> None:
        """See the contract. Safe means: committed on the server, or on the local disk while that is away."""
        if not readings:
            return
        for each in [self._layouts.encode(reading) for reading in readings]:
            self._newest.note(each)
            self._dropped += each.dropped
        await self._add(Parcel(readings))

    async def journal(
        self, at: datetime, kind: str, text: str, *, device: str = "", actor: str = "hub", data: Mapping[str, Any] | None = None
    ) -> Entry:
        """See the contract."""
        number = await self._writer.next_number()
        entry = Entry(number, instant(milliseconds(at)), kind, device, actor, text, dict(data or {}))
        row = (number, milliseconds(at), kind, device, actor, text, json.dumps(entry.data, default=str))
        self._entries[number] = entry
        await self._add(Parcel(entries=[row]), lambda: self._entries.pop(number, None))
        return entry

    async def put(self, key: str, value: str) -> None:
        """See the contract."""
        self._state[key] = value

        def done() -> None:
            if self._state.get(key) == value:
                del self._state[key]

        await self._add(Parcel(state=[(key, value)]), done)

    # ---- out ---------------------------------------------------------------------------------------------------------

    async def _ask(self, question: Callable[[Connection], Awaitable[AnswerT]]) -> AnswerT:
        """Return the answer to a question, asked inside one transaction."""
        if self._pool is None:
            raise StoreUnavailable("the store is not open", remedy="Open it first.")
        try:
            async with (
                self._pool.acquire(timeout=COMMAND_S) as connection,
                connection.transaction(isolation="repeatable_read", readonly=True),
            ):
                return await question(connection)
        except Exception as error:
            if is_away(error):
                self._writer.look()
                raise StoreUnavailable(f"the server is away: {in_words(error)}", remedy="It is tried again by itself.") from error
            raise

    async def _feeds(self, connection: Connection, device: str) -> dict[str, Feed]:
        rows = await connection.fetch('SELECT id, "table", rolled FROM feed WHERE device = $1', device)
        layouts = self._layouts.by_table
        return {table: Feed(number, device, layouts[table], rolled) for number, table, rolled in rows if table in layouts}

    @staticmethod
    async def _fetched(connection: Connection, feeds: Mapping[str, Feed], wanted: Sequence[Rows]) -> list[Columns]:
        return [await fetch(connection, feeds[rows.layout.name], rows) for rows in wanted]

    async def series(
        self,
        device: str,
        names: Sequence[str],
        start: datetime,
        end: datetime,
        *,
        step_s: float | None = None,
        aggregate: Aggregate = Aggregate.MEAN,
        limit: int | None = None,
    ) -> Series:
        """See the contract. What is in the spool is not in it."""
        over = history.span(start, end, step_s, limit)

        async def question(connection: Connection) -> Series:
            feeds = await self._feeds(connection, device)
            rolled = {table: feed.rolled_ms for table, feed in feeds.items()}
            wanted = history.series_rows(self._layouts, rolled, names, over, aggregate)
            fetched = await self._fetched(connection, feeds, wanted)
            return history.series(self._layouts, fetched, device, names, over, aggregate=aggregate, limit=limit)

        return await self._ask(question)

    async def last(self, device: str | None = None) -> Last:
        """See the contract."""
        return self._newest.last(device)

    async def energies(
        self, device: str, names: Sequence[str], start: datetime, end: datetime, *, period: Period, zone: ZoneInfo
    ) -> Energies:
        """See the contract."""
        edges = history.boundaries(start, end, period, zone)

        async def question(connection: Connection) -> Energies:
            feeds = await self._feeds(connection, device)
            rolled = {table: feed.rolled_ms for table, feed in feeds.items()}
            fetched = await self._fetched(connection, feeds, history.energy_rows(self._layouts, rolled, names, edges))
            return history.energies(self._layouts, fetched, names, edges)

        return await self._ask(question)

    async def fleet(self, name: str, start: datetime, end: datetime, *, step_s: float) -> list[tuple[datetime, float | None]]:
        """See the contract."""
        over = history.span(start, end, step_s)

        async def question(connection: Connection) -> list[tuple[datetime, float | None]]:
            found = []
            for layout, (place,) in self._layouts.holding([name]):
                alone = Layouts([layout])
                rows = await connection.fetch('SELECT id, device, rolled FROM feed WHERE "table" = $1', layout.name)
                for number, device, rolled in rows:
                    feed = Feed(number, device, layout, rolled)
                    wanted = history.series_rows(alone, {layout.name: rolled}, [name], over, Aggregate.MEAN)
                    fetched = await self._fetched(connection, {layout.name: feed}, wanted)
                    found.append(history.steps(place, fetched, over, Aggregate.MEAN))
            return history.total(found, over)

        return await self._ask(question)

    async def entries(
        self,
        *,
        after: int = 0,
        kinds: Sequence[str] = (),
        device: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int = 100,
    ) -> list[Entry]:
        """See the contract."""
        asked = Asked(after, tuple(kinds), device, start, end)

        async def question(connection: Connection) -> list[Entry]:
            rows = await connection.fetch(
                "SELECT number, at, kind, device, actor, text, data FROM journal WHERE number > $1 AND at >= $2 AND at < $3 "
                "AND (cardinality($4::text[]) = 0 OR kind = ANY ($4)) AND ($5::text IS NULL OR device = $5) "
                "ORDER BY number LIMIT $6",
                after,
                0 if start is None else milliseconds(start),
                1 << 42 if end is None else milliseconds(end),
                list(kinds),
                device,
                limit,
            )
            return [
                Entry(number, instant(at), kind, of_device, actor, text, json.loads(data))
                for number, at, kind, of_device, actor, text, data in rows
            ]

        found = {each.number: each for each in await self._ask(question)}
        found |= {number: each for number, each in self._entries.items() if asked.fits(each)}
        return [found[number] for number in sorted(found)][:limit]

    async def get(self, key: str) -> str | None:
        """See the contract."""
        if key in self._state:
            return self._state[key]

        async def question(connection: Connection) -> str | None:
            value = await connection.fetchval("SELECT value FROM state WHERE key = $1", key)
            return None if value is None else str(value)

        return await self._ask(question)

    async def export(
        self,
        device: str,
        names: Sequence[str],
        start: datetime,
        end: datetime,
        *,
        step_s: float | None = None,
        sink: BinaryIO,
        form: Literal["csv", "parquet"] = "csv",
    ) -> int:
        """See the contract."""
        return await export(
            self, self._layouts, device=device, names=names, start=start, end=end, step_s=step_s, sink=sink, form=form
        )

    async def backup(self, path: Path) -> None:
        """See the contract."""
        raise InvalidInput(f"what is on a server cannot be copied to {path}", remedy="Use pg_dump, or the server's own backup.")

    # ---- upkeep ------------------------------------------------------------------------------------------------------

    async def maintain(self, now: datetime) -> Upkeep:
        """See the contract. While the server is away there is nothing to do."""
        return await self._writer.maintain(now)

    async def caught_up(self) -> None:
        """Return once the server is there and nothing waits for it any more."""
        await self._writer.caught_up()

    def health(self) -> Health:
        """See the contract."""
        return {"kind": "postgres", "dropped": self._dropped, **self._writer.health()}
