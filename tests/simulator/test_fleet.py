"""What a fleet is, before and after anybody wants something of its devices."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from indevolt.catalogue import products
from indevolt.clock import ManualClock
from indevolt.errors import InvalidInput
from indevolt.simulator.fleet import HOUSES, MOST_DEVICES, Fleet

MANY = 10_000


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


# ---- what each device is -------------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_devices_and_another_one_others() -> None:
    first, again, other = ([Fleet(50, seed=seed).member(index) for index in range(50)] for seed in (3, 3, 4))
    assert first == again
    assert not {member.serial for member in first} & {member.serial for member in other}
    assert [member.product.name for member in first] != [member.product.name for member in other]


def test_what_a_device_is_does_not_depend_on_how_large_the_fleet_is() -> None:
    assert Fleet(8).member(7) == Fleet(MANY).member(7)


def test_what_a_device_does_does_not_depend_on_who_was_made_before_it() -> None:
    seen = []
    for order in ([5], [1, 9, 5]):
        clock = ManualClock()
        fleet = Fleet(10, clock=clock, products=["powerflex2000"])
        devices = [fleet.device(index) for index in order]
        clock.tick(3600)
        seen.append([devices[-1].get(name) for name in ("battery_soc", "battery_power", "pv_power_total", "home_load_power")])
    assert seen[0] == seen[1]


def test_a_device_is_as_its_member_says(clock: ManualClock) -> None:
    fleet = Fleet(20, clock=clock)
    for index in range(20):
        member, device = fleet.member(index), fleet.device(index)
        assert (device.product, device.modules, device.serial, device.ip) == (
            member.product,
            member.modules,
            member.serial,
            member.address,
        )
        assert device.get("battery_soc") == pytest.approx(member.soc_pct, abs=1)
        assert device.clock is clock


def test_a_large_fleet_has_everything_and_no_serial_number_twice() -> None:
    fleet = Fleet(MANY)
    members = [fleet.member(index) for index in range(MANY)]
    assert {member.product.name for member in members} == set(products())
    assert {member.house for member in members} == set(range(HOUSES))
    assert len({member.serial for member in members}) == MANY
    assert all(1 <= member.modules <= member.product.max_modules for member in members)
    kinds = {(member.product.name, member.modules, member.house) for member in members}
    assert len(kinds) == HOUSES * sum(product.max_modules for product in products().values())
    charges = sorted(member.soc_pct for member in members)
    assert 10 <= charges[0] < 11
    assert 94 < charges[-1] <= 95


def test_products_and_modules_can_be_chosen() -> None:
    fleet = Fleet(100, products=["bk1600", "bk1600", "solidflex3000"], modules=2)
    names = [fleet.member(index).product.name for index in range(100)]
    assert names.count("bk1600") > names.count("solidflex3000") > 0
    assert {fleet.member(index).modules for index in range(100)} == {2}


def test_houses_are_shared(clock: ManualClock) -> None:
    fleet = Fleet(100, clock=clock, products=["powerflex2000"])
    alike = [index for index in range(100) if fleet.member(index).house == fleet.member(0).house]
    assert len(alike) > 1
    assert len({fleet.device(index).get("home_load_power") for index in alike}) == 1


def test_every_device_has_the_faults_that_the_fleet_was_given() -> None:
    fleet = Fleet(3, faults=["silent@0.5", "slow:2"])
    assert [[fault.spec for fault in fleet.device(index).faults] for index in range(3)] == [["silent@0.5", "slow:2"]] * 3


# ---- when devices are made -----------------------------------------------------------------------------------------------


def test_a_device_is_made_when_it_is_first_wanted_and_then_kept() -> None:
    fleet = Fleet(MANY)
    for index in (0, MANY - 1):
        fleet.member(index)
        fleet.identification(index)
    assert fleet.made == 0
    assert fleet.device(77) is fleet.device(77)
    assert fleet.made == 1


def test_discovery_hears_the_same_before_and_after(clock: ManualClock) -> None:
    fleet = Fleet(10, clock=clock)
    before = [fleet.identification(index) for index in range(10)]
    for index in range(10):
        fleet.device(index)
    assert [fleet.identification(index) for index in range(10)] == before
    assert before[3] is not None
    assert before[3].ip == "127.1.0.4"


def test_a_device_that_restarts_is_not_discovered(clock: ManualClock) -> None:
    fleet = Fleet(2, clock=clock)
    fleet.device(1).reboot(5)
    assert (fleet.identification(0) is None, fleet.identification(1) is None) == (False, True)
    clock.tick(5)
    assert fleet.identification(1) is not None


# ---- addresses -----------------------------------------------------------------------------------------------------------


def test_addresses_are_those_of_hosts_on_loopback() -> None:
    fleet = Fleet(100_000)
    addresses = list(fleet.addresses())
    assert addresses[:2] == ["127.1.0.1", "127.1.0.2"]
    assert addresses[253:255] == ["127.1.0.254", "127.1.1.1"]
    assert addresses[254 * 256] == "127.2.0.1"
    assert len(set(addresses)) == len(addresses) == len(fleet)
    assert Fleet(MOST_DEVICES).address_of(MOST_DEVICES - 1) == "127.254.255.254"


@given(st.integers(0, MOST_DEVICES - 1))
def test_an_address_leads_back_to_its_device(index: int) -> None:
    fleet = Fleet(MOST_DEVICES)
    assert fleet.index_of(fleet.address_of(index)) == index
    assert Fleet(max(index, 1)).index_of(fleet.address_of(max(index, 1))) is None


@pytest.mark.parametrize(
    "address",
    [
        "",
        "127.0.0.1",
        "127.1.0.0",
        "127.1.0.255",
        "127.1.0.256",
        "127.0.255.254",
        "127.255.255.255",
        "127.01.0.1",
        "127.1.0.1 ",
        "127.1.0",
        "127.1.0.1.1",
        "127.1.-1.254",
        "127.1.0.²",
        "128.1.0.1",
        "192.168.1.50",
        "::1",
        "::ffff:127.1.0.1",
        "localhost",
    ],
)
def test_an_address_of_somebody_else_leads_nowhere(address: str) -> None:
    assert Fleet(MOST_DEVICES).index_of(address) is None


# ---- what cannot be ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("index", [-1, 3])
def test_a_device_that_the_fleet_does_not_have_is_refused(index: int) -> None:
    fleet = Fleet(3)
    for wanted in (fleet.device, fleet.member, fleet.identification, fleet.address_of):
        with pytest.raises(InvalidInput, match=rf"index: this fleet has no device {index}") as caught:
            wanted(index)
        assert caught.value.remedy == "It has 0 to 2."


def test_arguments_out_of_range_are_named_with_the_range() -> None:
    for count in (0, MOST_DEVICES + 1):
        with pytest.raises(InvalidInput, match=f"count: a fleet has no {count} devices"):
            Fleet(count)
    with pytest.raises(InvalidInput, match="no product 'fridge'"):
        Fleet(1, products=["fridge"])
    with pytest.raises(InvalidInput, match="modules: not every product of this fleet has 4") as caught:
        Fleet(1, modules=4)
    assert caught.value.remedy == "They all have 1 to 3."
    assert Fleet(1, products=["powerflex2000"], modules=4).member(0).modules == 4
    with pytest.raises(InvalidInput, match="no such fault"):
        Fleet(1, faults=["gremlins"])
