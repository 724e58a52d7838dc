"""The file of the embedded store: how it is opened, checked, brought up to date and, when damaged, moved aside. Synchronous.

Nothing that was kept is ever deleted here: a damaged file gets another name, and what is not ours is refused.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from indevolt.errors import IndevoltError, InvalidInput, StoreDamaged, StoreFull, StoreUnavailable

APPLICATION: Final = 0x494E4456  # "INDV" in the file's head, so that nobody else's database is touched
VERSION: Final = 2
MAGIC: Final = b"SQLite format 3\x00"
SUFFIXES: Final = (".db", ".sqlite", ".sqlite3")  # a broken file with another ending may be anything, so it stays where it is
BUSY_S: Final = 10.0  # longer than any commit of ours; another process only ever reads or backs up

_FIRST: Final = """
CREATE TABLE feed (
    id INTEGER PRIMARY KEY, device TEXT NOT NULL, "table" TEXT NOT NULL, rolled INTEGER NOT NULL, newest TEXT NOT NULL,
    UNIQUE (device, "table"));
CREATE TABLE quantity (
    "table" TEXT NOT NULL, number INTEGER NOT NULL, sql TEXT NOT NULL, name TEXT NOT NULL, unit TEXT NOT NULL,
    digits INTEGER NOT NULL, kind TEXT NOT NULL, words TEXT NOT NULL, PRIMARY KEY ("table", number));
