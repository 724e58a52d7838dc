"""Which pictures tell how a home with batteries spent its time: power, charge, temperature, each unit, prices.

Here a trace becomes columns, layers and lines. Not here: how a line becomes SVG (``svg``), and the page around it
(``report``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from indevolt.simulator.report.svg import Columns, Mark, Plot, Scale, TimeAxis, round_scale
from indevolt.simulator.trace import Row, Trace, UnitRow

MOST_COLUMNS: Final = 1500  # of a plot: more than a page has pixels
DAYS_AS_POWER: Final = 10.0  # longer runs show what each day brought, because their days are too narrow to be seen
_PANELS: Final = 6  # units that get a plot of their own
_LINE_STYLES: Final = 8  # that the style sheet tells apart: u0 to u7
_COLUMN_LENGTHS_S: Final = tuple(60.0 * minutes for minutes in (1, 2, 3, 5, 10, 15, 30))  # the last is enough for ten days
_DAY_S: Final = 86_400.0
_MOVES_K: Final = 0.5  # a temperature that stays within this is not worth a picture
_EDGE_S: Final = 1e-3
_KWH_WS: Final = 3.6e6
_NOTHING: Final = 1e-6


class Shares(NamedTuple):
    """What served the load of an instant and where the surplus went, in watts >= 0.

    PV serves the load first, then the battery, then the grid (protocol.md, section 13); what a unit puts out is PV and battery
    in the proportion in which its inverter got them (inferred).
    """

    load_from_pv: float
    load_from_battery: float
    load_from_grid: float
    charge_from_pv: float
    charge_from_grid: float  # or, rarely, from another unit
    export: float


def shares(row: Row) -> Shares:
    """Return how a row's power is shared out; the first three add up to the load, bypass loads included."""
    own, charging = row.own_w, sum(unit.charging_w for unit in row.units)
    at_inputs = sum(min(unit.pv_w, unit.charging_w) for unit in row.units)
    battery = row.other_pv_w + sum(max(0.0, unit.inverter_w) for unit in row.units) - own
    used = row.load_w + row.bypass_w
    load_from_pv = min(used, own)
    load_from_battery = min(used - load_from_pv, battery)
    charge_from_pv = min(charging, at_inputs + own - load_from_pv)
    return Shares(
        load_from_pv,
        load_from_battery,
        used - load_from_pv - load_from_battery,
        charge_from_pv,
        charging - charge_from_pv,
        row.exporting_w,
    )


