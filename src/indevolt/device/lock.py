"""One writer per device, across processes: a lock that dies with its holder, a heartbeat, and a record of what was before.

Three files per device in one folder, named by the serial number:

``.lock``    locked by the holder while it lives; the system lets go of it when the process dies, whatever kills it. Its time of
             modification is the heartbeat. Who takes over from a holder that hangs puts a new file in its place, so that the old
             holder sees that its own is gone before it writes again.
``.json``    the record: who holds it, what was set before, what was written since. Replaced as a whole.
``.jsonl``   the journal: who wrote what, why, and what came of it. Only ever appended to.

When a lease is taken, what it writes and how it ends is in ``lease``.
"""

from __future__ import annotations

import os
import re
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, time
from pathlib import Path
from typing import Any, Final

import orjson

from indevolt.battery import Value
from indevolt.control.ledger import Ledger, Snapshot
from indevolt.errors import InvalidInput, LeaseHeld

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


BEAT_S: Final = 5.0
"""Between two heartbeats."""
LONGEST_JOURNAL: Final = 10_000_000
"""Bytes; then a new one is begun, and the one before kept: weeks of a loop that adjusts 400 times an hour."""
STALE_S: Final = 15.0
"""A holder without a heartbeat for so long hangs (control.md, section 1.9); above two beats and a slow disk."""


