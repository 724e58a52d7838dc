"""`indevolt points`: the catalogue as a table, for people who look for a number and for programs that want them all."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Final

import click
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from indevolt.catalogue import Point, families, load, products
from indevolt.cli.ending import printable
from indevolt.cli.options import json_option, model_option
from indevolt.cli.page import Subcommand
from indevolt.cli.render import group_title
from indevolt.cli.screen import print_json, rows, screen, show

_ROOMY: Final = 110  # columns from which on a description fits beside the numbers
_NUMBERED: Final = re.compile(r"_\d{2}$")


@dataclass(frozen=True, slots=True)
class Row:
    """A quantity in all families where it is the same."""

    name: str
    families: tuple[str, ...]
    group: str
    read: int | None
    write: tuple[int, ...]
    unit: str
    values: str  # what is read: the codes and words of an enum, or how a number is packed
    allowed: str  # what may be written
    about: str
    source: str
    note: str


@click.command(
    "points",
    cls=Subcommand,
    examples=[
        "indevolt points soc",
        "indevolt points --model powerflex2000 --settable",
        "indevolt points --group pv --csv > pv.csv",
    ],
)
@click.argument("text", nargs=-1)
@model_option
@click.option("--group", metavar="GROUP", help="Only one group, such as battery or pv.")
@click.option("--settable", is_flag=True, help="Only what can be written.")
@click.option("--long", "-l", "long_form", is_flag=True, help="With source and notes, in blocks.")
@click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values.")
@json_option
def points_command(
    text: tuple[str, ...], model: str | None, group: str | None, *, settable: bool, long_form: bool, as_csv: bool, as_json: bool
) -> None:
    """List all quantities: name, number to read, numbers to write, unit and values.

    TEXT filters: every word has to be in a row's name, number or description.
    """
    found = [row for row in catalogue_rows(model) if _fits(row, text, group, settable=settable)]
    if as_json:
        print_json([asdict(row) for row in found])
    elif as_csv:
        _write_csv(found)
    else:
        console = screen()
        if long_form:
            _show_long(found, console)
        elif found:
            _show(found, console, one_family=model is not None)
        hint = "" if found else "; `indevolt points` alone lists all"
        console.print(Text(f"{len(found)} {'quantity' if len(found) == 1 else 'quantities'}{hint}", style="dim"))


def catalogue_rows(model: str | None = None) -> list[Row]:
    """Return every quantity of a product, a family or all families; the same row of several families once."""
    chosen = families() if model is None else (products()[model].family if model in products() else model,)
    merged: dict[tuple[object, ...], Row] = {}
    for family in chosen:
        for point in load(family).points.values():
            row = _row(point, family)
            key = (row.name, row.read, row.write, row.unit, row.values, row.allowed)
            known = merged.get(key)
            merged[key] = row if known is None else replace(known, families=(*known.families, family))
    found = list(merged.values())
    order = list(dict.fromkeys(row.group for row in found))
    return sorted(found, key=lambda row: order.index(row.group))


def _row(point: Point, family: str) -> Row:
    return Row(
        name=point.name,
        families=(family,),
        group=point.group,
        read=point.read.at if point.read else None,
        write=tuple(side.at for side in point.writes),
        unit=point.unit,
        values=point.read.codec.describe() if point.read else "",
        allowed=point.range_text(),
        about=point.about,
        source=point.source,
        note=point.note,
    )


def _fits(row: Row, words: Iterable[str], group: str | None, *, settable: bool) -> bool:
    if (group and row.group != group.lower()) or (settable and not row.write):
        return False
    numbers = {str(number) for number in (row.read, *row.write)}
    searched = f"{row.name} {row.about} {row.group}".lower()
    return all(word in numbers or word.lower().replace("-", "_") in searched for word in words)


def _show(found: Sequence[Row], console: Console, *, one_family: bool) -> None:
    roomy = console.width >= _ROOMY
    table = rows(
        "Quantity", ">Read", "Write", "Unit", *([] if one_family else ["Families"]), "Values?", *(["What it is?"] if roomy else [])
    )
    group = ""
    for series in _in_series(found):
        row, last = series[0], series[-1]
        if row.group != group:
            if group:
                table.add_row()
            group = row.group
            table.add_row(Text(group_title(group), style="bold cyan"))
        name = row.name if len(series) == 1 else f"{row.name} .. {last.name[-2:]}"
        about = row.about if len(series) == 1 else f"{row.about} .. {last.about[-5:]}"
        where = [] if one_family else [_families_text(row)]
        cells = [name, _span([row.read], [last.read]), _span(row.write, last.write), row.unit, *where, row.allowed or row.values]
        table.add_row(*cells, *([Text(printable(about), style="dim")] if roomy else []))
    show(console, table)


def _show_long(found: Sequence[Row], console: Console) -> None:
    for row in found:
        sides = [f"read {row.read}"] if row.read is not None else []
        sides += [f"write {' or '.join(map(str, row.write))}"] if row.write else []
        head = Text.assemble((row.name, "bold"), "  ", ", ".join(sides), f"  {row.unit}".rstrip(), f"  [{_families_text(row)}]")
        console.print(head)
        facts = [row.about, row.values and f"Values: {row.values}", row.allowed and f"Writable: {row.allowed}"]
        facts += [f"Source: {row.source}", row.note and f"Note: {row.note}"]
        text = Text(printable(". ".join(filter(None, facts)).replace("..", ".")) + ".", style="dim")
        console.print(Padding(text, (0, 0, 0, 4)))


def _families_text(row: Row) -> str:
    return "all" if len(row.families) == len(families()) else " ".join(row.families)


def _in_series(found: Sequence[Row]) -> Iterator[list[Row]]:
    """Yield rows, and where many follow each other that differ only in their number, all of them together."""
    series: list[Row] = []
    for row in found:
        if series and not (
            _NUMBERED.search(row.name) and row.read == (series[-1].read or 0) + 1 and _stem(row) == _stem(series[-1])
        ):
            yield series
            series = []
        series.append(row)
    if series:
        yield series


def _stem(row: Row) -> tuple[str, ...]:
    return (row.name[:-2], row.unit, row.allowed, row.values, *row.families)


def _span(first: Sequence[int | None], last: Sequence[int | None]) -> str:
    pairs = zip(first, last, strict=True)
    return " ".join(str(low) if low == high else f"{low}-{high}" for low, high in pairs if low is not None)


def _write_csv(found: Iterable[Row]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(Row.__dataclass_fields__)
    for row in found:
        record = asdict(row)
        record["families"], record["write"] = " ".join(row.families), " ".join(map(str, row.write))
        writer.writerow(record.values())
