"""The words of a store: the tables, the readings and the journal that go in, and what comes out again.

Records only. What can be done with them is in :mod:`~indevolt.store.store`, how they are kept in one module per back end. A store
knows quantities by name: what they mean is the catalogue's business, when they are read the hub's.

Numbers are kept as ``round(value * 10**digits)``, so nothing finer than a column's digits comes back. Words and switches are kept
as their index. What is not known is kept as nothing, and comes back as None: never as 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, TypeAlias

from indevolt.battery import Value

Stored: TypeAlias = float | str | bool
"""What comes back: a number in its unit, a word, a switch."""

Period: TypeAlias = Literal["hour", "day", "week", "month", "year"]
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
    """What a round of :meth:`~indevolt.store.store.Store.maintain` did."""

    rolled_up: int = 0  # 5-minute and hourly rows written
    sealed: int = 0  # readings moved into sealed days
    deleted: int = 0  # readings and roll-ups that were past their time


Last: TypeAlias = Mapping[str, Mapping[str, tuple[datetime, Stored]]]
"""Device, then quantity: when it last had a value, and which."""

Energies: TypeAlias = list[tuple[datetime, dict[str, float | None]]]
"""Start of each period (aware, in the house's zone), and by how much each counter grew in it; None where nothing was read."""

Health: TypeAlias = Mapping[str, int | float | str]
"""How a store is. Always has ``state`` ("ok", or "degraded: " and why), ``waiting`` (rows not yet kept), ``lost`` (rows given up
since the start), ``dropped`` (values that no column can hold), ``commit_at`` (of the last commit of readings, ISO 8601, or empty),
``size_bytes`` and ``kind``."""
