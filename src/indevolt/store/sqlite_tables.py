"""The tables of the embedded store: made, extended, and how quantities lie in their columns. Synchronous.

A whole number takes as many bytes as it is long, and a column one more before it has said anything. So that rows are small:

* The words and switches of a reading share whole numbers, ``_words1``, ``_words2``, ..., a few bits each.
* A roll-up has the last value, and how far the others are from it: mostly nothing, or a byte. How many readings it was made of
  stands there once (``_n``); quantities that were missing in some of them are in ``_odd``, as JSON.

Statements put together and take apart, so that whoever asks and answers knows fields only.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from typing import Final

from indevolt.store.contract import Column, ColumnKind, Table
from indevolt.store.feed import table_of
from indevolt.store.history import Rows
from indevolt.store.layout import Bits, Layout, Layouts, Place, Shape, settled
from indevolt.store.rollup import FIELDS, LEVELS, STATS, Level, field, fields
from indevolt.store.sqlite_file import transaction

MOST_BITS: Final = 62  # of SQLite's 64: a sum with the sign bit would not be what was put in


def prepare_tables(connection: sqlite3.Connection, tables: Sequence[Table]) -> Layouts:
    """Add tables and columns that are new, and return how all that are named now are kept."""
    layouts = []
    with transaction(connection):
        for table in tables:
            known = _known(connection, table.name)
            layout = _sharing(settled(table, known)[0], known)
            for place in set(layout.places).difference(known):
                _remember(connection, table.name, place)
            for level in LEVELS:
                if level is not Level.RAW:
                    _rewrite_rollups(connection, layout, level)
                _add_columns(connection, layout, level)
            layouts.append(layout)
    return Layouts(layouts)


def _known(connection: sqlite3.Connection, table: str) -> list[Place]:
    """Return the places that a table has in the file."""
    rows = connection.execute(
        'SELECT number, sql, name, unit, digits, kind, words, bits FROM quantity WHERE "table" = ? ORDER BY number', (table,)
    )
    return [
        Place(
            number,
            sql,
            Column(name, unit, digits, ColumnKind(kind), tuple(json.loads(words))),
            tuple(Bits(*each) for each in json.loads(bits)),
        )
        for number, sql, name, unit, digits, kind, words, bits in rows
    ]


def _remember(connection: sqlite3.Connection, table: str, place: Place) -> None:
    column = place.column
    words, bits = json.dumps(column.words), json.dumps(place.bits)
    row = (table, place.number, place.sql, column.name, column.unit, column.digits, column.kind, words, bits)
    connection.execute("INSERT OR REPLACE INTO quantity VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)


def _sharing(layout: Layout, known: Collection[Place]) -> Layout:
    """Return a layout in which words and switches that are new, or have outgrown their bits, have some."""
    begun = {place.number for place in known}
    used: dict[str, int] = defaultdict(int)
    for bits in (bits for place in layout.places for bits in place.bits):
        used[bits.column] = max(used[bits.column], bits.shift + bits.width)
    places = {}
    for place in layout.places:
        places[place.number] = place
        width = _width(place.column)
        is_new = place.number not in begun
        if width and (is_new or (place.bits and place.bits[0].width < width)):
            column = next(name for each in range(1, 1000) if used[name := f"_words{each}"] + width <= MOST_BITS)
            places[place.number] = place.sharing(Bits(column, used[column], width))
            used[column] += width
    return Layout(layout.name, list(places.values()), [places[layout.place(name).number] for name in layout.names])


def _width(column: Column) -> int:
    """Return how many bits a quantity needs; 0 if it is a number."""
    match column.kind:
        case ColumnKind.WORD:
            return len(column.words).bit_length()
        case ColumnKind.SWITCH:
            return 2
    return 0


def _columns(connection: sqlite3.Connection, name: str) -> list[str]:
    return [column for _, column, *_ in connection.execute(f"PRAGMA table_info({name})")]


def _rewrite_rollups(connection: sqlite3.Connection, layout: Layout, level: Level) -> None:
    """Bring roll-ups of the first version of the schema into today's columns; their columns were the fields."""
    name, known = table_of(level, layout), fields(layout, level)
    have = _columns(connection, name)
    if not have or "_n" in have:
        return
    connection.execute(f"ALTER TABLE {name} RENAME TO _rewritten")
    _add_columns(connection, layout, level)
    names = [column for column in have if column in known]
    listed = '", "'.join(names)
    rows = connection.execute(f'SELECT _key, "{listed}" FROM _rewritten').fetchall()
    write_rollups(connection, layout, level, ((key, dict(zip(names, row, strict=True))) for key, *row in rows))
    connection.execute("DROP TABLE _rewritten")


