"""History as a file for other programs: CSV, which everybody reads, and Parquet, which keeps types and is small.

One row per time, a column ``at`` (UTC) and one per quantity; what is not known is an empty field, or null. Rows are fetched in
spans of a day, so that memory does not grow with the file.
"""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any, BinaryIO, Final, Literal, Protocol

from indevolt.errors import InvalidInput
from indevolt.store.contract import ColumnKind, Series
from indevolt.store.history import span
from indevolt.store.layout import Layouts, instant

_DAY: Final = timedelta(days=1)


class AsksSeries(Protocol):
    """How a store is asked for history."""

    async def series(
        self, device: str, names: Sequence[str], start: datetime, end: datetime, *, step_s: float | None = None
    ) -> Series:
        """Return history."""
        ...


async def export(
    store: AsksSeries,
    layouts: Layouts,
    *,
    device: str,
    names: Sequence[str],
    start: datetime,
    end: datetime,
    step_s: float | None,
    sink: BinaryIO,
    form: Literal["csv", "parquet"],
) -> int:
    """Write history into an open file and return the number of rows.

    Raises:
        InvalidInput: Parquet, without pyarrow installed.
    """
    names = list(dict.fromkeys(names))
    begin, write, finish = _csv(names, sink) if form == "csv" else _parquet(names, layouts, sink)
    rows = 0
    await asyncio.to_thread(begin)
    for at, upto in _days(start, end, step_s):
        each = await store.series(device, names, at, upto, step_s=step_s)
        rows += len(each.times)
        await asyncio.to_thread(write, each)
    await asyncio.to_thread(finish)
    return rows


def _days(start: datetime, end: datetime, step_s: float | None) -> Iterator[tuple[datetime, datetime]]:
    """Yield spans of a day or of one step, whichever is longer."""
    at = start if step_s is None else instant(span(start, end, step_s).start_ms)
    length = _DAY if step_s is None else max(_DAY // timedelta(seconds=step_s), 1) * timedelta(seconds=step_s)
    while at < end:
        yield at, min(at + length, end)
        at += length


def _csv(names: Sequence[str], sink: BinaryIO) -> tuple[Callable[[], object], Callable[[Series], object], Callable[[], object]]:
    def begin() -> None:
        sink.write((",".join(["at", *names]) + "\n").encode())

    def write(series: Series) -> None:
        text = io.StringIO()
        times = [at.isoformat().replace("+00:00", "Z") for at in series.times]
        columns = [["" if each is None else _plain(each) for each in series.columns[name]] for name in names]
        csv.writer(text, lineterminator="\n").writerows(zip(times, *columns, strict=True))
        sink.write(text.getvalue().encode())

    return begin, write, sink.flush


def _plain(value: float | str | bool) -> str:
    """Return a value as others read it: 230 instead of 230.0, true instead of True."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else f"{value:.15g}"


def _parquet(
    names: Sequence[str], layouts: Layouts, sink: BinaryIO
) -> tuple[Callable[[], object], Callable[[Series], object], Callable[[], object]]:
    try:
        pa: Any = import_module("pyarrow")  # large, without types, and only needed here
        pq: Any = import_module("pyarrow.parquet")
    except ImportError as error:
        raise InvalidInput("Parquet needs pyarrow, which is not installed", remedy='pip install "indevolt[parquet]"') from error
    types: dict[str, Any] = dict.fromkeys(names, pa.float64())
    for _, places in layouts.holding(names):
        for place in places:
            if place.column.kind in (ColumnKind.WORD, ColumnKind.SWITCH):
                types[place.column.name] = pa.string() if place.column.kind is ColumnKind.WORD else pa.bool_()
    schema = pa.schema([("at", pa.timestamp("ms", tz="UTC")), *types.items()])
    writer: list[Any] = []

    def begin() -> None:
        writer.append(pq.ParquetWriter(sink, schema, compression="zstd"))

    def write(series: Series) -> None:
        columns = {name: list(series.columns[name]) for name in names}
        writer[0].write_table(pa.table({"at": list(series.times), **columns}, schema=schema))

    def finish() -> None:
        writer[0].close()

    return begin, write, finish
