"""Recorded series: a house's real load, a roof's real sun, a year's real prices, looked up by time.

A file comes as its lines, so nothing here opens one. Files are taken as people have them: with or without a header, with a first
column of time or a known step, with commas or semicolons. What cannot be read is named by line and column and never guessed.
"""

from __future__ import annotations

import csv
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from math import inf, isfinite
from typing import Final

from indevolt.errors import InvalidInput


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Equally spaced values, called with an aware datetime; over its ends it wraps around.

    Attributes:
        values: as they stood in the file; never empty.
        step_s: seconds from one value to the next, more than 0.
        start: when the first value begins, aware. None lays the series on the calendar year: value k begins k steps after 1 January
            00:00 UTC of whichever year is asked for.
        scale: what each value is multiplied by.
        linear: straight lines between the values, right for sun; otherwise each holds until the next, right for loads and prices.
    """

    values: array[float]
    step_s: float
    start: datetime | None = None
    scale: float = 1.0
    linear: bool = False

    def __post_init__(self) -> None:
        if not self.values:
            raise InvalidInput("the series has no values", remedy="Give at least one.")
        if not (isfinite(self.step_s) and self.step_s > 0):
            raise InvalidInput(f"step_s: {self.step_s!r} is no step", remedy="Give a number of seconds above 0.")
        if self.start is not None and self.start.tzinfo is None:
            raise InvalidInput(f"start: {self.start} has no time zone", remedy="Give it in UTC.")

    @property
    def duration_s(self) -> float:
        """Return how long it takes until it repeats."""
        return len(self.values) * self.step_s

    def scaled(self, factor: float) -> Series:
        """Return the series times a factor; both share their values."""
        return replace(self, scale=self.scale * factor)

    def __call__(self, at: datetime) -> float:
        """Return the value at an instant; under a microsecond."""
        start_s = _year_s(at.year) if self.start is None else self.start.timestamp()
        whole, part = divmod((at.timestamp() - start_s) / self.step_s, 1)
        values = self.values
        index = int(whole) % len(values)
        if not self.linear:
            return values[index] * self.scale
        after = values[index + 1 if index + 1 < len(values) else 0]
        return (values[index] * (1 - part) + after * part) * self.scale


@lru_cache(maxsize=64)
def _year_s(year: int) -> float:
    return datetime(year, 1, 1, tzinfo=UTC).timestamp()


# ---- from a file -----------------------------------------------------------------------------------------------------

_TIME_NAMES: Final = frozenset(
    ("seconds", "second", "s", "t", "time", "timestamp", "datetime", "date", "utc", "unix", "epoch", "at")
)
_LARGEST: Final = 1e30  # a value of 4 bytes holds 100 million times as much
_UNIX_FROM_S: Final = 1e8  # 1973; smaller numbers count from the beginning of the file
_UNIX_TO_S: Final = 1e11  # 5138; larger ones are milliseconds


def parse_csv(
    lines: Iterable[str],
    *,
    column: str | None = None,
    step_s: float | None = None,
    scale: float = 1.0,
    linear: bool = False,
) -> Series:
    """Return the series in a CSV file.

    The first column is time when there are more columns than one and it is called so (``time``, ``seconds``, ``utc`` ...) or begins
    with a timestamp: ISO 8601 (UTC when it names no zone), Unix seconds, or seconds from 0. Start and step come from it then; where
    the times jitter, ``step_s`` says the step that is meant. Semicolons separate cells where the first line has one, else commas;
    beside semicolons a decimal comma is understood. Empty lines and lines that begin with # do not count.

    Args:
        lines: of the file, the header first if it has one.
        column: name of the column of values, or its number from 1 where there is no header; None takes the first that is not time.
        step_s: seconds between two lines, needed where no column says it.
        scale: what each value is to be multiplied by, for example the peak power where values are per unit of it.
        linear: straight lines between values, see ``Series``.

    Raises:
        InvalidInput: no such column, a cell that is no number, a gap in time, no step; names line, column and value.
    """
    rows = _rows(lines)
    number, first = next(rows, (0, []))
    if not first:
        raise InvalidInput("the file has no lines", remedy="Give a CSV file with at least one value.")
    has_header = not any(_is_value(cell) for cell in first)
    names = first if has_header else [str(index) for index in range(1, len(first) + 1)]
    if has_header:
        number, first = next(rows, (number, []))
    if not first:
        raise InvalidInput("the file has a header and no values", remedy="Give a CSV file with at least one value.")
    has_time = len(names) > 1 and (names[0].lower() in _TIME_NAMES or _is_stamp(first[0]))
    wanted = _find_column(names, column, has_time=has_time)

    values, clock = array("f"), _Clock(names[0], step_s)
    at_line, row = number, first
    while True:
        if len(row) <= wanted:
            raise _bad(at_line, names[wanted], "", "there is no such cell")
        values.append(_value(row[wanted], at_line, names[wanted]))
        if has_time:
            clock.tick(row[0], at_line)
        following = next(rows, None)
        if following is None:
            break
        at_line, row = following
    step = clock.step_s
    if step is None:
        raise InvalidInput(
            f"the file does not say how far its {len(values)} values are apart",
            remedy="Give step_s, for example 60 for one a minute, or a first column of timestamps.",
        )
    return Series(values, step, clock.start, scale, linear)


def _rows(lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield number and cells of each line that counts."""
    separator = ""
    for number, line in enumerate(lines, 1):
        text = line.lstrip("\ufeff").strip()
        if not text or text.startswith("#"):
            continue
        separator = separator or (";" if ";" in text else ",")
        cells = next(csv.reader([text], delimiter=separator)) if '"' in text else text.split(separator)
        if separator == ";":
            cells = [cell.replace(",", ".") for cell in cells]
        yield number, [cell.strip() for cell in cells]


