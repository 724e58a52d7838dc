"""What energy cost, and what it would have cost: by quarters of an hour, with nothing made up for what is unknown."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from indevolt.hub.site.money import USED, Money, spent
from indevolt.hub.site.prices import Price, Tariff

START = datetime(2026, 6, 21, 10, tzinfo=UTC)
Quarter = Mapping[str, float | None]


def at(quarter: int) -> datetime:
    return START + timedelta(minutes=15 * quarter)


def fixed(_at: datetime) -> Price:
    return Price(0.30, 0.08)


def quarter(**grown_wh: float | None) -> Quarter:
    return {**dict.fromkeys(USED, 0.0), **grown_wh}


def of(*quarters: Quarter, tariff: Tariff = fixed) -> Money:
    """Return what quarters cost that follow each other, as one period."""
    columns: dict[str, list[float | None]] = {name: [5000.0] for name in USED}
    totals = dict.fromkeys(USED, 5000.0)
    for each in quarters:
        for name, grown_wh in each.items():
            totals[name] += grown_wh or 0.0
            columns[name].append(None if grown_wh is None else totals[name])
    (money,) = spent([at(number) for number in range(len(quarters) + 1)], columns, [at(0), at(100)], tariff)
    return money


def test_import_costs_and_export_brings() -> None:
    money = of(quarter(energy_grid_import=1000.0), quarter(energy_grid_export=500.0))
    assert money.import_cost == pytest.approx(0.30)
    assert money.export_revenue == pytest.approx(0.04)
    assert money.cost == pytest.approx(0.26)
    assert (money.import_wh, money.export_wh, money.known_s) == (1000, 500, 1800)


def test_each_quarter_has_its_own_price() -> None:
    def dearer(when: datetime) -> Price:
        return Price(0.10 if when < at(2) else 0.50, None)

    money = of(quarter(energy_grid_import=1000.0), quarter(energy_grid_import=1000.0), tariff=dearer)
    assert money.import_cost == pytest.approx(0.6)


def test_a_negative_price_is_earned() -> None:
    assert of(quarter(energy_grid_import=2000.0), tariff=lambda _: Price(-0.05, 0.0)).import_cost == pytest.approx(-0.10)


def test_savings_are_against_no_battery_and_against_neither_battery_nor_sun() -> None:
    money = of(
        quarter(
            energy_grid_import=100.0,
            energy_house=1000.0,
            energy_import_without_battery=600.0,
            energy_export_without_battery=200.0,
        )
    )
    assert money.cost == pytest.approx(0.03)
    assert money.cost_without_battery == pytest.approx(0.6 * 0.30 - 0.2 * 0.08)
    assert money.saved_by_battery == pytest.approx(0.164 - 0.03)
    assert money.saved_by_battery_and_sun == pytest.approx(0.30 - 0.03)


def test_a_quarter_without_a_price_or_without_energies_is_left_out_and_not_counted_as_known() -> None:
    def only_first(when: datetime) -> Price | None:
        return Price(0.30, 0.08) if when == at(1) else None

    money = of(
        quarter(energy_grid_import=1000.0), quarter(energy_grid_import=1000.0), quarter(energy_house=None), tariff=only_first
    )
    assert money.import_cost == pytest.approx(0.30)
    assert money.known_s == 900


def test_of_nothing_known_no_amount_is_0() -> None:
    money = of(quarter(energy_house=None))
    assert money.import_cost is money.cost is money.saved_by_battery is money.cost_without_battery_and_sun is None


def test_without_a_price_for_export_what_depends_on_it_is_unknown() -> None:
    money = of(quarter(energy_grid_import=1000.0), tariff=lambda _: Price(0.30, None))
    assert money.import_cost == pytest.approx(0.30)
    assert money.export_revenue is money.cost is money.saved_by_battery is None


def test_what_grew_behind_a_gap_counts_to_the_first_quarter_after_it() -> None:
    columns: dict[str, list[float | None]] = {name: [100.0, 150.0, None, 210.0] for name in USED}
    money = spent([at(number) for number in range(4)], columns, [at(1), at(2), at(3), at(4)], fixed)
    assert [each.import_wh for each in money] == [50, 0, 60]
    assert [each.known_s for each in money] == [900, 0, 900]


def test_a_counter_that_begins_later_grows_from_its_first_value() -> None:
    columns: dict[str, list[float | None]] = {name: [None, 100.0, 130.0] for name in USED}
    (money,) = spent([at(0), at(1), at(2)], columns, [at(0), at(9)], fixed)
    assert (money.import_wh, money.known_s) == (30, 900)


def test_of_no_time_at_all_nothing_is_known() -> None:
    (money,) = spent([], {name: [] for name in USED}, [at(0), at(1)], fixed)
    assert (money.known_s, money.cost) == (0, None)
