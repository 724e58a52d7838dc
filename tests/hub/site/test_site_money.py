"""What energy cost, and what it would have cost: by quarters of an hour, with nothing made up for what is unknown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from indevolt.hub.site.money import USED, Quarter, quarters, spent
from indevolt.hub.site.prices import Price

START = datetime(2026, 6, 21, 10, tzinfo=UTC)


def at(quarter: int) -> datetime:
    return START + timedelta(minutes=15 * quarter)


def quarter(number: int = 0, **grown_wh: float | None) -> Quarter:
    return Quarter(at(number), {**dict.fromkeys(USED, 0.0), **grown_wh})


def fixed(_at: datetime) -> Price:
    return Price(0.30, 0.08)


def test_import_costs_and_export_brings() -> None:
    money = spent([quarter(energy_grid_import=1000.0), quarter(1, energy_grid_export=500.0)], fixed)
    assert money.import_cost == pytest.approx(0.30)
    assert money.export_revenue == pytest.approx(0.04)
    assert money.cost == pytest.approx(0.26)
    assert (money.import_wh, money.export_wh, money.known_s) == (1000, 500, 1800)


def test_each_quarter_has_its_own_price() -> None:
    def dearer(when: datetime) -> Price:
        return Price(0.10 if when < at(1) else 0.50, None)

    assert spent([quarter(energy_grid_import=1000.0), quarter(1, energy_grid_import=1000.0)], dearer).import_cost == pytest.approx(
        0.6
    )


def test_a_negative_price_is_earned() -> None:
    assert spent([quarter(energy_grid_import=2000.0)], lambda _: Price(-0.05, 0.0)).import_cost == pytest.approx(-0.10)


def test_savings_are_against_no_battery_and_against_neither_battery_nor_sun() -> None:
    of = quarter(
        energy_grid_import=100.0, energy_house=1000.0, energy_import_without_battery=600.0, energy_export_without_battery=200.0
    )
    money = spent([of], fixed)
    assert money.cost == pytest.approx(0.03)
    assert money.cost_without_battery == pytest.approx(0.6 * 0.30 - 0.2 * 0.08)
    assert money.saved_by_battery == pytest.approx(0.164 - 0.03)
    assert money.saved_by_battery_and_sun == pytest.approx(0.30 - 0.03)


def test_a_quarter_without_a_price_or_without_energies_is_left_out_and_not_counted_as_known() -> None:
    def only_first(when: datetime) -> Price | None:
        return Price(0.30, 0.08) if when == at(0) else None

    over = [quarter(energy_grid_import=1000.0), quarter(1, energy_grid_import=1000.0), quarter(2, energy_house=None)]
    money = spent(over, only_first)
    assert money.import_cost == pytest.approx(0.30)
    assert money.known_s == 900


def test_of_nothing_known_no_amount_is_0() -> None:
    money = spent([quarter(energy_house=None)], fixed)
    assert money.import_cost is money.cost is money.saved_by_battery is money.cost_without_battery_and_sun is None


def test_without_a_price_for_export_what_depends_on_it_is_unknown() -> None:
    money = spent([quarter(energy_grid_import=1000.0)], lambda _: Price(0.30, None))
    assert money.import_cost == pytest.approx(0.30)
    assert money.export_revenue is money.cost is money.saved_by_battery is None


def test_quarters_tell_by_how_much_counters_grew_and_the_first_only_where_they_begin() -> None:
    columns = {"energy_house": [100.0, 150.0, None, 210.0]}
    found = list(quarters([at(number) for number in range(4)], columns))
    assert [(each.start, each.grown_wh["energy_house"]) for each in found] == [(at(1), 50), (at(2), None), (at(3), 60)]


def test_a_counter_that_begins_later_grows_from_its_first_value() -> None:
    found = list(quarters([at(0), at(1), at(2)], {"energy_house": [None, 100.0, 130.0]}))
    assert [each.grown_wh["energy_house"] for each in found] == [None, 30]
