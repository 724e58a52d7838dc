"""What a write does: which ones a device takes, when they show, and what the battery makes of a command."""

from __future__ import annotations

from datetime import UTC, datetime, time

import pytest
from hypothesis import given, strategies as st

from indevolt.battery import Charge, Command, Discharge, Hold, Schedule, SelfUse
from indevolt.catalogue import products
from indevolt.clock import ManualClock
from indevolt.errors import InvalidInput
from indevolt.protocol.messages import Data, GetData, Result, SetData
from indevolt.simulator import INSTANT, Simulator, Surroundings, steady_house

NOON = datetime(2026, 6, 21, 12, 0, tzinfo=UTC)
NIGHT = steady_house(Surroundings(400, ()))
MODE, STATE, POWER, TARGET = 47005, 47015, 47016, 47017


def battery(product: str = "powerflex2000", *, clock: ManualClock | None = None, lag_s: float = 0.0, modules: int = 2) -> Simulator:
    return Simulator(product, clock=clock or ManualClock(NOON), lag_s=lag_s, house=NIGHT, modules=modules, response=INSTANT)


def write(device: Simulator, point: int, *values: float, function: int = 16) -> bool:
    reply = device.answer(SetData(point, values, function))
    assert isinstance(reply, Result)
    return reply.result


def order(device: Simulator, command: Command) -> None:
    for each in device.model.spell(command):
        assert write(device, each.point, *each.values)


# ---- which writes are taken ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", [0, 3, 6, 17])
def test_only_the_documented_function_code_writes(function: int) -> None:
    device = battery()
    assert not write(device, MODE, 4, function=function)
    assert device.get("mode") == "self_use"


@pytest.mark.parametrize("point", [0, 6000, 7101, 11016, 65535])
def test_a_point_that_cannot_be_written_is_refused(point: int) -> None:
    assert not write(battery(), point, 1)


@pytest.mark.parametrize(
    ("point", "value", "name", "shown"),
    [
        (47005, 1, "mode", "self_use"),
        (47005, 4, "mode", "realtime"),
        (47005, 5, "mode", "schedule"),
        (47005, 2, "mode", "schedule"),  # the seed and the app note write 2
        (4, 6, "mode", "custom_time"),
        (1142, 5, "backup_soc", 5),
        (6505, 0, "backup_soc", 0),
        (1138, 7200, "inverter_input_limit", 7200),
        (11009, 100, "inverter_input_limit", 100),
        (1146, 0, "feed_in_power_limit", 0),
        (1147, 50, "max_ac_output_power", 50),
        (1143, 0, "grid_charging", False),
        (2618, 1, "grid_charging", True),
        (7265, 0, "light", "off"),
        (35005, 2, "light", "low"),
        (7266, 1, "bypass", True),
        (8647, 4638, "full_charge_start_time", time(18, 30)),
        (12197, 250, "load_curve_slot_01", 250),
        (12244, 100, "load_curve_slot_48", 100),
        (47016, 0, "realtime_power", 0),
        (47016, 10800, "realtime_power", 10800),
        (47017, 0, "realtime_target_soc", 0),
        (1138, 1200.0, "inverter_input_limit", 1200),  # one client sends floats
    ],
)
def test_every_documented_form_is_taken_and_shown(point: int, value: float, name: str, shown: object) -> None:
    device = battery()
    assert write(device, point, value)
    assert device.get(name) == shown


def test_a_switch_is_written_as_one_code_and_read_as_another() -> None:
    device = battery()
    write(device, 1143, 1)
    assert device.answer(GetData((2618,))) == Data({"2618": 1001})


@pytest.mark.parametrize(
    ("point", "value"),
    [
        (47005, 0),
        (47005, 3),
        (47005, 1.5),
        (47005, -1),
        (4, 2),
        (47015, 3),
        (47016, 10801),
        (47016, -1),
        (47016, 99_999),
        (47017, 101),
        (1142, 101),
        (1143, 2),
        (1143, 1001),
        (1, 0),
        (1, 5),
        (8647, 24 * 256),
        (8647, 61),
        (15203, 70_000),
        (15203, float("inf")),
        (15203, float("nan")),
    ],
)
def test_what_no_document_allows_is_refused_and_changes_nothing(point: int, value: float) -> None:
    device = battery()
    everything = GetData((7101, 6107, 6108, 6109, 6105, 2618, 8647))
    before = device.answer(everything)
    assert not write(device, point, value)
    assert device.answer(everything) == before


def test_settings_without_a_read_side_are_remembered() -> None:
    device = battery()
    assert device.get("load_source") is None
    assert write(device, 1, 2)
    assert write(device, 15203, -500)
    assert (device.get("load_source"), device.get("meter_power_injection")) == ("meter", -500)


