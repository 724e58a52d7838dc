"""The pictures of a report show every spike, gap and event, and can be read."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st
from report_page import DAY, HAPPENINGS, MIDNIGHT, Page, run

from indevolt.simulator.report import render
from indevolt.simulator.report.charts import MOST_COLUMNS, Gallery, shares
from indevolt.simulator.report.style import STYLE
from indevolt.simulator.report.svg import FINE, WIDTH, Columns, Plot, TimeAxis, round_scale
from indevolt.simulator.trace import Happening, Row, UnitRow

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