def _add_columns(connection: sqlite3.Connection, layout: Layout, level: Level) -> None:
    wanted: Iterable[str] = _rollup_columns(layout)
    if level is Level.RAW:
        wanted = [name for place in layout.places for name in ([each.column for each in place.bits] or [place.sql])]
    wanted = list(dict.fromkeys(wanted))
    # All at once, as SQLite reads the whole schema again for each column that is added later: seconds in all.
    columns = "".join(f', "{sql}" INTEGER' for sql in wanted)
    connection.execute(f"CREATE TABLE IF NOT EXISTS {table_of(level, layout)} (_key INTEGER PRIMARY KEY{columns})")
    have = set(_columns(connection, table_of(level, layout)))
    for sql in wanted:
        if sql not in have:
            connection.execute(f'ALTER TABLE {table_of(level, layout)} ADD COLUMN "{sql}" INTEGER')


# ---- statements ------------------------------------------------------------------------------------------------------


def insert(shape: Shape) -> str:
    """Return the statement that keeps a reading unless it is there already; it takes the key and the numbers of the shape's row."""
    columns, values = ["_key"], ["?"]
    for column, places in groupby(shape.places, key=lambda place: place.bits[0].column if place.bits else ""):
        if column:
            columns.append(f'"{column}"')
            values.append(" | ".join(f"(ifnull(? + 1, 0) << {place.bits[0].shift})" for place in places))
        else:
            own = [f'"{place.sql}"' for place in places]
            columns += own
            values += ["?"] * len(own)
    return f"INSERT OR IGNORE INTO {table_of(Level.RAW, shape.layout)} ({', '.join(columns)}) VALUES ({', '.join(values)})"


def selected(rows: Rows) -> str:
    """Return what selects the fields of rows."""
    expressions = _expressions(rows.layout, rows.level)
    return "".join(f", {expressions[name]}" for name in rows.fields)


@lru_cache(maxsize=256)  # as in rollup.fields
def _expressions(layout: Layout, level: Level) -> Mapping[str, str]:
    """Return how SQLite takes each field out of a row."""
    if level is Level.RAW:
        return {place.sql: _taken_apart(place.bits) if place.bits else f'"{place.sql}"' for place in layout.places}
    found: dict[str, str] = {}
    for place in layout.places:
        last, down, up, rest = (f'"{place.sql}__{part}"' for part in _PARTS[ColumnKind.GAUGE])
        number = f"CASE WHEN {last} NOT NULL THEN ifnull(json_extract(_odd, '$.{place.sql}'), _n) END"
        of_stats = {
            "n": number,
            "sum": f"{rest} + ({number}) * {last}",
            "min": f"{last} - {down}",
            "max": f"{last} + {up}",
            "last": last,
        }
        found |= {field(place.sql, stat): of_stats[stat] for stat in FIELDS[place.column.kind]}
    return found


def _taken_apart(bits: Sequence[Bits]) -> str:
    parts = [f'nullif(("{each.column}" >> {each.shift}) & {(1 << each.width) - 1}, 0)' for each in bits]
    return f"coalesce({', '.join([*parts, 'NULL'])}) - 1"


_PARTS: Final = {
    ColumnKind.GAUGE: ("last", "down", "up", "rest"),
    ColumnKind.COUNTER: ("last", "down"),
    ColumnKind.WORD: ("last",),
    ColumnKind.SWITCH: ("last",),
}


@lru_cache(maxsize=256)  # as in rollup.fields
def _rollup_columns(layout: Layout) -> tuple[str, ...]:
    return ("_n", "_odd", *(f"{place.sql}__{part}" for place in layout.places for part in _PARTS[place.column.kind]))


@lru_cache(maxsize=256)  # as in rollup.fields
def _fields_of(layout: Layout) -> tuple[tuple[str, ColumnKind, tuple[str, ...]], ...]:
    return tuple((place.sql, place.column.kind, tuple(field(place.sql, stat) for stat in STATS)) for place in layout.places)


def write_rollups(
    connection: sqlite3.Connection, layout: Layout, level: Level, rows: Iterable[tuple[int, Mapping[str, int | None]]]
) -> None:
    """Keep roll-ups, given as their keys and fields, in place of what was there."""
    columns = _rollup_columns(layout)
    listed, marks = '", "'.join(columns), ", ?" * len(columns)
    connection.executemany(
        f'INSERT OR REPLACE INTO {table_of(level, layout)} (_key, "{listed}") VALUES (?{marks})',
        [(key, *_parts(layout, found)) for key, found in rows],
    )


def _parts(layout: Layout, found: Mapping[str, int | None]) -> list[int | str | None]:
    """Return a roll-up in the order of its columns."""
    parts: list[int | str | None] = []
    numbers: dict[str, int] = {}
    for sql, kind, stats in _fields_of(layout):
        number, total, least, greatest, last = map(found.get, stats)
        parts.append(last)
        if kind in (ColumnKind.GAUGE, ColumnKind.COUNTER):
            parts.append(None if last is None or least is None else last - least)
        if kind is ColumnKind.GAUGE:
            if number is None or total is None or greatest is None or last is None:
                parts += (None, None)
            else:
                parts += (greatest - last, total - number * last)
                numbers[sql] = number
    most = max(numbers.values(), default=None)
    odd = {sql: number for sql, number in numbers.items() if number != most}
    return [most, json.dumps(odd) if odd else None, *parts]
