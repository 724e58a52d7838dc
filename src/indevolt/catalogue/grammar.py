"""Reads ``models/*.toml`` into :class:`~indevolt.catalogue.model.Model`: the grammar of the catalogue, and its only file access.

One file per family, one row per quantity, grouped::

    [points.GROUP]
    NAME = { read = SIDE, write = SIDE or [SIDE, ...], unit = "W", about = "...", source = "...", note = "..." }

A SIDE is a point number or a table:

=============  ==============================================================================================================
``at``         the point number
``scale``      wire unit * scale = our unit (kWh to Wh: 1000)
``sign``       -1 where the device counts power the other way round than the house does
``words``      an enum: ``{ word = code }`` or ``{ word = [code written, other codes read] }``
``quoted``     the enum travels as a text
``on``/``off`` a switch with these two codes
``kind``       ``text``, ``version``, ``version_bytes``, ``time`` or ``clock``; without it a number
``missing``    raw values that mean "I have no value"
``min, max``   write sides: what we send to a single unit, in the point's unit
``accepts``    write sides: the widest range that any document or client uses; a virtual device takes it all
``count``      so many points in a row, named ``NAME_01`` and up; ``{time}`` in ``about`` becomes their half hour
=============  ==============================================================================================================

A row may have ``needs = "OTHER"``: its 0 means nothing while that switch is off (a meter's power without a meter).

``extends`` names another family whose points and commands hold here too, but for those ``without``. ``[high]`` sets upper bounds.
``[parts]`` tells by which quantity a pack is known to be there, ``[commands]`` spells commands as ordered writes (the names of one
step are consecutive points and go out together), ``[identity]`` says which reports mean this family, ``[products.NAME]`` what a
product's limits are. Adding a family is one such file.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any, Final, TypeAlias, TypeVar

from indevolt.battery import Value
from indevolt.catalogue.codec import Codec, DeviceClock, Number, Switch, Text, TimeOfDay, Version, VersionBytes, Words
from indevolt.catalogue.model import Derating, Identity, Model, Point, Product, ReadSide, WriteSide
from indevolt.errors import InvalidInput

_Key = TypeVar("_Key", int, str)
_KINDS: Final[Mapping[str, Codec]] = {
    "text": Text(),
    "version": Version(),
    "version_bytes": VersionBytes(),
    "time": TimeOfDay(),
    "clock": DeviceClock(),
}
_Side: TypeAlias = "int | Mapping[str, Any] | list[_Side] | None"  # what may stand behind `read` and `write`
_SIDE_KEYS: Final = frozenset(
    ("at", "scale", "sign", "words", "quoted", "on", "off", "kind", "missing", "min", "max", "accepts", "count")
)
_ROW_KEYS: Final = frozenset(("read", "write", "unit", "needs", "about", "source", "note"))


class CatalogueError(ValueError):
    """A mistake in a catalogue file: a defect of the package (or of the file just added), never of a device or user."""


@cache
def families() -> tuple[str, ...]:
    """Return the names of all families, oldest first."""
    return tuple(sorted(name.removesuffix(".toml") for name in _files()))


@cache
def products() -> Mapping[str, Product]:
    """Return every product of every family by name."""
    return {name: product for family in families() for name, product in load(family).products.items()}


@cache
def load(family: str) -> Model:
    """Return the model of a family.

    Raises:
        InvalidInput: there is no such family.
    """
    if family + ".toml" not in _files():
        raise InvalidInput(f"no family {family!r}", remedy=f"Families: {', '.join(families())}.")
    return build(tomllib.loads((resources.files(__package__) / "models" / f"{family}.toml").read_text("utf-8")))


def build(document: Mapping[str, Any]) -> Model:
    """Return the model that a parsed catalogue file describes.

    Raises:
        CatalogueError: a row breaks the grammar; names family, row and key.
    """
    family = document["family"]
    parent = load(document["extends"]) if "extends" in document else None
    presence = dict(document.get("parts", parent.presence if parent else {}))
    points: dict[str, Point] = {}
    if parent is not None:
        points.update(_inherited(parent, document))
    for group, rows in document.get("points", {}).items():
        for name, row in rows.items():
            for point in _points_of(family, group, name, row, document["source"]):
                points[point.name] = dataclasses.replace(point, part=_part_of(point.name, presence))
    for name, high in document.get("high", {}).items():
        sides = tuple(dataclasses.replace(side, high=high) for side in points[name].writes)
        points[name] = dataclasses.replace(points[name], writes=sides)
    commands: dict[str, tuple[Mapping[str, Value], ...]] = dict(parent.commands) if parent else {}
    commands.update({name: tuple(steps) for name, steps in document.get("commands", {}).items()})
    return Model(
        family=family,
        title=document["title"],
        extends=document.get("extends", ""),
        points=points,
        commands=commands,
        identity=_identity(document["identity"]),
        products={name: _product(name, family, row) for name, row in document["products"].items()},
        presence=presence,
        by_read=_index(family, ((point.read.key, point) for point in points.values() if point.read)),
        by_write=_index(family, ((side.at, point) for point in points.values() for side in point.writes)),
    )


@cache
def _files() -> frozenset[str]:
    return frozenset(entry.name for entry in (resources.files(__package__) / "models").iterdir() if entry.name.endswith(".toml"))


def _inherited(parent: Model, document: Mapping[str, Any]) -> Iterator[tuple[str, Point]]:
    without = set(document.get("without", ()))
    if unknown := without - parent.points.keys():
        raise CatalogueError(f"{document['family']}: without {sorted(unknown)}, which {parent.family} does not have")
    for name, point in parent.points.items():
        if name not in without:
            note = "; ".join(filter(None, (document.get("note", ""), point.note)))
            yield name, dataclasses.replace(point, source=document["source"], note=note)


def _points_of(family: str, group: str, name: str, row: Mapping[str, Any], source: str) -> Iterator[Point]:
    if strange := row.keys() - _ROW_KEYS:
        raise CatalogueError(f"{family}: {name} has unknown keys {sorted(strange)}")
    unit = row.get("unit", "")
    try:
        reads = list(_sides(row.get("read"), unit, settable=False))
        writes = list(_sides(row.get("write"), unit, settable=True))
    except (KeyError, TypeError, ValueError) as error:
        raise CatalogueError(f"{family}: {name}: {error}") from error
    if not reads and not writes:
        raise CatalogueError(f"{family}: {name} has neither a read nor a write side")
    counts = {len(numbers) for numbers, _, _ in (*reads, *writes)}
    if len(counts) != 1:
        raise CatalogueError(f"{family}: {name}: read and write sides differ in count")
    count = counts.pop()
    for index in range(count):
        yield Point(
            name=name if count == 1 else f"{name}_{index + 1:02d}",
            group=group,
            about=row.get("about", "").replace("{time}", f"{index // 2:02d}:{index % 2 * 30:02d}"),
            unit=unit,
            read=next((ReadSide(numbers[index], codec) for numbers, codec, _ in reads), None),
            writes=tuple(WriteSide(numbers[index], codec, **bounds) for numbers, codec, bounds in writes),
            source=row.get("source", source),
            needs=row.get("needs", ""),
            note=row.get("note", ""),
        )


def _sides(side: _Side, unit: str, *, settable: bool) -> Iterator[tuple[range, Codec, dict[str, Any]]]:
    if side is None:
        return
    if isinstance(side, list):
        for each in side:
            yield from _sides(each, unit, settable=settable)
        return
    table: Mapping[str, Any] = {"at": side} if isinstance(side, int) else side
    if strange := table.keys() - _SIDE_KEYS:
        raise ValueError(f"unknown keys {sorted(strange)}")
    accepts = table.get("accepts")
    bounds = {
        "low": table.get("min"),
        "high": table.get("max"),
        "accepts": None if accepts is None else (accepts[0], accepts[1]),
    }
    yield range(table["at"], table["at"] + table.get("count", 1)), _codec(table, unit, whole=settable), bounds


def _codec(table: Mapping[str, Any], unit: str, *, whole: bool) -> Codec:
    if "kind" in table:
        return _KINDS[table["kind"]]
    if "words" in table:
        codes = {word: (code,) if isinstance(code, int) else tuple(code) for word, code in table["words"].items()}
        return Words(codes, quoted=table.get("quoted", False))
    if "on" in table:
        return Switch(on=table["on"], off=table["off"])
    return Number(unit, table.get("scale", 1), table.get("sign", 1), tuple(table.get("missing", ())), whole)


def _part_of(name: str, presence: Mapping[str, str]) -> str:
    part = name.partition("_")[0]
    return part if part in presence else ""


def _identity(table: Mapping[str, Any]) -> Identity:
    return Identity(
        types=tuple(table["types"]),
        boards=tuple(table["boards"]),
        modules=tuple(table["modules"]),
        cms=table["cms"],
        answers=tuple(table["answers"]),
        rated_w=(table["rated_w"][0], table["rated_w"][1]),
        minimum_firmware=table["minimum_firmware"],
    )


def _product(name: str, family: str, row: Mapping[str, Any]) -> Product:
    return Product(
        name=name,
        title=row["title"],
        family=family,
        module_wh=row["module_wh"],
        max_modules=row["max_modules"],
        pv_inputs=row["pv_inputs"],
        charge_w=tuple(row["charge_w"]),
        discharge_w=tuple(row["discharge_w"]),
        system=row["system"],
        source=row["source"],
        derating=tuple(Derating(*step) for step in row.get("derating", ())),
    )


def _index(family: str, entries: Iterable[tuple[_Key, Point]]) -> dict[_Key, Point]:
    index: dict[_Key, Point] = {}
    for key, point in entries:
        if key in index:
            raise CatalogueError(f"{family}: point {key} stands for {index[key].name} and {point.name}")
        index[key] = point
    return index
