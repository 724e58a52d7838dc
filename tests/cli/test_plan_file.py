"""`indevolt plan --from`: a plan for a house in a file, without a hub."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from .conftest import Program

START = datetime(2026, 1, 10, 18, tzinfo=UTC)
BATTERY = ("--capacity", "4000", "--charge", "2000", "--discharge", "2000", "--soc", "20")


def write(path: Path, *, start: datetime = START, more: str = "", hours: int = 24) -> Path:
    """A day by hours: cheap from midnight to five, a house that takes most in the evening."""
    rows = ["at,load_w,pv_w,import_per_kwh,export_per_kwh" + (",load_low_w,load_high_w" if more else "")]
    for index in range(hours):
        at = start + index * timedelta(hours=1)
        evening, night = 17 <= at.hour < 22, at.hour < 5
        load_w = 1000 if evening else 300
        low_high = f",{load_w / 2},{load_w * 2}" if more else ""
        rows.append(f"{at.isoformat()},{load_w},0,{0.12 if night else 0.40},0.08{low_high}")
    path.write_text("\n".join(rows) + "\n", "utf-8")
    return path


def test_a_cheap_night_is_stored_for_the_evening_and_each_slot_says_why(indevolt: Program, tmp_path: Path) -> None:
    told = indevolt("plan", "--from", str(write(tmp_path / "day.csv")), *BATTERY, "--json").json
    assert len(told["slots"]) == 24
    charges = [slot for slot in told["slots"] if slot["mode"] == "charge"]
    assert charges
    assert {slot["import_price"] for slot in charges} == {0.12}
    assert "when power costs 40.0 ct" in charges[0]["reason"]
    totals = told["totals"]
    assert totals["planned"]["total"] < totals["no_battery"]["total"] < totals["self_use"]["total"], (
        "without sun, it only costs standby"
    )
    assert told["notes"] == ["the file is one future, taken for certain: real days gain less"]


def test_people_get_a_table_by_the_clocks_of_their_zone(indevolt: Program, tmp_path: Path) -> None:
    ran = indevolt(
        "plan", "--from", str(write(tmp_path / "day.csv")), *BATTERY, "--time-zone", "Europe/Berlin", "--currency", "CHF"
    )
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0] == "plan of a file"
    assert "Sat 19:00" in lines[2]
    assert len(lines) < 14, "slots that are alike are one row"
    assert any("0.120 to 0.400 CHF" in each for each in lines)
    assert "CHF of it by planning" in ran.out
    assert "no battery" in ran.out


def test_what_is_uncertain_may_have_a_low_and_a_high(indevolt: Program, tmp_path: Path) -> None:
    told = indevolt("plan", "--from", str(write(tmp_path / "day.csv", more="load")), *BATTERY, "--json").json
    assert told["notes"] == []
    assert told["slots"][0]["load_w"] == {"p10": 500, "p50": 1000, "p90": 2000}


def test_a_peak_price_and_a_cap_on_feed_in_are_reckoned_with(indevolt: Program, tmp_path: Path) -> None:
    file = str(write(tmp_path / "day.csv"))
    usual = indevolt("plan", "--from", file, *BATTERY, "--json").json
    flat = indevolt("plan", "--from", file, *BATTERY, "--peak-price", "4.2", "--peak-so-far", "1.2", "--json").json
    most_w = [max(slot["grid_w"] for slot in told["slots"]) for told in (usual, flat)]
    assert most_w[0] > 1300
    assert most_w[1] <= 1250


def test_a_day_of_23_hours_is_planned_hour_by_hour(indevolt: Program, tmp_path: Path) -> None:
    spring = datetime(2026, 3, 28, 20, tzinfo=UTC)
    told = indevolt(
        "plan", "--from", str(write(tmp_path / "day.csv", start=spring)), *BATTERY, "--time-zone", "Europe/Berlin", "--json"
    ).json
    starts = [datetime.fromisoformat(slot["start"]) for slot in told["slots"]]
    assert starts == [spring + number * timedelta(hours=1) for number in range(24)]


@pytest.mark.parametrize(
    ("text", "options", "says"),
    [
        ("at,load_w,pv_w\n2026-01-01T00:00Z,1,1\n2026-01-01T00:15Z,1,1\n", (), "there is no column import_per_kwh"),
        ("at,pv_w\n2026-01-01T00:00Z,1\n2026-01-01T00:15Z,1\n", ("--import-price", "0.3"), "there is no column load_w"),
        ("at,load_w\n2026-01-01T00:00Z,1\n", ("--import-price", "0.3"), "there are fewer than two rows"),
        (
            "at,load_w\n2026-01-01T00:00Z,1\n2026-01-01T00:15Z,1\n2026-01-01T01:00Z,1\n",
            ("--import-price", "0.3"),
            "the step is 0:15:00",
        ),
        (
            "at,load_w\n2026-01-01T00:00Z,1\n2026-01-01T02:00Z,1\n",
            ("--import-price", "0.3"),
            "slot.length: 2:00:00 is not in above 0",
        ),
        (
            "at,load_w\n2026-01-01T00:00Z,1\n2026-01-01T00:15Z,much\n",
            ("--import-price", "0.3"),
            "line 3: load_w: 'much' is no number",
        ),
        ("at,load_w\n2026-01-01T00:00Z,1\n2026-01-01T00:15Z\n", ("--import-price", "0.3"), "line 3: load_w: '' is no number"),
        ("at,load_w\n2026-01-01T00:00Z,1,2\n", ("--import-price", "0.3"), "line 2: there are more fields than columns"),
        ("at,load_w\nnoon,1\n", ("--import-price", "0.3"), "line 2: at: 'noon' is no time"),
        ("at,load_w\n2026-01-01T00:00,1\n", ("--import-price", "0.3"), "line 2: at: 2026-01-01T00:00 has no offset"),
        ("when,load_w\n2026-01-01T00:00Z,1\n", ("--import-price", "0.3"), "there is no column at"),
        (
            "at,load_w\n2026-01-01T00:00Z,1\n2026-01-01T00:15Z,nan\n",
            ("--import-price", "0.3"),
            "line 3: load_w: 'nan' is no number",
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_named(
    indevolt: Program, tmp_path: Path, text: str, options: tuple[str, ...], says: str
) -> None:
    file = tmp_path / "day.csv"
    file.write_text(text, "utf-8")
    ran = indevolt("plan", "--from", str(file), *options)
    assert ran.code == 2
    assert says in ran.err


@pytest.mark.parametrize(
    ("options", "field"),
    [
        (("--peak-price", "nan"), "peak.per_kw"),
        (("--peak-price", "4", "--peak-so-far", "-1"), "peak.so_far_kw"),
        (("--feed-in-limit", "nan"), "feed_in_cap_w"),
    ],
)
def test_what_is_no_number_is_no_price_and_no_limit(
    indevolt: Program, tmp_path: Path, options: tuple[str, ...], field: str
) -> None:
    file = tmp_path / "day.csv"
    file.write_text("at,load_w\n2026-01-01T00:00Z,1\n2026-01-01T00:15Z,1\n", "utf-8")
    ran = indevolt("plan", "--from", str(file), "--import-price", "0.3", *options)
    assert ran.code == 2
    assert f"error: {field}: " in ran.err
    assert " is not in 0 to " in ran.err


def test_a_file_that_is_not_there_is_named(indevolt: Program, tmp_path: Path) -> None:
    ran = indevolt("plan", "--from", str(tmp_path / "none.csv"))
    assert ran.code == 2
    assert "cannot be read: No such file or directory" in ran.err