def _is_value(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return _is_stamp(cell)
    return True


def _is_stamp(cell: str) -> bool:
    try:
        datetime.fromisoformat(cell)
    except ValueError:
        return False
    return "-" in cell or ":" in cell  # the basic form without them cannot be told from a number


def _find_column(names: list[str], column: str | None, *, has_time: bool) -> int:
    if column is None:
        return 1 if has_time else 0
    if column not in names:
        raise InvalidInput(f"column {column!r:.60} is not in the file", remedy=f"It has {', '.join(names)[:200]}.")
    return names.index(column)


def _value(cell: str, number: int, name: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = inf
    if not abs(value) < _LARGEST:
        raise _bad(number, name, cell, "is not a number")
    return value


class _Clock:
    """What the column of time says: when the series starts, how far its values are apart, and that none is missing."""

    def __init__(self, name: str, step_s: float | None) -> None:
        self.name, self.step_s = name, step_s
        self.start: datetime | None = None
        self._first_s = 0.0
        self._count = 0

    def tick(self, cell: str, number: int) -> None:
        """Take the time of the next line."""
        second = self._second(cell, number)
        if self._count == 0:
            self._begin(second, cell, number)
        elif self.step_s is None:
            if second <= self._first_s:
                raise _bad(number, self.name, cell, "is not later than the line before")
            self.step_s = second - self._first_s
        else:
            expected_s = self._first_s + self._count * self.step_s
            if abs(second - expected_s) > self.step_s / 2:
                raise _bad(number, self.name, cell, f"is {second - expected_s:+g} s from where a step of {self.step_s:g} s leads")
        self._count += 1

    def _begin(self, second: float, cell: str, number: int) -> None:
        self._first_s = second
        if second >= _UNIX_FROM_S:
            self.start = datetime.fromtimestamp(second, UTC)
        elif second != 0:
            raise _bad(number, self.name, cell, "is neither Unix seconds nor seconds from 0")

    def _second(self, cell: str, number: int) -> float:
        try:
            at = datetime.fromisoformat(cell) if "-" in cell or ":" in cell else None
            second = float(cell) if at is None else (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
        except ValueError:
            raise _bad(number, self.name, cell, "is no time") from None
        if not -_UNIX_TO_S < second < _UNIX_TO_S:
            raise _bad(number, self.name, cell, "is no time in seconds")
        return second


def _bad(number: int, name: str, cell: str, why: str) -> InvalidInput:
    return InvalidInput(
        f"line {number}, column {name}: {cell!r:.40} {why}",
        remedy="Mend this line, or fill the gap: values are plain numbers, times ISO 8601 or seconds, and all equally far apart.",
    )
