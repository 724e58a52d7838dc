"""Which points the benchmarks ask for, and what they get: from the catalogue, so that no number stands here."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from indevolt.catalogue import Point, load
from indevolt.catalogue.codec import Number, Switch, Text, Words

FAMILY = "gen2"  # the family with the most points
USUAL = 1234  # a number of the usual length; no family uses it as a sentinel
SERIAL = "0123456789"


@dataclass(frozen=True)
class Question:
    """Some quantities, as three kinds of client ask for them, and the raw values of the reply."""

    names: list[str]
    points: list[int]
    values: dict[str, int | str]


def question(count: int) -> Question:
    """Return the first ``count`` quantities that are numbers, words or switches, in the order of the catalogue."""
    found = [(point, raw) for point in load(FAMILY).readable() if (raw := usual(point)) is not None]
    if len(found) < count:
        raise ValueError(f"{FAMILY} has only {len(found)} such quantities, not {count}")
    asked = list(islice(found, count))
    sides = [(point.name, point.read, raw) for point, raw in asked if point.read is not None]
    return Question([name for name, _, _ in sides], [side.at for _, side, _ in sides], {side.key: raw for _, side, raw in sides})


def everything() -> dict[str, int | str]:
    """Return the raw values that a server needs: of all quantities, and the serial numbers by which a client knows the packs."""
    serials = {point.read.key: SERIAL for point in load(FAMILY).readable() if point.read and isinstance(point.read.codec, Text)}
    numbers = {point.read.key: raw for point in load(FAMILY).readable() if point.read and (raw := usual(point)) is not None}
    return {**serials, **numbers}


def usual(point: Point) -> int | str | None:
    """Return a raw value that a device would send for a point; None for texts, times and versions."""
    match point.read.codec if point.read else None:
        case Number():
            return USUAL
        case Words(codes=codes, quoted=quoted):
            code = next(iter(codes.values()))[0]
            return str(code) if quoted else code
        case Switch(on=on):
            return on
        case _:
            return None
