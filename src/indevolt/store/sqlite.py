"""The embedded store: one SQLite file, one thread that writes, two that read.

Everything that is to be kept goes through one queue; the writer takes all that waits and commits it at once, so that a burst costs
as little as one reading. When there is no room (a full disk, a card that went away) what is to be kept waits in memory, up to a
bound, and is kept as soon as there is room again. When the file is damaged it is moved aside and a new one begins.

How rows lie in the file is in :mod:`~indevolt.store.sqlite_rows`, how the file is opened in :mod:`~indevolt.store.sqlite_file`.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from indevolt.clock import Clock
from indevolt.errors import InvalidInput, StoreUnavailable
from indevolt.store.contract import Entry, Health, Table, Upkeep
from indevolt.store.entries import Asked, JournalRow, entry_of
from indevolt.store.feed import Feed, by_device, how_far
from indevolt.store.history import Columns
from indevolt.store.layout import Kept, Layouts, checked, milliseconds
from indevolt.store.parcel import Parcel
from indevolt.store.rollup import DAY_MS, LEVELS, Level, kept_days
from indevolt.store.sqlite_book import Addition, Book
from indevolt.store.sqlite_file import Owner, connected, copy_into, is_damage, transaction
from indevolt.store.sqlite_rows import delete_before, fetch, oldest_loose_day, seal_day
from indevolt.store.sqlite_writer import WriterThread
from indevolt.store.store import Plan, Store

AnswerT = TypeVar("AnswerT")

SEALED_AFTER_MS = DAY_MS  # how old a finished day is when it is sealed; before that, late readings are cheap


class SqliteStore(Store):
    """The store."""

    def __init__(
        self,
        path: Path,
        *,
        clock: Clock,
        raw_days: int = 90,
        five_minute_days: int | None = None,
        max_bytes: int | None = None,
        most_waiting: int = 200_000,
        check: bool = True,
    ) -> None:
        """Say how; nothing is touched before :meth:`open`.

        Args:
            path: the file; its folder is made if it is missing.
            clock: dates commits and damaged files.
            raw_days: how long readings are kept, 1 or more.
            five_minute_days: how long five-minute roll-ups are kept, not shorter than readings; None for ever. Hours are for ever.
            max_bytes: the file does not grow beyond that (it counts as a full disk); None for the disk's own bound.
            most_waiting: readings that may wait in memory while there is no room; 200,000 are some 100 MB, and a day of a home.
            check: look through the whole file at the start (a second per gigabyte on an SSD).

        Raises:
            InvalidInput: days out of range.
        """
        super().__init__()
        self.path = path
        self._clock = clock
        self._days = kept_days(raw_days, five_minute_days)
        self._owner = Owner(path)
        self._book = Book(path, clock, self._newest, max_bytes=max_bytes, check=check)
        self._writer = WriterThread(self._book, most_waiting=most_waiting, moved=self._say_moved)
        self._readers: ThreadPoolExecutor | None = None
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._number = 0
        self._suspected: asyncio.Future[None] | None = None  # a check of the file, after a read that failed
        self._saying: asyncio.Future[None] | None = None  # an entry about a file that was moved aside

    @property
    def _layouts(self) -> Layouts:
        return self._book.layouts

    @property
    def moved_aside(self) -> Path | None:
        """Where a damaged file was moved to, at the start or since."""
        return self._book.moved_aside

    def _say_moved(self) -> None:
        if self.moved_aside is not None:
            self._saying = asyncio.ensure_future(self._note_moved(self.moved_aside))

    async def _note_moved(self, moved: Path) -> None:
        text = f"{self.path} was damaged; it is now {moved.name}, and a new history begins"
        await self.journal(self._clock.now(), "store", text, data={"moved_to": str(moved)})

    @property
    def max_bytes(self) -> int | None:
        """How large the file may become; may be changed at any time, and holds from the next commit on."""
        return self._book.max_bytes

    @max_bytes.setter
    def max_bytes(self, size: int | None) -> None:
        self._book.max_bytes = size

    # ---- beginning and end -------------------------------------------------------------------------------------------

    async def open(self, tables: Sequence[Table]) -> None:
        """See :class:`Store`. A damaged file is moved aside (:attr:`moved_aside`), and the journal says so."""
        checked(tables)
        await asyncio.to_thread(self._owner.take)
        try:
            await asyncio.to_thread(self._book.open, tables)
        except BaseException:
            self._owner.release()
            raise
        self._number = self._book.last_number
        self._readers = ThreadPoolExecutor(2, thread_name_prefix="indevolt-history")
        self._writer.start()
        if self.moved_aside is not None:
            await self._note_moved(self.moved_aside)

    async def close(self) -> None:
        """See :class:`Store`. What found no room until now is lost, and :meth:`health` says how much it was."""
        if self._readers is None:
            return
        for each in (self._suspected, self._saying):
            if each is not None:
                with suppress(StoreUnavailable):  # which is what was found out
                    await each
        readers, self._readers = self._readers, None
        await asyncio.to_thread(self._writer.stop)
        await asyncio.to_thread(readers.shutdown)
        for connection in self._connections:
            connection.close()
        self._connections.clear()
        self._local = threading.local()
        await asyncio.to_thread(self._book.close)
        self._owner.release()

    # ---- in ----------------------------------------------------------------------------------------------------------

    async def _keep(self, parcel: Parcel, kept: Sequence[Kept] = (), done: Callable[[], object] | None = None) -> None:
        """See :class:`Store`. Safe means: on the disk, also against a power cut, if the disk keeps its promises."""
        if self._readers is None:
            raise StoreUnavailable(f"history in {self.path} is not open", remedy="Open it first.")
        await asyncio.shield(self._writer.add(Addition(kept, parcel.entries, parcel.state, done)))

    async def _next_number(self) -> int:
        self._number += 1
        return self._number

    # ---- out ---------------------------------------------------------------------------------------------------------

    async def _ask(self, question: Callable[[sqlite3.Connection], AnswerT]) -> AnswerT:
        """Return the answer to a question, asked in a reader's thread and inside one transaction."""
        if self._readers is None:
            raise StoreUnavailable(f"history in {self.path} is not open", remedy="Open it first.")

        def ask() -> AnswerT:
            connection = self._connection()
            connection.execute("BEGIN")
            try:
                return question(connection)
            finally:
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")

        try:
            return await asyncio.get_running_loop().run_in_executor(self._readers, ask)
        except (sqlite3.Error, ValueError) as error:
            if isinstance(error, InvalidInput):
                raise
            if isinstance(error, ValueError) or is_damage(error):
                self._suspected = self._writer.begin(self._book.examine)
            raise StoreUnavailable(f"history in {self.path}: {error}") from error

    def _connection(self) -> sqlite3.Connection:
        """Return this thread's connection to the file of now."""
        generation, connection = getattr(self._local, "connection", (None, None))
        if connection is None or generation != self._book.generation:
            generation = self._book.generation
            connection = connected(self.path, writing=False)
            self._local.connection = (generation, connection)
            self._connections.append(connection)
        return connection

    async def _of_devices(self, device: str | None, plan: Plan, answer: Callable[[Sequence[Columns]], AnswerT]) -> list[AnswerT]:
        layouts = self._layouts

        def question(connection: sqlite3.Connection) -> list[AnswerT]:
            rows = connection.execute(
                'SELECT id, device, "table", rolled FROM feed WHERE :device IS NULL OR device = :device', {"device": device}
            )
            return [
                answer([fetch(connection, feeds[rows.layout.name], rows) for rows in plan(how_far(feeds))])
                for feeds in by_device(rows.fetchall(), layouts, device)
            ]

        return await self._ask(question)

    async def _find_entries(self, asked: Asked) -> list[Entry]:
        order = "DESC" if asked.newest_first else "ASC"

        def question(connection: sqlite3.Connection) -> list[Entry]:
            found = connection.execute(
                "SELECT number, at, kind, device, actor, text, data FROM journal "
                "WHERE number > :after AND number < :before AND at >= :start AND at < :end "
                "AND (:kinds = '[]' OR kind IN (SELECT value FROM json_each(:kinds))) "
                "AND (:device IS NULL OR device = :device) AND (:actor IS NULL OR actor = :actor) "
                f"ORDER BY number {order} LIMIT :limit",
                {
                    "after": asked.after,
                    "before": asked.before_number,
                    "start": asked.start_ms,
                    "end": asked.end_ms,
                    "kinds": json.dumps(asked.kinds),
                    "device": asked.device,
                    "actor": asked.actor,
                    "limit": asked.limit,
                },
            )
            return [entry_of(JournalRow(*row)) for row in found]

        return await self._ask(question)

    async def _find_state(self, key: str) -> str | None:
        def question(connection: sqlite3.Connection) -> str | None:
            row = connection.execute("SELECT value FROM state WHERE key = ?", (key,)).fetchone()
            return None if row is None else str(row[0])

        return await self._ask(question)

    # ---- upkeep ------------------------------------------------------------------------------------------------------

    async def backup(self, path: Path) -> None:
        """See :class:`Store`. The copy is one file, without gaps, and complete once it has its name."""
        part = path.with_name(path.name + ".part")

        def copy() -> None:
            if path.exists():
                raise InvalidInput(f"{path} exists already", remedy="Name a file that does not exist.")
            try:
                copy_into(self.path, part)
                part.rename(path)
            except BaseException:
                with suppress(OSError):  # half a copy would fill the rest of a disk that has no room
                    part.unlink(missing_ok=True)
                raise

        try:
            await asyncio.to_thread(copy)
        except (OSError, sqlite3.Error) as error:
            raise StoreUnavailable(
                f"no backup to {path}: {error}", remedy="Is there room, and may this user write there?"
            ) from error

    async def maintain(self, now: datetime) -> Upkeep:
        """See :class:`Store`. Between the pieces of this work others are served."""
        before_day = (milliseconds(now) - SEALED_AFTER_MS) // DAY_MS
        deleted = sealed = 0
        is_believed = await self._writer.run(partial(self._book.believes, milliseconds(now)))
        for level, days in self._days.items():
            if days is not None:
                deleted += await self._forget(level, max(0, milliseconds(now) // DAY_MS - days), is_believed=is_believed)
        for feed in await self._writer.run(lambda: list(self._book.feeds.values())):
            for level in LEVELS:
                while (count := await self._writer.run(partial(self._seal_one, feed, level, before_day))) is not None:
                    sealed += count if level is Level.RAW else 0
        await self._writer.run(self._book.shrink)
        return Upkeep(rolled_up=self._book.take_rolled_up(), sealed=sealed, deleted=deleted)

    async def _forget(self, level: Level, day: int, *, is_believed: bool) -> int:
        """Delete what is older than a day, once a day, and where the clock is believed."""
        horizon_ms = self._book.horizon_ms.get(level, 0)
        if day * DAY_MS == horizon_ms or (day * DAY_MS > horizon_ms and not is_believed):
            return 0
        await self._writer.run(partial(self._book.note_horizon, level, day * DAY_MS))
        if day * DAY_MS < horizon_ms:
            return 0  # the clock was ahead: what it says now is not too old
        deleted = 0
        for feed in await self._writer.run(lambda: list(self._book.feeds.values())):
            deleted += await self._writer.run(partial(self._delete, feed, level, day))
        return deleted

    def _delete(self, feed: Feed, level: Level, day: int) -> int:
        with transaction(self._book.connection):
            return delete_before(self._book.connection, feed, level, day)

    def _seal_one(self, feed: Feed, level: Level, before_day: int) -> int | None:
        """Seal the oldest day of a feed that it is time for; None when there is none."""
        connection = self._book.connection
        day = oldest_loose_day(connection, feed, level)
        if day is None or day >= before_day:
            return None
        with transaction(connection):
            committed = self._book.roll(feed, (day + 1) * DAY_MS)
            count = seal_day(connection, feed, level, day)
        committed()
        return count

    def health(self) -> Health:
        """See :class:`Store`."""
        size = 0
        for ending in ("", "-wal"):
            with suppress(OSError):
                size += self.path.with_name(self.path.name + ending).stat().st_size
        return {
            "kind": "sqlite",
            "state": self._writer.state,
            "waiting": self._writer.waiting,
            "lost": self._writer.lost + self._book.too_old,
            "dropped": self._dropped,
            "commit_at": self._book.commit_at,
            "size_bytes": size,
        }