def test_several_values_fill_consecutive_points() -> None:
    device = battery()
    assert write(device, STATE, 2, 700, 5)
    assert (device.get("realtime_state"), device.get("realtime_power"), device.get("realtime_target_soc")) == ("discharge", 700, 5)
    assert write(device, 12197, *range(10, 58))
    assert (device.get("load_curve_slot_01"), device.get("load_curve_slot_48")) == (10, 57)


@pytest.mark.parametrize("values", [(2, 700, 101), (2, 99_999, 5), (3, 700, 5), (2, 700, 5, 1)])
def test_one_bad_value_among_several_spoils_the_whole_write(values: tuple[int, ...]) -> None:
    device = battery()
    assert not write(device, STATE, *values)
    assert (device.get("realtime_state"), device.get("realtime_power")) == ("standby", 0)


def test_the_first_generation_writes_four_points_only() -> None:
    device = battery("bk1600")
    assert write(device, MODE, 4)
    assert write(device, STATE, 1, 1200, 80)
    assert not write(device, 1142, 10)
    assert not write(device, POWER, 2400)
    assert not write(device, 4, 1)


def test_outdoor_portable_mode_refuses_mode_changes() -> None:
    device = battery("bk1600")
    assert write(device, MODE, 0)
    assert device.get("mode") == "outdoor_portable"
    assert not write(device, MODE, 4)
    assert write(device, STATE, 1)
    assert device.get("mode") == "outdoor_portable"


# ---- when they show ------------------------------------------------------------------------------------------------------


def test_the_read_side_lags_the_write_side() -> None:
    clock = ManualClock(NOON)
    device = battery(clock=clock, lag_s=2)
    assert write(device, MODE, 4)
    clock.tick(1.9)
    assert device.answer(GetData((7101,))) == Data({"7101": 1})
    clock.tick(0.1)
    assert device.answer(GetData((7101,))) == Data({"7101": 4})


def test_a_command_sent_right_after_its_mode_is_obeyed_although_both_lag() -> None:
    clock = ManualClock(NOON)
    device = battery(clock=clock, lag_s=2)
    write(device, MODE, 4)
    clock.tick(1)
    write(device, STATE, 1, 700, 90)
    clock.tick(3)
    assert device.get("battery_power") == -700


def test_power_moves_when_the_write_takes_effect_and_energy_counts_from_then() -> None:
    clock = ManualClock(NOON)
    device = battery(clock=clock, lag_s=30)
    device.set("mode", "realtime")
    write(device, STATE, 2, 600, 5)
    clock.tick(30)
    device.get("battery_power")
    before = device.unit.energy_wh("battery_discharge_energy")
    clock.tick(60)
    device.get("battery_power")
    assert device.unit.energy_wh("battery_discharge_energy") - before == pytest.approx(10)


def test_a_later_write_that_shows_earlier_is_not_undone_by_the_order_of_arrival() -> None:
    clock = ManualClock(NOON)
    device = battery(clock=clock, lag_s=1)
    device.faults.add("late:10*1")
    write(device, 1142, 20)
    write(device, 1142, 30)
    clock.tick(1)
    assert device.get("backup_soc") == 30
    clock.tick(9)
    assert device.get("backup_soc") == 20


# ---- what the battery makes of a command ---------------------------------------------------------------------------------


def test_commands_charge_discharge_hold_and_let_go() -> None:
    clock = ManualClock(NOON)
    device = battery(clock=clock)
    order(device, Charge(700, 90))
    assert (device.get("battery_power"), device.get("battery_state")) == (-700, "charging")
    assert device.get("ac_input_power") == 763  # 700 W of battery, and what the conversion costs
    clock.tick(5)
    assert device.get("meter_power") == 1163
    order(device, Discharge(500, 10))
    assert (device.get("battery_power"), device.get("battery_state")) == (500, "discharging")
    order(device, Hold())
    assert (device.get("battery_power"), device.get("ac_power"), device.get("battery_state")) == (21, 0, "static")  # feeds itself
    order(device, SelfUse())
    assert (device.get("battery_power"), device.get("ac_power")) == (447, 400)
    order(device, Schedule())
    assert (device.get("battery_power"), device.get("mode")) == (21, "schedule")


@pytest.mark.parametrize("points", [(POWER, TARGET, STATE), (STATE, POWER, TARGET)])
def test_single_writes_in_either_order_command_as_well(points: tuple[int, ...]) -> None:
    device = battery()
    write(device, MODE, 4)
    values = {STATE: 2, POWER: 700, TARGET: 5}
    assert all(write(device, point, values[point]) for point in points)
    assert device.get("battery_power") == 700


def test_a_command_outside_real_time_mode_is_shown_and_not_obeyed() -> None:
    device = battery()
    follows = device.get("battery_power")
    assert write(device, STATE, 1, 1500, 90)
    assert (device.get("realtime_state"), device.get("realtime_power")) == ("charge", 1500)
    assert device.get("battery_power") == follows


