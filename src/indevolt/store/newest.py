"""The last known value of everything, in memory: what is asked most often, and never worth a disk.

Taking a reading in costs next to nothing, because a reading that has the same quantities as the one before simply takes its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import repeat
from operator import truediv

import orjson

from indevolt.store.contract import Last, Stored
from indevolt.store.history import Columns, Rows
from indevolt.store.layout import NEVER_MS, Kept, Layout, Layouts, Row, Shape, instant
from indevolt.store.rollup import Level

Numbers = dict[str, tuple[int, int]]
"""Quantity: time of its last value, and the value as it is kept."""


class Head:
    """What one device said last in one table: its last reading, and what was known before of quantities that this one lacks."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.remembers = False  # what was known at an earlier run
        self._older: Numbers = {}
        self._latest: tuple[int, Shape | None, Row] = (0, None, ())  # replaced as a whole, because other threads read it

    def note(self, at_ms: int, shape: Shape, row: Row) -> None:
        """Take in a reading; of an older one, what nothing newer is known of."""
        known_ms, known, _ = self._latest
        if shape is not known or at_ms < known_ms or None in row:
            self._older = self.numbers()
            if at_ms < known_ms:
                self._older = _overlaid(self._older, at_ms, shape, row)
                return
            if None not in row and self._older.keys() <= set(shape.names):
                self._older = {}
        self._latest = (at_ms, shape, row)

    def numbers(self) -> Numbers:
        """Return the last number of each quantity."""
        at_ms, shape, row = self._latest
        return self._older if shape is None else _overlaid(self._older, at_ms, shape, row)

    def values(self) -> dict[str, tuple[datetime, Stored]]:
        """Return the last value of each quantity."""
        at_ms, shape, row = self._latest
        if shape is not None and not self._older and None not in row:
            return _whole(shape, instant(at_ms), row)
        found: dict[str, tuple[datetime, Stored]] = {}
        for name, (known_ms, number) in self.numbers().items():
            if name in self.layout:
                (value,) = self.layout.place(name).decode([number])
                if value is not None:
                    found[name] = (instant(known_ms), value)
        return found

    def dump(self) -> str:
        """Return it as text, for the next start."""
        return orjson.dumps(self.numbers()).decode()

    def load(self, text: str) -> None:
        """Take up what :meth:`dump` returned at the last run; what is newer stays."""
        older: Numbers = {name: (at_ms, number) for name, (at_ms, number) in orjson.loads(text).items()}
        self._older = older | {name: each for name, each in self.numbers().items() if each[0] >= older.get(name, each)[0]}
        self.remembers = True
        self._latest = (max((at_ms for at_ms, _ in self._older.values()), default=0), None, ())

    def wanted(self, rolled_ms: int) -> Rows:
        """Return which readings came after what :meth:`dump` was told at a roll-up."""
        return Rows(self.layout, Level.RAW, tuple(place.sql for place in self._every.places), rolled_ms, NEVER_MS)

    def follow(self, found: Columns) -> None:
        """Take in the readings that were :meth:`wanted`."""
        for at_ms, *row in zip(found.times, *found.fields.values(), strict=True):
            self.note(at_ms, self._every, tuple(row))

    @property
    def _every(self) -> Shape:
        return Shape.of(self.layout, self.layout.names)


def _overlaid(older: Numbers, at_ms: int, shape: Shape, row: Row) -> Numbers:
    """Return what is known when a reading is added; what is newer stays."""
    found = dict(older)
    for name, number in zip(shape.names, row, strict=True):
        if number is not None and at_ms >= found.get(name, (0, 0))[0]:
            found[name] = (at_ms, number)
    return found


def _whole(shape: Shape, at: datetime, row: Row) -> dict[str, tuple[datetime, Stored]]:
    """Return a reading that has everything as values; the usual case, in C."""
    values: list[Stored] = list(map(truediv, row, shape.scales))  # there is no None in it
    found = dict(zip(shape.names, zip(repeat(at), values), strict=False))
    for place in shape.odd:
        (value,) = place.decode([int(found[place.column.name][1])])
        if value is not None:
            found[place.column.name] = (at, value)
    return found


class Newest:
    """What all devices said last."""

    def __init__(self) -> None:
        self._heads: dict[str, dict[str, Head]] = {}

    def head(self, device: str, layout: Layout) -> Head:
        """Return what a device said last in a table."""
        tables = self._heads.setdefault(device, {})
        head = tables.get(layout.name)
        if head is None:
            head = tables[layout.name] = Head(layout)
        return head

    def adopt(self, layouts: Layouts) -> None:
        """Forget what is known in numbers that mean something else in these layouts; the next readings bring it back."""
        for tables in self._heads.values():
            for name, head in list(tables.items()):
                layout = layouts.by_table.get(name)
                if layout is None or layout.places != head.layout.places:
                    del tables[name]

    def note(self, kept: Kept) -> None:
        """Take in a reading."""
        self.head(kept.device, kept.shape.layout).note(kept.at_ms, kept.shape, kept.row)

    def last(self, device: str | None) -> Last:
        """Return the last values of one device or of all."""
        asked: Mapping[str, dict[str, Head]] = self._heads
        if device is not None:
            asked = {device: self._heads[device]} if device in self._heads else {}
        return {name: _of_tables(list(heads.values())) for name, heads in asked.items()}


def _of_tables(heads: list[Head]) -> dict[str, tuple[datetime, Stored]]:
    """Return the values of several tables together; of a quantity that is in two, the later one."""
    found = heads[0].values()
    for head in heads[1:]:
        for name, value in head.values().items():
            if name not in found or found[name][0] <= value[0]:
                found[name] = value
    return found
