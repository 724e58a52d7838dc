"""The store beyond one machine: a PostgreSQL server, or what speaks like one, and a local spool for when it is away.

One task writes: what waits is committed together, in one transaction with ``synchronous_commit`` on. When the server cannot be
reached, everything goes into the spool, and is acknowledged once it is on the local disk; when the server is back, the spool is
emptied in order before anything newer is written. A commit whose answer was lost is simply repeated: what is there is ignored.

One hub owns one schema, by an advisory lock. How rows lie on the server is in :mod:`~indevolt.store.postgres_tables`.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from indevolt.clock import Clock
from indevolt.errors import InvalidInput, StoreUnavailable
from indevolt.store.contract import Entry, Health, Table, Upkeep
from indevolt.store.entries import Asked, JournalRow, entry_of
from indevolt.store.feed import by_device, how_far
from indevolt.store.history import Columns
from indevolt.store.layout import Kept, Layouts, checked, settled
from indevolt.store.parcel import Parcel
from indevolt.store.postgres_link import COMMAND_S, in_words, is_away, library
from indevolt.store.postgres_tables import Connection, fetch
from indevolt.store.postgres_writer import WriterTask
from indevolt.store.rollup import kept_days
from indevolt.store.spool import Spool
from indevolt.store.store import Plan, Store

AnswerT = TypeVar("AnswerT")


class PostgresStore(Store):
    """The store."""

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
        super().__init__()
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,40}", schema):
            raise InvalidInput(f"schema {schema!r} is no name", remedy="Small letters, digits and _, at most 41.")
        library()
        self._url = url
        self._schema = schema
        self._spool = Spool(spool, max_bytes=spool_bytes)
        self._writer = WriterTask(
            url, schema, self._spool, self._newest, clock, days=kept_days(raw_days, five_minute_days), retry_s=retry_s
        )
        self._clock = clock
        self._pool: Any = None

    async def open(self, tables: Sequence[Table]) -> None:
        """See :class:`Store`. With the server away it opens all the same, and says so in :meth:`health`."""
        checked(tables)
        await self._writer.start(tables, Layouts(settled(table, ())[0] for table in tables), self._on_its_way)
        settings = {"search_path": f'"{self._schema}"', "timezone": "UTC"}
        self._pool = library().create_pool(
            self._url, min_size=0, max_size=4, command_timeout=COMMAND_S, server_settings=settings, timeout=COMMAND_S
        )
        await self._pool

    async def close(self) -> None:
        """See :class:`Store`. What is in the spool stays there for the next start."""
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

    async def _keep(self, parcel: Parcel, _kept: Sequence[Kept] = (), done: Callable[[], object] | None = None) -> None:
        """See :class:`Store`. Safe means: committed on the server, or on the local disk while that is away."""
        if self._pool is None:
            raise StoreUnavailable("the store is not open", remedy="Open it first.")
        await self._writer.add(parcel, done)

    async def _next_number(self) -> int:
        return await self._writer.next_number()

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
            if is_away(error) or self._writer.is_away:  # a server that has just come may not have our tables yet
                self._writer.look()
                raise StoreUnavailable(f"the server is away: {in_words(error)}", remedy="It is tried again by itself.") from error
            raise

    async def _of_devices(self, device: str | None, plan: Plan, answer: Callable[[Sequence[Columns]], AnswerT]) -> list[AnswerT]:
        layouts = self._layouts

        async def question(connection: Connection) -> list[AnswerT]:
            rows = await connection.fetch(
                'SELECT id, device, "table", rolled FROM feed WHERE $1::text IS NULL OR device = $1 ORDER BY id', device
            )
            found = []
            for feeds in by_device(rows, layouts, device):
                fetched = [await fetch(connection, feeds[rows.layout.name], rows) for rows in plan(how_far(feeds))]
                found.append(await asyncio.to_thread(answer, fetched))
            return found

        return await self._ask(question)

    async def _find_entries(self, asked: Asked) -> list[Entry]:
        order = "DESC" if asked.newest_first else "ASC"

        async def question(connection: Connection) -> list[Entry]:
            rows = await connection.fetch(
                "SELECT number, at, kind, device, actor, text, data FROM journal WHERE number > $1 AND number < $2 "
                "AND at >= $3 AND at < $4 AND (cardinality($5::text[]) = 0 OR kind = ANY ($5)) "
                "AND ($6::text IS NULL OR device = $6) AND ($7::text IS NULL OR actor = $7) "
                f"ORDER BY number {order} LIMIT $8",
                asked.after,
                asked.before_number,
                asked.start_ms,
                asked.end_ms,
                list(asked.kinds),
                asked.device,
                asked.actor,
                asked.limit,
            )
            return [entry_of(JournalRow(*row)) for row in rows]

        return await self._ask(question)

    async def _find_state(self, key: str) -> str | None:
        async def question(connection: Connection) -> str | None:
            value = await connection.fetchval("SELECT value FROM state WHERE key = $1", key)
            return None if value is None else str(value)

        return await self._ask(question)

    # ---- upkeep ------------------------------------------------------------------------------------------------------

    async def backup(self, path: Path) -> None:
        """See :class:`Store`."""
        raise InvalidInput(f"what is on a server cannot be copied to {path}", remedy="Use pg_dump, or the server's own backup.")

    async def maintain(self, now: datetime) -> Upkeep:
        """See :class:`Store`. While the server is away there is nothing to do."""
        return await self._writer.maintain(now)

    async def caught_up(self) -> None:
        """Return once the server is there and nothing waits for it any more."""
        await self._writer.caught_up()

    def health(self) -> Health:
        """See :class:`Store`."""
        return {"kind": "postgres", "dropped": self._dropped, **self._writer.health()}
