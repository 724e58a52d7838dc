"""A meter out of a file, to try things out: it tells what was recorded, at the times of the recording, again and again."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from indevolt.clock import Clock
from indevolt.errors import InvalidInput
from indevolt.hub.meters.told import Told

MOST_ROWS: Final = 1_000_000  # a week of seconds; more is no trial
_COLUMNS: Final = ("seconds", "power_w")


class ReplaySource:
    """Tells what a file says."""

    every_s: float | None = None

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._rows: Sequence[tuple[float, float]] = ()
        self._next = 0
        self._began_s = 0.0  # of this round, on the clock

    async def __aenter__(self) -> Self:
        try:
            with self._path.open(encoding="utf-8-sig", newline="") as file:
                self._rows = rows_of(file, self._path.name)
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(f"{self._path} cannot be read: {error}") from error
        self._next = 0
        self._began_s = self._clock.monotonic()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        pass

    async def next(self) -> Told:
        """Wait until the next row is due."""
        if self._next == len(self._rows):
            last_s = self._rows[-1][0]
            step_s = last_s - self._rows[-2][0] if len(self._rows) > 1 else 1.0
            self._began_s += last_s - self._rows[0][0] + step_s
            self._next = 0
        at_s, power_w = self._rows[self._next]
        self._next += 1
        await self._clock.sleep(max(0.0, self._began_s + at_s - self._rows[0][0] - self._clock.monotonic()))
        return Told(power_w)


def rows_of(lines: Iterable[str], name: str) -> Sequence[tuple[float, float]]:
    """Return seconds and watts of each row.

    Raises:
        InvalidInput: a column is missing, a value is no number, or time goes back; names the line.
    """
    reader = csv.DictReader(lines)
    missing = [column for column in _COLUMNS if column not in (reader.fieldnames or ())]
    if missing:
        raise InvalidInput(f"{name} has no column {' and no column '.join(missing)}", remedy="Its first line: seconds,power_w")
    rows: list[tuple[float, float]] = []
    for row in reader:
        try:
            at_s, power_w = (float(row[column]) for column in _COLUMNS)
        except (TypeError, ValueError):
            raise InvalidInput(f"{name}, line {reader.line_num}: not two numbers", remedy="Write 1.5,430.0 for example.") from None
        if not math.isfinite(at_s) or (rows and at_s <= rows[-1][0]):
            raise InvalidInput(f"{name}, line {reader.line_num}: seconds {at_s:g} are not after those before")
        rows.append((at_s, power_w))
        if len(rows) > MOST_ROWS:
            raise InvalidInput(f"{name} has more than {MOST_ROWS} rows")
    if not rows:
        raise InvalidInput(f"{name} has no rows", remedy="Write 1.5,430.0 for example.")
    return rows
