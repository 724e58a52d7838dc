"""History as a file for other programs: CSV, which everybody reads, and Parquet, which keeps types and is small.

One row per time, a column ``at`` (UTC) and one per quantity; what is not known is an empty field, or null. Rows come in spans of a
day, so that memory does not grow with the file.
"""

from __future__ import annotations

import csv
import io
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any, BinaryIO, Final, Literal

from indevolt.errors import InvalidInput
from indevolt.store.contract import ColumnKind, Series
from indevolt.store.history import span
from indevolt.store.layout import Layouts, instant

_DAY: Final = timedelta(days=1)


def days(start: datetime, end: datetime, step_s: float | None) -> Iterator[tuple[datetime, datetime]]:
    """Yield spans of a day or of one step, whichever is longer."""
    at = start if step_s is None else instant(span(start, end, step_s).start_ms)
    length = _DAY if step_s is None else max(_DAY // timedelta(seconds=step_s), 1) * timedelta(seconds=step_s)
    while at < end:
        yield at, min(at + length, end)
        at += length


class HistoryFile(ABC):
    """A file that is being written into an open sink. Synchronous."""

    def __init__(self, names: Sequence[str], sink: BinaryIO) -> None:
        self.names = names
        self._sink = sink

    @abstractmethod
    def begin(self) -> None:
        """Write what comes first."""

    @abstractmethod
    def write(self, series: Series) -> None:
        """Write the next rows."""

    @abstractmethod
    def finish(self) -> None:
        """Write what comes last; the sink stays open."""


def file_of(form: Literal["csv", "parquet"], names: Sequence[str], layouts: Layouts, sink: BinaryIO) -> HistoryFile:
    """Return a file of a form.

    Raises:
        InvalidInput: Parquet, without pyarrow installed.
    """
    return _Csv(names, sink) if form == "csv" else _Parquet(names, sink, layouts)


class _Csv(HistoryFile):
    def begin(self) -> None:
        self._sink.write((",".join(["at", *self.names]) + "\n").encode())

    def write(self, series: Series) -> None:
        text = io.StringIO()
        times = [at.isoformat().replace("+00:00", "Z") for at in series.times]
        columns = [["" if each is None else _plain(each) for each in series.columns[name]] for name in self.names]
        csv.writer(text, lineterminator="\n").writerows(zip(times, *columns, strict=True))
        self._sink.write(text.getvalue().encode())

    def finish(self) -> None:
        self._sink.flush()


def _plain(value: float | str | bool) -> str:
    """Return a value as others read it: 230 instead of 230.0, true instead of True."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else f"{value:.15g}"


class _Parquet(HistoryFile):
    def __init__(self, names: Sequence[str], sink: BinaryIO, layouts: Layouts) -> None:
        super().__init__(names, sink)
        try:
            self._pa: Any = import_module("pyarrow")  # large, without types, and only needed here
            self._pq: Any = import_module("pyarrow.parquet")
        except ImportError as error:
            raise InvalidInput("Parquet needs pyarrow, which is not installed", remedy='pip install "indevolt[parquet]"') from error
        types: dict[str, Any] = dict.fromkeys(names, self._pa.float64())
        for _, places in layouts.holding(names):
            for place in places:
                if place.column.kind in (ColumnKind.WORD, ColumnKind.SWITCH):
                    types[place.column.name] = self._pa.string() if place.column.kind is ColumnKind.WORD else self._pa.bool_()
        self._schema = self._pa.schema([("at", self._pa.timestamp("ms", tz="UTC")), *types.items()])

    def begin(self) -> None:
        self._writer = self._pq.ParquetWriter(self._sink, self._schema, compression="zstd")

    def write(self, series: Series) -> None:
        columns = {name: list(series.columns[name]) for name in self.names}
        self._writer.write_table(self._pa.table({"at": list(series.times), **columns}, schema=self._schema))

    def finish(self) -> None:
        self._writer.close()
