"""What a virtual battery shows: every point of its family, its packs, its limits, and a day that moves."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest

from indevolt.catalogue import identify, load, probe_points, products
from indevolt.clock import ManualClock
from indevolt.errors import BadRequest, InvalidInput
from indevolt.protocol.messages import Data, GetData, Raw, SysConfig, SysGetConfig
from indevolt.simulator import Simulator, Surroundings, steady_house

PRODUCTS = list(products())
START = datetime(2026, 6, 21, 10, 0, tzinfo=UTC)


def read(device: Simulator, *points: int) -> dict[str, Raw]:
    reply = device.answer(GetData(points))
    assert isinstance(reply, Data)
    return dict(reply.values)


@pytest.mark.parametrize("product", PRODUCTS)
def test_every_readable_point_of_the_family_is_there_and_can_be_read(product: str) -> None:
    device = Simulator(product, clock=ManualClock(START), max_points=1000)
    model = load(products()[product].family)
    keys = [int(key) for key in model.by_read]
    answer = read(device, *keys)
    assert list(answer) == [str(key) for key in keys]
    for key, raw in answer.items():
        side = model.by_read[key].read
        assert side is not None
        value = side.codec.decode(raw)
        assert not str(value).startswith("code "), model.by_read[key].name


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_client_knows_the_family_from_what_the_device_says(product: str) -> None:
    device = Simulator(product, clock=ManualClock(START))
    system = device.answer(SysGetConfig())
    assert isinstance(system, SysConfig)
    verdict = identify(system.device, read(device, *probe_points()))
    assert verdict.family == products()[product].family
    assert not verdict.firmware_too_old


def test_values_come_in_the_order_they_were_asked_for() -> None:
    assert list(read(Simulator(), 7101, 6000, 142)) == ["7101", "6000", "142"]


def test_a_point_that_the_model_does_not_have_is_left_out() -> None:
    assert read(Simulator("bk1600"), 11016, 7101, 65535) == {"7101": 1}
    assert read(Simulator(), 65535) == {}
    assert read(Simulator()) == {}


def test_a_batch_that_is_too_large_is_answered_with_400() -> None:
    device = Simulator(max_points=3)
    assert len(read(device, 6000, 6001, 6002)) == 3
    with pytest.raises(BadRequest):
        device.answer(GetData((6000, 6001, 6002, 7101)))


def test_a_quantity_can_be_missing_as_in_older_firmware() -> None:
    device = Simulator(clock=(clock := ManualClock(START)))
    device.remove("system_soc", "load_source")
    clock.tick(60)
    assert list(read(device, 9405, 6002)) == ["6002"]
    poll = GetData((6002, 11016))
    for missing, shown in ([], ["6002", "11016"]), (["meter_power"], ["6002"]):
        device.remove(*missing)
        answer = device.answer(poll)
        assert isinstance(answer, Data)
        assert list(answer.values) == shown
    with pytest.raises(InvalidInput):
        device.remove("nonsense")


def test_packs_that_are_not_installed_have_no_serial_number_and_zeros() -> None:
    still = steady_house(Surroundings(0, ()))
    device = Simulator("powerflex2000", clock=ManualClock(START), modules=2, serial="5", house=still)
    assert read(device, 9032, 9016, 9020) == {"9032": "5-1", "9016": 53, "9020": pytest.approx(52.6, abs=0.2)}
    assert read(device, 9051, 9035, 9039, 9111) == {"9051": "", "9035": 0, "9039": 0, "9111": 0}


@pytest.mark.parametrize(("modules", "capacity"), [(1, 2), (2, 4), (6, 12)])
def test_capacity_follows_the_modules(modules: int, capacity: float) -> None:
    assert read(Simulator("powerflex2000", modules=modules), 142) == {"142": capacity}


@pytest.mark.parametrize("modules", [0, 7, -1])
def test_more_modules_than_the_product_takes_are_refused(modules: int) -> None:
    with pytest.raises(InvalidInput, match="PowerFlex 2000"):
        Simulator("powerflex2000", modules=modules)


def test_an_unknown_product_is_refused_with_what_there_is() -> None:
    with pytest.raises(InvalidInput) as caught:
        Simulator("powerflex9000")
    assert all(product in caught.value.remedy for product in PRODUCTS)


def test_the_cluster_role_is_a_text_and_the_clock_three_words() -> None:
    assert read(Simulator(clock=ManualClock(START)), 606, 11008) == {"606": "1002", "11008": [26 * 256 + 6, 21 * 256 + 10, 0]}


@pytest.mark.parametrize(
    ("battery_w", "state"),
    [(-2000, "charging"), (-30, "charging"), (-29, "static"), (0, "static"), (26, "static"), (59, "static"), (60, "discharging")],
)
def test_small_powers_read_as_static(battery_w: int, state: str) -> None:
    device = Simulator(clock=ManualClock(START), state={"6000": 0, "6001": 1000, "6002": 50})
    device.set("battery_power", battery_w)
    assert (device.get("battery_state"), device.get("battery_power")) == (state, battery_w)


def test_values_move_with_the_day_and_the_books_balance() -> None:
    clock = ManualClock(START.replace(hour=0))
    device = Simulator(clock=clock, modules=2)
    charges = set()
    for _ in range(48):
        clock.tick(1800)
        charges.add(device.get("battery_soc"))
        # whole watts, each rounded for itself; the meter is up to 5 s old, but here nobody asked in between
        load, grid, unit = (device.get(name) for name in ("home_load_power", "meter_power", "ac_power"))
        assert isinstance(load, int | float)
        assert isinstance(grid, int | float)
        assert isinstance(unit, int | float)
        assert load == pytest.approx(grid + unit, abs=2)
    assert len(charges) > 10
    assert device.get("pv_energy_today") == 0  # midnight has just passed
    total = device.get("pv_energy_total")
    assert isinstance(total, int | float)
    assert total > 321_134


def test_self_use_takes_nothing_from_the_grid_while_the_battery_can_give() -> None:
    clock = ManualClock(START)
    device = Simulator(clock=clock, house=steady_house(Surroundings(910, (0, 0, 0, 0))))
    clock.tick(10)
    assert (device.get("battery_power"), device.get("meter_power"), device.get("ac_output_power")) == (994, 0, 910)
    assert (device.get("battery_state"), device.get("system_state")) == ("discharging", "grid_discharging")


def test_the_reserve_is_kept_for_a_power_cut() -> None:
    clock = ManualClock(START)
    device = Simulator(clock=clock, house=steady_house(Surroundings(2000, ())), modules=2)
    device.set("backup_soc", 30)
    clock.tick(36_000)
    assert device.get("battery_soc") == pytest.approx(30, abs=2)  # its own consumption goes on
    assert (device.get("battery_state"), device.get("meter_power")) == ("static", 2000)


def test_the_meter_shows_a_new_value_every_five_seconds_at_most() -> None:
    clock = ManualClock(START)
    seconds = iter(range(100, 10_000))
    device = Simulator(clock=clock, house=lambda _: Surroundings(float(next(seconds)) * 50, ()))
    seen = []
    for _ in range(16):
        clock.tick(1)
        seen.append(device.get("meter_power"))
    changes = [number for number, (before, after) in enumerate(pairwise(seen)) if before != after]
    assert len(changes) >= 2
    assert all(later - earlier >= 5 for earlier, later in pairwise(changes))


def test_without_a_meter_its_power_reads_zero() -> None:
    clock = ManualClock(START)
    device = Simulator(clock=clock, house=steady_house(Surroundings(500, ())))
    device.set("meter_connected", value=False)
    clock.tick(10)
    assert (device.get("meter_power"), device.get("battery_power"), device.get("home_load_power")) == (0, 21, 500)


def test_a_poll_within_the_same_second_sees_the_same_values() -> None:
    clock = ManualClock(START)
    looked: list[datetime] = []

    def house(at: datetime) -> Surroundings:
        looked.append(at)
        return Surroundings(500, ())

    device = Simulator(clock=clock, house=house)
    clock.tick(5)
    first = read(device, 6000, 6002, 11008)
    looked.clear()
    for _ in range(9):
        clock.tick(0.1)
        assert read(device, 6000, 6002, 11008) == first
    assert not looked


def test_an_idle_device_catches_up_in_few_steps() -> None:
    clock = ManualClock(START)
    looked: list[datetime] = []

    def house(at: datetime) -> Surroundings:
        looked.append(at)
        return Surroundings(500, ())

    device = Simulator(clock=clock, house=house)
    looked.clear()
    clock.tick(3600)
    assert not looked
    read(device, 6002)
    assert 0 < len(looked) < 100


def test_a_clock_that_is_set_does_not_move_the_battery() -> None:
    clock = ManualClock(START)
    device = Simulator(clock=clock, house=steady_house(Surroundings(910, ())))
    before = device.get("battery_discharge_energy_total")
    clock.jump(3600)
    clock.tick(1)
    after = device.get("battery_discharge_energy_total")
    assert isinstance(before, float | int)
    assert isinstance(after, float | int)
    assert 0 <= after - before < 2


def test_charge_set_by_hand_moves_every_charge_that_is_shown() -> None:
    device = Simulator(clock=ManualClock(START), modules=2)
    device.set("battery_soc", 20)
    assert read(device, 6002, 9405, 9000, 9016, 9035) == {"6002": 20, "9405": 20, "9000": 21.3, "9016": 18.7, "9035": 0}


def test_a_counter_set_by_hand_goes_on_from_there() -> None:
    clock = ManualClock(START)
    device = Simulator(clock=clock, house=steady_house(Surroundings(910, ())))
    device.set("battery_discharge_energy_total", 5000)
    clock.tick(3600)
    assert device.get("battery_discharge_energy_total") == pytest.approx(5994, abs=2)
