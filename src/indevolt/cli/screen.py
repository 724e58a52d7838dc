"""The two ways a command speaks: tables and lines for people, JSON for programs.

A terminal gets colours and its own width; a pipe or a file gets the same text without either, so that nothing is cut off. What a
value looks like is for ``render``.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, NoReturn

import click
from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from indevolt.cli.ending import printable

WIDE: Final = 400
"""Columns where there is no terminal: above the longest row, so that `grep` finds whole lines."""


class _Screen(Console):
    """A console that leaves a closed pipe to the one place that knows the exit code."""

    def on_broken_pipe(self) -> NoReturn:
        raise BrokenPipeError(32, "Broken pipe")


def screen(*, stderr: bool = False) -> Console:
    """Return a console. Nothing that is printed is read as markup, because some of it comes from devices and users."""
    console = _Screen(stderr=stderr, markup=False, highlight=False, emoji=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console = _Screen(stderr=stderr, markup=False, highlight=False, emoji=False, width=WIDE)
    return console


def rows(*columns: str, headers: bool = True) -> Table:
    """Return a plain table without lines.

    A column named ``>X`` is aligned to the right. Where the terminal is too narrow, columns named ``X?`` give way: what stands in
    them is wrapped, or cut if it is a :func:`cut_text`.
    """
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=headers, header_style="bold", pad_edge=False)
    for column in columns:
        justify: JustifyMethod = "right" if column.startswith(">") else "left"
        table.add_column(column.strip(">?"), justify=justify, no_wrap=not column.endswith("?"))
    return table


def show(console: Console, table: Table) -> None:
    """Print a table; what goes to a pipe or a file gets no blanks at the ends of its lines."""
    if console.is_terminal:
        console.print(table)
        return
    with console.capture() as captured:
        console.print(table)
    click.echo("\n".join(row.rstrip() for row in captured.get().splitlines()))


def hanging(lead: Text, text: str, style: str = "") -> Table:
    """Return a line whose text, where it has to wrap, stays to the right of what leads it."""
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column()
    grid.add_row(lead, line(text, style))
    return grid


def line(text: str, style: str = "") -> Text:
    """Return text of any origin, harmless and styled."""
    return Text(printable(text), style=style)


def cut_text(text: str, style: str = "") -> Text:
    """Return text that is cut where there is no room for it."""
    return Text(printable(text), style=style, no_wrap=True, overflow="ellipsis")


def print_json(document: Mapping[str, Any] | list[Any]) -> None:
    """Print one document, readable."""
    click.echo(json.dumps(document, ensure_ascii=False, indent=2))


def print_json_line(document: Mapping[str, Any]) -> None:
    """Print one document of a stream on a line of its own, at once."""
    click.echo(json.dumps(document, ensure_ascii=False, separators=(",", ":")))
    sys.stdout.flush()


def marks(console: Console) -> tuple[str, str, str]:
    """Return the signs for good, bad and noteworthy that this terminal can show."""
    return ("✓", "✗", "!") if console.encoding.lower().startswith("utf") else ("ok", "NO", "!")


@contextmanager
def waiting(text: str, *, quiet: bool = False) -> Iterator[None]:
    """Show on the terminal, while it lasts, that something is going on; say nothing where nobody watches."""
    console = screen(stderr=True)
    if quiet or not console.is_terminal:
        yield
        return
    with console.status(Text(printable(text), style="dim"), spinner="dots"):
        yield