@dataclass(frozen=True, slots=True)
class Layer:
    """One entry of a legend: what it means, its class, and whether it is a line."""

    label: str
    css: str
    is_line: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture with what is written above it."""

    heading: str
    guide: str
    layers: tuple[Layer, ...]
    svgs: tuple[tuple[str, str], ...]  # a heading of its own (or nothing), and the SVG


class _Stretch(NamedTuple):
    """The rows that one column shows."""

    at: datetime
    end: datetime
    first: int
    last: int


class Gallery:
    """All charts of a trace, drawn over the same columns and with the same marks."""

    def __init__(self, trace: Trace, marks: Sequence[Mark]) -> None:
        self._trace = trace
        self._marks = marks
        self._axis = TimeAxis(trace.start, trace.end)
        self._column_s = _column_length_s(trace)
        self._stretches = _divide(trace.rows, self._column_s)
        x = self._axis.x
        self._columns = Columns(tuple(x(each.at) for each in self._stretches), tuple(x(each.end) for each in self._stretches))
        self._is_coarse = len(self._stretches) < len(trace.rows)

    @property
    def per_day(self) -> str | None:
        """What a column of the first chart adds up: ``day``, or ``7 days``; None when it shows power."""
        if self._column_s is None or self._column_s < _DAY_S:
            return None
        return "day" if self._column_s == _DAY_S else f"{self._column_s / _DAY_S:.0f} days"

    def charts(self) -> Iterator[Chart]:
        """Yield what is worth showing, the most telling first."""
        yield self._power()
        if self._trace.units:
            yield self._charge()
        if self._trace.import_price is not None and not has_steady_prices(self._trace):
            yield self._prices(self._trace.import_price)
        temperatures = self._of_units(lambda unit: unit.temperature_c)
        if any(max(each) - min(each) > _MOVES_K for each in temperatures):
            yield self._temperature(temperatures)
        if len(self._trace.units) > 1:
            yield self._each_unit()

    # ---- charts --------------------------------------------------------------------------------------------------------------

    def _power(self) -> Chart:
        rows, per_day = self._trace.rows, self.per_day
        parts = [shares(row) for row in rows]
        amount = self._added if per_day else self._mean
        other = " or another unit" if len(self._trace.units) > 1 else ""
        above = _stack(
            (Layer("load, from PV", "pv"), amount([part.load_from_pv for part in parts])),
            (Layer("load, from battery", "battery"), amount([part.load_from_battery for part in parts])),
            (Layer("load, from grid", "grid-in"), amount([part.load_from_grid for part in parts])),
        )
        below = _stack(
            (Layer("charging, from PV", "charge-pv"), amount([-part.charge_from_pv for part in parts])),
            (Layer(f"charging, from grid{other}", "charge-grid"), amount([-part.charge_from_grid for part in parts])),
            (Layer("export", "export"), amount([-part.export for part in parts])),
        )
        lines = [(Layer("load", "load", is_line=True), [row.load_w + row.bypass_w for row in rows])]
        if any(pv := [row.other_pv_w + math.fsum(unit.pv_w for unit in row.units) for row in rows]):
            lines.append((Layer("all PV", "all-pv", is_line=True), pv))
        tops = [max(amount(values) if per_day else values) for _, values in lines]
        plot = self._plot(
            "power",
            f"Energy of each {per_day}" if per_day else "Power",
            f"Load up to {max(lines[0][1]):.0f} W, export up to {max(part.export for part in parts):.0f} W.",
            round_scale(min([0.0, *(min(far) for _, _, far in below)]), max(1e-3, *tops), 300, ticks=7),
            "kWh" if per_day else "W",
        )
        for layer, near, far in [*reversed(above), *reversed(below)]:
            plot.area(near, far, f"area {layer.css}")
        for layer, values in lines:
            if not per_day:
                self._spread(plot, values, layer.css)
            plot.line(amount(values), layer.css)
        for layer, near, far in above:
            plot.say_within(near, far, layer.label, layer.css)
        for layer, near, far in below:
            plot.say_within(far, near, layer.label, layer.css)
        guide = "Above zero: what served the load. Below zero: what went into the battery and into the grid."
        guide += " Faint: highest and lowest values." if self._is_coarse and not per_day else ""
        legend = (*(layer for layer, _, _ in [*above, *below]), *(layer for layer, _ in lines))
        return Chart(plot.title, guide, legend, (("", plot.svg()),))

    def _charge(self) -> Chart:
        charges = self._of_units(lambda unit: unit.soc_pct)
        scale = Scale(0.0, 100.0, 170, (0.0, 20.0, 40.0, 60.0, 80.0, 100.0))
        says = f"From {_mean_of(each[0] for each in charges):.1f} % to {_mean_of(each[-1] for each in charges):.1f} %."
        plot = self._plot("charge", "State of charge", says, scale, "%")
        for reserve_pct in sorted(set(self._trace.reserve_pct)):
            names = [name for name, own in zip(self._trace.units, self._trace.reserve_pct, strict=True) if own == reserve_pct]
            whose = "" if len(names) == len(self._trace.units) else f" of {', '.join(names)}"
            plot.level(reserve_pct, f"backup reserve{whose} {reserve_pct:g} %", [self._mean(each) for each in charges])
        return self._units_as_lines(plot, charges)

    def _temperature(self, temperatures: Sequence[Sequence[float]]) -> Chart:
        low, high = min(map(min, temperatures)), max(map(max, temperatures))
        says = f"Between {low:.1f} and {high:.1f} °C."
        plot = self._plot("temperature", "Cell temperature", says, round_scale(low, high, 130, ticks=4), "°C")
        return self._units_as_lines(plot, temperatures)

    def _prices(self, import_price: Sequence[float]) -> Chart:
        prices = [(Layer("import", "price-in", is_line=True), import_price)]
        if self._trace.export_price is not None:
            prices.append((Layer("export", "price-out", is_line=True), self._trace.export_price))
        low, high = min(min(values) for _, values in prices), max(max(values) for _, values in prices)
        scale = round_scale(min(0.0, low), high, 90, ticks=3)
        plot = self._plot("price", "Prices", f"Between {low:.3f} and {high:.3f} EUR/kWh.", scale, "€/kWh")
        for layer, values in prices:
            self._spread(plot, values, layer.css)
            plot.line(self._mean(values), layer.css)
        return Chart(plot.title, "", tuple(layer for layer, _ in prices), (("", plot.svg()),))

    def _each_unit(self) -> Chart:
        lines = [
            (Layer("battery (positive: discharging)", "battery-line", is_line=True), self._of_units(lambda unit: unit.battery_w)),
            (Layer("AC (positive: into the house)", "ac-line", is_line=True), self._of_units(lambda unit: unit.ac_w)),
        ]
        pv = self._of_units(lambda unit: unit.pv_w)
        if any(any(each) for each in pv):
            lines.append((Layer("PV at its inputs", "all-pv", is_line=True), pv))
        shown = [each for _, units in lines for each in units[:_PANELS]]
        scale = round_scale(min(0.0, *map(min, shown)), max(0.0, *map(max, shown)), 130, ticks=4)
        svgs: list[tuple[str, str]] = []
        for number, name in enumerate(self._trace.units[:_PANELS]):
            battery_w = lines[0][1][number]
            says = f"Battery power of {name} between {min(battery_w):.0f} and {max(battery_w):.0f} W."
            plot = self._plot(f"unit{number}", f"Power of {name}", says, scale, "W")
            for layer, units in lines:
                self._spread(plot, units[number], layer.css)
                plot.line(self._mean(units[number]), layer.css)
            svgs.append((name, plot.svg()))
        left_out = len(self._trace.units) - len(svgs)
        guide = f"The first {len(svgs)} units; {left_out} more are in the table of units." if left_out else ""
        return Chart("Power of each unit", guide, tuple(layer for layer, _ in lines), tuple(svgs))

    # ---- columns -------------------------------------------------------------------------------------------------------------

    def _plot(self, name: str, title: str, says: str, scale: Scale, unit: str) -> Plot:
        about = f"Simulated, {self._trace.start:%Y-%m-%d %H:%M} to {self._trace.end:%Y-%m-%d %H:%M} UTC. {says}"
        return Plot(name, title, about, self._axis, scale, self._columns, unit, self._marks)

    def _units_as_lines(self, plot: Plot, values: Sequence[Sequence[float]]) -> Chart:
        layers: list[Layer] = []
        for number, (name, own) in enumerate(zip(self._trace.units, values, strict=True)):
            layer = Layer(name, f"u{number % _LINE_STYLES}", is_line=True)
            layers.append(layer)
            self._spread(plot, own, layer.css)
            plot.line(self._mean(own), layer.css)
            if 1 < len(values) <= _LINE_STYLES:
                plot.say_at_end(own[-1], name)
        guide = (
            f"Line: the mean of each {self.per_day or 'column'}. Shaded: from its lowest to its highest value."
            if self._is_coarse
            else ""
        )
        return Chart(plot.title, guide, tuple(layers) if len(layers) > 1 else (), (("", plot.svg()),))

    def _spread(self, plot: Plot, values: Sequence[float], css: str) -> None:
        """Draw the range within each column where it shows more than one row, so that no spike is lost."""
        if self._is_coarse:
            lowest = [min(values[each.first : each.last]) for each in self._stretches]
            plot.band(lowest, [max(values[each.first : each.last]) for each in self._stretches], css)

    def _mean(self, values: Sequence[float]) -> list[float]:
        if not self._is_coarse:
            return list(values)
        rows = self._trace.rows
        return [
            math.fsum(values[n] * rows[n].seconds for n in range(each.first, each.last))
            / math.fsum(rows[n].seconds for n in range(each.first, each.last))
            for each in self._stretches
        ]

    def _added(self, power_w: Sequence[float]) -> list[float]:
        """Return kilowatt-hours of each column."""
        rows = self._trace.rows
        return [math.fsum(power_w[n] * rows[n].seconds for n in range(each.first, each.last)) / _KWH_WS for each in self._stretches]

    def _of_units(self, quantity: Callable[[UnitRow], float]) -> list[list[float]]:
        return [[quantity(row.units[number]) for row in self._trace.rows] for number in range(len(self._trace.units))]


def has_steady_prices(trace: Trace) -> bool:
    """Whether no price ever changes, so that a sentence says more than a picture."""
    return all(len(set(prices)) <= 1 for prices in (trace.import_price or (), trace.export_price or ()))


def _stack(*layers: tuple[Layer, Sequence[float]]) -> list[tuple[Layer, list[float], list[float]]]:
    """Return each layer that is not empty with its near and its far border, counted from zero."""
    stacked: list[tuple[Layer, list[float], list[float]]] = []
    near = [0.0] * len(layers[0][1])
    for layer, values in layers:
        if max(map(abs, values)) > _NOTHING:
            far = [before + own for before, own in zip(near, values, strict=True)]
            stacked.append((layer, near, far))
            near = far
    return stacked


def _column_length_s(trace: Trace) -> float | None:
    """Return how much time a column shows; None: just its row."""
    duration_s = (trace.end - trace.start).total_seconds()
    if duration_s > DAYS_AS_POWER * _DAY_S:
        return _DAY_S * max(1, math.ceil(duration_s / _DAY_S / MOST_COLUMNS))
    if len(trace.rows) <= MOST_COLUMNS:
        return None
    return next(length for length in _COLUMN_LENGTHS_S if duration_s <= length * (MOST_COLUMNS - 1))


def _divide(rows: Sequence[Row], column_s: float | None) -> list[_Stretch]:
    """Return the rows of each column; columns are aligned to the clock, and a gap between rows ends one."""
    if column_s is None:
        return [_Stretch(row.at, row.end, number, number + 1) for number, row in enumerate(rows)]
    stretches: list[_Stretch] = []
    for number, row in enumerate(rows):
        column = row.at.timestamp() // column_s
        last = stretches[-1] if stretches else None
        follows = last is not None and (row.at - last.end).total_seconds() < _EDGE_S
        if last is not None and rows[last.first].at.timestamp() // column_s == column and (follows or column_s >= _DAY_S):
            stretches[-1] = last._replace(end=row.end, last=number + 1)
        else:
            stretches.append(_Stretch(row.at, row.end, number, number + 1))
    return stretches


def _mean_of(values: Iterable[float]) -> float:
    listed = list(values)
    return math.fsum(listed) / len(listed)
