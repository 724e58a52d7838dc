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
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from functools import partial
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
from indevolt.store.layout import Layouts, checked, instant, milliseconds
from indevolt.store.newest import Newest
from indevolt.store.rollup import DAY_MS, LEVELS, Level
from indevolt.store.sqlite_book import Addition, Book
from indevolt.store.sqlite_file import Owner, connected, is_damage, transaction
from indevolt.store.sqlite_rows import Feed, delete_before, fetch, oldest_loose_day, seal_day
from indevolt.store.sqlite_writer import WriterThread

AnswerT = TypeVar("AnswerT")

SEALED_AFTER_MS = DAY_MS  # how old a finished day is when it is sealed; before that, late readings are cheap


class SqliteStore:
    """Satisfies :class:`~indevolt.store.contract.Store`."""

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
        if raw_days < 1 or (five_minute_days is not None and five_minute_days < raw_days):
            raise InvalidInput(
                f"raw_days {raw_days} and five_minute_days {five_minute_days}: readings are kept 1 day or longer, and five-minute "
                "roll-ups at least as long",
                remedy="Raise five_minute_days, or leave it out to keep them for ever.",
            )
        self.path = path
        self._clock = clock
        self._days = {Level.RAW: raw_days, Level.FIVE: five_minute_days}
        self._owner = Owner(path)
        self._newest = Newest()
        self._layouts = Layouts(())
        self._book = Book(path, clock, self._newest, max_bytes=max_bytes, check=check)
        self._writer = WriterThread(self._book, most_waiting=most_waiting, moved=self._say_moved)
        self._readers: ThreadPoolExecutor | None = None
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._entries: dict[int, Entry] = {}  # on their way
        self._state: dict[str, str] = {}  # on its way
        self._number = 0
        self._dropped = 0
        self._suspected: asyncio.Future[None] | None = None  # a check of the file, after a read that failed
        self._saying: asyncio.Future[None] | None = None  # an entry about a file that was moved aside

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
        """See the contract. A damaged file is moved aside (:attr:`moved_aside`), and the journal says so."""
        checked(tables)
        await asyncio.to_thread(self._owner.take)
        try:
            await asyncio.to_thread(self._book.open, tables)
        except BaseException:
            self._owner.release()
            raise
        self._layouts = self._book.layouts
        self._number = self._book.last_number
        self._readers = ThreadPoolExecutor(2, thread_name_prefix="indevolt-history")
        self._writer.start()
        if self.moved_aside is not None:
            await self._note_moved(self.moved_aside)

    async def close(self) -> None:
        """See the contract. What found no room until now is lost, and :meth:`health` says how much it was."""
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

    async def append(self, readings: Sequence[StoredReading]) -> None:
        """See the contract. Safe means: on the disk, also against a power cut, if the disk keeps its promises."""
        kept = [self._layouts.encode(reading) for reading in readings]
        if not kept:
            return
        for each in kept:
            self._newest.note(each)
            self._dropped += each.dropped
        await self._add(Addition(kept=kept))

    async def _add(self, addition: Addition) -> None:
        if self._readers is None:
            raise StoreUnavailable(f"history in {self.path} is not open", remedy="Open it first.")
        await asyncio.shield(self._writer.add(addition))

    async def journal(
        self, at: datetime, kind: str, text: str, *, device: str = "", actor: str = "hub", data: Mapping[str, Any] | None = None
    ) -> Entry:
        """See the contract."""
        self._number += 1
        entry = Entry(self._number, instant(milliseconds(at)), kind, device, actor, text, dict(data or {}))
        row = (entry.number, milliseconds(at), kind, device, actor, text, json.dumps(entry.data, default=str))
        self._entries[entry.number] = entry
        await self._add(Addition(entries=[row], done=lambda: self._entries.pop(entry.number, None)))
        return entry

    async def put(self, key: str, value: str) -> None:
        """See the contract."""
        self._state[key] = value

        def done() -> None:
            if self._state.get(key) == value:
                del self._state[key]

        await self._add(Addition(state=[(key, value)], done=done))

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

    def _feeds(self, connection: sqlite3.Connection, device: str) -> dict[str, Feed]:
        """Return a device's feeds by table, as they are in this transaction."""
        rows = connection.execute('SELECT id, "table", rolled FROM feed WHERE device = ?', (device,))
        layouts = self._layouts.by_table
        return {table: Feed(number, device, layouts[table], rolled) for number, table, rolled in rows if table in layouts}

    @staticmethod
    def _fetched(connection: sqlite3.Connection, feeds: Mapping[str, Feed], wanted: Sequence[Rows]) -> list[Columns]:
        return [fetch(connection, feeds[rows.layout.name], rows) for rows in wanted]

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
        """See the contract. What waits for room is not in it."""
        over = history.span(start, end, step_s, limit)

        def question(connection: sqlite3.Connection) -> Series:
            feeds = self._feeds(connection, device)
            rolled = {table: feed.rolled_ms for table, feed in feeds.items()}
            wanted = history.series_rows(self._layouts, rolled, names, over, aggregate)
            fetched = self._fetched(connection, feeds, wanted)
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

        def question(connection: sqlite3.Connection) -> Energies:
            feeds = self._feeds(connection, device)
            rolled = {table: feed.rolled_ms for table, feed in feeds.items()}
            fetched = self._fetched(connection, feeds, history.energy_rows(self._layouts, rolled, names, edges))
            return history.energies(self._layouts, fetched, names, edges)

        return await self._ask(question)

    async def fleet(self, name: str, start: datetime, end: datetime, *, step_s: float) -> list[tuple[datetime, float | None]]:
        """See the contract."""
        over = history.span(start, end, step_s)

        def question(connection: sqlite3.Connection) -> list[tuple[datetime, float | None]]:
            found = []
            for layout, (place,) in self._layouts.holding([name]):
                alone = Layouts([layout])
                for number, device, rolled in connection.execute(
                    'SELECT id, device, rolled FROM feed WHERE "table" = ?', (layout.name,)
                ).fetchall():
                    feed = Feed(number, device, layout, rolled)
                    wanted = history.series_rows(alone, {layout.name: rolled}, [name], over, Aggregate.MEAN)
                    fetched = self._fetched(connection, {layout.name: feed}, wanted)
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

        def question(connection: sqlite3.Connection) -> list[Entry]:
            found = []
            for number, at, kind, of_device, actor, text, data in connection.execute(
                "SELECT * FROM journal WHERE number > ? AND at >= ? AND at < ? ORDER BY number",
                (after, 0 if start is None else milliseconds(start), 1 << 42 if end is None else milliseconds(end)),
            ):
                entry = Entry(number, instant(at), kind, of_device, actor, text, json.loads(data))
                if asked.fits(entry):
                    found.append(entry)
                    if len(found) == limit:
                        break
            return found

        found = {each.number: each for each in await self._ask(question)}
        found |= {number: each for number, each in self._entries.items() if asked.fits(each)}
        return [found[number] for number in sorted(found)][:limit]

    async def get(self, key: str) -> str | None:
        """See the contract."""
        if key in self._state:
            return self._state[key]

        def question(connection: sqlite3.Connection) -> str | None:
            row = connection.execute("SELECT value FROM state WHERE key = ?", (key,)).fetchone()
            return None if row is None else str(row[0])

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
        """See the contract. The copy is one file, without gaps, and complete once it has its name."""
        part = path.with_name(path.name + ".part")

        def copy() -> None:
            if path.exists():
                raise InvalidInput(f"{path} exists already", remedy="Name a file that does not exist.")
            connection = connected(self.path, writing=False)
            try:
                part.unlink(missing_ok=True)
                connection.execute("PRAGMA query_only = OFF")  # it writes, though not here
                connection.execute("VACUUM INTO ?", (str(part),))
            finally:
                connection.close()
            part.rename(path)

        try:
            await asyncio.to_thread(copy)
        except (OSError, sqlite3.Error) as error:
            raise StoreUnavailable(
                f"no backup to {path}: {error}", remedy="Is there room, and may this user write there?"
            ) from error

    # ---- upkeep ------------------------------------------------------------------------------------------------------

    async def maintain(self, now: datetime) -> Upkeep:
        """See the contract. Between the pieces of this work others are served."""
        before_day = (milliseconds(now) - SEALED_AFTER_MS) // DAY_MS
        deleted = sealed = 0
        for level, days in self._days.items():
            if days is not None:
                deleted += await self._forget(level, milliseconds(now) // DAY_MS - days)
        for feed in await self._writer.run(lambda: list(self._book.feeds.values())):
            for level in LEVELS:
                while (count := await self._writer.run(partial(self._seal_one, feed, level, before_day))) is not None:
                    sealed += count if level is Level.RAW else 0
        await self._writer.run(self._book.shrink)
        return Upkeep(rolled_up=self._book.take_rolled_up(), sealed=sealed, deleted=deleted)

    async def _forget(self, level: Level, day: int) -> int:
        """Delete what is older than a day, once a day."""
        if day * DAY_MS <= self._book.horizon_ms.get(level, 0):
            return 0
        await self._writer.run(partial(self._book.note_horizon, level, day * DAY_MS))
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
        """See the contract."""
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
