"""`indevolt backtest`: a past from a file, lived again in several ways."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from .conftest import Program

START = datetime(2026, 1, 10, tzinfo=UTC)


def write(path: Path, quarters: int = 2 * 96, header: str = "at,load_w,pv_w,import_per_kwh,export_per_kwh") -> Path:
    """Two days: sun at noon, a house that takes most in the evening, when power is dear."""
    rows = [header]
    for index in range(quarters):
        hour = index % 96 / 4
        evening, noon = 17 <= hour < 21, 9 <= hour < 15
        at = (START + index * timedelta(minutes=15)).isoformat()
        rows.append(f"{at},{1200 if evening else 300},{1100 if noon else 0},{0.45 if evening else 0.22},0.08")
    path.write_text("\n".join(rows) + "\n", "utf-8")
    return path


def test_a_battery_saves_and_a_plan_saves_no_less_than_self_use(indevolt: Program, tmp_path: Path) -> None:
    told = indevolt("backtest", str(write(tmp_path / "past.csv")), "--capacity", "2000", "--json").json
    assert told["days"] == 1
    saved = {name: each["saved_per_day"] for name, each in told["methods"].items()}
    assert list(saved) == ["no_battery", "self_use", "rule", "plan", "foresight"]
    assert saved["no_battery"] == 0
    assert saved["foresight"] + 5e-3 >= saved["plan"] >= saved["self_use"] - 1e-3 > 0


def test_people_get_a_table(indevolt: Program, tmp_path: Path) -> None:
    ran = indevolt("backtest", str(write(tmp_path / "past.csv")), "--no-grid-charging")
    assert ran.code == 0
    assert ran.out.startswith("1 days, in the currency of the prices;")
    assert "perfect foresight" in ran.out


@pytest.mark.parametrize(
    ("header", "options", "says"),
    [
        ("at,house,pv_w,import_per_kwh,export_per_kwh", (), "there is no column load_w"),
        ("at,load_w,pv_w,price,export_per_kwh", (), "there is no column import_per_kwh"),
        ("when,load_w,pv_w,import_per_kwh,export_per_kwh", (), "there is no column at"),
        ("at,load_w,pv_w,import_per_kwh,export_per_kwh", ("--time-zone", "Mars"), "'Mars' is not known here"),
    ],
)
def test_what_is_missing_is_named(indevolt: Program, tmp_path: Path, header: str, options: tuple[str, ...], says: str) -> None:
    ran = indevolt("backtest", str(write(tmp_path / "past.csv", header=header)), *options)
    assert ran.code == 2
    assert says in ran.err


def test_a_line_that_is_no_number_is_named(indevolt: Program, tmp_path: Path) -> None:
    file = tmp_path / "past.csv"
    file.write_text("at,load_w\n2026-01-01T00:00Z,100\n2026-01-01T00:15Z,many\n", "utf-8")
    ran = indevolt("backtest", str(file))
    assert ran.code == 2
    assert "line 3: load_w: 'many' is no number" in ran.err


def test_a_day_is_too_little(indevolt: Program, tmp_path: Path) -> None:
    ran = indevolt("backtest", str(write(tmp_path / "past.csv", quarters=100)))
    assert ran.code == 2
    assert "1.0 days are too few" in ran.err


def test_a_product_with_its_modules_is_a_battery_and_figures_outrank_it(indevolt: Program, tmp_path: Path) -> None:
    past = str(write(tmp_path / "past.csv"))
    told = indevolt("backtest", past, "--model", "powerflex2000", "--modules", "2", "--charge", "700", "--json").json
    assert told["battery"]["capacity_wh"] == 4000
    assert (told["battery"]["charge_w"], told["battery"]["discharge_w"]) == (700, 2400)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--modules", "2"), "--modules means nothing without --model"),
        (("--model", "gen2"), "no product 'gen2'"),
        (("--days", "7"), "--days is of the hub's history"),
        (("--capacity", "1"), "capacity_wh: 1.0 is not in 100 to 1e+07"),
    ],
)
def test_a_battery_that_makes_no_sense_is_refused(indevolt: Program, tmp_path: Path, options: tuple[str, ...], says: str) -> None:
    ran = indevolt("backtest", str(write(tmp_path / "past.csv")), *options)
    assert ran.code == 2
    assert says in ran.err


def test_a_file_may_go_over_a_night_in_which_clocks_are_set(indevolt: Program, tmp_path: Path) -> None:
    file = tmp_path / "past.csv"
    start = datetime(2026, 3, 28, tzinfo=UTC)
    rows = [f"{(start + index * timedelta(minutes=15)).isoformat()},400" for index in range(2 * 96)]
    file.write_text("\n".join(["at,load_w", *rows, ""]), "utf-8")
    told = indevolt("backtest", str(file), "--import-price", "0.3", "--time-zone", "Europe/Berlin", "--json").json
    assert told["days"] == 1
    assert told["methods"]["no_battery"]["imported_kwh"] == 9.6
