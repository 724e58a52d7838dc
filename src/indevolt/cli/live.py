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

USUAL: Final = (
    "mode",
    "battery_soc",
    "system_soc",
    "battery_state",
    "battery_power",
    "pv_power_total",
    "total_dc_output_power",
    "pv1_power",
    "pv2_power",
    "pv3_power",
    "pv4_power",
    "meter_power",
    "ac_power",
    "ac_input_power",
    "ac_output_power",
    "bypass_power",
    "battery_charge_energy_today",
    "battery_discharge_energy_today",
    "pv_energy_today",
)
"""What most people watch, as far as a family has it; with the rest of one request still to spare."""


def usual(model: Model) -> tuple[str, ...]:
    """Return what to watch where nothing is named; it fits into one request."""
    return tuple(name for name in USUAL if (point := model.points.get(name)) and point.read)


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
        head = Text.assemble((printable(self._title), "bold"), f"  {at:%H:%M:%S} UTC", (f"  {extra}" if extra else "", "dim"))
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
