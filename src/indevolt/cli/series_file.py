"""Series of a site from a CSV file: a column of instants, and columns of numbers. What they are for is the commands' business."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
    line = 1
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            reader = csv.DictReader(opened)
            if reader.fieldnames is not None and "at" not in reader.fieldnames:
                raise InvalidInput(f"{file}: there is no column at", remedy="Name the columns in the first line.")
            for row in reader:
                line = reader.line_num
                at.append(_instant(row.pop("at"), zone))
                for name, text in row.items():
                    columns.setdefault(name, []).append(_number(name, text))
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read: {error.strerror or error}") from error
    except (_WrongField, UnicodeError, csv.Error) as error:
        raise InvalidInput(
            f"{file}, line {line}: {error}", remedy="Every row has a field for each column; every field but at is a number."
        ) from error
    return at, columns


class _WrongField(Exception):
    """What is wrong with a field; told with its line."""


def _instant(text: str | None, zone: ZoneInfo) -> datetime:
    try:
        at = datetime.fromisoformat(text or "")
        if at.tzinfo is None:
            raise _WrongField(f"at: {text} has no offset, such as +01:00 or Z")
        return at.astimezone(zone)
    except (ValueError, OverflowError):
        raise _WrongField(f"at: {text or ''!r:.40} is no time, such as 2026-06-21T10:00+02:00") from None


def _number(name: str | None, text: str | list[str] | None) -> float:
    if name is None or isinstance(text, list):  # how csv tells of fields beyond the last column
        raise _WrongField("there are more fields than columns")
    with suppress(ValueError):
        if math.isfinite(value := float(text or "")):  # nan and inf are how programs write what they do not know
            return value
    raise _WrongField(f"{name}: {text or ''!r:.40} is no number")


@contextmanager
def the_control_extra() -> Iterator[None]:
    """Name the extra, where what planning needs is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise InvalidInput(f"{error.name} is not installed", remedy='pip install "indevolt[control]"') from error
