"""Plots over time as SVG text: axes with round values, lines, areas, bands, marks.

It knows instants and numbers, and nothing of batteries; what is drawn and why is in ``charts``.

A plot is as wide as its page and never scales its text: what is drawn lies in an inner picture that stretches, labels are
placed by percentages around it. Colours and dashes are classes, which the page's style sheet defines. The corners of a path are
whole numbers, ten to the pixel in height, because a page of ten paths is to be mailed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Final

WIDTH: Final = 10_000  # units of a plot's whole width, whatever its width in pixels
FINE: Final = 10  # units of a pixel of height
_MOST_TIME_TICKS: Final = 13  # every two hours of a day, both ends counted
_MINUTES: Final = (1, 2, 5, 10, 15, 30, 60, 2 * 60, 3 * 60, 6 * 60, 12 * 60, 24 * 60, 2 * 24 * 60, 7 * 24 * 60)
_MONTHS: Final = (1, 2, 3, 6, 12, 2 * 12, 5 * 12, 10 * 12, 50 * 12)  # the last is enough for six centuries
_DAY: Final = timedelta(days=1)
MONTH_NAMES: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_AIR: Final = 0.03  # share of a scale that stays empty beyond its values
_NOTE_WIDE: Final = 0.2  # share of the width that the name of a level takes
_LETTER_WIDE: Final = 0.008  # share of the width at 800 pixels; narrower plots show no labels within
_LONGEST_NAME: Final = 14  # letters that the margin right of a plot has room for
_LANES: Final = 2  # rows of badges above a plot
_BADGE_APART: Final = (
    0.035  # share of the width: a badge of 20 pixels in the narrowest column that is still read, two lanes counted
)


@dataclass(frozen=True, slots=True)
class Tick:
    """A label at a share, 0 to 1, of the width; ``strong`` where a day, or a year, begins."""

    share: float
    label: str
    strong: bool = False


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """From left to right: two aware instants in UTC, the second one later."""

    start: datetime
    end: datetime

    def share(self, at: datetime) -> float:
        """Return where an instant is: 0 left, 1 right."""
        return (at - self.start) / (self.end - self.start)

    def x(self, at: datetime) -> int:
        """Return where an instant is, in units of :data:`WIDTH`."""
        return round(self.share(at) * WIDTH)

    def ticks(self) -> tuple[Tick, ...]:
        """Return round instants, as many as can be read."""
        span = self.end - self.start
        for minutes in _MINUTES:
            step = timedelta(minutes=minutes)
            if span / step < _MOST_TIME_TICKS:
                return tuple(self._tick(at, step) for at in self._every(step))
        firsts = list(self._firsts_of_months())
        months = next(months for months in _MONTHS if len(firsts) <= months * _MOST_TIME_TICKS)
        return tuple(
            Tick(self.share(at), str(at.year) if at.month == 1 else MONTH_NAMES[at.month - 1], strong=at.month == 1)
            for at in firsts
            if (12 * at.year + at.month - 1) % months == 0
        )

    def _every(self, step: timedelta) -> Iterator[datetime]:
        origin = datetime(2001, 1, 1, tzinfo=UTC)  # a Monday, so that steps of weeks begin on one
        at = origin + math.ceil((self.start - origin) / step) * step
        while at <= self.end:
            yield at
            at += step

    def _tick(self, at: datetime, step: timedelta) -> Tick:
        midnight = (at.hour, at.minute) == (0, 0)
        if step >= _DAY or (midnight and self.end - self.start > _DAY):
            return Tick(self.share(at), f"{at.day} {MONTH_NAMES[at.month - 1]}", strong=step < _DAY)
        label = "24:00" if midnight and at == self.end else f"{at:%H:%M}"
        return Tick(self.share(at), label)

    def _firsts_of_months(self) -> Iterator[datetime]:
        at = self.start.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        while at <= self.end:
            if at >= self.start:
                yield at
            at = (at + timedelta(days=32)).replace(day=1)


@dataclass(frozen=True, slots=True)
class Scale:
    """From bottom to top: two values, a height in pixels, and the round values between them."""

    low: float
    high: float
    height_px: int
    ticks: tuple[float, ...]

    def y(self, value: float) -> int:
        """Return where a value is, from the top, in units of which :data:`FINE` make a pixel."""
        return round((self.high - value) / (self.high - self.low) * self.height_px * FINE)

    def y_px(self, value: float) -> float:
        """Return the same in pixels."""
        return self.y(value) / FINE


def round_scale(low: float, high: float, height_px: int, *, ticks: int = 5) -> Scale:
    """Return a scale with some air around both values, none at zero, and about so many round ticks."""
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5
    rough = (high - low) / ticks
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    air = (high - low) * _AIR
    low, high = low - air * (low != 0), high + air * (high != 0)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return Scale(low, high, height_px, tuple(number * step for number in range(first, last + 1)))


@dataclass(frozen=True, slots=True)
class Columns:
    """Stretches of time from left to right, in units of :data:`WIDTH`; one that begins after the end of the last leaves a gap."""

    starts: tuple[int, ...]
    ends: tuple[int, ...]

    def runs(self, drawn: Sequence[bool] | None = None) -> Iterator[tuple[int, int]]:
        """Yield first and last + 1 of columns without a gap between them, and all of them drawn."""
        first: int | None = None
        for number, start in enumerate(self.starts):
            if first is not None and (self.ends[number - 1] < start or (drawn and not drawn[number])):
                yield first, number
                first = None
            if first is None and (drawn is None or drawn[number]):
                first = number
        if first is not None:
            yield first, len(self.starts)

    def gaps(self) -> Iterator[tuple[int, int]]:
        """Yield start and end of each gap."""
        yield from ((end, start) for end, start in zip(self.ends[:-1], self.starts[1:], strict=True) if end < start)


@dataclass(frozen=True, slots=True)
class Mark:
    """A numbered moment that every plot shows."""

    number: int
    at: datetime
    text: str


@dataclass(slots=True)
class Plot:
    """One picture under way: draw from back to front, then ask for :meth:`svg`.

    ``name`` is unique on the page; title and description are for those who cannot see it.
    """

    name: str
    title: str
    about: str
    axis: TimeAxis
    scale: Scale
    columns: Columns
    unit: str
    marks: Sequence[Mark] = ()
    _drawn: list[str] = field(default_factory=list)
    _around: list[str] = field(default_factory=list)
    _ends: list[tuple[float, str]] = field(default_factory=list)

    def area(self, lower: Sequence[float], upper: Sequence[float], css: str) -> None:
        """Fill from zero to the upper value where the two differ; what lies below is drawn over it later, so no seam shows."""
        zero, ys = self.scale.y(0.0), [self.scale.y(value) for value in upper]
        thick = [self.scale.y(under) != over for under, over in zip(lower, ys, strict=True)]
        starts = self.columns.starts
        path = "".join(
            f"M{starts[first]} {zero}V{ys[first]}{self._steps(first, last, ys)}V{zero}z" for first, last in self.columns.runs(thick)
        )
        if path:
            self._drawn.append(f'<path class="{css}" d="{path}"/>')

    def band(self, lower: Sequence[float], upper: Sequence[float], css: str) -> None:
        """Fill between two values of each column."""
        low, high = [self.scale.y(value) for value in lower], [self.scale.y(value) for value in upper]
        path = "".join(
            f"M{self.columns.starts[first]} {high[first]}{self._steps(first, last, high)}"
            f"V{low[last - 1]}{self._back(first, last, low)}z"
            for first, last in self.columns.runs()
        )
        self._drawn.append(f'<path class="band {css}" d="{path}"/>')

    def line(self, values: Sequence[float], css: str) -> None:
        """Draw one value of each column, as steps: each is a mean that lasts."""
        ys = [self.scale.y(value) for value in values]
        path = "".join(
            f"M{self.columns.starts[first]} {ys[first]}{self._steps(first, last, ys)}" for first, last in self.columns.runs()
        )
        self._drawn.append(f'<path class="line {css}" d="{path}"/>')

    def level(self, value: float, label: str, away_from: Sequence[Sequence[float]]) -> None:
        """Draw a value that holds all the time, and name it where the lines of these values are farthest from it."""

        def room(share: float) -> float:
            first, last = (round(edge * (len(self.columns.starts) - 1)) for edge in (share, min(1.0, share + _NOTE_WIDE)))
            return min(abs(each - value) for values in away_from for each in values[first : last + 1])

        y = self.scale.y_px(value)
        share = max((0.0, 0.2, 0.4, 0.6, 0.8), key=room)
        self._around.append(f'<line class="level" x2="100%" y1="{y:g}" y2="{y:g}"/>')
        self._around.append(f'<text class="note" x="{_percent(share)}" dx="6" y="{y - 5:g}">{escape(label)}</text>')

    def say_within(self, lower: Sequence[float], upper: Sequence[float], label: str, css: str, *, least_px: float = 17.0) -> None:
        """Write a label into the roomiest place between two values; nowhere when it would not fit."""
        tall = [(self.scale.y_px(over), self.scale.y_px(under)) for under, over in zip(lower, upper, strict=True)]
        window = max(1, round(len(tall) * (_LETTER_WIDE * len(label) + 0.01)))
        best, at = least_px, None
        for first, last in self.columns.runs():
            for start in range(first, last - window + 1, max(1, window // 8)):
                top = max(over for over, _ in tall[start : start + window])
                bottom = min(under for _, under in tall[start : start + window])
                if bottom - top > best:
                    left, right = self.columns.starts[start], self.columns.ends[start + window - 1]
                    best, at = bottom - top, ((left + right) / 2 / WIDTH, (top + bottom) / 2)
        if at is not None:
            self._around.append(f'<text class="in {css}" x="{_percent(at[0])}" y="{at[1] + 4:.0f}">{escape(label)}</text>')

    def say_at_end(self, value: float, label: str) -> None:
        """Name a line where it ends, right of the plot."""
        self._ends.append((self.scale.y_px(value), label))

    def svg(self) -> str:
        """Return the picture."""
        height = self.scale.height_px
        parts = [
            f'<svg class="plot" role="img" aria-labelledby="{self.name}-t {self.name}-d" style="height:{height}px">',
            f'<title id="{self.name}-t">{escape(self.title)}</title><desc id="{self.name}-d">{escape(self.about)}</desc>',
            *self._value_axis(),
            *self._time_axis(),
            f'<svg width="100%" height="{height}" viewBox="0 0 {WIDTH} {height * FINE}" preserveAspectRatio="none">',
            *(f'<rect class="gap" x="{start}" width="{end - start}" height="100%"/>' for start, end in self.columns.gaps()),
            *self._drawn,
            "</svg>",
            *self._zero(),
            *self._around,
            *self._end_labels(),
            *self._badges(),
            "</svg>",
        ]
        return "".join(parts)

    def _steps(self, first: int, last: int, ys: Sequence[int]) -> str:
        corners: list[str] = []
        x = self.columns.starts[first]
        for number in range(first + 1, last):
            if ys[number] != ys[number - 1]:
                corners.append(f"h{self.columns.starts[number] - x}v{ys[number] - ys[number - 1]}")
                x = self.columns.starts[number]
        return "".join([*corners, f"h{self.columns.ends[last - 1] - x}"])

    def _back(self, first: int, last: int, ys: Sequence[int]) -> str:
        corners: list[str] = []
        x = self.columns.ends[last - 1]
        for number in range(last - 1, first, -1):
            if ys[number - 1] != ys[number]:
                corners.append(f"h{self.columns.starts[number] - x}v{ys[number - 1] - ys[number]}")
                x = self.columns.starts[number]
        return "".join(corners) + f"h{self.columns.starts[first] - x}"

    def _value_axis(self) -> Iterator[str]:
        for value in self.scale.ticks:
            y = self.scale.y_px(value)
            yield f'<line class="grid" x2="100%" y1="{y:g}" y2="{y:g}"/>'
            yield f'<text class="tick y" x="-8" y="{y + 4:g}">{number_label(value)}</text>'
        yield f'<text class="unit" x="-8" y="-10">{escape(self.unit)}</text>'

    def _zero(self) -> Iterator[str]:
        if self.scale.low < 0 < self.scale.high:
            y = self.scale.y_px(0.0)
            yield f'<line class="zero" x2="100%" y1="{y:g}" y2="{y:g}"/>'

    def _time_axis(self) -> Iterator[str]:
        height = self.scale.height_px
        for number, tick in enumerate(self.axis.ticks()):
            x, kind = _percent(tick.share), " strong" if tick.strong else ""
            yield f'<line class="grid{kind}" x1="{x}" x2="{x}" y2="{height}"/>'
            odd = " odd" if number % 2 else ""
            yield f'<text class="tick x{kind}{odd}" x="{x}" y="{height + 19}">{tick.label}</text>'

    def _end_labels(self) -> Iterator[str]:
        placed = -math.inf
        for y, label in sorted(self._ends):
            placed = max(y, placed + 14)
            yield f'<text class="end" x="100%" dx="7" y="{placed + 4:.0f}">{escape(label[:_LONGEST_NAME])}</text>'

    def _badges(self) -> Iterator[str]:
        seen: set[str] = set()
        inside = [(mark, self.axis.share(mark.at)) for mark in self.marks if self.axis.start <= mark.at <= self.axis.end]
        for _, share in inside:
            if (x := _percent(share)) not in seen:
                seen.add(x)
                yield f'<line class="mark" x1="{x}" x2="{x}" y1="-6" y2="{self.scale.height_px}"/>'
        lane = 0
        for group in _close_together(inside):
            first, last = group[0][0].number, group[-1][0].number
            label = str(first) if first == last else f"{first}–{last}"
            wide = 9 + 7 * len(label)
            x, y = _percent(group[0][1]), -14 - 18 * lane
            says = escape("; ".join(mark.text for mark, _ in group))
            yield (
                f'<g class="badge"><title>{says}</title><svg x="{x}" y="{y - 8}" width="1" height="16">'
                f'<rect x="{-wide / 2:g}" width="{wide}" height="16" rx="8"/><text y="12">{label}</text></svg></g>'
            )
            lane = (lane + 1) % _LANES


def number_label(value: float) -> str:
    """Return a tick's value without superfluous zeros and with a true minus sign."""
    return f"{round(value, 9):g}".replace("-", "−") if abs(value) < 1e5 else f"{value:.0f}".replace("-", "−")


def _close_together(marks: Sequence[tuple[Mark, float]]) -> list[list[tuple[Mark, float]]]:
    groups: list[list[tuple[Mark, float]]] = []
    for mark in marks:
        if groups and mark[1] - groups[-1][0][1] < _BADGE_APART:
            groups[-1].append(mark)
        else:
            groups.append([mark])
    return groups


def _percent(share: float) -> str:
    return f"{100 * share:.2f}".rstrip("0").rstrip(".") + "%"