def test_real_time_mode_begins_in_standby_whatever_was_written_before() -> None:
    device = battery()
    write(device, STATE, 1, 1500, 90)
    write(device, MODE, 4)
    assert device.get("ac_power") == 0
    write(device, STATE, 1, 1500, 90)
    assert device.get("battery_power") == -1500
    write(device, MODE, 4)  # again, while in it: nothing changes
    assert device.get("battery_power") == -1500
    write(device, MODE, 1)
    write(device, MODE, 4)
    assert device.get("ac_power") == 0


def test_at_the_target_the_unit_stands_by_and_the_register_keeps_the_command() -> None:
    clock = ManualClock(NOON)
    device = battery(clock=clock)
    order(device, Discharge(2000, 50))
    clock.tick(3600)
    assert device.get("battery_soc") == pytest.approx(50, abs=0.5)  # its own consumption goes on
    assert device.get("battery_state") == "static"
    assert device.get("realtime_state") == "discharge"
    order(device, Charge(2000, 60))
    clock.tick(3600)
    assert device.get("battery_soc") == pytest.approx(60, abs=0.5)
    assert (device.get("battery_state"), device.get("realtime_state")) == ("static", "charge")


def test_a_target_that_is_already_passed_moves_nothing() -> None:
    device = battery()
    order(device, Charge(2000, 20))
    assert (device.get("ac_power"), device.get("battery_state")) == (0, "static")


def test_the_reserve_ends_a_discharge_before_its_target() -> None:
    clock = ManualClock(NOON)
    device = battery(clock=clock)
    write(device, 1142, 40)
    order(device, Discharge(2000, 5))
    clock.tick(7200)
    assert device.get("battery_soc") == pytest.approx(40, abs=0.5)


@pytest.mark.parametrize(("modules", "charge", "discharge"), [(1, -1000, 1200), (2, -2000, 2400), (3, -2212, 2400)])
def test_modules_and_inverter_limit_the_power(modules: int, charge: int, discharge: int) -> None:
    device = battery(modules=modules)
    device.set("feed_in_power_limit", 10_000)
    order(device, Charge(2400, 100))
    assert device.get("battery_power") == charge  # 2400 W at the socket are 2212 W in the battery
    order(device, Discharge(2400, 5))
    assert device.get("battery_power") == discharge


def test_limits_that_are_set_hold() -> None:
    device = battery()
    write(device, 1138, 910)
    order(device, Charge(2000, 100))
    assert device.get("ac_input_power") == 910
    write(device, 1147, 455)
    order(device, Discharge(2000, 5))
    assert device.get("ac_output_power") == 455
    write(device, 1147, 2400)
    write(device, 1146, 60)
    assert device.get("ac_output_power") == 460  # 400 W for the house, 60 W for the grid


def test_a_full_battery_takes_no_more_and_an_empty_one_gives_no_more() -> None:
    clock = ManualClock(NOON)
    device = battery(clock=clock)
    write(device, 6505, 0)
    order(device, Charge(2400, 100))
    clock.tick(7200)
    assert device.get("battery_soc") == pytest.approx(100, abs=1)
    assert device.get("battery_state") == "static"
    write(device, STATE, 2, 2400, 0)
    clock.tick(86_400)
    assert (device.get("battery_soc"), device.get("battery_power")) == (0, 0)
    assert device.get("ac_power") == -9  # deep standby from the socket


def test_a_setting_can_be_made_by_hand_only_where_it_makes_sense() -> None:
    device = battery()
    with pytest.raises(InvalidInput):
        device.set("mode", "holiday")
    with pytest.raises(InvalidInput):
        device.set("nonsense", 1)
    device.set("load_source", "plug")
    assert device.get("load_source") == "plug"


# ---- anything at all -----------------------------------------------------------------------------------------------------

_points = st.integers(0, 65_535) | st.sampled_from([1, 4, 1138, 1142, 1146, 1147, 6505, 11009, 11010, MODE, STATE, POWER, TARGET])
_values = st.integers() | st.integers(0, 110) | st.floats()
_writes = st.builds(SetData, _points, st.lists(_values, min_size=1, max_size=5).map(tuple), st.sampled_from([16, 16, 16, 6]))


@given(st.sampled_from(sorted(products())), st.lists(st.tuples(_writes, st.floats(0, 4000)), max_size=8))
def test_no_write_breaks_the_device_or_its_limits(product: str, writes: list[tuple[SetData, float]]) -> None:
    clock = ManualClock(NOON)
    device = Simulator(product, clock=clock, lag_s=1)
    limit = max(*device.product.charge_w, *device.product.discharge_w)
    for request, seconds in writes:
        assert device.answer(request) in (Result(result=True), Result(result=False))
        clock.tick(seconds)
        charge, power = device.get("battery_soc"), device.get("battery_power")
        assert isinstance(charge, int | float)
        assert isinstance(power, int | float)
        assert 0 <= charge <= 100
        assert -limit <= power <= limit
