"""How a value looks: to a person, in a line, and in JSON. Rounding and kWh are for eyes only; JSON keeps what was read.

Unknown is a word or a dash, never 0. Where lines and tables go is for ``screen``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, time
from typing import Any, Final

from rich.table import Table
from rich.text import Text

from indevolt.battery import Limits, Quality, Reading, Sample, Value
from indevolt.catalogue import Model
from indevolt.cli.ending import printable
from indevolt.cli.screen import cut_text, rows

UNKNOWN: Final = "–"
_KILO: Final = {"Wh": ("kWh", 1_000), "W": ("kW", 10_000)}
"""Unit to show instead, and from where on: energies read well in kWh early, powers of a house stay in W."""

_TITLES: Final = {"pv": "PV", "ac": "AC", "main": "Main unit battery", "pack": "Extension packs", "curve": "Custom load curve"}
_STYLE: Final = {True: "bold", False: "dim"}  # live or not
_MANY: Final = 20  # names in a line; more are counted
_SERIES: Final = re.compile(r"^(?P<stem>.+_)(?P<index>\d{2})$")


def value_text(value: Value | None, unit: str = "") -> tuple[str, str]:
    """Return a value and the unit to show it in."""
    match value:
        case None:
            return UNKNOWN, ""
        case bool():
            return ("on" if value else "off"), ""
        case datetime():
            return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}", "UTC"
        case time():
            return f"{value:%H:%M}", ""
        case int() | float() if unit == "s":
            return duration_text(value), ""
        case int() | float():
            larger, limit = _KILO.get(unit, ("", 0))
            if larger and abs(value) >= limit:
                return number_text(value / 1000, 2), larger
            return number_text(value), unit
        case _:
            return printable(value), ""


def number_text(value: float, digits: int = 3) -> str:
    """Return a number with no more decimals than it needs."""
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def duration_text(seconds: float) -> str:
    """Return seconds as a person says them: ``45 s``, ``12 min``, ``5 h 04 min``, ``3 d 4 h``."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes == 0:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    if hours == 0:
        return f"{minutes} min" + (f" {rest:02d} s" if rest else "")
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if days else f"{hours} h {minutes:02d} min"


def phrase(value: Value | None, unit: str = "") -> str:
    """Return value and unit in one text: ``5.38 kWh``."""
    return " ".join(filter(None, value_text(value, unit)))


def sample_text(sample: Sample) -> tuple[str, str]:
    """Return what to show of a sample: its value and unit, or the word for why there is none."""
    return value_text(sample.value, sample.unit) if sample.quality is Quality.LIVE else (sample.quality.value, "")


def group_title(group: str) -> str:
    """Return a heading for a group of quantities."""
    return _TITLES.get(group, group.replace("_", " ").capitalize())


# ---- JSON ------------------------------------------------------------------------------------------------------------


def plain(value: Value | None) -> bool | int | float | str | None:
    """Return a value as JSON can hold it; times in ISO 8601."""
    return value.isoformat() if isinstance(value, datetime | time) else value


def sample_record(sample: Sample) -> dict[str, Any]:
    """Return a sample for ``--json``."""
    return {
        "value": plain(sample.value),
        "unit": sample.unit,
        "quality": sample.quality.value,
        "at": sample.at.isoformat(),
    }


def reading_record(reading: Reading) -> dict[str, Any]:
    """Return a reading for ``--json``."""
    return {
        "device": reading.device,
        "family": reading.family,
        "at": reading.at.isoformat(),
        "values": {name: sample_record(sample) for name, sample in reading.items()},
    }


def limits_record(limits: Limits) -> dict[str, Any]:
    """Return effective limits for ``--json``."""
    each = {"charge": limits.charge, "discharge": limits.discharge, "soc_min": limits.soc_min, "soc_max": limits.soc_max}
    return {name: {"value": limit.value, "unit": limit.unit, "cause": limit.cause} for name, limit in each.items()}


# ---- tables ----------------------------------------------------------------------------------------------------------


def asked_table(reading: Reading, model: Model) -> Table:
    """Return the quantities that were asked for, one row each, live or not."""
    table = rows("Quantity", ">Value", "Unit", "What it is?")
    for name, sample in reading.items():
        _add(table, name, sample, model)
    return table


def grouped_table(reading: Reading, model: Model) -> Table:
    """Return everything live, by group; equal neighbours of a numbered series share a row."""
    table = rows("Quantity", ">Value", "Unit", "What it is?")
    live = {name: sample for name, sample in reading.items() if sample.quality is Quality.LIVE}
    for group in _groups(model):
        members = [sample for name, sample in live.items() if model.points[name].group == group]
        if not members:
            continue
        if table.row_count:
            table.add_row()
        table.add_row(Text(group_title(group), style="bold cyan"))
        for label, sample in _merged(members):
            _add(table, label, sample, model)
    return table


def not_live_lines(reading: Reading, model: Model) -> Iterator[tuple[str, str]]:
    """Yield a quality and what has it; a part that is not installed is named once instead of all its quantities."""
    for quality in Quality:
        if quality is Quality.LIVE:
            continue
        names = [name for name, sample in reading.items() if sample.quality is quality]
        if quality is Quality.NOT_INSTALLED:
            names = sorted({model.points[name].part or name for name in names})
        if names:
            rest = f", and {len(names) - _MANY} more (--json tells them all)" if len(names) > _MANY else ""
            yield quality.value, ", ".join(names[:_MANY]) + rest


def _add(table: Table, label: str, sample: Sample, model: Model) -> None:
    value, unit = sample_text(sample)
    point = model.points[sample.name]
    style = _STYLE[sample.quality is Quality.LIVE]
    table.add_row(label, Text(value, style=style), unit, cut_text(point.about, "dim"))


def _groups(model: Model) -> Sequence[str]:
    return list(dict.fromkeys(point.group for point in model.points.values()))


def _merged(samples: Iterable[Sample]) -> Iterator[tuple[str, Sample]]:
    """Yield a label and a sample for each run of a numbered series with one value."""
    run: list[Sample] = []
    for sample in samples:
        if run and not _continues(run[-1], sample):
            yield _run_label(run), run[0]
            run = []
        run.append(sample)
    if run:
        yield _run_label(run), run[0]


def _continues(last: Sample, sample: Sample) -> bool:
    before, here = _SERIES.match(last.name), _SERIES.match(sample.name)
    return (
        before is not None
        and here is not None
        and before["stem"] == here["stem"]
        and int(here["index"]) == int(before["index"]) + 1
        and last.value == sample.value
    )


def _run_label(run: Sequence[Sample]) -> str:
    last = _SERIES.match(run[-1].name)
    return run[0].name if len(run) == 1 or last is None else f"{run[0].name} .. {last['index']}"


def wanted_text(values: Mapping[str, Value | None], model: Model) -> str:
    """Return several settings in one line: ``realtime_state charge, realtime_power 700 W``."""
    return ", ".join(f"{name} {phrase(value, model.points[name].unit)}" for name, value in values.items())
