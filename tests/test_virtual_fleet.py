"""A fleet of ten thousand on real sockets, met by our client, by somebody else's, and with plain streams."""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from indevolt_api import IndevoltAPI, IndevoltBattery

import indevolt
from indevolt.beacon import ASKED_OF_ALL, BURST, BURST_GAP_S
from indevolt.clock import ManualClock
from indevolt.discovery import Discovery
from indevolt.errors import InvalidInput
from indevolt.server import Observer
from indevolt.simulator.device import Simulator
from indevolt.simulator.fleet import Fleet
from indevolt.virtual_fleet import VirtualFleet
from test_beacon import own_network_address

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8 and answers from any of it")

ANY = "0.0.0.0"
PATIENCE_S = 10  # of a test that fails; one that succeeds never waits
MANY = 10_000
SOME = sorted(random.Random(8).sample(range(MANY), 30))
READ = b"GET /rpc/Sys.GetConfig HTTP/1.1\r\nConnection: close\r\n\r\n"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@asynccontextmanager
async def serving(fleet: Fleet, **options: Any) -> AsyncIterator[VirtualFleet]:
    async with VirtualFleet(fleet, 0, **{"discovery_port": None, **options}) as virtual:
        yield virtual


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def ask(host: str, virtual: VirtualFleet) -> Any:
    """Return what a device says about itself."""
    async with asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection(host, virtual.port)
        with closing(writer):
            writer.write(READ)
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        return json.loads(body)["device"]


# ---- reading -------------------------------------------------------------------------------------------------------------


async def test_our_client_reads_devices_at_random_addresses(clock: ManualClock) -> None:
    fleet = Fleet(MANY, clock=clock)
    async with serving(fleet) as virtual:

        async def read(index: int) -> None:
            member = fleet.member(index)
            async with indevolt.connect(str(virtual.address_of(index)), spacing_s=0) as battery:
                reading = await battery.read("battery_soc", "device_sn")
                assert battery.model.family == member.product.family
            assert reading.value("device_sn") == member.serial
            assert reading.value("battery_soc") == pytest.approx(member.soc_pct, abs=1)

        await asyncio.gather(*map(read, SOME))
    assert fleet.made == len(SOME)


async def test_somebody_else_s_client_reads_devices_at_random_addresses(clock: ManualClock) -> None:
    fleet = Fleet(MANY, clock=clock)
    async with serving(fleet) as virtual, aiohttp.ClientSession() as session:

        async def read(index: int) -> None:
            member = fleet.member(index)
            api = IndevoltAPI(member.address, virtual.port, session)
            assert (await api.get_config())["device"]["sn"] == member.serial
            point = IndevoltBattery.SOC
            assert (await api.fetch_data([point]))[point] == pytest.approx(member.soc_pct, abs=1)

        await asyncio.gather(*map(read, SOME))


async def test_a_write_changes_the_device_that_was_called_and_no_other() -> None:
    clock = ManualClock(auto=True)
    fleet = Fleet(3, clock=clock, products=["powerflex2000"])
    async with serving(fleet) as virtual:
        async with indevolt.connect(str(virtual.address_of(1)), clock=clock) as battery:
            await battery.write("backup_soc", 33)
        assert [fleet.device(index).get("backup_soc") == 33 for index in range(3)] == [False, True, False]


async def test_a_fleet_needs_two_sockets_and_not_ten_thousand(clock: ManualClock) -> None:
    before = open_files()
    fleet = Fleet(MANY, clock=clock)
    async with serving(fleet, discovery_port=0) as virtual:
        for index in SOME[:5]:
            assert (await ask(fleet.address_of(index), virtual))["sn"] == fleet.member(index).serial
        assert open_files() - before <= 2 + 5  # a client may not have hung up yet
    assert open_files() <= before + 5


# ---- who disturbs whom ---------------------------------------------------------------------------------------------------


async def test_a_silent_device_and_a_slow_one_hold_up_nobody_else(clock: ManualClock) -> None:
    fleet = Fleet(MANY, clock=clock)
    fleet.device(0).faults.add("silent")
    fleet.device(1).latency_s = 60
    async with serving(fleet) as virtual:
        waiting = [asyncio.create_task(ask(fleet.address_of(index), virtual)) for index in (0, 1, 1)]
        for index in SOME[:5]:
            assert (await ask(fleet.address_of(index), virtual))["sn"] == fleet.member(index).serial
        assert not any(each.done() for each in waiting)
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def test_a_fault_of_one_device_is_its_own(clock: ManualClock) -> None:
    fleet = Fleet(2, clock=clock)
    fleet.device(0).faults.add("reset*1")
    async with serving(fleet) as virtual:
        assert (await ask(fleet.address_of(1), virtual))["sn"] == fleet.member(1).serial
        with pytest.raises(ConnectionResetError):
            await ask(fleet.address_of(0), virtual)
        assert (await ask(fleet.address_of(0), virtual))["sn"] == fleet.member(0).serial


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.39.95", "127.200.0.1", "outside"])
async def test_an_address_without_a_device_is_reset(clock: ManualClock, host: str) -> None:
    fleet = Fleet(MANY, clock=clock)
    async with serving(fleet) as virtual:
        with pytest.raises(ConnectionResetError):
            await ask(own_network_address() if host == "outside" else host, virtual)
    assert fleet.made == 0


