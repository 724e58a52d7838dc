"""The file of the embedded store, open for writing, and what has to be known to write: for the one thread that does."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from indevolt.clock import Clock
from indevolt.errors import StoreUnavailable
from indevolt.store.ageing import SteadyClock
from indevolt.store.contract import Table
from indevolt.store.entries import JournalRow
from indevolt.store.feed import Feed
from indevolt.store.layout import Kept, Layout, Layouts
from indevolt.store.newest import Newest
from indevolt.store.rollup import Level
from indevolt.store.sqlite_file import is_damage, move_aside, opened, raise_if_damaged, transaction, unopened
from indevolt.store.sqlite_rows import Writer, fetch
from indevolt.store.sqlite_tables import prepare_tables

SPARE_PAGES: Final = 2000  # free pages that stay in the file at most: 8 MB, about a day of a few devices before it is sealed
_HORIZON: Final = "store.horizon."
_CLOCK: Final = "store.clock"


@dataclass(slots=True, eq=False)
class Addition:
    """What is to be kept together; ``done`` is called in the event loop when it is kept."""

    kept: Sequence[Kept] = ()
    entries: Sequence[JournalRow] = ()
    state: Sequence[tuple[str, str]] = ()
    done: Callable[[], object] | None = None
    accepted: asyncio.Future[None] | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.kept) + len(self.entries) + len(self.state)


class Book:
    """The file, open for writing, and what has to be known about it to write."""

    def __init__(self, path: Path, clock: Clock, newest: Newest, *, max_bytes: int | None, check: bool) -> None:
        self.layouts = Layouts(())
        self.feeds: dict[tuple[str, str], Feed] = {}
        self.horizon_ms: dict[Level, int] = {}
        self.last_number = 0
        self.generation = 0
        self.moved_aside: Path | None = None
        self.commit_at = ""
        self.too_old = 0
        self._steady = SteadyClock()
        self.max_bytes = max_bytes
        self._bytes: int | None = None
        self._path = path
        self._clock = clock
        self._newest = newest
        self._check = check
        self._tables: Sequence[Table] = ()
        self._rows = Writer(newest)
        self._rolled_up = 0
        self._connection: sqlite3.Connection | None = None

    @property
    def connection(self) -> sqlite3.Connection:
        """The open connection."""
        if self._connection is None:
            raise StoreUnavailable(f"history in {self._path} is not open", remedy="Open it first.")
        return self._connection

    def open(self, tables: Sequence[Table]) -> None:
        """Open the file, moving a damaged one aside, and read what has to be known."""
        self._tables = tables
        self._connection, self.moved_aside = opened(self._path, self._clock.now(), check=self._check)
        try:
            self._read()
        except sqlite3.Error as error:
            self.close()
            if not is_damage(error):
                raise unopened(self._path, error) from error
            self.moved_aside = move_aside(self._path, self._clock.now())
            self._connection, _ = opened(self._path, self._clock.now(), check=False)
            self._read()
        self.generation += 1

    def _read(self) -> None:
        connection = self.connection
        self.layouts = prepare_tables(connection, self._tables)
        self._rows = Writer(self._newest)
        self.feeds = {}
        for number, device, table, rolled, newest in connection.execute("SELECT * FROM feed").fetchall():
            layout = self.layouts.by_table.get(table)
            if layout is not None:
                feed = self.feeds[device, table] = Feed(number, device, layout, rolled)
                self._remember(feed, newest)
        (number,) = connection.execute("SELECT max(number) FROM journal").fetchone()
        self.last_number = max(self.last_number, number or 0)
        for key, value in connection.execute("SELECT key, value FROM state WHERE key LIKE ?", (_HORIZON + "%",)):
            self.horizon_ms[Level[key.removeprefix(_HORIZON)]] = int(value)
        for (value,) in connection.execute("SELECT value FROM state WHERE key = ?", (_CLOCK,)):
            self._steady = SteadyClock.load(value)

    def _remember(self, feed: Feed, newest: str) -> None:
        """Take up the last values of a feed: as they were at the last roll-up, and what came after."""
        head = self._newest.head(feed.device, feed.layout)
        if head.numbers():
            return  # the file is new, but we are not
        head.load(newest)
        head.follow(fetch(self.connection, feed, head.wanted(feed.rolled_ms)))

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._connection.close()
            self._connection = None

    def begin_anew(self) -> None:
        """Move the file aside because it is damaged, and begin a new one."""
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None
        self.moved_aside = move_aside(self._path, self._clock.now())
        self._open_again()

    def _open_again(self) -> None:
        """Open the file after it was moved aside; when that failed, this is tried again with each addition."""
        self._connection, _ = opened(self._path, self._clock.now(), check=False)
        self._bytes = None
        try:
            self._read()
        except BaseException:
            self.close()  # a file without our tables takes nothing
            raise
        self.generation += 1

    # ---- writing -----------------------------------------------------------------------------------------------------

    def keep(self, additions: Sequence[Addition]) -> None:
        """Keep additions in one commit: all of them, or none."""
        if self._connection is None:
            self._open_again()
        self._bound()
        connection = self.connection
        new: dict[tuple[str, str], Feed] = {}
        try:
            with transaction(connection):
                kept, further = self._keep(connection, additions, new)
        except BaseException:
            self._rows.forget()
            raise
        self.feeds.update(new)
        for feed, rolled_ms in further.values():
            self._rolled_up += (rolled_ms - feed.rolled_ms) // Level.FIVE.span_ms if feed.rolled_ms else 1
            feed.rolled_ms = rolled_ms
        self.too_old += sum(len(addition.kept) for addition in additions) - len(kept)
        if any(addition.kept for addition in additions):
            self.commit_at = self._clock.now().isoformat()

    def _keep(
        self, connection: sqlite3.Connection, additions: Sequence[Addition], new: dict[tuple[str, str], Feed]
    ) -> tuple[list[tuple[Feed, Kept]], dict[int, tuple[Feed, int]]]:
        """Write additions, inside a transaction."""
        horizon_ms = self.horizon_ms.get(Level.RAW, 0)
        kept = [
            (self._feed(each.device, each.shape.layout, new), each)
            for addition in additions
            for each in addition.kept
            if each.at_ms >= horizon_ms
        ]
        further = self._rows.write(connection, kept)
        for addition in additions:
            connection.executemany("INSERT OR IGNORE INTO journal VALUES (?, ?, ?, ?, ?, ?, ?)", addition.entries)
            connection.executemany("INSERT OR REPLACE INTO state VALUES (?, ?)", addition.state)
        return kept, further

    def _bound(self) -> None:
        """Heed the bound of the file's size."""
        if self.max_bytes != self._bytes:
            (page,) = self.connection.execute("PRAGMA page_size").fetchone()
            pages = (1 << 32) - 2 if self.max_bytes is None else max(1, self.max_bytes // page)
            self.connection.execute(f"PRAGMA max_page_count = {pages}")
            self._bytes = self.max_bytes

    def _feed(self, device: str, layout: Layout, new: dict[tuple[str, str], Feed]) -> Feed:
        known = self.feeds.get((device, layout.name)) or new.get((device, layout.name))
        if known is None:
            cursor = self.connection.execute(
                "INSERT INTO feed (device, \"table\", rolled, newest) VALUES (?, ?, 0, '{}')", (device, layout.name)
            )
            known = new[device, layout.name] = Feed(int(cursor.lastrowid or 0), device, layout, 0)
        return known

    def roll(self, feed: Feed, upto_ms: int) -> Callable[[], None]:
        """Roll a feed up to a time, inside a transaction; what is returned is to be called once it is committed."""
        if upto_ms <= feed.rolled_ms:
            return lambda: None
        self._rows.roll(self.connection, feed, upto_ms)

        def done() -> None:
            feed.rolled_ms = upto_ms

        return done

    def believes(self, now_ms: int) -> bool:
        """Return whether what the clock says may be deleted by."""
        is_believed = self._steady.look(now_ms)
        if self._steady.is_due:
            with transaction(self.connection):
                self.connection.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (_CLOCK, self._steady.save()))
        return is_believed

    def note_horizon(self, level: Level, horizon_ms: int) -> None:
        """Remember before which time nothing is kept any more."""
        with transaction(self.connection):
            self.connection.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (_HORIZON + level.name, str(horizon_ms)))
        self.horizon_ms[level] = horizon_ms

    def shrink(self) -> None:
        """Give free pages back to the disk, but for those that the next day needs anyway."""
        (free,) = self.connection.execute("PRAGMA freelist_count").fetchone()
        (pages,) = self.connection.execute("PRAGMA page_count").fetchone()
        spare = min(pages // 20, SPARE_PAGES)
        if free > spare:
            self.connection.executescript(f"PRAGMA incremental_vacuum({free - spare})")  # execute() would stop after one page
        self.connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def examine(self) -> None:
        """Look for damage.

        Raises:
            sqlite3.DatabaseError: there is some.
        """
        raise_if_damaged(self.connection)

    def take_rolled_up(self) -> int:
        """Return how many five-minute spans were rolled up since this was asked last."""
        count, self._rolled_up = self._rolled_up, 0
        return count
