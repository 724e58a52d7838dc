"""Series of a site from a CSV file: a column of instants, and columns of numbers. What they are for is the commands' business."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from indevolt.errors import InvalidInput


def zone_named(name: str) -> ZoneInfo:
    """Return a time zone.

    Raises:
        InvalidInput: there is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise InvalidInput(f"--time-zone {name!r} is not known here", remedy="Give one like Europe/Berlin.") from error


def read_series(file: Path, zone: ZoneInfo) -> tuple[list[datetime], dict[str, list[float]]]:
    """Return the instants of a file, in a zone, and its other columns.

    Raises:
        InvalidInput: it cannot be read, or a line of it.
    """
    at: list[datetime] = []
    columns: dict[str, list[float]] = {}
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            for row in csv.DictReader(opened):
                at.append(_instant(row.pop("at", None), zone))
                for name, text in row.items():
                    columns.setdefault(name, []).append(float(text))
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read: {error.strerror or error}") from error
    except (ValueError, TypeError, UnicodeError) as error:
        raise InvalidInput(
            f"{file}, line {len(at) + 1}: {error}", remedy="Every field but at is a number, and none is empty."
        ) from error
    return at, columns


def _instant(text: str | None, zone: ZoneInfo) -> datetime:
    if text is None:
        raise InvalidInput("there is no column at", remedy="Name the columns in the first line.")
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text} has no offset, such as +01:00 or Z")
    return at.astimezone(zone)


@contextmanager
def the_control_extra() -> Iterator[None]:
    """Name the extra, where what planning needs is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise InvalidInput(f"{error.name} is not installed", remedy='pip install "indevolt[control]"') from error
