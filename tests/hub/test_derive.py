"""Directions, the house's load, energies that only grow, and signs that cannot be right."""

from __future__ import annotations

import pytest

from indevolt.hub.counters import Counters
from indevolt.hub.derive import BALANCE_AFTER, DERIVED_ABOUT, DERIVED_UNITS, Derivation, Powers


def derivation(capacity_wh: float | None = 4000) -> Derivation:
    return Derivation(Counters(), max_power_w=7200, capacity_wh=capacity_wh)


def powers(battery: float | None = 726, ac: float | None = 661, pv: float | None = 0, grid: float | None = 0) -> Powers:
    return Powers(battery, ac, pv, grid, 50.0)


def test_every_derived_quantity_is_explained() -> None:
    assert DERIVED_UNITS.keys() == DERIVED_ABOUT.keys()


def test_names_carry_the_direction() -> None:
    found = derivation().cycle(powers(battery=-700, ac=-763, grid=1163), {}, 0)
    assert (found["charge_power"], found["discharge_power"]) == (700, 0)
    assert (found["grid_import_power"], found["grid_export_power"]) == (1163, 0)
    assert found["house_power"] == 400


def test_what_needs_an_unknown_value_is_left_out_and_not_0() -> None:
    found = derivation().cycle(powers(grid=None, battery=None), {}, 0)
    assert "grid_import_power" not in found
    assert "house_power" not in found
    assert "charge_power" not in found


def test_what_a_house_takes_cannot_be_told_from_one_of_several_units() -> None:
    found = derivation().cycle(powers(grid=300), {}, 0, alone=False)
    assert "house_power" not in found
    assert "energy_house" not in found
    assert found["grid_import_power"] == 300


def test_energies_that_nobody_counts_are_integrated_while_power_is_known() -> None:
    books = derivation()
    books.cycle(powers(grid=600), {}, 0)
    found = books.cycle(powers(grid=1200), {}, 10)
    assert found["energy_grid_import"] == pytest.approx(900 * 10 / 3600)
    books.cycle(powers(grid=None), {}, 20)
    found = books.cycle(powers(grid=1200), {}, 30)
    assert found["energy_grid_import"] == pytest.approx(900 * 10 / 3600)  # nothing is made up for the gap


def test_a_long_gap_is_not_bridged() -> None:
    books = derivation()
    books.cycle(powers(grid=1000), {}, 0)
    assert books.cycle(powers(grid=1000), {}, 3600)["energy_grid_import"] == 0


def test_energies_of_the_device_are_taken_over_and_only_grow() -> None:
    books = derivation()
    assert books.cycle(powers(), {"battery_charge_energy_total": 5000}, 0)["energy_charge"] == 5000
    assert "energy_charge" not in books.cycle(powers(), {"battery_charge_energy_total": 0}, 5)
    assert books.cycle(powers(), {"battery_charge_energy_total": 5002}, 10)["energy_charge"] == 5002


def test_efficiency_is_told_after_a_whole_cycle_with_the_charge_settled() -> None:
    books = derivation()
    totals = {"battery_charge_energy_total": 10_000.0, "battery_discharge_energy_total": 8_000.0}
    assert "battery_efficiency" not in books.cycle(Powers(0, 0, 0, 0, 50.0), totals, 0)
    totals = {"battery_charge_energy_total": 15_000.0, "battery_discharge_energy_total": 11_000.0}
    found = books.cycle(Powers(0, 0, 0, 0, 75.0), totals, 36_000)
    assert found["battery_efficiency"] == pytest.approx((3000 + 1000) / 5000 * 100)


@pytest.mark.parametrize(("is_another", "capacity_wh"), [(True, 4000), (False, 6000)])
def test_efficiency_begins_anew_with_another_device_or_another_pack(is_another: bool, capacity_wh: float) -> None:
    books = derivation()
    totals = {"battery_charge_energy_total": 10_000.0, "battery_discharge_energy_total": 8_000.0}
    books.cycle(Powers(0, 0, 0, 0, 90.0), totals, 0)
    if is_another:
        books.another_device()
    books.capacity_wh = capacity_wh
    books.cycle(Powers(0, 0, 0, 0, 20.0), totals, 5)
    totals = {"battery_charge_energy_total": 18_000.0, "battery_discharge_energy_total": 14_000.0}
    found = books.cycle(Powers(0, 0, 0, 0, 20.0), totals, 36_000)
    assert found["battery_efficiency"] == pytest.approx(6000 / 8000 * 100)  # what was held before says nothing of this one


@pytest.mark.parametrize("capacity_wh", [0.0, -4000.0])
def test_a_capacity_that_cannot_be_leads_to_no_efficiency(capacity_wh: float) -> None:
    totals = {"battery_charge_energy_total": 10_000.0, "battery_discharge_energy_total": 8_000.0}
    assert "battery_efficiency" not in derivation(capacity_wh).cycle(Powers(0, 0, 0, 0, 90.0), totals, 0)


@pytest.mark.parametrize(("battery", "ac", "pv"), [(726, 661, 0), (2451, 2240, 0), (-700, -763, 0), (-900, 0, 1000)])
def test_powers_of_real_units_balance(battery: float, ac: float, pv: float) -> None:
    books = derivation()
    for number in range(10):
        books.cycle(powers(battery, ac, pv), {}, 5.0 * number)
    assert books.unbalanced == 0


@pytest.mark.parametrize(("battery", "ac"), [(726, -661), (-700, 763), (2451, 0)])
def test_signs_that_cannot_be_right_are_noticed(battery: float, ac: float) -> None:
    books = derivation()
    for number in range(BALANCE_AFTER):
        books.cycle(powers(battery, ac), {}, 5.0 * number)
    assert books.unbalanced == BALANCE_AFTER
