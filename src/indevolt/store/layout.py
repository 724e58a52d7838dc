"""How a table's quantities become whole numbers in columns, and whole numbers quantities again; the same in every back end.

Pure: what is written where is a back end's business. The way in is the hot path of the whole hub (every value of every poll passes
here), so readings that have the same quantities share a :class:`Shape`, and a reading is then one pass in C.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from operator import itemgetter, mul
from typing import Any, Final, NamedTuple, TypeAlias

from indevolt.battery import Value
from indevolt.errors import InvalidInput
from indevolt.store.contract import Column, ColumnKind, Stored, StoredReading, Table

NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,47}")  # what is put before and behind it must fit into PostgreSQL's 63 bytes
MOST_COLUMNS: Final = 250  # a roll-up has up to five fields a column, and PostgreSQL takes sixteen hundred in a row
MOST_SHAPES: Final = 256  # kept per table; a device that answers with ever different quantities is served, but slower
SMALL: Final = 1 << 31  # gauges are kept in 32 bits, ...
LARGE: Final = 1 << 53  # ... counters in 64, and a sum of all of a roll-up must fit as well

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
NEVER_MS: Final = 1 << 42  # after every time that can be kept
_MS: Final = timedelta(milliseconds=1)


def milliseconds(at: datetime) -> int:
    """Return whole milliseconds since 1970.

    Raises:
        InvalidInput: a time without a time zone, or before 1970.
    """
    if at.tzinfo is None:
        raise InvalidInput(f"time {at} has no time zone", remedy="Give aware times, in UTC for example.")
    found = (at - EPOCH) // _MS
    if not 0 <= found < NEVER_MS:
        raise InvalidInput(f"time {at} is out of range: 1970 to 2109", remedy="Is the clock of this machine right?")
    return found


def instant(at_ms: int) -> datetime:
    """Return the aware UTC time of milliseconds since 1970."""
    return EPOCH + at_ms * _MS


Row: TypeAlias = tuple[int | None, ...]
"""Whole numbers, in the order of a shape's places or of a table's; None is unknown."""


class Bits(NamedTuple):
    """A part of a whole number that several words and switches share: 0 is unknown, and 1 stands for the index 0."""

    column: str
    shift: int
    width: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a quantity is kept: ``number`` within its table, for good, and the name of its column in SQL.

    In the rows of readings it may be in ``bits`` instead: the first ones now, the others in older rows.
    """

    number: int
    sql: str
    column: Column
    bits: tuple[Bits, ...] = ()

    def sharing(self, bits: Bits) -> Place:
        """Return the same place with its numbers in bits from now on."""
        return replace(self, bits=(bits, *self.bits))

    @property
    def scale(self) -> float:
        """What a value is multiplied by before it is rounded; exact for the digits that columns have."""
        return 10.0**self.column.digits if self.column.kind in (ColumnKind.GAUGE, ColumnKind.COUNTER) else 1.0

    def encode(self, value: Value) -> int | None:
        """Return the whole number for a value; None if this column cannot hold it."""
        match self.column.kind, value:
            case ColumnKind.SWITCH, bool():
                return int(value)
            case ColumnKind.WORD, str() if value in self.column.words:
                return self.column.words.index(value)
            case ((ColumnKind.GAUGE | ColumnKind.COUNTER), (int() | float())) if not isinstance(value, bool):
                try:
                    number = round(value * self.scale)
                except (OverflowError, ValueError):  # infinite, or not a number
                    return None
                return number if abs(number) < (LARGE if self.column.kind is ColumnKind.COUNTER else SMALL) else None
        return None

    def decode(self, numbers: Iterable[int | None]) -> list[Stored | None]:
        """Return the values of whole numbers."""
        match self.column.kind:
            case ColumnKind.SWITCH:
                return [None if each is None else bool(each) for each in numbers]
            case ColumnKind.WORD:
                words = self.column.words
                return [words[each] if each is not None and each < len(words) else None for each in numbers]
        scale = self.scale
        return [None if each is None else each / scale for each in numbers]


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """Which quantities readings have.

    The order of ``names``, ``places`` and rows is ours: what shares a column comes together and first, what needs scaling last.
    """

    layout: Layout
    names: tuple[str, ...]
    places: tuple[Place, ...]
    scales: tuple[float, ...]
    _pick: Callable[[Mapping[str, Value]], Sequence[Value]]
    _plain: int  # how many of them are kept as they are
    _words: tuple[tuple[int, dict[str, int]], ...]  # position, and index of each word
    _switches: tuple[int, ...]  # positions

    @staticmethod
    def of(layout: Layout, names: Iterable[str]) -> Shape:
        """Return the shape of readings with these quantities."""
        places = sorted(
            map(layout.place, names), key=lambda place: (place.scale != 1.0, place.bits[0].column if place.bits else "~")
        )
        kinds = [place.column.kind for place in places]
        words = tuple(
            (at, {word: index for index, word in enumerate(place.column.words)})
            for at, place in enumerate(places)
            if place.column.kind is ColumnKind.WORD
        )
        return Shape(
            layout,
            tuple(place.column.name for place in places),
            tuple(places),
            tuple(place.scale for place in places),
            itemgetter(*(place.column.name for place in places)) if places else tuple,
            sum(place.scale == 1.0 for place in places),
            words,
            tuple(at for at, kind in enumerate(kinds) if kind is ColumnKind.SWITCH),
        )

    def encode(self, values: Mapping[str, Value]) -> Row:
        """Return the whole numbers of a reading of this shape."""
        found: list[Any] = list(self._pick(values)) if len(self.names) > 1 else [values[name] for name in self.names]
        try:
            for at in self._switches:
                if type(found[at]) is not bool:
                    return self._one_by_one(found)
                found[at] = int(found[at])
            for at, words in self._words:
                found[at] = words[found[at]]
            plain, scaled = found[: self._plain], found[self._plain :]
            if set(map(type, plain)) != {int}:
                plain = list(map(round, plain))
            row = (*plain, *map(float.__round__, map(mul, scaled, self.scales[self._plain :])))
            array("i", row)  # raises if one of them is too large
        except (KeyError, TypeError, ValueError, OverflowError):  # a word that nobody knows, a text, what is infinite
            return self._one_by_one([values[name] for name in self.names])
        return row

    def _one_by_one(self, values: Iterable[Value]) -> Row:
        return tuple(place.encode(value) for place, value in zip(self.places, values, strict=True))

    def picker(self) -> Callable[[Row], Row]:
        """Return what makes a row of this shape one of all places of its table."""
        positions = {place.number: at for at, place in enumerate(self.places)}
        pick = itemgetter(*(positions.get(place.number, -1) for place in self.layout.places), -1)  # -1: the None behind it
        return lambda row: pick((*row, None))[:-1]

    @property
    def odd(self) -> list[Place]:
        """The places of what is no number."""
        return [self.places[at] for at in (*(each for each, _ in self._words), *self._switches)]


