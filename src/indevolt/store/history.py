"""What is asked of history, as a list of rows to fetch, and the answer made of those rows: the same for every back end. Pure.

A question is asked in two steps, because back ends fetch in different ways (a thread, a server): first :func:`series_rows` or
:func:`energy_rows` say which columns of which level and span are needed, then :func:`series` or :func:`energies` put together what
came.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias, assert_never
from zoneinfo import ZoneInfo

from indevolt.errors import InvalidInput
from indevolt.store.contract import Aggregate, ColumnKind, Energies, Period, Series, Stored
from indevolt.store.layout import Layout, Layouts, Place, instant, milliseconds
from indevolt.store.rollup import DAY_MS, Level, field, pieces

MOST_STEPS: Final = 1_000_000  # a step a second for eleven days; what no chart and no table shows
LOOK_BACK_MS: Final = 31 * DAY_MS  # how far before the first period a counter's value is looked for

RolledUp: TypeAlias = Mapping[str, int]
"""Table: up to which time its five-minute rows are written for a device; tables the device never had are missing."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Columns of one level of one table, over a span of time; fields by their SQL name."""

    layout: Layout
    level: Level
    fields: tuple[str, ...]
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Columns:
    """What was fetched: times in order, and as many numbers per field."""

    rows: Rows
    times: Sequence[int]
    fields: Mapping[str, Sequence[int | None]]


@dataclass(frozen=True, slots=True)
class Span:
    """A span of time in steps; ``step_ms`` None is the readings themselves."""

    start_ms: int
    end_ms: int
    step_ms: int | None

    @property
    def level(self) -> Level:
        """The coarsest level that the steps are made of."""
        if self.step_ms is None or self.step_ms % Level.FIVE.span_ms:
            return Level.RAW
        return Level.FIVE if self.step_ms % Level.HOUR.span_ms else Level.HOUR

    @property
    def times(self) -> range:
        """The starts of all steps."""
        return range(self.start_ms, self.end_ms, self.step_ms or 1)


