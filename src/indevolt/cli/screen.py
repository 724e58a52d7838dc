"""The two ways a command speaks: tables and lines for people, JSON for programs.

A terminal gets colours and its own width; a pipe or a file gets the same text without either, so that nothing is cut off. What a value
looks like is for ``render``.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import Any, Final, NoReturn

import click
from rich.console import Console
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
    """Return a plain table without lines; a column named ``>X`` is aligned to the right, ``X?`` is cut to fit where need be."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=headers, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(
            column.lstrip(">").rstrip("?"),
            justify="right" if column.startswith(">") else "left",
            no_wrap=True,
            overflow="ellipsis",
            min_width=None if column.endswith("?") else len(column.lstrip(">")),
        )
    return table


def line(text: str, style: str = "") -> Text:
    """Return text of any origin, harmless and styled."""
    return Text(printable(text), style=style)


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