async def test_the_observer_is_told_which_device_it_was(clock: ManualClock) -> None:
    seen: list[tuple[str, str, str, int]] = []

    def observe(device: Simulator) -> Observer:
        return lambda *answered: seen.append((device.ip, device.serial, answered[2], answered[3]))

    fleet = Fleet(5, clock=clock)
    async with serving(fleet, observe=observe) as virtual:
        await ask("127.1.0.3", virtual)
    assert seen == [("127.1.0.3", fleet.member(2).serial, "/rpc/Sys.GetConfig", 200)]


# ---- discovery -----------------------------------------------------------------------------------------------------------


def search(virtual: VirtualFleet, target: str) -> Discovery:
    assert virtual.discovery_port is not None
    return indevolt.discover(
        60, targets=[target], local_port=0, port=virtual.discovery_port, passive=False, clock=ManualClock()
    )  # whose time never ends


async def test_a_question_to_one_address_finds_that_device(clock: ManualClock) -> None:
    fleet = Fleet(MANY, clock=clock)
    async with serving(fleet, discovery_port=0) as virtual, asyncio.timeout(PATIENCE_S):
        for index in SOME[:5]:
            async for found in search(virtual, fleet.address_of(index)):
                assert (found.host, found.port, found.sn) == (fleet.address_of(index), virtual.port, fleet.member(index).serial)
                break


@pytest.mark.parametrize("target", [*ASKED_OF_ALL, ANY])
async def test_a_question_to_everybody_finds_ten_thousand_and_makes_none(clock: ManualClock, target: str) -> None:
    fleet = Fleet(MANY, clock=clock)
    pauses = ManualClock()
    async with serving(fleet, discovery_port=0, discovery_clock=pauses) as virtual, asyncio.timeout(6 * PATIENCE_S):
        found: dict[str, str] = {}
        async for each in search(virtual, target):
            found[each.host] = each.sn
            if len(found) % BURST == 0:
                await pauses.advance(BURST_GAP_S)
            if len(found) == MANY:
                break
    assert found == {fleet.address_of(index): fleet.member(index).serial for index in range(MANY)}
    assert fleet.made == 0


async def test_without_discovery_nobody_listens(clock: ManualClock) -> None:
    async with serving(Fleet(3, clock=clock)) as virtual:
        assert virtual.discovery_port is None


# ---- opening and closing -------------------------------------------------------------------------------------------------


async def test_a_taken_port_is_told_and_the_other_one_let_go(clock: ManualClock) -> None:
    async with serving(Fleet(3, clock=clock), discovery_port=0) as virtual:
        with pytest.raises(InvalidInput, match=f"TCP port {virtual.port} of 0.0.0.0"):
            async with VirtualFleet(Fleet(3), virtual.port, discovery_port=0):
                pass
        with pytest.raises(InvalidInput, match=f"UDP port {virtual.discovery_port} of 0.0.0.0"):
            async with VirtualFleet(Fleet(3), 0, discovery_port=virtual.discovery_port):
                pass
    async with VirtualFleet(Fleet(3), virtual.port, discovery_port=virtual.discovery_port):
        pass


def loops() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    found: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
    try:
        import uvloop
    except ImportError:
        return found
    return {**found, "uvloop": uvloop.new_event_loop}


@pytest.mark.parametrize("loop", sorted(loops()))
def test_it_is_the_same_on_every_event_loop(loop: str) -> None:
    async def conversation() -> None:
        fleet = Fleet(BURST + 5, clock=ManualClock())
        async with serving(fleet, discovery_port=0) as virtual, asyncio.timeout(PATIENCE_S):
            assert (await ask("127.1.0.3", virtual))["sn"] == fleet.member(2).serial
            with pytest.raises(ConnectionResetError):
                await ask("127.0.0.1", virtual)
            count = 0
            async for _ in search(virtual, "127.0.0.1"):
                count += 1
                if count == len(fleet):
                    break

    with asyncio.Runner(loop_factory=loops()[loop]) as runner:
        runner.run(conversation())
