"""What a store is: the tables, the readings and the journal that go in, and what comes out again.

Every back end answers to :class:`Store` and to one suite of tests (``tests/stores``). Here are only words and rules; how they are
kept is in one module per back end. A store knows quantities by name: what they mean is the catalogue's business, when they are read
the hub's.

Numbers are kept as ``round(value * 10**digits)``, so nothing finer than a column's digits comes back. Words and switches are kept
as their index. What is not known is kept as nothing, and comes back as None: never as 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO, Literal, Protocol, TypeAlias
from zoneinfo import ZoneInfo

from indevolt.battery import Value

Stored: TypeAlias = float | str | bool
"""What comes back: a number in its unit, a word, a switch."""

Period: TypeAlias = Literal["hour", "day", "week", "month"]
"""Calendar spans that energies are summed over, in the time zone of the house; a week begins on Monday."""


class ColumnKind(StrEnum):
    """What a column holds, and so what an average of it means."""

    GAUGE = "gauge"  # goes up and down: the mean says something
    COUNTER = "counter"  # only grows: the last value says something, and its growth is an energy
    WORD = "word"  # one of a list of words
    SWITCH = "switch"  # on or off


@dataclass(frozen=True, slots=True)
class Column:
    """One quantity as it is kept.

    ``digits`` are those behind the decimal point that are kept (0 to 6; negative ones are allowed and keep tens). ``words`` may get
    longer at its end from one version to the next, and must not be reordered.
    """

    name: str
    unit: str
    digits: int
    kind: ColumnKind
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """Quantities that are read together and so share one row per reading, for example ``gen2_power``.

    Names are made of small letters, digits and underscores. Columns may be added at any start; one that is no longer named keeps
    what it has, unseen.
    """

    name: str
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class StoredReading:
    """What one device said at one instant, of one table; only live values. What is missing is unknown.

    ``at`` is aware; milliseconds are kept. Device, table and millisecond together are unique: a second reading with the same three
    is ignored, so that a re-sent one does no harm.
    """

    device: str
    table: str
    at: datetime
    values: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Series:
    """History of some quantities of one device, on one axis of time.

    Without a step, ``times`` are those of the readings. With one, they are the starts of steps, from the one that holds the start
    to the last one before the end; each step counts whole, and one without a value is None.
    """

    device: str
    names: tuple[str, ...]
    step_s: float | None
    times: Sequence[datetime]
    columns: Mapping[str, Sequence[Stored | None]]


class Aggregate(StrEnum):
    """What stands for a step that has several values.

    Words and switches know only LAST, whatever is asked; of counters MEAN is LAST.
    """

    MEAN = "mean"
    MIN = "min"
    MAX = "max"
    LAST = "last"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the journal, which is only ever appended to. ``number`` rises by one with each."""

    number: int
    at: datetime
    kind: str
    device: str  # empty: about the hub itself
    actor: str
    text: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What a round of :meth:`Store.maintain` did."""

    rolled_up: int = 0  # 5-minute and hourly rows written
    sealed: int = 0  # readings moved into sealed days
    deleted: int = 0  # readings and roll-ups that were past their time


Last: TypeAlias = Mapping[str, Mapping[str, tuple[datetime, Stored]]]
"""Device, then quantity: when it last had a value, and which."""

Energies: TypeAlias = list[tuple[datetime, dict[str, float | None]]]
"""Start of each period (aware, in the house's zone), and by how much each counter grew in it; None where nothing was read."""

Health: TypeAlias = Mapping[str, int | float | str]
"""How a store is. Always has ``state`` ("ok", or "degraded: " and why), ``waiting`` (rows not yet kept), ``lost`` (rows given up
since the start), ``dropped`` (values that no column can hold), ``commit_at`` (of the last commit, ISO 8601, or empty),
``size_bytes`` and ``kind``."""


class Store(Protocol):
    """What every back end can do.

    All methods may be awaited from one event loop, at the same time; heavy work happens in a thread of the store or on its server.
    Devices and quantities that the store has never heard of are no error: they have no history.
    """

    async def open(self, tables: Sequence[Table]) -> None:
        """Make ready, adding tables and columns that are new.

        Raises:
            StoreUnavailable: it cannot be reached or opened now.
            StoreDamaged: what is there was not written by us, or by a later version.
            InvalidInput: a table with a name or column that cannot be kept.
        """
        ...

    async def close(self) -> None:
        """Write what waits and let go. Closing twice is no error."""
        ...

    async def append(self, readings: Sequence[StoredReading]) -> None:
        """Keep readings, in one commit; return when they are as safe as this back end makes them.

        While the disk is full or the server away, they wait (see :meth:`health`), and this returns without an error.

        Raises:
            InvalidInput: a table or quantity that :meth:`open` was not told of; nothing was kept.
            StoreFull: what waits has reached its bound; these readings were not kept.
        """
        ...

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
        """Return history from ``start`` up to, and without, ``end``.

        Args:
            device: the name it was appended with.
            names: quantities; those of several tables share the times of all of them.
            start: aware.
            end: aware.
            step_s: None for the readings as they are; else whole seconds, 1 or more; steps begin at multiples of it since 1970.
            aggregate: what stands for a step.
            limit: at most so many times, the first ones; None for all.

        Raises:
            InvalidInput: a step below 1 s, or more than a million steps.
        """
        ...

    async def last(self, device: str | None = None) -> Last:
        """Return the last known value of each quantity, of one device or of all, from memory."""
        ...

    async def energies(
        self, device: str, names: Sequence[str], start: datetime, end: datetime, *, period: Period, zone: ZoneInfo
    ) -> Energies:
        """Return by how much counters grew in each calendar period, from the one that holds ``start`` up to ``end``.

        The growth is from the last value before a period to the last one in it; where there is none in the month before the
        first period, from the first one seen. The counters must only grow, which the hub sees to.
        """
        ...

    async def fleet(self, name: str, start: datetime, end: datetime, *, step_s: float) -> list[tuple[datetime, float | None]]:
        """Return the sum over all devices of the mean of a quantity, per step; None where no device has a value."""
        ...

    async def journal(
        self, at: datetime, kind: str, text: str, *, device: str = "", actor: str = "hub", data: Mapping[str, Any] | None = None
    ) -> Entry:
        """Append to the journal and return the entry with its number; safe when this returns."""
        ...

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
        """Return entries with a number above ``after``, oldest first; ``kinds`` empty means all."""
        ...

    async def get(self, key: str) -> str | None:
        """Return a small piece of state, or None."""
        ...

    async def put(self, key: str, value: str) -> None:
        """Keep a small piece of state: an offset of a counter, an identity, a hashed token. Safe when this returns."""
        ...

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
        """Write history into an open binary file and return the number of rows.

        Raises:
            InvalidInput: Parquet, without pyarrow installed.
        """
        ...

    async def backup(self, path: Path) -> None:
        """Write a copy that can be opened in place of the original, while all goes on.

        Raises:
            InvalidInput: this back end has its own tools for that, which the message names; or the file exists.
        """
        ...

    async def maintain(self, now: datetime) -> Upkeep:
        """Roll up, seal and delete what it is time for; to be called now and then (every few minutes)."""
        ...

    def health(self) -> Health:
        """Return how it is, without waiting."""
        ...
