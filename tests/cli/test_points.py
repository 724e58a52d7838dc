"""`indevolt points`: every row of the catalogue, filtered, in four forms."""

from __future__ import annotations

import csv
import io
import json
import re

from indevolt.catalogue import families, load

from .conftest import Program


def test_every_quantity_of_every_family_is_in_the_list(indevolt: Program) -> None:
    listed = {(row["name"], family) for row in json.loads(indevolt("points", "--json").out) for family in row["families"]}
    assert listed == {(name, family) for family in families() for name in load(family).points}


def test_the_table_has_numbers_unit_and_range(indevolt: Program) -> None:
    out = indevolt("points", "--model", "powerflex2000").out
    assert re.search(r"^battery_power +6000 +W +Battery DC power", out, re.MULTILINE)
    assert re.search(r"^backup_soc +6105 +1142 6505 +% +0 to 100 %", out, re.MULTILINE)
    assert re.search(r"^load_curve_slot_01 \.\. 48 +26000-26047 +12197-12244 +W", out, re.MULTILINE)


def test_a_row_that_differs_between_families_says_where_it_holds(indevolt: Program) -> None:
    out = indevolt("points", "realtime_power").out
    assert re.search(r"^realtime_power +6109 +47016 +W +gen2 +50 to 2400 W", out, re.MULTILINE)
    assert re.search(r"^realtime_power +6109 +47016 +W +gen3 +50 to 3600 W", out, re.MULTILINE)


def test_filters_narrow_it_down(indevolt: Program) -> None:
    def names(*words: str) -> set[str]:
        return {row["name"] for row in json.loads(indevolt("points", *words, "--json").out)}

    assert names("6000") == {"battery_power"}
    assert names("47005") == {"mode"}
    assert names("battery", "soc", "--model", "gen1") == {"battery_soc"}
    settable = names("--settable", "--model", "gen1")
    assert settable == {name for name, point in load("gen1").points.items() if point.settable}
    assert names("--group", "PV", "--model", "gen3") == {name for name, point in load("gen3").points.items() if point.group == "pv"}


def test_a_filter_that_fits_nothing_says_so(indevolt: Program) -> None:
    ran = indevolt("points", "flux-capacitor")
    assert ran.code == 0
    assert ran.out == "0 quantities; `indevolt points` alone lists all\n"


def test_csv_has_a_header_and_a_row_for_each(indevolt: Program) -> None:
    rows = list(csv.DictReader(io.StringIO(indevolt("points", "--csv", "--model", "gen1").out)))
    assert len(rows) == len(load("gen1").points)
    assert {row["name"]: row["read"] for row in rows}["battery_soc"] == "6002"


def test_the_long_form_tells_source_and_notes(indevolt: Program) -> None:
    out = indevolt("points", "backup_soc", "--model", "gen2", "--long").out
    assert "read 6105, write 1142 or 6505" in out
    assert "Source: seed, official." in out
    assert "Note: Newest docs say 0-100" in out


def test_a_narrow_terminal_gets_a_table_that_fits(indevolt: Program) -> None:
    out = indevolt("points", COLUMNS="80").out
    assert max(map(len, out.splitlines())) <= 80
