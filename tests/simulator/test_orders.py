"""Settings by name become orders to the plant: each one alone, and what stands in for those that are absent."""

from __future__ import annotations

import math
from datetime import time

import pytest

from indevolt.battery import Value
from indevolt.catalogue import Product, load, products
from indevolt.simulator.firmware import DAY_S, RECHARGE_W, Mode, Orders, Slot
from indevolt.simulator.orders import COMMAND, CURVE, ORDERING, keep_power, read_orders
from indevolt.simulator.physics import kit
from indevolt.simulator.registers import Registers, Setting

GEN2 = products()["powerflex2000"]


def registers(product: Product = GEN2, /, **values: Value) -> Registers:
    """Return what a unit as it left the factory has after some settings were written."""
    written = Registers(kit(product, 2), {}, complete=True, serial="virtual")
    points = load(product.family).points
    for name, value in values.items():
        written.put(Setting(points[name], value, 0))
    return written


def orders(product: Product = GEN2, /, **values: Value) -> Orders:
    return read_orders(registers(product, **values), product, command_stands=True)


# ---- as it left the factory ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("product", products().values(), ids=str)
def test_untouched_a_unit_follows_its_house_within_its_limits(product: Product) -> None:
    shown = orders(product)
    assert shown.mode is Mode.FOLLOW
    assert shown.sees_meter
    assert shown.bypass_on
    assert not shown.follows_curve
    assert shown.curve_w == ()
    assert shown.plan == ()
    assert shown.ac_out_max_w == product.discharge_w[-1]
    assert shown.ac_in_max_w == product.charge_w[-1]
    assert 0 <= shown.reserve_pct <= 20


def test_units_that_stand_alike_share_one_object() -> None:
    assert orders() is orders()
    assert orders(backup_soc=20) is orders(backup_soc=20)
    assert orders(backup_soc=20) is not orders(backup_soc=30)


def test_where_settings_are_absent_the_product_and_caution_stand_in() -> None:
    bare = Registers(kit(GEN2, 2), {}, complete=False, serial="virtual")
    shown = read_orders(bare, GEN2, command_stands=False)
    assert shown == Orders(
        ac_in_max_w=GEN2.charge_w[-1],
        ac_out_max_w=GEN2.discharge_w[-1],
        feed_in_max_w=GEN2.discharge_w[-1],
        recharge_w=RECHARGE_W,
    )
    assert shown.full_every_s == 0  # nothing is forced that nobody knows of


# ---- modes and commands --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "wanted"),
    [
        ("self_use", Mode.FOLLOW),
        ("schedule", Mode.PLAN),
        ("custom_time", Mode.PLAN),
        ("outdoor_portable", Mode.PORTABLE),
        ("realtime", Mode.POWER),
    ],
)
def test_every_mode_means_something_to_the_plant(mode: str, wanted: Mode) -> None:
    assert orders(mode=mode).mode is wanted


@pytest.mark.parametrize(("state", "power_w"), [("charge", -700), ("discharge", 700), ("standby", 0)])
def test_a_command_has_the_houses_sign_and_a_target(state: str, power_w: float) -> None:
    shown = orders(mode="realtime", realtime_state=state, realtime_power=700, realtime_target_soc=40)
    assert (shown.mode, shown.power_w) == (Mode.POWER, power_w)
    assert shown.target_pct == (None if state == "standby" else 40)


def test_a_command_that_was_written_before_its_mode_does_not_count() -> None:
    written = registers(mode="realtime", realtime_state="discharge", realtime_power=700)
    shown = read_orders(written, GEN2, command_stands=False)
    assert (shown.mode, shown.power_w, shown.target_pct) == (Mode.POWER, 0, None)


def test_outside_its_mode_a_command_means_nothing() -> None:
    assert orders(realtime_state="discharge", realtime_power=700) is orders()


def test_a_plan_comes_along_in_every_mode() -> None:
    plan = (Slot(0, 3600, -500, 80),)
    assert read_orders(registers(mode="schedule"), GEN2, command_stands=False, plan=list(plan)).plan == plan


# ---- each setting alone --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "order", "wanted"),
    [
        ("backup_soc", 35, "reserve_pct", 35),
        ("grid_charging", False, "grid_charging", False),
        ("forced_ac_charge_power", 900, "recharge_w", 900),
        ("inverter_input_limit", 1200, "ac_in_max_w", 1200),
        ("max_ac_output_power", 800, "ac_out_max_w", 800),
        ("feed_in_power_limit", 0, "feed_in_max_w", 0),
        ("meter_connected", False, "sees_meter", False),
        ("load_source", "custom", "follows_curve", True),
        ("load_source", "meter", "follows_curve", False),
        ("bypass", False, "bypass_on", False),
        ("full_charge_interval", 0, "full_every_s", 0),
        ("full_charge_interval", 7, "full_every_s", 7 * DAY_S),
        ("full_charge_start_time", time(18, 30), "full_from_s", 66_600),
        ("deep_sleep_start_time", time(22, 0), "deep_from_s", 79_200),
        ("deep_sleep_end_time", time(6, 15), "deep_to_s", 22_500),
    ],
)
def test_a_setting_becomes_an_order(name: str, value: Value, order: str, wanted: object) -> None:
    assert getattr(orders(**{name: value}), order) == wanted
    assert name in ORDERING


def test_a_load_curve_counts_by_half_hours_and_one_of_nothing_is_none() -> None:
    shown = orders(load_curve_slot_01=250, load_curve_slot_48=100)
    assert shown.curve_w == (250, *[0] * 46, 100)
    assert orders(load_curve_slot_01=0).curve_w == ()


def test_all_that_the_plant_obeys_has_a_point() -> None:
    points = load("gen2").points
    assert set(COMMAND) | set(CURVE) < ORDERING
    assert len(CURVE) == 48
    assert [name for name in ORDERING if name not in points] == []


# ---- as captured ---------------------------------------------------------------------------------------------------------


def test_a_captured_power_is_kept_down_to_the_reserve() -> None:
    shown = keep_power(registers(backup_soc=15, meter_connected=False), 2436)
    assert (shown.mode, shown.power_w, shown.reserve_pct, shown.sees_meter) == (Mode.KEEP, 2436, 15, False)
    assert shown.ac_out_max_w == math.inf