def lease_folder() -> Path:
    """Return where leases of this user are kept: ``$INDEVOLT_LEASES``, or a folder that outlives a restart of the machine."""
    if given := os.environ.get("INDEVOLT_LEASES"):
        return Path(given)
    if state := os.environ.get("STATE_DIRECTORY", "").partition(":")[0]:
        return Path(state) / "leases"
    match sys.platform:
        case "win32":
            home = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
        case "darwin":
            home = Path.home() / "Library" / "Application Support"
        case _:
            home = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    return home / "indevolt" / "leases"


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lease."""

    actor: str
    pid: int
    host: str
    since: datetime

    def __str__(self) -> str:
        return f"{self.actor} (process {self.pid} on {self.host}, since {self.since:%Y-%m-%d %H:%M:%S} UTC)"

    @classmethod
    def here(cls, actor: str, since: datetime) -> Holder:
        """Return this process as a holder."""
        return cls(actor, os.getpid(), socket.gethostname(), since)


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of a lease on disk. There is something to restore as long as there is a snapshot."""

    serial: str
    address: str = ""
    holder: Holder | None = None
    until: datetime | None = None
    reason: str = ""
    snapshot: Snapshot | None = None
    wrote: Mapping[str, Value] = field(default_factory=dict)
    ledger: Ledger = field(default_factory=Ledger)

    def text(self) -> bytes:
        """Return it as it is kept."""
        return orjson.dumps(
            {
                "serial": self.serial,
                "address": self.address,
                "holder": self.holder,
                "until": self.until,
                "reason": self.reason,
                "snapshot": self.snapshot and {"at": self.snapshot.at, "settings": _spelled(self.snapshot.settings)},
                "wrote": _spelled(self.wrote),
                "writes": {name: [round(at_s, 3) for at_s in times] for name, times in self.ledger.writes.items()},
                "facing": self.ledger.facing,
            },
            option=orjson.OPT_INDENT_2,
        )

    @classmethod
    def of_text(cls, text: bytes) -> Record:
        """Return what was kept.

        Raises:
            InvalidInput: it is none of ours.
        """
        try:
            kept: dict[str, Any] = orjson.loads(text)
            holder, snapshot, until = kept["holder"], kept["snapshot"], kept["until"]
            return cls(
                kept["serial"],
                kept["address"],
                holder and Holder(holder["actor"], holder["pid"], holder["host"], datetime.fromisoformat(holder["since"])),
                until and datetime.fromisoformat(until),
                kept["reason"],
                snapshot and Snapshot(datetime.fromisoformat(snapshot["at"]), _values(snapshot["settings"])),
                _values(kept["wrote"]),
                Ledger({name: tuple(times) for name, times in kept["writes"].items()}, str(kept.get("facing", ""))),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InvalidInput(f"what is kept is no record of a lease: {error!r:.100}") from error


_TIMES: Final[Mapping[str, type[time | datetime]]] = {"time": time, "datetime": datetime}
"""What JSON has no kind for; it is kept with its kind, or it would come back as a text that no device shows."""


def _spelled(values: Mapping[str, Value]) -> dict[str, Any]:
    return {
        name: {type(value).__name__: value.isoformat()} if isinstance(value, time | datetime) else value
        for name, value in values.items()
    }


def _values(kept: Mapping[str, Any]) -> dict[str, Value]:
    return {name: _value(value) for name, value in kept.items()}


def _value(kept: Any) -> Value:  # noqa: ANN401 - whatever JSON holds
    if not isinstance(kept, dict):
        value: Value = kept
        return value
    ((kind, text),) = kept.items()
    return _TIMES[kind].fromisoformat(text)


class LeaseFile:
    """The three files of one device.

    Args:
        folder: where leases are kept.
        serial: of the device; or its address, while that is unknown.
    """

    def __init__(self, folder: Path, serial: str) -> None:
        name = re.sub(r"[^A-Za-z0-9._-]", "_", serial) or "_"
        self.serial = serial
        self.folder = folder
        self.lock_path = folder / f"{name}.lock"
        self.record_path = folder / f"{name}.json"
        self.journal_path = folder / f"{name}.jsonl"
        self._descriptor: int | None = None

    # ---- the lock ------------------------------------------------------------------------------------------------------------

    @property
    def held(self) -> bool:
        """Whether this object holds the lock, and nobody has taken it over."""
        if self._descriptor is None:
            return False
        with suppress(OSError):
            ours, there = os.fstat(self._descriptor), self.lock_path.stat()
            return (ours.st_ino, ours.st_dev) == (there.st_ino, there.st_dev)
        return False

    def acquire(self, at: datetime) -> None:
        """Take the lock; whoever held it and died has let go of it.

        Raises:
            LeaseHeld: somebody holds it; names who.
            InvalidInput: the folder cannot be used.
        """
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            while True:
                descriptor = os.open(self.lock_path, os.O_RDWR | os.O_CREAT, 0o600)
                try:
                    _lock(descriptor)
                except OSError:
                    os.close(descriptor)
                    raise LeaseHeld(f"{self.serial} is held by {self._holder_told()}") from None
                self._descriptor = descriptor
                if self.held:
                    break
                self.release()  # it was taken over just before we got the old one
        except LeaseHeld:
            raise
        except OSError as error:
            remedy = "Name a folder that this user may write to in INDEVOLT_LEASES."
            raise InvalidInput(f"leases cannot be kept in {self.folder}: {error.strerror or error}", remedy=remedy) from error
        self.beat(at)

    def take_over(self, last_beat: int, at: datetime) -> bool:
        """Take the lock from a holder that lives but hangs; False if it has moved, or another one is at it.

        Args:
            last_beat: the heartbeat that has not changed for too long.
            at: the time now.
        """
        with self._alone() as alone:
            if not alone or self.last_beat() != last_beat:
                return False
            fresh = self.lock_path.with_suffix(".taking")
            fresh.unlink(missing_ok=True)
            descriptor = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            _lock(descriptor)
            fresh.replace(self.lock_path)
            self._descriptor = descriptor
        self.beat(at)
        return True

    def release(self) -> None:
        """Let go."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def beat(self, at: datetime) -> None:
        """Show that the holder lives. Whoever took the lock over has another file, and is not disturbed.

        A disk that cannot be written to any more does not keep the holder from looking after the device; others take over then.
        """
        if self._descriptor is None:
            return
        beat = int(at.timestamp() * 1e9)
        with suppress(OSError):
            if beat == os.fstat(self._descriptor).st_mtime_ns:
                beat += 1000
            os.utime(self._descriptor if os.utime in os.supports_fd else self.lock_path, ns=(beat, beat))

    def last_beat(self) -> int | None:
        """Return the last heartbeat, which only means something compared with another one; None without a lock file."""
        with suppress(OSError):
            return self.lock_path.stat().st_mtime_ns
        return None

    def locked(self) -> bool:
        """Return whether some process holds the lock now."""
        if self.held:
            return True
        try:
            descriptor = os.open(self.lock_path, os.O_RDWR)
        except OSError:
            return False
        try:
            _lock(descriptor)
        except OSError:
            return True
        finally:
            os.close(descriptor)
        return False

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        """Keep others from taking over at the same time."""
        descriptor = os.open(self.lock_path.with_suffix(".takeover"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _lock(descriptor)
        except OSError:
            yield False
        else:
            yield True
        finally:
            os.close(descriptor)

    def _holder_told(self) -> str:
        with suppress(InvalidInput):
            record = self.load()
            if record.holder is not None:
                return str(record.holder)
        return "another program"

    # ---- the record and the journal ------------------------------------------------------------------------------------------

    def load(self) -> Record:
        """Return the record; an empty one where there is none.

        Raises:
            InvalidInput: it cannot be read.
        """
        try:
            return Record.of_text(self.record_path.read_bytes())
        except FileNotFoundError:
            return Record(self.serial)
        except OSError as error:
            raise InvalidInput(f"{self.record_path} cannot be read: {error.strerror or error}") from error
        except InvalidInput as error:
            remedy = "What was set before is not known: check mode and settings of the device in the app, then remove the file."
            raise InvalidInput(f"{self.record_path}: {error}", remedy=remedy) from error

    def save(self, record: Record, *, surely: bool = True) -> None:
        """Keep a record; ``surely``: also if the power fails right after this, where else the one before would be back.

        Raises:
            InvalidInput: it cannot be kept.
        """
        fresh = self.record_path.with_suffix(f".{os.getpid()}.new")
        try:
            with fresh.open("wb") as file:
                file.write(record.text())
                file.flush()
                os.fsync(file.fileno())  # or a loss of power could leave an empty file where what was before had been surely kept
            fresh.replace(self.record_path)
            if surely:
                _sync_folder(self.folder)
        except OSError as error:
            raise InvalidInput(f"{self.record_path} cannot be written: {error.strerror or error}") from error

    def note(self, at: datetime, step: str, **facts: Any) -> None:  # noqa: ANN401 - facts of any sort that JSON can carry
        """Append a line to the journal.

        Raises:
            InvalidInput: it cannot be written.
        """
        if self.journal_size() > LONGEST_JOURNAL:
            with suppress(OSError):
                self.journal_path.replace(self.journal_path.with_suffix(".jsonl.1"))
        line = orjson.dumps({"at": at, "device": self.serial, "step": step, **facts}, default=str) + b"\n"
        try:
            descriptor = os.open(self.journal_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                os.write(descriptor, line)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise InvalidInput(f"{self.journal_path} cannot be written: {error.strerror or error}") from error

    def notes(self, offset: int = 0) -> list[dict[str, Any]]:
        """Return the journal from an offset in bytes on; what is no line of one, as after a loss of power, is left out."""
        try:
            lines = self.journal_path.read_bytes()[offset:].splitlines()
        except FileNotFoundError:
            return []
        found = []
        for line in lines:
            with suppress(orjson.JSONDecodeError):
                if isinstance(noted := orjson.loads(line), dict) and "step" in noted:
                    found.append(noted)
        return found

    def journal_size(self) -> int:
        """Return how long the journal is, in bytes."""
        with suppress(FileNotFoundError):
            return self.journal_path.stat().st_size
        return 0


def leases_in(folder: Path) -> Iterator[LeaseFile]:
    """Yield the leases that a folder knows."""
    for path in sorted(folder.glob("*.json")):
        with suppress(InvalidInput, OSError):
            yield LeaseFile(folder, Record.of_text(path.read_bytes()).serial)


def emptied(record: Record) -> Record:
    """Return a record that nobody holds; how often was written is kept."""
    return replace(record, holder=None, until=None, reason="", snapshot=None, wrote={})


def _sync_folder(folder: Path) -> None:
    if sys.platform == "win32":
        return  # folders cannot be opened there
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
