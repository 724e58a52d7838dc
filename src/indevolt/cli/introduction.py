"""How what was just started introduces itself: a few lines for people, or one document for programs.

What the lines say is up to whoever started something.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from indevolt.cli.screen import line, print_json_line, screen


def introduce(lines: Iterable[str], record: Mapping[str, Any], *, as_json: bool) -> None:
    """Print the lines, the first one as a title, or the record."""
    if as_json:
        print_json_line(record)
        return
    console = screen()
    first, *rest = lines
    console.print(line(first, "bold"), soft_wrap=True)
    for text in rest:
        console.print(line(f"  {text}"), soft_wrap=True)


def reachable(host: str) -> str:
    """Return where a client on this machine finds what listens on a host."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104 - recognized, not bound
    return f"[{host}]" if ":" in host else host


def pace(speed: float) -> str:
    """Return how fast time passes."""
    return "as fast as real time" if speed == 1 else f"{speed:g} times as fast as real time"


def with_modules(title: str, modules: int) -> str:
    """Return what a unit is."""
    return f"{title} with {modules} battery module{'s' if modules > 1 else ''}"