def span(start: datetime, end: datetime, step_s: float | None, limit: int | None = None) -> Span:
    """Return a span that begins with a step and has whole steps only.

    Raises:
        InvalidInput: times without a zone, a step that is none, or too many of them.
    """
    start_ms, end_ms = milliseconds(start), milliseconds(end)
    if step_s is None:
        return Span(start_ms, max(start_ms, end_ms), None)
    if step_s < 1 or step_s != int(step_s):
        raise InvalidInput(f"step of {step_s:g} s: it must be whole seconds, 1 or more", remedy="Give 300 for five minutes.")
    step_ms = int(step_s) * 1000
    start_ms -= start_ms % step_ms
    steps = max(0, -(-(end_ms - start_ms) // step_ms))
    steps = steps if limit is None else min(steps, limit)
    if steps > MOST_STEPS:
        raise InvalidInput(f"{steps} steps are too many: at most {MOST_STEPS}", remedy="Ask for longer steps or a shorter time.")
    return Span(start_ms, start_ms + steps * step_ms, step_ms)


def settled_aggregate(kind: ColumnKind, asked: Aggregate) -> Aggregate:
    """Return what an aggregate means for a kind of column."""
    match kind:
        case ColumnKind.GAUGE:
            return asked
        case ColumnKind.COUNTER:
            return Aggregate.LAST if asked is Aggregate.MEAN else asked
        case ColumnKind.WORD | ColumnKind.SWITCH:
            return Aggregate.LAST
    assert_never(kind)


def _stats(place: Place, asked: Aggregate) -> tuple[str, ...]:
    """Return the roll-up's fields that an aggregate is made of."""
    match settled_aggregate(place.column.kind, asked):
        case Aggregate.MEAN:
            return ("n", "sum")
        case Aggregate.MIN:
            return ("min",)
        case Aggregate.MAX:
            return ("last",) if place.column.kind is ColumnKind.COUNTER else ("max",)
        case Aggregate.LAST:
            return ("last",)


def series_rows(layouts: Layouts, rolled: RolledUp, names: Sequence[str], over: Span, aggregate: Aggregate) -> list[Rows]:
    """Return what must be fetched for a series."""
    found = []
    for layout, places in layouts.holding(names):
        if layout.name not in rolled:
            continue
        for level, start_ms, end_ms in pieces(over.level, over.start_ms, over.end_ms, rolled[layout.name]):
            if level is Level.RAW:
                fields = tuple(place.sql for place in places)
            else:
                fields = tuple(field(place.sql, stat) for place in places for stat in _stats(place, aggregate))
            found.append(Rows(layout, level, fields, start_ms, end_ms))
    return found


def series(
    layouts: Layouts,
    fetched: Sequence[Columns],
    device: str,
    names: Sequence[str],
    over: Span,
    *,
    aggregate: Aggregate,
    limit: int | None,
) -> Series:
    """Return a series of what was fetched."""
    names = tuple(dict.fromkeys(names))
    if over.step_ms is None:
        return _readings(layouts, fetched, device, names, limit)
    columns = in_steps(layouts, fetched, names, over, aggregate)
    return Series(device, names, over.step_ms / 1000, [instant(each) for each in over.times], columns)


def in_steps(
    layouts: Layouts, fetched: Sequence[Columns], names: Iterable[str], over: Span, aggregate: Aggregate
) -> dict[str, Sequence[Stored | None]]:
    """Return one value per step and quantity of what was fetched of one device."""
    columns: dict[str, Sequence[Stored | None]] = {name: [None] * len(over.times) for name in names}
    for layout, places in layouts.holding(columns):
        mine = [each for each in fetched if each.rows.layout is layout]
        for place in places if mine else ():
            columns[place.column.name] = _joined(columns[place.column.name], _steps(place, mine, over, aggregate))
    return columns


def _readings(layouts: Layouts, fetched: Sequence[Columns], device: str, names: tuple[str, ...], limit: int | None) -> Series:
    """Return the readings as they are, of several tables on one axis."""
    if len(fetched) == 1:  # the usual case, and then there is nothing to merge
        times: Sequence[int] = fetched[0].times[:limit]
    else:
        times = sorted({at_ms for each in fetched for at_ms in each.times})[:limit]
    columns: dict[str, Sequence[Stored | None]] = {name: [None] * len(times) for name in names}
    for layout, places in layouts.holding(names):
        for each in fetched:
            if each.rows.layout is not layout:
                continue
            for place in places:
                numbers: Sequence[int | None] = each.fields[place.sql]
                if len(fetched) > 1:
                    known = dict(zip(each.times, numbers, strict=True))
                    numbers = [known.get(at_ms) for at_ms in times]
                found = place.decode(numbers[: len(times)])
                columns[place.column.name] = found if len(fetched) == 1 else _joined(columns[place.column.name], found)
    return Series(device, names, None, [instant(each) for each in times], columns)


def _joined(before: Sequence[Stored | None], found: Sequence[Stored | None]) -> list[Stored | None]:
    """Return what several tables have of one quantity: a device that was replaced by one of another family is in both."""
    return [then if now is None else now for then, now in zip(before, found, strict=True)]


def _steps(place: Place, fetched: Iterable[Columns], over: Span, aggregate: Aggregate) -> list[Stored | None]:
    """Return one value per step for a quantity."""
    step_ms, count, start_ms = over.step_ms or 1, len(over.times), over.start_ms
    stats = _stats(place, aggregate)
    settled = settled_aggregate(place.column.kind, aggregate)
    if settled is Aggregate.MEAN:
        numbers, sums = [0] * count, [0] * count
        for each in fetched:
            for at_ms, number, total in _means(place, each):
                if total is not None:
                    at = (at_ms - start_ms) // step_ms
                    numbers[at] += number or 0
                    sums[at] += total
        scale = place.scale
        return [total / (number * scale) if number else None for number, total in zip(numbers, sums, strict=True)]
    found: list[int | None] = [None] * count
    for each in fetched:
        name = place.sql if each.rows.level is Level.RAW else field(place.sql, stats[0])
        for at_ms, value in zip(each.times, each.fields[name], strict=True):
            if value is not None:
                at = (at_ms - start_ms) // step_ms
                before = found[at]
                if before is None or settled is Aggregate.LAST:
                    found[at] = value
                else:
                    found[at] = min(before, value) if settled is Aggregate.MIN else max(before, value)
    return place.decode(found)


def _means(place: Place, each: Columns) -> Iterator[tuple[int, int | None, int | None]]:
    """Yield time, number and sum of what was fetched for a mean."""
    if each.rows.level is Level.RAW:
        return zip(each.times, [1] * len(each.times), each.fields[place.sql], strict=True)
    return zip(each.times, each.fields[field(place.sql, "n")], each.fields[field(place.sql, "sum")], strict=True)


def total(of_devices: Iterable[Sequence[Stored | None]], over: Span) -> list[tuple[datetime, float | None]]:
    """Return the sum of what several devices have in each step."""
    sums: list[float | None] = [None] * len(over.times)
    for values in of_devices:
        sums = [before if each is None else (before or 0.0) + float(each) for before, each in zip(sums, values, strict=True)]
    return [(instant(at_ms), each) for at_ms, each in zip(over.times, sums, strict=True)]


# ---- energies --------------------------------------------------------------------------------------------------------


def boundaries(start: datetime, end: datetime, period: Period, zone: ZoneInfo) -> list[datetime]:
    """Return the starts of the calendar periods from the one that holds ``start``, and the end of the last one.

    Raises:
        InvalidInput: times without a zone, or too many periods.
    """
    milliseconds(start), milliseconds(end)
    found = [_beginning(start.astimezone(zone), period)]
    while found[-1] < end:
        found.append(_next(found[-1], period, zone))
        if len(found) > MOST_STEPS:
            raise InvalidInput(f"more than {MOST_STEPS} periods", remedy="Ask for longer ones, or for a shorter time.")
    return found


def _beginning(local: datetime, period: Period) -> datetime:
    """Return when the period that holds a local time began."""
    match period:
        case "hour":
            return local.replace(minute=0, second=0, microsecond=0)
        case "day":
            first = local
        case "week":
            first = local - timedelta(days=local.weekday())
        case "month":
            first = local.replace(day=1)
        case "year":
            first = local.replace(month=1, day=1)
        case _:
            assert_never(period)
    return first.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)


def _next(at: datetime, period: Period, zone: ZoneInfo) -> datetime:
    """Return when the period after the one that begins here begins; days are those of the wall clock: 23 to 25 hours."""
    match period:
        case "hour":  # by way of UTC, so that neither of the two hours of an autumn night is forgotten
            return (at.astimezone(UTC) + timedelta(hours=1)).astimezone(zone)
        case "day":
            return at + timedelta(days=1)
        case "week":
            return at + timedelta(days=7)
        case "month":
            return at.replace(year=at.year + at.month // 12, month=at.month % 12 + 1)
        case "year":
            return at.replace(year=at.year + 1)


def energy_rows(layouts: Layouts, rolled: RolledUp, names: Sequence[str], edges: Sequence[datetime]) -> list[Rows]:
    """Return what must be fetched for energies.

    Raises:
        InvalidInput: a quantity is no counter.
    """
    if len(edges) < 2:
        return []
    edges_ms = [milliseconds(each) for each in edges]
    level = next(each for each in (Level.HOUR, Level.FIVE, Level.RAW) if not any(at_ms % each.span_ms for at_ms in edges_ms))
    found = []
    for layout, places in layouts.holding(names):
        for place in places:
            if place.column.kind is not ColumnKind.COUNTER:
                raise InvalidInput(f"{place.column.name!r} is no counter", remedy="Ask for its mean as a series instead.")
        if layout.name in rolled:
            start_ms = max(0, level.floor(edges_ms[0] - LOOK_BACK_MS))
            for each, piece_start_ms, piece_end_ms in pieces(level, start_ms, edges_ms[-1], rolled[layout.name]):
                if each is Level.RAW:
                    fields = tuple(place.sql for place in places)
                else:
                    fields = tuple(field(place.sql, stat) for place in places for stat in ("min", "last"))
                found.append(Rows(layout, each, fields, piece_start_ms, piece_end_ms))
    return found


def energies(layouts: Layouts, fetched: Sequence[Columns], names: Sequence[str], edges: Sequence[datetime]) -> Energies:
    """Return the growth of counters in each period of what was fetched."""
    found: Energies = [(start, dict.fromkeys(names)) for start in edges[:-1]]
    edges_ms = [milliseconds(each) for each in edges]
    for layout, places in layouts.holding(names):
        mine = [each for each in fetched if each.rows.layout is layout]
        for place in places:
            for period, growth in _growth(place, mine, edges_ms).items():
                found[period][1][place.column.name] = growth / place.scale
    return found


def _growth(place: Place, fetched: Iterable[Columns], edges_ms: Sequence[int]) -> dict[int, int]:
    """Return by how much a counter grew, per period that has a value."""
    grown: dict[int, int] = {}
    before: int | None = None  # the last value of all periods before the present one
    now: int | None = None
    present = -1
    for each in fetched:
        raw = each.rows.level is Level.RAW
        firsts = each.fields[place.sql if raw else field(place.sql, "min")]
        lasts = each.fields[place.sql if raw else field(place.sql, "last")]
        for at_ms, first, last in zip(each.times, firsts, lasts, strict=True):
            if first is None or last is None:
                continue
            if present < 0 or at_ms >= edges_ms[present + 1]:
                period = bisect_right(edges_ms, at_ms) - 1
                if period != present:
                    before, present = now, period
            before = first if before is None else before
            now = last
            if present >= 0:
                grown[present] = now - before
    return grown
