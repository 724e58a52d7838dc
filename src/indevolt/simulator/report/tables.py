"""The tables of a report: where the energy came from and where it went, each unit, each hour, day or month.

How numbers, instants and durations are written is here too. Not here: the page (``report``) and its pictures (``charts``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from html import escape
from itertools import groupby
from typing import Final

from indevolt.simulator.report.svg import MONTH_NAMES
from indevolt.simulator.trace import Row, Trace, energies

SIMULATED: Final = '<span class="sim">simulated</span>'
_MOST_LINES: Final = 50  # of a table that is not folded away
_HOURS_UP_TO: Final = timedelta(days=3)  # a longer run is told by days
_DAYS_UP_TO: Final = timedelta(days=62)  # and a yet longer one by months as well
_NOT_ZERO_WH: Final = 0.5  # what a table of watt-hours shows as 1
_NOTHING_WH: Final = 1e-6
_LEAST_ERROR_WH: Final = 0.001
_HOUR_S: Final = 3600.0
_FINE_BELOW_WH: Final = 1e5  # larger accounts are not told to the watt-hour


# ---- numbers and times -------------------------------------------------------------------------------------------------------


def kwh(energy_wh: float, digits: int | None = None) -> str:
    """Return kilowatt-hours with so many digits; by default with as many as one reads."""
    if digits is None:
        digits = 2 if abs(energy_wh) < _FINE_BELOW_WH else 0
    return fixed(energy_wh / 1e3, digits)


def moment(at: datetime, trace: Trace) -> str:
    """Return an instant as short as it is still clear within a trace."""
    clock = f"{at:%H:%M:%S}".removesuffix(":00")
    return clock if trace.end - trace.start <= timedelta(days=1) else f"{day(at)} {clock}"


def day(at: datetime) -> str:
    """Return a date as people write it."""
    return f"{at.day} {MONTH_NAMES[at.month - 1]} {at.year}"


def lasting(seconds: float) -> str:
    """Return a duration in the two units that say most."""
    whole = round(seconds)
    for unit_s, unit, lesser_s, lesser in ((86_400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= unit_s:
            rest = whole % unit_s // lesser_s
            return f"{whole // unit_s} {unit} {rest} {lesser}" if rest else f"{whole // unit_s} {unit}"
    return f"{seconds:g} s"


def row_length(trace: Trace) -> str:
    """Return how long most rows last."""
    lengths_s = sorted(row.seconds for row in trace.rows)
    return lasting(lengths_s[len(lengths_s) // 2])


def fixed(value: float, digits: int) -> str:
    """Return a number with so many digits; never a negative zero."""
    shown = f"{value:.{digits}f}"
    return shown.removeprefix("-") if float(shown) == 0 else shown


def exact(value: float, shown: str) -> str:
    """Return a number as it is shown, with more of its digits for programs."""
    return f'<data value="{value:.6g}">{escape(shown)}</data>'


def system_soc_pct(trace: Trace, row: Row) -> float:
    """Return the charge of all units together, weighed by capacity where it is known."""
    weights = trace.capacity_wh or (1.0,) * len(row.units)
    return math.fsum(unit.soc_pct * weight for unit, weight in zip(row.units, weights, strict=True)) / math.fsum(weights)


# ---- energies ------------------------------------------------------------------------------------------------------------------


def books(trace: Trace) -> Iterator[str]:
    """Yield the two sides of the account, which are equal."""
    total = trace.energies
    came = [
        ("pv", "PV at the units' inputs", total.pv_wh),
        ("roof", "other PV", total.roof_wh),
        ("import", "import", total.import_wh),
        ("discharged", "out of the batteries", total.discharged_wh),
    ]
    went = [
        ("load", "load of the house", total.load_wh),
        ("bypass", "loads at bypass sockets", total.bypass_wh),
        ("export", "export", total.export_wh),
        ("charged", "into the batteries", total.charged_wh),
        ("loss", "lost in the units", total.loss_wh),
    ]
    if abs(total.error_wh) >= _NOT_ZERO_WH:
        (came if total.error_wh > 0 else went).append(("error", "does not add up", abs(total.error_wh)))
    yield f'<section><div class="head"><h2>Where the energy came from and where it went</h2>{SIMULATED}</div><div class="books">'
    yield _account("Came", came)
    yield _account("Went", went)
    yield "</div>"
    yield '<p class="guide">Batteries and inputs are counted in DC, house and grid in AC; what lies between is lost in the units. '
    error_wh = trace.balance_error_wh
    left = "less than 0.001" if error_wh < _LEAST_ERROR_WH else f"{error_wh:.3f}"
    yield f"Taken row by row, {left} Wh do not add up.</p></section>"


def _account(heading: str, entries: Sequence[tuple[str, str, float]]) -> str:
    shown = [entry for entry in entries if abs(entry[2]) > _NOTHING_WH]
    total_wh = math.fsum(value for _, _, value in shown)
    digits = 3 if total_wh < _FINE_BELOW_WH else 1
    finest_wh = 10.0 ** (3 - digits)
    whole = [part * finest_wh for part in rounded_to_add_up([value / finest_wh for _, _, value in shown])]
    bar = "".join(f'<i class="b-{css}" style="flex:{max(0.0, value):.6g}"></i>' for css, _, value in shown)
    lines = [
        f'<tr><th><span class="chip b-{css}"></span>{escape(label)}</th>'
        f"<td>{exact(value, kwh(part, digits))}</td><td>{100 * value / total_wh:.1f}</td></tr>"
        for (css, label, value), part in zip(shown, whole, strict=True)
    ]
    foot = f"<tr><th>Total</th><td>{exact(total_wh, kwh(math.fsum(whole), digits))}</td><td></td></tr>"
    head = f"<tr><th>{heading}</th><th>kWh</th><th>%</th></tr>"
    return f'<div><div class="bar" aria-hidden="true">{bar}</div>{table(head, lines, foot)}</div>'


def rounded_to_add_up(values: Sequence[float]) -> list[int]:
    """Return whole numbers, each less than 1 from its value, that add up to the rounded sum of the values."""
    floors = [math.floor(value) for value in values]
    missing = round(math.fsum(values)) - sum(floors)
    by_rest = sorted(range(len(values)), key=lambda number: floors[number] - values[number])
    for number in by_rest[:missing]:
        floors[number] += 1
    return floors


# ---- units and periods -----------------------------------------------------------------------------------------------------------


def units(trace: Trace) -> Iterator[str]:
    """Yield what each unit did, and how long it was in each state."""
    if not trace.units:
        return
    head = (
        "<tr><th>Unit</th><th>SoC start %</th><th>end %</th><th>min %</th><th>max %</th><th>Charged kWh</th><th>Discharged kWh</th>"
        '<th>PV kWh</th><th>Lost kWh</th><th>Cells °C</th><th class="words">In state</th></tr>'
    )
    lines: list[str] = []
    for number, name in enumerate(trace.units):
        own = [(row.units[number], row.seconds) for row in trace.rows]
        charge = [unit.soc_pct for unit, _ in own]
        heat = [unit.temperature_c for unit, _ in own]
        states: dict[str, float] = {}
        for unit, seconds in own:
            states[unit.state] = states.get(unit.state, 0.0) + seconds
        longest = sorted(states, key=lambda state: -states[state])
        spent = ", ".join(f"{state.replace('_', ' ')} {lasting(states[state])}" for state in longest)
        flows = (
            math.fsum(unit.charging_w * seconds for unit, seconds in own),
            math.fsum(unit.discharging_w * seconds for unit, seconds in own),
            math.fsum(unit.pv_w * seconds for unit, seconds in own),
            math.fsum(unit.loss_w * seconds for unit, seconds in own),
        )
        cells = [fixed(value, 1) for value in (charge[0], charge[-1], min(charge), max(charge))]
        cells += [kwh(watt_seconds / _HOUR_S) for watt_seconds in flows]
        cells += [f"{min(heat):.1f} to {max(heat):.1f}"]
        numbers = "".join(f"<td>{cell}</td>" for cell in cells)
        lines.append(f'<tr><th>{escape(name)}</th>{numbers}<td class="words">{escape(spent)}</td></tr>')
    yield f'<section><div class="head"><h2>Units</h2>{SIMULATED}</div>{table(head, lines)}</section>'


def periods(trace: Trace) -> Iterator[str]:
    """Yield the energies of each hour, or of each day, or of each month and day, depending on how long the run is."""
    length = trace.end - trace.start
    if length <= _HOURS_UP_TO:
        yield _period(trace, "Each hour", 3, lambda at: at.strftime("%Y-%m-%d %H:00"))
        return
    if length > _DAYS_UP_TO:
        yield _period(trace, "Each month", 1, lambda at: at.strftime("%Y-%m"))
    yield _period(trace, "Each day", 2, lambda at: at.strftime("%Y-%m-%d"))


def _period(trace: Trace, heading: str, digits: int, name: Callable[[datetime], str]) -> str:
    """Return a table with one line for each period that rows begin in."""
    costs = trace.costs_eur or (0.0,) * len(trace.rows)
    has_bypass, has_roof = any(row.bypass_w for row in trace.rows), any(row.other_pv_w for row in trace.rows)
    titles = ["From (UTC)", "Load", *(["Bypass"] if has_bypass else []), "PV", *(["Other PV"] if has_roof else [])]
    titles += ["Import", "Export", "Charged", "Discharged", "Lost", "SoC end %", *(["Cost €"] if trace.costs_eur else [])]

    def line(title: str, rows: Sequence[Row], cost_eur: float) -> str:
        total = energies(rows)
        flows = [total.load_wh, *([total.bypass_wh] if has_bypass else []), total.pv_wh, *([total.roof_wh] if has_roof else [])]
        flows += [total.import_wh, total.export_wh, total.charged_wh, total.discharged_wh, total.loss_wh]
        cells = [kwh(flow, digits) for flow in flows] + [fixed(system_soc_pct(trace, rows[-1]), 1) if trace.units else ""]
        cells += [fixed(cost_eur, 3)] if trace.costs_eur else []
        return f"<tr><th>{title}</th>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"

    lines = [
        line(title, [row for row, _ in group], math.fsum(cost for _, cost in group))
        for title, found in groupby(zip(trace.rows, costs, strict=True), key=lambda each: name(each[0].at))
        for group in [list(found)]
    ]
    head = f"<tr>{''.join(f'<th>{title}</th>' for title in titles)}</tr>"
    shown = table(head, lines, line("Total", trace.rows, math.fsum(costs)))
    if len(lines) > _MOST_LINES:
        shown = f"<details><summary>{len(lines)} lines</summary>{shown}</details>"
    intro = '<p class="guide">kWh unless it says otherwise</p>'
    return f'<section><div class="head"><h2>{heading}</h2>{intro}{SIMULATED}</div>{shown}</section>'


def table(head: str, lines: Sequence[str], foot: str = "", *, css: str = "") -> str:
    """Return a table that scrolls sideways when the page is too narrow."""
    kind = f' class="{css}"' if css else ""
    below = f"<tfoot>{foot}</tfoot>" if foot else ""
    return f'<div class="wide"><table{kind}><thead>{head}</thead><tbody>{"".join(lines)}</tbody>{below}</table></div>'