CREATE TABLE sealed (key INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE journal (
    number INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, device TEXT NOT NULL, actor TEXT NOT NULL,
    text TEXT NOT NULL, data TEXT NOT NULL);
CREATE INDEX journal_at ON journal (at);
CREATE TABLE state (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
_SHARED: Final = "ALTER TABLE quantity ADD COLUMN bits TEXT NOT NULL DEFAULT '[]'"
_UPDATES: Final = {1: _FIRST, 2: _SHARED}  # version of the schema: what makes it out of the one before

_DAMAGE: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_MAY_PASS: Final = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
}


def primary_code(error: sqlite3.Error) -> int:
    """Return SQLite's result code without what it adds to it; 0 where there is none."""
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF


def is_damage(error: sqlite3.Error) -> bool:
    """Return whether an error means that the file cannot be read as a database."""
    return primary_code(error) in _DAMAGE


def may_pass(error: sqlite3.Error) -> bool:
    """Return whether an error may pass by itself: a full disk, one that went away or became read-only, a file that is in use."""
    return primary_code(error) in _MAY_PASS


def connected(path: Path, *, writing: bool) -> sqlite3.Connection:
    """Return a connection with our settings; it may be closed by another thread than its own."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=BUSY_S, check_same_thread=False, cached_statements=512)
    if writing:
        if not path.stat().st_size:
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # only a new file heeds it
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # a commit survives a power cut, and there is one a second at most
    else:
        connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA cache_size = -8000")
    return connection


def copy_into(path: Path, part: Path) -> None:
    """Write a copy of our file, without its gaps, that is on the disk for good when this returns; what is in its place is replaced.

    Raises:
        InvalidInput: there is no history to copy.
    """
    if not path.exists():  # connecting would make an empty one
        raise InvalidInput(f"there is no history in {path}", remedy="Name the configuration of the hub that keeps it.")
    connection = connected(path, writing=False)
    try:
        if connection.execute("PRAGMA application_id").fetchone() != (APPLICATION,):
            raise InvalidInput(f"{path} is no history of ours", remedy="Name the configuration of the hub that keeps it.")
        part.unlink(missing_ok=True)
        connection.execute("PRAGMA query_only = OFF")  # it writes, though not here
        connection.execute("VACUUM INTO ?", (str(part),))
    finally:
        connection.close()
    with part.open("rb+") as file:  # SQLite leaves that to whoever wants the copy to outlive a power cut
        os.fsync(file.fileno())


class Owner:
    """The right to write: held through an empty file beside the database, and let go of even by kill -9."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + ".owner")
        self._lock: sqlite3.Connection | None = None

    def take(self) -> None:
        """Take it.

        Raises:
            StoreUnavailable: another process has it, or the folder cannot be written to.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = sqlite3.connect(self._path, isolation_level=None, timeout=1.0, check_same_thread=False)
            self._lock.execute("BEGIN EXCLUSIVE")
        except (OSError, sqlite3.Error) as error:
            self.release()
            history = self._path.with_suffix("")
            if "locked" in str(error):
                raise StoreUnavailable(f"history in {history}: another process has it open") from error
            raise unopened(history, error) from error

    def release(self) -> None:
        """Let go; what is released already stays so."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def opened(path: Path, at: datetime, *, check: bool = True) -> tuple[sqlite3.Connection, Path | None]:
    """Open the file for writing, or begin a new one.

    Returns:
        The connection, and where a damaged file was moved to; None when all was well.

    Raises:
        StoreDamaged: the file was not written by us, or by a later version.
        StoreUnavailable: it cannot be opened.
    """
    try:
        if not path.exists() or path.stat().st_size == 0:
            return _prepared(path), None
        with path.open("rb") as file:
            begins_well = file.read(len(MAGIC)) == MAGIC
        if not begins_well and path.suffix not in SUFFIXES:
            raise StoreDamaged(f"{path} is no database of ours")
        if begins_well:
            try:
                return _checked(path, check=check), None
            except sqlite3.DatabaseError as error:
                if not is_damage(error):
                    raise
        moved = move_aside(path, at)
        return _prepared(path), moved
    except (OSError, sqlite3.Error) as error:
        raise unopened(path, error) from error


def unopened(path: Path, error: OSError | sqlite3.Error) -> StoreUnavailable:
    """Return the family's error for a file that cannot be opened."""
    is_full = error.errno == errno.ENOSPC if isinstance(error, OSError) else primary_code(error) == sqlite3.SQLITE_FULL
    return StoreUnavailable(f"history in {path}: {error}", remedy=StoreFull.default_remedy if is_full else None)


def _checked(path: Path, *, check: bool) -> sqlite3.Connection:
    """Open a file that exists; a damaged one is a DatabaseError of that kind."""
    connection = connected(path, writing=True)
    try:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (count,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if application != APPLICATION and count:
            raise StoreDamaged(f"{path} is a database of something else")
        if check:
            raise_if_damaged(connection)
        _update(connection, path)
    except (sqlite3.Error, IndevoltError):
        connection.close()
        raise
    return connection


def raise_if_damaged(connection: sqlite3.Connection) -> None:
    """Look through the whole file.

    Raises:
        sqlite3.DatabaseError: it is damaged.
    """
    found = [row[0] for row in connection.execute("PRAGMA quick_check(1)")]
    if found != ["ok"]:
        damage = sqlite3.DatabaseError(f"quick_check found damage: {found[0]}")
        damage.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise damage


def _prepared(path: Path) -> sqlite3.Connection:
    """Begin a new file."""
    connection = connected(path, writing=True)
    _update(connection, path)
    return connection


def _update(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the schema up to date, in one transaction."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise StoreDamaged(f"{path} was written by a later version of indevolt", remedy="Use that version, or name another file.")
    if version == VERSION:
        return
    with transaction(connection):
        for step in range(version + 1, VERSION + 1):
            for statement in _UPDATES[step].split(";"):
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {VERSION}")


def move_aside(path: Path, at: datetime) -> Path:
    """Give a damaged file, and what SQLite keeps beside it, a name with the date."""
    moved = path.with_name(f"{path.name}.damaged-{at:%Y%m%dT%H%M%SZ}")
    number = 1
    while moved.exists():
        number += 1
        moved = path.with_name(f"{path.name}.damaged-{at:%Y%m%dT%H%M%SZ}-{number}")
    for ending in ("-wal", "-shm", ""):
        beside = path.with_name(path.name + ending)
        if beside.exists():
            beside.rename(moved.with_name(moved.name + ending))
    return moved


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Begin a block of which all is kept, or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # some errors have undone it already
            connection.execute("ROLLBACK")
        raise
