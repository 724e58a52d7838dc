"""What a unit needs for itself, what warms and cools it, what sun it takes, and that each flow has its counter."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, strategies as st
from plant import live, unit

from indevolt.simulator.converter import to_ac, to_dc
from indevolt.simulator.physics import COUNTERS, HEATER_W

# ---- what it needs for itself (protocol.md, section 15) ------------------------------------------------------------------


def test_awake_it_takes_some_20_w_from_the_battery() -> None:
    each = unit()
    live(each)
    assert each.ac_w == pytest.approx(0)
    assert each.battery_w == each.loss_w == pytest.approx(20, abs=1.5)  # and what that costs on its way


@pytest.mark.parametrize(("modules", "own_w"), [(1, 7), (2, 9), (6, 17)])
def test_in_deep_standby_it_takes_7_w_and_2_w_a_pack(modules: int, own_w: float) -> None:
    each = unit(modules=modules)
    each.asleep = True
    live(each)
    assert each.battery_w == each.loss_w == own_w
    assert each.ac_w == 0
    empty = unit(modules=modules, soc_pct=0)
    empty.asleep = True
    live(empty)
    assert (empty.battery_w, empty.ac_w) == (0, -own_w)  # then the socket feeds it


@pytest.mark.parametrize(("modules", "own_w"), [(1, 29), (2, 34), (6, 54)])
def test_off_grid_it_takes_29_w_and_5_w_a_pack(modules: int, own_w: float) -> None:
    each = unit(modules=modules)
    each.look((), 1)
    each.run_alone(1, 25)
    assert own_w <= each.battery_w == each.loss_w <= own_w * 1.07
    assert each.ac_w == 0


def test_off_grid_it_feeds_the_bypass_socket_from_sun_and_battery() -> None:
    each = unit()
    each.look((400,), 60)
    each.plug(800, 60, on=True)
    each.run_alone(60, 25)
    assert each.inverter_w == each.bypass_w == 800
    assert each.ac_w == 0
    assert each.battery_w == pytest.approx(to_dc(800, 34) - 400)
    assert each.energy_wh("offgrid_output_energy") == each.energy_wh("bypass_output_energy") == pytest.approx(800 / 60)


def test_off_grid_it_serves_all_or_nothing() -> None:
    for soc_pct, load_w, served_w in ((50, 2000, 2000), (50, 2401, 0), (0, 100, 0), (50, -300, 0)):
        each = unit(soc_pct=soc_pct)
        each.look((), 60)
        each.plug(load_w, 1, on=True)
        each.run_alone(60, 25)
        assert each.bypass_w == served_w
        assert each.loss_w >= 0


@given(st.floats(10, 40), st.floats(0, 900))
def test_off_grid_all_that_there_is_can_be_drawn(soc_pct: float, pv_w: float) -> None:
    each = unit(soc_pct=soc_pct)
    each.look((pv_w,), 3600)
    most_w = to_ac(each.pv_offered_w + each.discharge_max_w, each.kit.offgrid_own_w)
    each.plug(most_w, 1, on=True)
    each.run_alone(3600, 25)
    assert each.bypass_w == most_w
    assert each.loss_w > 34
    assert each.battery_w == pytest.approx(each.kit.capacity_wh * soc_pct / 100)
    assert sum(each.pv_w) == pytest.approx(each.pv_offered_w)


@given(st.floats(0, 100), st.floats(0, 3000), st.floats(0, 2400), st.floats(0.1, 3600))
def test_off_grid_the_sun_serves_the_load_before_the_battery(soc_pct: float, pv_w: float, load_w: float, seconds: float) -> None:
    each = unit(soc_pct=soc_pct)
    each.look((pv_w,), seconds)
    offered_w = each.pv_offered_w
    each.plug(load_w, 1, on=True)
    each.run_alone(seconds, 25)
    if each.bypass_w:
        assert each.inverter_w == pytest.approx(to_ac(sum(each.pv_w) + each.battery_w, 34), abs=1e-6)
        assert each.battery_w <= 1e-9 or sum(each.pv_w) == pytest.approx(offered_w)


# ---- the heater ----------------------------------------------------------------------------------------------------------


def test_the_heater_goes_on_near_half_a_degree_and_off_near_five_and_a_half() -> None:
    each = unit(temperature_c=3)
    seen = []
    for temperature_c in (3, 0.6, 0.5, 3, 5.4, 5.5, 3, 0.6, -5):
        each.temperature_c = temperature_c
        each.look((), 1)
        seen.append(each.heating)
    assert seen == [False, False, True, True, True, False, False, False, True]


@pytest.mark.parametrize("modules", [1, 2, 6])
def test_the_heater_takes_37_9_w_a_module(modules: int) -> None:
    each = unit(modules=modules, temperature_c=0)
    live(each, air_c=0)
    assert each.own_w == pytest.approx(20 + 37.9 * modules)
    assert each.loss_w == pytest.approx(to_dc(0, 20 + 37.9 * modules))
    live(each, 500, air_c=0)
    assert each.battery_w == pytest.approx(to_dc(500, 20 + 37.9 * modules))


def test_the_heater_warms_what_the_frost_cools() -> None:
    each = unit("solidflex2000", 1, temperature_c=6)
    seen: list[tuple[bool, float]] = []
    for _ in range(24 * 60):
        live(each, seconds=60, air_c=-8)
        seen.append((each.heating, each.temperature_c))
    switches = sum(now[0] != then[0] for now, then in zip(seen[1:], seen, strict=False))
    assert switches >= 4
    assert all(0.3 < temperature_c <= 6 for _, temperature_c in seen)


def test_a_sleeping_unit_does_not_heat_and_off_grid_heat_is_paid_for() -> None:
    asleep = unit(temperature_c=-3)
    asleep.asleep = True
    asleep.look((), 1)
    assert not asleep.heating
    alone = unit(temperature_c=-3)
    alone.look((), 1)
    alone.run_alone(1, -3)
    assert alone.heating
    assert alone.loss_w >= 34 + 2 * HEATER_W


def test_what_is_dark_for_want_of_energy_does_not_heat() -> None:
    dark = unit(temperature_c=-3, soc_pct=0)
    dark.look((), 1)
    dark.run_alone(1, -3)
    assert not dark.heating
    assert (dark.battery_w, dark.loss_w) == (0, 0)


def test_work_warms_modules_and_power_stage_and_rest_cools_them() -> None:
    each = unit(soc_pct=100)
    live(each, 2400, seconds=60, times=60)
    assert 25.5 < each.temperature_c < 40
    assert 50 < each.stage_c < 90
    warm = each.stage_c
    live(each, seconds=60, times=60)
    assert 25 < each.stage_c < warm - 20


def test_temperatures_come_out_alike_in_steps_of_any_size() -> None:
    fine, coarse = unit("powerflex3000", soc_pct=90), unit("powerflex3000", soc_pct=90)
    live(fine, 1000, seconds=1, times=1800)
    live(coarse, 1000, seconds=1800)
    assert coarse.temperature_c == pytest.approx(fine.temperature_c, abs=0.01)
    assert coarse.stage_c == pytest.approx(fine.stage_c, abs=0.01)


# ---- the sun -------------------------------------------------------------------------------------------------------------


def test_pv_wakes_a_unit_from_50_w_and_holds_it_to_10_w() -> None:
    each = unit()
    for asleep, offered_w, used_w in ((True, 49.9, 0), (True, 50, 50), (False, 10, 10), (False, 9.9, 0)):
        each.asleep = asleep
        each.look((offered_w / 2, offered_w / 2), 1)
        assert each.pv_offered_w == sum(each.pv_w) == used_w


def test_50_w_of_sun_charge_the_battery() -> None:
    each = unit()
    live(each, pv_w=(50,))
    assert each.battery_w == pytest.approx(-50 + to_dc(0))
    assert -50 < each.battery_w < -25


@pytest.mark.parametrize(("stage_c", "share"), [(93, 1), (93.1, 0.8), (96, 0.8), (96.1, 0.6)])
def test_a_hot_power_stage_takes_less_sun(stage_c: float, share: float) -> None:
    each = unit()
    each.stage_c = stage_c
    each.look((500, 300), 1)
    assert each.pv_w == pytest.approx((500 * share, 300 * share))
    assert each.pv_offered_w == pytest.approx(800 * share)


# ---- counters ------------------------------------------------------------------------------------------------------------


def test_every_flow_has_its_counter() -> None:
    each = unit()
    each.look((600,), 3600)
    each.bound(3600, floor_pct=0, ceiling_pct=100, ac_in_max_w=math.inf, ac_out_max_w=math.inf)
    each.plug(300, 3600, on=True)
    each.run(1000, 3600, 25)
    live(each, -400, seconds=3600)
    shown = {name: each.energy_wh(name) for name in COUNTERS}
    assert shown == pytest.approx(
        {
            "battery_charge_energy": -to_dc(-400),
            "battery_discharge_energy": to_dc(1000) - 600,
            "pv_energy": 600,
            "ac_input_energy": 400 + 300,  # the load still hangs on the socket
            "ac_output_energy": 700,
            "bypass_output_energy": 600,
            "microinverter_energy": 0,
            "offgrid_output_energy": 0,
        }
    )


def test_what_a_micro_inverter_feeds_in_is_counted_as_such() -> None:
    each = unit()
    each.plug(-500, 3600, on=True)
    live(each, -500, seconds=3600)
    assert each.energy_wh("microinverter_energy") == 500
    assert each.ac_w == 0
    assert each.energy_wh("ac_output_energy") == each.energy_wh("ac_input_energy") == 0


def test_a_socket_that_is_off_carries_nothing() -> None:
    each = unit()
    each.plug(500, 1, on=False)
    assert each.bypass_w == 0


def test_a_day_begins_at_nothing_and_totals_go_on() -> None:
    each = unit()
    live(each, 1000, seconds=3600)
    before = each.energy_wh("ac_output_energy")
    each.turn_day()
    assert each.energy_wh("ac_output_energy", today=True) == 0
    live(each, 1000, seconds=1800)
    assert each.energy_wh("ac_output_energy", today=True) == pytest.approx(500)
    assert each.energy_wh("ac_output_energy") == pytest.approx(before + 500)


def test_a_counter_can_be_put_somewhere_and_its_day_apart() -> None:
    each = unit()
    live(each, 1000, seconds=3600)
    each.set_energy("ac_output_energy", 50_000)
    assert each.energy_wh("ac_output_energy") == 50_000
    assert each.energy_wh("ac_output_energy", today=True) == pytest.approx(1000)
    each.set_energy("ac_output_energy", 20, today=True)
    assert each.energy_wh("ac_output_energy") == 50_000
    assert each.energy_wh("ac_output_energy", today=True) == pytest.approx(20)