class Layout:
    """A table as it is kept: every place that it ever had, and those that quantities of today are in."""

    def __init__(self, name: str, places: Sequence[Place], seen: Iterable[Place]) -> None:
        self.name = name
        self.places = tuple(places)
        self._places = {place.column.name: place for place in seen}
        self._shapes: dict[tuple[str, ...], Shape] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The quantities of today."""
        return tuple(self._places)

    def __contains__(self, quantity: str) -> bool:
        return quantity in self._places

    def place(self, quantity: str) -> Place:
        """Return where a quantity is kept.

        Raises:
            InvalidInput: the table has no such quantity.
        """
        try:
            return self._places[quantity]
        except KeyError:
            raise InvalidInput(
                f"table {self.name!r} has no quantity {quantity!r}",
                remedy=f"It has {', '.join(self._places) or 'none'}; others are named to the store when it is opened.",
            ) from None

    def shape(self, values: Mapping[str, Value]) -> Shape:
        """Return the shape of a reading."""
        names = tuple(values)
        shape = self._shapes.get(names)
        if shape is None:
            shape = Shape.of(self, names)
            if len(self._shapes) < MOST_SHAPES:
                self._shapes[names] = shape
        return shape


@dataclass(frozen=True, slots=True)
class Kept:
    """A reading on its way in: numbers only."""

    device: str
    at_ms: int
    shape: Shape
    row: Row

    @property
    def dropped(self) -> int:
        """How many of its values no column can hold."""
        return self.row.count(None)


class Layouts:
    """All tables of a store, and which of them a quantity is in."""

    def __init__(self, layouts: Iterable[Layout]) -> None:
        self.by_table = {layout.name: layout for layout in layouts}

    def encode(self, reading: StoredReading) -> Kept:
        """Return a reading as numbers.

        Raises:
            InvalidInput: its table or one of its quantities was not named when the store was opened.
        """
        layout = self.by_table.get(reading.table)
        if layout is None:
            raise InvalidInput(
                f"there is no table {reading.table!r}",
                remedy=f"There are {', '.join(self.by_table) or 'none'}; others are named to the store when it is opened.",
            )
        shape = layout.shape(reading.values)
        return Kept(reading.device, milliseconds(reading.at), shape, shape.encode(reading.values) if shape.places else ())

    def holding(self, names: Iterable[str]) -> list[tuple[Layout, list[Place]]]:
        """Return the tables that have any of some quantities, with those that each has."""
        names = list(dict.fromkeys(names))
        found = [(layout, [layout.place(name) for name in names if name in layout]) for layout in self.by_table.values()]
        return [(layout, places) for layout, places in found if places]


def checked(tables: Sequence[Table]) -> Sequence[Table]:
    """Return the tables if they can be kept.

    Raises:
        InvalidInput: a name, a number of digits or a number of columns that no back end could keep.
    """
    for table in tables:
        names = [column.name for column in table.columns]
        for name in (table.name, *names):
            if not NAME.fullmatch(name):
                raise InvalidInput(
                    f"table {table.name!r}: {name!r} cannot be a name", remedy="Small letters, digits and _, at most 48."
                )
        if len(set(names)) != len(names):
            raise InvalidInput(f"table {table.name!r} has a quantity twice", remedy="Name each of its quantities once.")
        if len(names) > MOST_COLUMNS:
            raise InvalidInput(f"table {table.name!r} has {len(names)} columns; at most {MOST_COLUMNS}", remedy="Split it.")
        for column in table.columns:
            if not -3 <= column.digits <= 6:
                raise InvalidInput(f"{column.name!r} keeps {column.digits} digits; -3 to 6 are possible", remedy="Keep fewer.")
    if len({table.name for table in tables}) != len(tables):
        raise InvalidInput("two tables have the same name", remedy="Name each table once.")
    return tables


def settled(table: Table, known: Sequence[Place]) -> tuple[Layout, list[Place]]:
    """Return the layout of a table of which some columns exist already, and the places that are new or changed.

    A column keeps the digits and the words that it began with, so that what is there is never read wrongly; new words are added
    behind the old ones. A quantity that became another kind of thing begins a new column.
    """
    newest = {place.column.name: place for place in sorted(known, key=lambda place: place.number)}
    number = max((place.number for place in known), default=0)
    places = {place.number: place for place in known}
    seen, news = [], []
    for column in table.columns:
        old = newest.get(column.name)
        if old is None or old.column.kind is not column.kind:
            number += 1
            place = Place(number, column.name if old is None else f"{column.name}__{number}", column)
        else:
            words = old.column.words + tuple(word for word in column.words if word not in old.column.words)
            place = replace(old, column=replace(column, digits=old.column.digits, words=words))
        places[place.number] = place
        seen.append(place)
        if place != old:
            news.append(place)
    return Layout(table.name, list(places.values()), seen), news
