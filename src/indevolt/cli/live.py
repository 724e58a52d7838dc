"""The picture that `watch` and `demo` keep redrawing: each quantity with its value, its age where it is old, and how it went.

Reading is done elsewhere; this remembers what was read, because a device that falls silent leaves old values, and old is not live.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from datetime import UTC
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.text import Text

from indevolt.battery import Quality, Reading, Sample
from indevolt.catalogue import Model
from indevolt.cli.ending import printable
from indevolt.cli.render import duration_text, sample_text
from indevolt.cli.screen import cut_text, rows
from indevolt.errors import IndevoltError

HISTORY: Final = 40  # readings a trend shows; at 5 s some three minutes, and it fits beside the values in 80 columns
_TREND_ROOM: Final = 24  # columns of the trend in a narrow terminal
_LEVELS: Final = "▁▂▃▄▅▆▇█"

_USUAL: Final = (
    ("mode",),
    ("battery_state",),
    ("battery_soc",),
    ("battery_power",),
    ("pv_power_total", "total_dc_output_power"),
    ("home_load_power", "load_power"),
    ("meter_power",),
    ("ac_power", "ac_output_power"),
    ("battery_charge_energy_today",),
    ("battery_discharge_energy_today",),
    ("pv_energy_today",),
)
"""What most people watch; of several names the first that a family has. It fits a small terminal, and one request."""


def usual(model: Model) -> tuple[str, ...]:
    """Return what to watch where nothing is named."""
    readable = {point.name for point in model.readable()}
    found = (next((name for name in names if name in readable), None) for names in _USUAL)
    return tuple(name for name in found if name is not None)


class Picture:
    """Remembers the last value and the trend of each quantity, and draws them."""

    def __init__(self, model: Model, title: str, notes: Sequence[str] = ()) -> None:
        self._model = model
        self._title = title
        self._notes = notes
        self._last: dict[str, Sample] = {}
        self._trend: dict[str, deque[float]] = {}
        self._reading: Reading | None = None
        self._trouble: IndevoltError | None = None

    def take(self, reading: Reading, trouble: IndevoltError | None = None) -> None:
        """Remember a reading."""
        self._reading, self._trouble = reading, trouble
        for name, sample in reading.items():
            if sample.quality is Quality.LIVE or name not in self._last:
                self._last[name] = sample
            number = reading.number(name)
            if number is not None:
                self._trend.setdefault(name, deque(maxlen=HISTORY)).append(number)

    def draw(self, console: Console, extra: str = "") -> RenderableType:
        """Return what to show now, fit for a terminal."""
        if self._reading is None:
            return Text(self._title, style="bold")
        at = self._reading.at.astimezone(UTC)
        head = Text.assemble((printable(self._title), "bold"), f"  {at:%H:%M:%S} UTC{extra}")
        table = rows("Quantity", ">Value", "Unit", "Trend", *(["What it is?"] if console.width >= 110 else []))
        room = HISTORY if console.width >= 110 else _TREND_ROOM
        for name in self._reading:
            about = [cut_text(self._model.points[name].about, "dim")] if console.width >= 110 else []
            table.add_row(*self._row(name), self._trend_text(name, console, room), *about)
        parts: list[RenderableType] = [head, *(Text(printable(note), style="dim") for note in self._notes), Text(), table]
        if self._trouble is not None:
            parts.append(Text(f"\n! no answer: {printable(str(self._trouble))}", style="yellow"))
        return Group(*parts)

    def _row(self, name: str) -> tuple[Text, Text, Text]:
        reading, sample = self._reading, self._last[name]
        value, unit = sample_text(sample)
        fresh = reading is not None and reading[name].quality is Quality.LIVE
        style = "bold" if fresh else "dim"
        if not fresh and sample.quality is Quality.LIVE and reading is not None:
            unit = f"{unit} {duration_text(max(0.0, sample.age(reading.at)))} ago".strip()
        return Text(name), Text(value, style=style), Text(unit, style="" if fresh else "dim")

    def _trend_text(self, name: str, console: Console, room: int) -> Text:
        numbers = self._trend.get(name)
        if numbers is None or len(numbers) < 2 or not console.encoding.lower().startswith("utf"):
            return Text()
        return Text(sparkline(list(numbers)[-room:]), style="cyan")


def sparkline(numbers: Iterable[float]) -> str:
    """Return numbers as a row of bars, from the lowest to the highest of them; equal ones as a flat line."""
    values = list(numbers)
    low, high = min(values), max(values)
    if low == high:
        return _LEVELS[0] * len(values)
    top = len(_LEVELS) - 1
    return "".join(_LEVELS[round((value - low) / (high - low) * top)] for value in values)
