"""What modules and cells show fits the whole: charges and powers add up, and voltages follow charge and current."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from indevolt.catalogue import products
from indevolt.simulator import cells
from indevolt.simulator.physics import HOUR_S, Unit, kit

modules = st.integers(1, 6)
percent = st.floats(0, 100)
spreads = st.floats(3, 15)  # protocol.md, section 15
powers = st.floats(-2400, 2400)


def unit(modules: int = 3, soc_pct: float = 50, *, spread_pct: float = 6, battery_w: float = 0) -> Unit:
    built = Unit(kit(products()["solidflex2000"], modules), soc_pct=soc_pct, spread_pct=spread_pct)
    built.battery_w = battery_w
    return built


# ---- the whole is the sum of its modules ---------------------------------------------------------------------------------


@given(modules, percent, spreads)
def test_the_modules_charges_are_the_units_on_average_and_lie_between_empty_and_full(count: int, soc: float, spread: float) -> None:
    built = unit(count, soc, spread_pct=spread)
    charges = [cells.module_soc(built, index) for index in range(count)]
    assert sum(charges) / count == pytest.approx(soc, abs=1e-9)
    assert all(-1e-9 <= charge <= 100 + 1e-9 for charge in charges)
    assert max(charges) - min(charges) <= spread + 1e-9


@given(modules, percent, spreads, powers)
def test_the_modules_powers_add_up_to_the_batterys_and_go_its_way(count: int, soc: float, spread: float, battery_w: float) -> None:
    built = unit(count, soc, spread_pct=spread, battery_w=battery_w)
    shares = [cells.module_power(built, index) for index in range(count)]
    assert sum(shares) == pytest.approx(battery_w, abs=1e-6)
    assert all(share * battery_w >= 0 for share in shares)


@given(st.integers(2, 6), st.floats(2, 98), spreads, powers)
def test_each_modules_charge_moves_by_its_own_power(count: int, soc: float, spread: float, battery_w: float) -> None:
    before = unit(count, soc, spread_pct=spread, battery_w=battery_w)
    after = unit(count, soc - battery_w / HOUR_S / before.kit.capacity_wh * 100, spread_pct=spread)
    module_wh = before.kit.capacity_wh / count
    for index in range(count):
        moved_wh = (cells.module_soc(before, index) - cells.module_soc(after, index)) / 100 * module_wh
        assert moved_wh == pytest.approx(cells.module_power(before, index) / HOUR_S, abs=1e-3)


def test_modules_differ_most_at_half_charge_and_not_at_the_ends() -> None:
    def apart(soc_pct: float) -> float:
        built = unit(3, soc_pct)
        return cells.module_soc(built, 0) - cells.module_soc(built, 2)

    assert apart(50) == pytest.approx(6)
    assert 0 < apart(10) < apart(30) < 6
    assert apart(0) == apart(100) == 0


def test_a_unit_of_one_module_is_its_module() -> None:
    built = unit(1, 37, battery_w=500)
    assert cells.module_soc(built, 0) == 37
    assert cells.module_power(built, 0) == 500
    assert cells.module_voltage(built, 0) == cells.battery_voltage(built)


# ---- voltages ------------------------------------------------------------------------------------------------------------


@given(percent, st.floats(0.01, 20))
def test_a_cell_at_rest_shows_more_the_fuller_it_is(soc: float, more: float) -> None:
    assert cells.open_voltage(soc + more) > cells.open_voltage(soc) or soc + more > 100


def test_a_cell_stays_between_the_voltages_of_its_chemistry() -> None:
    assert cells.open_voltage(0) == cells.open_voltage(-5) == 2.8
    assert cells.open_voltage(100) == cells.open_voltage(105) == 3.5
    assert cells.open_voltage(50) == pytest.approx(3.29, abs=0.01)
    assert cells.open_voltage(3.5) == pytest.approx((3.00 + 3.13) / 2)


@given(modules, percent, st.floats(-2400, 2300), st.floats(10, 100))
def test_discharging_lowers_a_modules_voltage_and_charging_raises_it(
    count: int, soc: float, battery_w: float, more_w: float
) -> None:
    gentle, hard = unit(count, soc, battery_w=battery_w), unit(count, soc, battery_w=battery_w + more_w)
    for index in range(count):
        assert cells.module_voltage(hard, index) < cells.module_voltage(gentle, index)
        assert cells.module_current(hard, index) > cells.module_current(gentle, index)


@given(modules, percent, powers)
def test_the_cells_of_a_module_are_its_voltage_together_and_lie_close(count: int, soc: float, battery_w: float) -> None:
    built = unit(count, soc, battery_w=battery_w)
    for index in range(count):
        volts = [cells.cell_voltage(built, index, cell) for cell in range(1, cells.CELLS + 1)]
        assert sum(volts) == pytest.approx(cells.module_voltage(built, index))
        assert 0.004 <= max(volts) - min(volts) <= 0.021
        assert len(set(volts)) == cells.CELLS


def test_cells_drift_apart_towards_both_ends() -> None:
    def spread(soc_pct: float) -> float:
        volts = [cells.cell_voltage(unit(1, soc_pct), 0, cell) for cell in range(1, 17)]
        return max(volts) - min(volts)

    assert spread(50) == pytest.approx(0.004)
    assert spread(98) > spread(75) > spread(50) < spread(25) < spread(2)


@given(modules, percent, powers)
def test_the_batterys_voltage_lies_among_its_modules(count: int, soc: float, battery_w: float) -> None:
    built = unit(count, soc, battery_w=battery_w)
    volts = [cells.module_voltage(built, index) for index in range(count)]
    assert min(volts) - 1e-9 <= cells.battery_voltage(built) <= max(volts) + 1e-9
    assert 42 < cells.battery_voltage(built) < 58


def test_current_times_voltage_at_rest_is_power() -> None:
    built = unit(2, 50, battery_w=1000)
    for index in range(2):
        rest_v = cells.CELLS * cells.open_voltage(cells.module_soc(built, index))
        assert cells.module_current(built, index) * rest_v == pytest.approx(cells.module_power(built, index))
    assert 9 < cells.module_current(built, 0) < 10.5  # some 500 W at some 52.6 V


# ---- temperatures and age ------------------------------------------------------------------------------------------------


def test_the_main_unit_is_the_warmest_and_a_cell_is_colder_than_its_module() -> None:
    built = unit(4)
    temperatures = [cells.module_temperature(built, index) for index in range(4)]
    assert temperatures == sorted(temperatures, reverse=True)
    assert all(abs(each - built.temperature_c) <= 1 for each in temperatures)
    assert all(cells.coldest_cell(built, index) < temperatures[index] for index in range(4))


def test_a_battery_ages_by_what_it_gave() -> None:
    built = unit(2)
    assert cells.cycles(built) == 0
    assert cells.health(built) == 100
    built.set_energy("battery_discharge_energy", 300 * built.kit.capacity_wh)
    assert cells.cycles(built) == 300
    assert cells.health(built) == 99
    built.set_energy("battery_discharge_energy", 6000 * built.kit.capacity_wh)
    assert cells.health(built) == 80
    built.set_energy("battery_discharge_energy", 1e6 * built.kit.capacity_wh)
    assert cells.health(built) == 0
