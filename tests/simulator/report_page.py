"""Days that a battery could have had, and the page of a report as a browser would find it."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from functools import cache
from html.parser import HTMLParser

from indevolt.simulator.report import render
from indevolt.simulator.trace import Happening, Row, Trace, UnitRow

MIDNIGHT = datetime(2026, 6, 21, tzinfo=UTC)
VOID = {"meta"}


class Page(HTMLParser):
    """What a browser would find: elements with their attributes and texts, in order; it insists on closed elements."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.source = text
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[tuple[str, str]] = []
        self.cells: list[list[str]] = []
        self.stack: list[str] = []
        self.feed(text)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag == "tr":
            self.cells.append([])
        if tag in ("td", "th"):
            self.cells[-1].append("")
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((self.stack[-1] if self.stack else "", data))
        if "td" in self.stack or "th" in self.stack:
            self.cells[-1][-1] += data

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def text(self, tag: str) -> list[str]:
        return [data for name, data in self.texts if name == tag]

    def tile(self, label: str) -> float:
        """Return the exact value of a key figure."""
        inside = self.source.split(f"<dt>{label}</dt>")[1]
        found = re.search(r'<data value="([^"]+)">', inside)
        assert found
        return float(found[1])

    def line(self, first: str) -> list[str]:
        """Return the first line of a table that begins with a text."""
        return next(cells for cells in self.cells if cells and cells[0] == first)


def unit_row(at: datetime, soc_pct: float) -> UnitRow:
    hour = at.hour + at.minute / 60
    pv_w = max(0.0, 1500 * math.sin((hour - 6) / 12 * math.pi))
    battery_w = 300.0 if hour < 6 or hour > 18 else -0.5 * pv_w
    return UnitRow(
        soc_pct, battery_w, pv_w, 0.92 * (pv_w + battery_w), 20 + hour / 4, "grid_discharging" if battery_w > 0 else "mppt"
    )


def run(
    *, minutes: float = 1, hours: float = 24, units: int = 1, spike_at: int | None = None, gap: range = range(0), roof_w: float = 0
) -> Trace:
    """Return a day that a battery could have had."""
    rows = []
    for number in range(round(hours * 60 / minutes)):
        at = MIDNIGHT + timedelta(minutes=number * minutes)
        own = tuple(unit_row(at, 40 + 5 * each + 20 * math.sin(number / 200)) for each in range(units))
        load_w = 5000.0 if number == spike_at else 400 + 100 * (number // 30 % 3)
        if number not in gap:
            rows.append(Row(at, minutes * 60, load_w, roof_w, load_w - roof_w - sum(each.ac_w for each in own), own))
    return Trace(
        "A day", "As it could be.", tuple(f"unit {each}" for each in range(units)), tuple(rows), capacity_wh=(4000.0,) * units
    )


DAY = run()
YEAR = run(minutes=60, hours=24 * 365, units=2)


@cache
def year() -> str:
    """Return the page of a year, which is drawn only once."""
    return render(YEAR)


HAPPENINGS = (
    Happening(MIDNIGHT + timedelta(hours=18), "unit 0", "reboots"),
    Happening(MIDNIGHT + timedelta(hours=7, minutes=5), "", "meter offline"),
)
