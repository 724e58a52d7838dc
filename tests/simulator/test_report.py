"""A report is one page that needs nothing but itself, and tells the numbers of its trace."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, strategies as st
from report_page import DAY, MIDNIGHT, Page, run, year

from indevolt.simulator.report import render
from indevolt.simulator.report.tables import lasting, rounded_to_add_up
from indevolt.simulator.trace import Happening, Row, Trace

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
