"""A report is one page that needs nothing but itself, tells the numbers of its trace, and shows every spike, gap and event."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, strategies as st

from indevolt.simulator.report import render
from indevolt.simulator.report.charts import MOST_COLUMNS, Gallery, shares
from indevolt.simulator.report.style import STYLE
from indevolt.simulator.report.svg import FINE, WIDTH, Columns, Plot, TimeAxis, round_scale
from indevolt.simulator.report.tables import lasting, rounded_to_add_up
from indevolt.simulator.trace import Happening, Row, Trace, UnitRow

if TYPE_CHECKING:
    from collections.abc import Callable

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


# ---- the page --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "draw", [lambda: render(DAY), lambda: render(run(units=3, roof_w=200)), year], ids=["day", "three units", "year"]
)
def test_the_page_is_whole_in_itself(draw: Callable[[], str]) -> None:
    text = draw()
    assert not re.search(r"https?://|<script|url\(|@import|<link|<img|<iframe|\bsrc=|\bhref=|javascript:", text, re.IGNORECASE)
    page = Page(text)
    assert not {attribute for _, attributes in page.elements for attribute in attributes if attribute.startswith("on")}
    (policy,) = (meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy


def test_foreign_text_stays_text() -> None:
    evil = '<script>alert("1")</script>&amp;\'><b x="'
    happening = Happening(MIDNIGHT + timedelta(hours=1), evil, evil)
    facts = {"seed": evil, evil: "1", "command": evil}
    own = replace(DAY.rows[0].units[0], state=evil)
    rows = (replace(DAY.rows[0], units=(own, own)),)
    text = render(Trace(evil, evil, (evil, evil), rows, (happening,), facts, reserve_pct=(10.0, 20.0)))
    assert "<script" not in text
    assert not re.search(r"<b[ >]", text)
    page = Page(text)
    assert evil in page.text("h1")
    assert evil in page.text("pre")


def test_everything_says_that_it_is_simulated_and_when() -> None:
    page = Page(render(DAY))
    assert (
        len([text for text in page.text("span") if text == "simulated"])
        >= 1 + len(page.all("figure")) + len(page.all("section")) - 1
    )
    assert all(text.startswith("Simulated, 2026-06-21 00:00 to 2026-06-22 00:00 UTC") for text in page.text("desc"))
    assert "21 Jun 2026 00:00 to 24:00 UTC (1 d)" in page.text("dd")


def test_every_picture_has_a_name_and_a_description() -> None:
    page = Page(render(run(units=2)))
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    pictures = [attributes for attributes in page.all("svg") if attributes.get("role") == "img"]
    assert len(pictures) == 5
    for picture in pictures:
        assert set(picture["aria-labelledby"].split()) <= set(ids)


@pytest.mark.parametrize(
    ("draw", "most_kb"),
    [(lambda: render(run(units=3, roof_w=100)), 400), (year, 800), (lambda: render(run(minutes=2, hours=24 * 7, units=3)), 800)],
    ids=["day", "year", "week"],
)
def test_the_page_can_be_mailed(draw: Callable[[], str], most_kb: int) -> None:
    assert 10_000 < len(draw().encode()) < most_kb * 1000


def test_facts_and_the_command_are_told() -> None:
    page = Page(render(replace(DAY, facts={"seed": "7", "meter_refresh": "5 s", "command": "indevolt simulate --scenario a-day"})))
    assert {"Seed", "Meter refresh"} <= set(page.text("dt"))
    assert page.text("pre") == ["indevolt simulate --scenario a-day"]


def test_lines_of_a_paragraph_are_joined_and_paragraphs_are_kept() -> None:
    page = Page(render(replace(DAY, about="\nOne line\n  of a file.\n \nAnother paragraph.\n\n\n")))
    assert page.text("p")[:2] == ["One line of a file.", "Another paragraph."]


# ---- numbers ---------------------------------------------------------------------------------------------------------


def test_key_figures_are_those_of_the_trace() -> None:
    trace = replace(run(roof_w=150), import_price=(0.3,) * len(DAY.rows), export_price=(0.08,) * len(DAY.rows))
    page, total = Page(render(trace)), trace.energies
    wanted = {
        "Load": total.used_wh,
        "PV": total.own_wh,
        "Import": total.import_wh,
        "Export": total.export_wh,
        "Self-sufficiency": total.self_sufficiency_pct,
        "Discharged": total.discharged_wh,
        "Losses": total.loss_wh,
        "State of charge": trace.rows[-1].units[0].soc_pct,
        "Cost": trace.cost_eur,
    }
    for label, value in wanted.items():
        assert page.tile(label) == pytest.approx(value, rel=1e-5), label


def test_without_sun_and_prices_there_are_no_such_figures() -> None:
    dark = Trace("Dark", "", (), (Row(MIDNIGHT, 60, 500, 0, 500, ()),))
    labels = Page(render(dark)).text("dt")
    assert "Load" in labels
    assert not {"PV", "Cost", "Discharged", "Losses", "State of charge"} & set(labels)


def test_both_sides_of_the_account_are_equal_to_the_last_digit() -> None:
    page = Page(render(run(units=2, roof_w=150)))
    names = {"PV at the units' inputs", "other PV", "import", "out of the batteries"}
    came = [cells for cells in page.cells if cells[0] in names and len(cells) == 3]
    went = [cells for cells in page.cells if cells[0] in {"load of the house", "export", "into the batteries", "lost in the units"}]
    assert (len(came), len(went)) == (4, 4)
    in_total, out_total = [cells for cells in page.cells if cells[0] == "Total" and len(cells) == 3]
    assert in_total[1] == out_total[1]
    for side in (came, went):
        assert sum(round(1000 * float(cells[1])) for cells in side) == round(1000 * float(in_total[1]))


def test_what_does_not_add_up_is_told() -> None:
    rows = (replace(DAY.rows[0], seconds=60.0, grid_w=DAY.rows[0].grid_w + 6000),)
    page = Page(render(replace(DAY, rows=rows)))
    assert page.line("does not add up")[1] == "0.100"
    assert any("100.000 Wh do not add up" in text for text in page.text("p"))
    assert any("less than 0.001 Wh do not add up" in text for text in Page(render(DAY)).text("p"))


@given(st.lists(st.floats(0, 1e6), max_size=8))
def test_rounding_to_add_up_moves_nothing_by_one(values: list[float]) -> None:
    whole = rounded_to_add_up(values)
    assert sum(whole) == round(math.fsum(values))
    assert all(abs(part - value) < 1.000001 for part, value in zip(whole, values, strict=True))


def test_hours_are_told_one_by_one_and_add_up() -> None:
    page = Page(render(DAY))
    hours = [cells for cells in page.cells if cells and re.fullmatch(r"2026-06-21 \d\d:00", cells[0])]
    assert len(hours) == 24
    assert math.fsum(float(cells[1]) for cells in hours) == pytest.approx(DAY.energies.load_wh / 1000, abs=24 * 0.0005)


def test_a_long_run_is_told_by_months_and_days() -> None:
    page = Page(year())
    assert len([cells for cells in page.cells if cells and re.fullmatch(r"\d{4}-\d\d", cells[0])]) == 13
    assert len([cells for cells in page.cells if cells and re.fullmatch(r"\d{4}-\d\d-\d\d", cells[0])]) == 365
    assert page.all("details")


def test_units_tell_their_time_in_each_state() -> None:
    cells = Page(render(DAY)).line("unit 0")
    assert cells[-1] == "mppt 12 h 1 min, grid discharging 11 h 59 min"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.5, "0.5 s"),
        (59, "59 s"),
        (60, "1 min"),
        (90, "1 min 30 s"),
        (3600, "1 h"),
        (45_000, "12 h 30 min"),
        (86_400, "1 d"),
        (93_600, "1 d 2 h"),
    ],
)
def test_durations_are_told_in_two_units_at_most(seconds: float, text: str) -> None:
    assert lasting(seconds) == text


# ---- pictures --------------------------------------------------------------------------------------------------------


def picture(columns: Columns, *, high: float = 100.0) -> Plot:
    axis = TimeAxis(MIDNIGHT, MIDNIGHT + timedelta(days=1))
    return Plot("p", "P", "", axis, round_scale(0, high, 100), columns, "W")


def corners(path: str) -> list[tuple[int, int]]:
    """Return the points that a path of our own commands goes through."""
    x = y = 0
    found = []
    for command, numbers in re.findall(r"([MhvHV])(-?\d+(?: -?\d+)?)", path):
        first, *second = (int(number) for number in numbers.split())
        match command:
            case "M":
                x, y = first, second[0]
            case "h":
                x += first
            case "v":
                y += first
            case "H":
                x = first
            case "V":
                y = first
        found.append((x, y))
    return found


def paths(text: str, css: str) -> list[str]:
    return [attributes["d"] for attributes in Page(text).all("path") if attributes["class"] == css and len(attributes["d"]) > 10]


def test_a_line_goes_through_its_values_from_edge_to_edge() -> None:
    plot = picture(Columns((0, 4000, 5000), (4000, 5000, WIDTH)))
    plot.line([0, 50, 100], "x")
    (path,) = paths(plot.svg(), "line x")
    zero, half, full = (plot.scale.y(value) for value in (0, 50, 100))
    assert corners(path) == [(0, zero), (4000, zero), (4000, half), (5000, half), (5000, full), (WIDTH, full)]


def test_a_gap_is_neither_crossed_nor_left_unmarked() -> None:
    trace = run(gap=range(600, 700))
    text = render(trace)
    (path,) = paths(text, "line load")
    assert path.count("M") == 2
    (gap, *_) = (rect for rect in Page(text).all("rect") if rect.get("class") == "gap")
    assert int(gap["x"]) == round(600 / 1440 * WIDTH)
    assert int(gap["width"]) == pytest.approx(100 / 1440 * WIDTH, abs=1)


def test_an_area_is_drawn_only_where_it_is_thick() -> None:
    plot = picture(Columns((0, 4000, 5000), (4000, 5000, WIDTH)))
    plot.area([10, 10, 10], [10, 50, 10], "x")
    (path,) = paths(plot.svg(), "x")
    assert {x for x, _ in corners(path)} == {4000, 5000}
    plot.area([10, 10, 10], [10, 10, 10], "nothing")
    assert not paths(plot.svg(), "nothing")


def test_a_spike_of_one_row_stays_visible_in_a_long_run() -> None:
    trace = run(hours=24 * 6, spike_at=4321)
    text = render(trace)
    (path,) = paths(text, "band load")
    highest = min(y for _, y in corners(path)) / FINE
    assert highest < 15  # pixels below the top of the picture, which is as high as the spike
    assert all(path.count("M") + path.count("h") + path.count("v") < 4 * MOST_COLUMNS for path in re.findall(r' d="([^"]+)"', text))


def test_layers_above_zero_add_up_to_the_load() -> None:
    trace = run(units=2, roof_w=150)
    for row in trace.rows:
        part = shares(row)
        assert sum(part[:3]) == pytest.approx(row.load_w + row.bypass_w)
        assert min(part) > -1e-6


def test_the_sun_comes_first_then_the_battery_then_the_grid() -> None:
    own = UnitRow(50, 200, 600, 720, 20, "mppt")  # three quarters of what it puts out is sun
    part = shares(Row(MIDNIGHT, 60, 1000, 100, 180, (own,)))
    assert part == pytest.approx((640, 180, 180, 0, 0, 0))
    part = shares(Row(MIDNIGHT, 60, 500, 100, -320, (own,)))
    assert part == pytest.approx((500, 0, 0, 0, 0, 320))


def test_charging_at_night_comes_from_the_grid() -> None:
    own = UnitRow(50, -900, 0, -1000, 20, "grid_charging")
    assert shares(Row(MIDNIGHT, 60, 300, 0, 1300, (own,))) == pytest.approx((0, 0, 300, 0, 900, 0))


def test_charging_from_the_roof_is_charging_from_the_sun() -> None:
    own = UnitRow(50, -900, 0, -1000, 20, "grid_charging")
    assert shares(Row(MIDNIGHT, 60, 300, 1300, 0, (own,))) == pytest.approx((300, 0, 0, 900, 0, 0))


def test_a_run_of_weeks_shows_what_each_day_brought() -> None:
    trace = run(minutes=30, hours=24 * 20)
    gallery = Gallery(trace, [])
    assert gallery.per_day == "day"
    assert next(gallery.charts()).heading == "Energy of each day"
    assert Gallery(DAY, []).per_day is None


def test_only_what_moves_and_exists_gets_a_picture() -> None:
    headings = [chart.heading for chart in Gallery(DAY, []).charts()]
    assert headings == ["Power", "State of charge", "Cell temperature"]
    calm = replace(DAY, rows=tuple(replace(row, units=(replace(row.units[0], temperature_c=21.0),)) for row in DAY.rows))
    assert "Cell temperature" not in [chart.heading for chart in Gallery(calm, []).charts()]
    many = replace(run(units=8, minutes=10), import_price=(0.3,) * 72 + (0.4,) * 72)
    *_, prices, _, each = Gallery(many, []).charts()
    assert prices.heading == "Prices"
    assert each.guide.startswith("The first 6 units; 2 more")


@pytest.mark.parametrize(
    ("export", "told"),
    [(None, "import 0.3 EUR/kWh, always"), ((0.08,) * 1440, "import 0.3 EUR/kWh, export 0.08 EUR/kWh, always")],
)
def test_prices_that_never_change_are_a_sentence_and_no_picture(export: tuple[float, ...] | None, told: str) -> None:
    steady = replace(DAY, import_price=(0.3,) * 1440, export_price=export)
    assert "Prices" not in [chart.heading for chart in Gallery(steady, []).charts()]
    assert told in Page(render(steady)).text("dd")
    moving = replace(steady, export_price=(0.08, 0.09) * 720)
    assert "Prices" in [chart.heading for chart in Gallery(moving, []).charts()]
    assert "Prices" not in Page(render(moving)).text("dt")


def test_the_backup_reserve_is_drawn_and_named() -> None:
    assert "backup reserve 15 %" in Page(render(replace(DAY, reserve_pct=(15.0,)))).text("text")
    two = replace(run(units=2), reserve_pct=(15.0, 20.0))
    assert "backup reserve of unit 1 20 %" in Page(render(two)).text("text")


# ---- events ----------------------------------------------------------------------------------------------------------


def test_events_are_numbered_in_order_and_marked_in_every_picture() -> None:
    page = Page(render(replace(DAY, happenings=HAPPENINGS)))
    assert [cells for cells in page.cells if cells[0] in "12"] == [
        ["1", "07:05", "", "meter offline"],
        ["2", "18:00", "unit 0", "reboots"],
    ]
    pictures = len([each for each in page.all("svg") if each.get("role") == "img"])
    marks = [each["x1"] for each in page.all("line") if each.get("class") == "mark"]
    assert marks == ["29.51%", "75%"] * pictures


def test_events_that_are_close_share_a_badge() -> None:
    close = tuple(Happening(MIDNIGHT + timedelta(hours=8, minutes=each), "", "press") for each in range(3))
    text = render(replace(DAY, happenings=(*close, HAPPENINGS[0])))
    assert {"1–3", "4"} <= set(Page(text).text("text"))


def test_events_outside_the_run_are_listed_but_not_drawn() -> None:
    late = Happening(MIDNIGHT + timedelta(days=2), "", "too late")
    page = Page(render(replace(DAY, happenings=(late,))))
    assert any("too late" in cells for cells in page.cells)
    assert not [each for each in page.all("line") if each.get("class") == "mark"]


def test_very_many_events_are_folded_away() -> None:
    many = tuple(Happening(MIDNIGHT + timedelta(minutes=each), "", f"press {each}") for each in range(500))
    page = Page(render(replace(DAY, happenings=many)))
    assert "460 more" in page.text("summary")
    assert len([cells for cells in page.cells if cells[-1].startswith("press ")]) == 500


# ---- axes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "hours", "first", "last", "count"),
    [
        (MIDNIGHT, 24, "00:00", "24:00", 13),
        (MIDNIGHT + timedelta(hours=7, minutes=10), 2, "07:10", "09:10", 13),
        (MIDNIGHT, 72, "21 Jun", "24 Jun", 13),
        (MIDNIGHT, 24 * 30, "22 Jun", "20 Jul", 5),
        (datetime(2026, 1, 1, tzinfo=UTC), 24 * 365, "2026", "2027", 13),
        (datetime(2020, 1, 1, tzinfo=UTC), 24 * 3653, "2020", "2030", 11),
    ],
)
def test_times_are_round(start: datetime, hours: float, first: str, last: str, count: int) -> None:
    ticks = TimeAxis(start, start + timedelta(hours=hours)).ticks()
    assert (ticks[0].label, ticks[-1].label, len(ticks)) == (first, last, count)
    assert all(0 <= tick.share <= 1 for tick in ticks)


def test_days_begin_strong_where_hours_are_shown() -> None:
    ticks = TimeAxis(MIDNIGHT, MIDNIGHT + timedelta(days=2)).ticks()
    assert [tick.label for tick in ticks if tick.strong] == ["21 Jun", "22 Jun", "23 Jun"]


@given(st.floats(-1e5, 1e5), st.floats(-1e5, 1e5))
def test_a_scale_holds_its_values_between_round_ticks(one: float, other: float) -> None:
    low, high = sorted((one, other))
    scale = round_scale(low, high, 200)
    assert -1e-6 <= scale.y(high) <= scale.y(low) <= 200 * FINE
    assert 2 <= len(scale.ticks) <= 12
    step = scale.ticks[1] - scale.ticks[0]
    assert f"{step:.0e}"[0] in "125"


# ---- contrast --------------------------------------------------------------------------------------------------------


def luminance(colour: str) -> float:
    whole = "".join(2 * digit for digit in colour[1:]) if len(colour) == 4 else colour[1:]
    parts = [int(whole[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def themes() -> list[dict[str, str]]:
    light = dict(re.findall(r"--([\w-]+):(#\w+)", STYLE.partition("@media")[0]))
    dark = dict(re.findall(r"--([\w-]+):(#\w+)", STYLE.partition("@media")[2].partition("}}")[0]))
    return [light, light | dark]


@pytest.mark.parametrize("theme", themes(), ids=["light", "dark"])
def test_text_can_be_read_and_lines_be_seen(theme: dict[str, str]) -> None:
    for text, behind in [
        ("ink", "paper"),
        ("ink", "page"),
        ("soft", "paper"),
        ("soft", "page"),
        ("sim", "sim-paper"),
        ("on-badge", "badge"),
    ]:
        assert contrast(theme[text], theme[behind]) >= 4.5, (text, behind)
    for layer in ("pv", "battery", "grid-in", "charge-pv", "export"):
        assert contrast("#10161a", theme[layer]) >= 4.5, layer
    assert contrast(theme["on-dark"], theme["charge-grid"]) >= 4.5
    for line in ("u0", "u1", "u2", "u3", "all-pv", "ink"):
        assert contrast(theme[line], theme["paper"]) >= 3, line
