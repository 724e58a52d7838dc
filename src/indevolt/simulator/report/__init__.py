"""A run of the virtual home as one HTML page that can be mailed, printed, or put into an issue report.

The page is whole in itself: pictures are SVG in its text, it runs no script and asks no network. Every number in it is one of the
trace's (``trace.Trace``), rounded for reading; key figures carry more digits in the ``value`` of their element. What pictures show
is in tables too. Not here: what is drawn (``charts``), what is added up (``tables``), colours (``style``).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from html import escape
from typing import Final

from indevolt.simulator.report.charts import Chart, Gallery, Layer, has_steady_prices
from indevolt.simulator.report.style import STYLE
from indevolt.simulator.report.svg import Mark
from indevolt.simulator.report.tables import (
    SIMULATED,
    books,
    day,
    exact,
    fixed,
    kwh,
    lasting,
    moment,
    periods,
    row_length,
    system_soc_pct,
    table,
    units,
)
from indevolt.simulator.trace import Energies, Happening, Trace

COMMAND: Final = "command"
"""The fact that is shown at the end of the page: the command line that makes it again."""

_MOST_EVENTS: Final = 40  # shown at once; the rest is folded away
_NOT_MEASURED: Final = "Everything on this page is simulated: nothing was measured on a device. Times are UTC."


def render(trace: Trace) -> str:
    """Return the page, 100 to 400 kB for a day; write it as UTF-8."""
    marks = [
        Mark(number, each.at, f"{moment(each.at, trace)} {each.unit} {each.text}".replace("  ", " "))
        for number, each in enumerate(_in_order(trace), 1)
    ]
    gallery = Gallery(trace, marks)
    parts = [
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<title>{escape(trace.title)} (simulated)</title><style>{STYLE}</style></head>",
        f'<body><main class="{"many" if len(trace.units) > 1 else "one"}{" marked" if marks else ""}">',
        *_headline(trace),
        *_tiles(trace),
        *(part for chart in gallery.charts() for part in _figure(chart)),
        *_events(trace),
        *books(trace),
        *units(trace),
        *periods(trace),
        *_footer(trace),
        "</main></body></html>\n",
    ]
    return "\n".join(parts)


# ---- headline and key figures --------------------------------------------------------------------------------------------------


def _headline(trace: Trace) -> Iterator[str]:
    yield f'<header><div class="top"><h1>{escape(trace.title)}</h1>{SIMULATED}</div>'
    for paragraph in paragraphs(trace.about):
        yield f'<p class="about">{escape(paragraph)}</p>'
    length_s = (trace.end - trace.start).total_seconds()
    facts = {
        "Period": f"{day(trace.start)} {trace.start:%H:%M} to {_end(trace)} UTC ({lasting(length_s)})",
        "Units": ", ".join(trace.units) or "none",
        "Rows": f"{len(trace.rows)}, means over {row_length(trace)}",
    }
    if (prices := _steady_prices(trace)) is not None:
        facts["Prices"] = prices
    facts |= {label: text for label, text in trace.facts.items() if label != COMMAND}
    yield '<dl class="facts">'
    for label, text in facts.items():
        name = label.replace("_", " ")
        yield f"<div><dt>{escape(name[:1].upper() + name[1:])}</dt><dd>{escape(text)}</dd></div>"
    yield f'</dl><p class="soft">{_NOT_MEASURED}</p></header>'


def paragraphs(text: str) -> list[str]:
    """Return the paragraphs of a text, which empty lines part; other line breaks are those of the file that it is from."""
    parts = ("\n".join(line.strip() for line in text.splitlines())).split("\n\n")
    return [" ".join(part.split()) for part in parts if part.strip()]


def _steady_prices(trace: Trace) -> str | None:
    """Return prices that never change as a sentence; None where there are none, or a picture of them."""
    if trace.import_price is None or not has_steady_prices(trace):
        return None
    cost = f"import {trace.import_price[0]:g} EUR/kWh"
    return f"{cost}, always" if trace.export_price is None else f"{cost}, export {trace.export_price[0]:g} EUR/kWh, always"


def _end(trace: Trace) -> str:
    if (trace.end.hour, trace.end.minute, trace.end.second) == (0, 0, 0):
        last = trace.end - timedelta(days=1)
        return "24:00" if last.date() == trace.start.date() else f"{day(last)} 24:00"
    return f"{trace.end:%H:%M}" if trace.end.date() == trace.start.date() else f"{day(trace.end)} {trace.end:%H:%M}"


def _tiles(trace: Trace) -> Iterator[str]:
    tiles = list(_key_figures(trace, trace.energies))
    yield f'<section aria-label="Key figures"><dl class="tiles" style="--columns:{-(-len(tiles) // 2)}">'
    yield from tiles
    yield "</dl></section>"


def _key_figures(trace: Trace, total: Energies) -> Iterator[str]:
    over = f"W over {row_length(trace)}"
    load_w, import_w = max(row.load_w + row.bypass_w for row in trace.rows), max(row.importing_w for row in trace.rows)
    export_w = max(row.exporting_w for row in trace.rows)
    yield _tile("Load", total.used_wh, "kWh", f"at most {load_w:.0f} {over}")
    if total.own_wh > 0:
        yield _tile("PV", total.own_wh, "kWh", f"{_percent(total.self_consumption_pct)} used here")
    yield _tile("Import", total.import_wh, "kWh", f"at most {import_w:.0f} {over}")
    yield _tile("Export", total.export_wh, "kWh", f"at most {export_w:.0f} {over}")
    if total.self_sufficiency_pct is not None:
        yield _tile("Self-sufficiency", total.self_sufficiency_pct, "%", "of the load not imported")
    if trace.units:
        cycles = "" if trace.cycles is None else f"; {fixed(trace.cycles, 2)} full cycles"
        yield _tile("Discharged", total.discharged_wh, "kWh", f"charged {kwh(total.charged_wh)} kWh{cycles}")
        round_trip = "" if trace.round_trip is None else f"; round trip {100 * trace.round_trip:.1f} %"
        yield _tile("Losses", total.loss_wh, "kWh", f"conversion and standby{round_trip}")
        first, last = system_soc_pct(trace, trace.rows[0]), system_soc_pct(trace, trace.rows[-1])
        yield _tile("State of charge", last, "%", f"at the end; {fixed(first, 1)} % at the start")
    if trace.cost_eur is not None:
        yield _tile("Cost", trace.cost_eur, "€", "import less export" if trace.export_price else "import only")


def _tile(label: str, value: float, unit: str, below: str) -> str:
    shown = {"kWh": kwh(value), "%": fixed(value, 1), "€": fixed(value, 2).replace("-", "−")}[unit]
    number = f"{exact(value, shown)} <small>{unit}</small>"
    return f'<div class="tile"><dt>{escape(label)}</dt><dd>{number}</dd><dd>{escape(below)}</dd></div>'


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} %"


# ---- pictures and events -------------------------------------------------------------------------------------------------------


def _figure(chart: Chart) -> Iterator[str]:
    yield f'<figure><figcaption class="head"><h2>{escape(chart.heading)}</h2>'
    yield f'<p class="guide">{escape(chart.guide)}</p>{SIMULATED}</figcaption>'
    if chart.layers:
        yield f'<ul class="legend">{"".join(f"<li>{_key(layer)}{escape(layer.label)}</li>" for layer in chart.layers)}</ul>'
    for name, svg in chart.svgs:
        if name:
            yield f"<h3>{escape(name)}</h3>"
        yield f'<div class="frame">{svg}</div>'
    yield "</figure>"


def _key(layer: Layer) -> str:
    line = f'<path class="line {layer.css}" d="M0 6h26"/>'
    shape = line if layer.is_line else f'<rect class="key {layer.css}" width="26" height="12" rx="2"/>'
    return f'<svg aria-hidden="true">{shape}</svg>'


def _in_order(trace: Trace) -> list[Happening]:
    return sorted(trace.happenings, key=lambda each: each.at)


def _events(trace: Trace) -> Iterator[str]:
    yield f'<section><div class="head"><h2>Events</h2>{SIMULATED}</div>'
    lines = [
        f'<tr><td><span class="no">{number}</span></td><td>{moment(each.at, trace)}</td>'
        f"<td>{escape(each.unit)}</td><td>{escape(each.text)}</td></tr>"
        for number, each in enumerate(_in_order(trace), 1)
    ]
    if not lines:
        yield '<p class="guide">None.</p></section>'
        return
    head = "<tr><th>No.</th><th>UTC</th><th>Unit</th><th>What</th></tr>"
    yield table(head, lines[:_MOST_EVENTS], css="words")
    if more := lines[_MOST_EVENTS:]:
        yield f"<details><summary>{len(more)} more</summary>{table(head, more, css='words')}</details>"
    yield "</section>"


def _footer(trace: Trace) -> Iterator[str]:
    if command := trace.facts.get(COMMAND):
        yield f'<section><div class="head"><h2>Make it again</h2></div><pre>{escape(command)}</pre></section>'
    yield f'<footer class="soft">Made by the virtual home of indevolt. {_NOT_MEASURED}</footer>'
