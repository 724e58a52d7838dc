"""What waits for a server that is away: a small file, written before anything is acknowledged, emptied in the order it was filled.

It is an SQLite file, because that survives kill -9 and power cuts. What is in it are readings as they came, not as the server keeps
them, so that it can be written while nobody knows what the server's columns are. Synchronous.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from indevolt.errors import StoreFull, StoreUnavailable
from indevolt.store.parcel import Parcel
from indevolt.store.sqlite_file import Owner, connected, is_damage, move_aside, raise_if_damaged, transaction


class Spool:
    """The file. ``waiting`` is how much is in it; ``number`` the highest one that the journal has given out."""

    def __init__(self, path: Path, *, max_bytes: int) -> None:
        self.path = path
        self.waiting = 0
        self.number = 0
        self.moved_aside: Path | None = None
        self._max_bytes = max_bytes
        self._owner = Owner(path)
        self._connection: sqlite3.Connection | None = None

    def open(self, now: datetime) -> None:
        """Open it, or begin it; a damaged one is moved aside.

        Raises:
            StoreUnavailable: another process has it, or it cannot be opened.
        """
        self._owner.take()
        try:
            try:
                self._begin()
            except sqlite3.DatabaseError as error:
                self._disconnect()
                if not is_damage(error):
                    raise
                self.moved_aside = move_aside(self.path, now)
                self._begin()
        except (OSError, sqlite3.Error) as error:
            self.close()
            raise StoreUnavailable(f"spool {self.path}: {error}") from error

    def _begin(self) -> None:
        connection = self._connection = connected(self.path, writing=True)
        raise_if_damaged(connection)
        (page,) = connection.execute("PRAGMA page_size").fetchone()
        connection.execute(f"PRAGMA max_page_count = {max(16, self._max_bytes // page)}")
        with transaction(connection):
            connection.execute("CREATE TABLE IF NOT EXISTS parcel (id INTEGER PRIMARY KEY, count INTEGER, body BLOB)")
            connection.execute("CREATE TABLE IF NOT EXISTS journal (number INTEGER)")
        (self.waiting,) = connection.execute("SELECT coalesce(sum(count), 0) FROM parcel").fetchone()
        (self.number,) = connection.execute("SELECT coalesce(max(number), 0) FROM journal").fetchone()

    def close(self) -> None:
        """Let go of it; what waits stays."""
        self._disconnect()
        self._owner.release()

    def _disconnect(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def _open_connection(self) -> sqlite3.Connection:
        if self._connection is None:
            raise StoreUnavailable(f"spool {self.path} is not open", remedy="Open the store first.")
        return self._connection

    def add(self, parcels: Sequence[Parcel]) -> None:
        """Keep parcels until :meth:`remove`, in one commit.

        Raises:
            StoreFull: there is no room for them; none is kept.
        """
        connection = self._open_connection()
        try:
            with transaction(connection):
                connection.executemany(
                    "INSERT INTO parcel (count, body) VALUES (?, ?)", [(len(each), each.encode()) for each in parcels]
                )
        except sqlite3.Error as error:
            raise StoreFull(f"spool {self.path}: {error}") from error
        self.waiting += sum(map(len, parcels))

    def first(self, after: int, most: int) -> list[tuple[int, int, bytes]]:
        """Return the oldest parcels behind a number, up to so many readings, one at least: number, readings, the parcel encoded."""
        found: list[tuple[int, int, bytes]] = []
        total = 0
        query = "SELECT id, count, body FROM parcel WHERE id > ? ORDER BY id"
        for number, count, body in self._open_connection().execute(query, (after,)):
            total += count
            if found and total > most:
                break
            found.append((number, count, body))
        return found

    def state(self) -> dict[str, str]:
        """Return the small pieces of state that wait, the newest of each: they are handed over one by one."""
        found: dict[str, str] = {}
        for (body,) in self._open_connection().execute("SELECT body FROM parcel WHERE count = 1 ORDER BY id"):
            with suppress(ValueError):  # one that cannot be read is counted when it is its turn
                found |= dict(Parcel.decode(body).state)
        return found

    def remove(self, upto: int) -> None:
        """Forget the parcels up to a number: they are where they belong."""
        connection = self._open_connection()
        with transaction(connection):
            removed = connection.execute("DELETE FROM parcel WHERE id <= ? RETURNING count", (upto,)).fetchall()
        self.waiting -= sum(count for (count,) in removed)  # to count all that is left would take longer with every parcel
        if not self.waiting:
            connection.executescript("PRAGMA incremental_vacuum")

    def next_number(self, least: int = 0) -> int:
        """Return a number for the journal that was never given out, above ``least``."""
        number = max(self.number, least) + 1
        connection = self._open_connection()
        try:
            with transaction(connection):
                connection.execute("DELETE FROM journal")
                connection.execute("INSERT INTO journal VALUES (?)", (number,))
        except sqlite3.Error as error:
            raise StoreFull(f"spool {self.path}: {error}") from error
        self.number = number
        return number
