"""A scenario on real ports: each unit and the meter answer for themselves, and time passes for all of them."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

import indevolt
from indevolt.clock import ManualClock
from indevolt.errors import InvalidInput, NoReply, StatusError
from indevolt.measurement import Measurement
from indevolt.meter_link import MeterLink
from indevolt.protocol import push
from indevolt.protocol.messages import MeterJsonData, P1JsonData, SysGetConfig
from indevolt.shelly import ShellyMeter
from indevolt.simulator import scenario
from indevolt.simulator.play import Play
from indevolt.simulator.trace import Happening
from indevolt.transport import Address, HttpTransport
from indevolt.virtual_home import StageClock, VirtualHome, stage
from wire_oracle import ask, until

SPEED = 600
START = datetime(2026, 1, 15, tzinfo=UTC)
TWO_UNITS = """
title = "Two units in the dark"
start = 2026-01-15

[house]
load = 5000

[meter]
sort = "{meter}"

[[units]]
name = "cellar"
model = "powerflex2000"

[[units]]
name = "attic"
model = "solidflex2000"
"""
PATIENCE_S = 10  # of a test that fails; one that succeeds never waits


@pytest.fixture
def clock() -> ManualClock:
    """Real time, as far as the home can tell."""
    return ManualClock()


def play(clock: ManualClock, text: str = "", *, meter: str = "native", speed: float = SPEED, units: str = TWO_UNITS) -> Play:
    return stage(scenario.load(units.format(meter=meter) + text, name="test"), clock=clock, speed=speed)


@asynccontextmanager
async def serving(home: Play, **options: Any) -> AsyncIterator[VirtualHome]:
    async with VirtualHome(home, port=0, **{"discovery_port": None, **options}) as virtual:
        yield virtual


async def pass_time(clock: ManualClock, home_s: float, speed: float = SPEED) -> None:
    await clock.advance(home_s / speed)
    await asyncio.sleep(0)  # whoever slept goes on


async def read(virtual: VirtualHome, name: str) -> indevolt.Reading:
    async with indevolt.connect(str(virtual.units[name].address), spacing_s=0) as battery:
        return await battery.read("battery_soc", "meter_power", "ac_power", "device_sn")


async def exchange(port: int | None, request: Any) -> Any:
    assert port is not None
    transport = HttpTransport(Address("127.0.0.1", port))
    try:
        return await transport.exchange(request)
    finally:
        await transport.close()


# ---- one home, several ports ---------------------------------------------------------------------------------------------


async def test_two_units_and_a_p1_reader_agree_on_what_comes_from_the_grid(clock: ManualClock) -> None:
    home = play(clock, meter="p1")
    async with serving(home) as virtual:
        await pass_time(clock, 600)
        readings = [await read(virtual, name) for name in ("cellar", "attic")]
        document = (await exchange(virtual.meter_port, P1JsonData())).document
    given = sum(float(str(reading.value("ac_power"))) for reading in readings)
    assert document["total_act_power"] == pytest.approx(5000 - given, abs=1)
    assert document["total_act_power"] > 500, "the units alone cannot do it"
    assert [reading.value("meter_power") for reading in readings] == [pytest.approx(document["total_act_power"], abs=1)] * 2
    assert document["total_act_energy_LT"] == pytest.approx(home.site.import_wh / 1000, abs=0.001)
    assert {reading.value("device_sn") for reading in readings} == {unit.serial for unit in home.units.values()}


async def test_a_shelly_shows_the_same(clock: ManualClock) -> None:
    home = play(clock, meter="shelly")
    async with serving(home) as virtual:
        await pass_time(clock, 600)
        assert virtual.meter_port is not None
        shown = json.loads((await ask(virtual.meter_port, "/rpc/EM.GetStatus?id=0")).body)
        counted = json.loads((await ask(virtual.meter_port, "/rpc/EMData.GetStatus?id=0")).body)
        grid_w = (await read(virtual, "attic")).value("meter_power")
    assert shown["total_act_power"] == pytest.approx(grid_w, abs=1)
    assert counted["total_act"] == pytest.approx(home.site.import_wh, abs=0.01)


async def test_the_vendor_s_own_meter_shows_it_too(clock: ManualClock) -> None:
    home = play(clock)
    async with serving(home) as virtual:
        document = (await exchange(virtual.meter_port, MeterJsonData())).document
    assert document["data"]["total_act_power"] == pytest.approx(home.site.grid_w, abs=0.1)


async def test_without_a_meter_none_answers(clock: ManualClock) -> None:
    async with serving(play(clock, meter="none")) as virtual:
        assert virtual.meter_port is None


async def test_ports_that_are_named_are_kept_and_the_others_count_on_around_them(clock: ManualClock) -> None:
    first = free_ports()
    text = TWO_UNITS + f'[[units]]\nmodel = "bk1600"\nport = {first}\n[[units]]\nmodel = "bk1600"\n'
    async with VirtualHome(play(clock, units=text), port=first, discovery_port=None) as virtual:
        assert [device.port - first for device in virtual.units.values()] == [1, 2, 0, 3]


def free_ports() -> int:
    """Return the first of four neighbouring ports that nobody listens on."""
    for first in range(20_000, 60_000, 4):
        probes = [socket.socket() for _ in range(4)]
        try:
            for number, probe in enumerate(probes, first):
                probe.bind(("127.0.0.1", number))
        except OSError:
            continue
        finally:
            for probe in probes:
                probe.close()
        return first
    raise AssertionError


async def test_each_setting_of_the_api_is_served_as_such(clock: ManualClock) -> None:
    text = TWO_UNITS + 'api = "digest"\npassword = "secret"\n[[units]]\nmodel = "bk1600"\nname = "shed"\napi = "off"\n'
    async with serving(play(clock, units=text)) as virtual:
        assert (await exchange(virtual.units["cellar"].port, SysGetConfig())).text("sn")
        with pytest.raises(StatusError, match="401"):
            await exchange(virtual.units["attic"].port, SysGetConfig())
        async with indevolt.connect(str(virtual.units["attic"].address), password="secret", spacing_s=0) as battery:
            assert battery.model.family == "gen2"
        assert virtual.units["shed"].port == 0


async def test_https_needs_a_certificate_and_nothing_stays_open_without(clock: ManualClock) -> None:
    with pytest.raises(InvalidInput, match="certificate"):
        async with serving(play(clock, units=TWO_UNITS + 'api = "https"\n')):
            pass


async def test_a_port_that_is_taken_closes_all_that_was_opened(clock: ManualClock) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        virtual = VirtualHome(play(clock, units=TWO_UNITS + f"port = {port}\n"), port=0, discovery_port=None)
        with pytest.raises(InvalidInput, match=f"cannot listen on TCP port {port}"):
            async with virtual:
                pass
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", virtual.units["cellar"].port)


# ---- discovery and broadcasts --------------------------------------------------------------------------------------------


class Ear(asyncio.DatagramProtocol):
    """Hears datagrams on the loopback interface."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []

    def datagram_received(self, data: bytes, _addr: tuple[str, int]) -> None:
        self.heard.append(data)


@asynccontextmanager
async def ear() -> AsyncIterator[tuple[Ear, asyncio.DatagramTransport, int]]:
    transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(Ear, local_addr=("127.0.0.1", 0))
    try:
        yield protocol, transport, transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


async def test_one_question_finds_all_of_them_each_with_its_port(clock: ManualClock) -> None:
    home = play(clock, '[[units]]\nmodel = "bk1600"\napi = "off"\n', meter="p1")
    async with serving(home, discovery_port=0) as virtual, ear() as (listener, transport, _):
        transport.sendto(b"AT+IGDEVICEIP", ("127.0.0.1", virtual.discovery_port))
        await until(lambda: len(listener.heard) >= 3)
        told = {reply["sn"]: reply["port"] for reply in map(json.loads, listener.heard)}
        assert home.meter is not None
        assert told == {
            home.units["cellar"].serial: virtual.units["cellar"].port,
            home.units["attic"].serial: virtual.units["attic"].port,
            home.meter.serial: virtual.meter_port,
        }


async def test_our_search_tells_them_apart() -> None:
    async with serving(play(ManualClock()), discovery_port=0) as virtual:
        search = indevolt.discover(0.5, targets=["127.0.0.1"], port=virtual.discovery_port or 0, local_port=0, passive=False)
        found = set()
        async for each in search:
            found.add(each.port)
            if len(found) == 3:
                break
        assert found == {*(unit.port for unit in virtual.units.values()), virtual.meter_port}


async def test_the_meter_pushes_what_it_measures(clock: ManualClock) -> None:
    home = play(clock, meter="p1")
    async with (
        ear() as (listener, _, port),
        serving(home, push_s=0.5 * SPEED, destination="127.0.0.1", push_port=port),
    ):
        for _ in range(3):
            await pass_time(clock, 0.5 * SPEED)
        await until(lambda: len(listener.heard) >= 3)
        frames = [push.decode(frame) for frame in listener.heard]
    assert frames[-1].data["total_act_power"] == pytest.approx(home.site.grid_w, abs=0.1)
    assert frames[-1].at_s - frames[0].at_s >= SPEED


def test_a_shelly_pushes_nothing(clock: ManualClock) -> None:
    with pytest.raises(InvalidInput, match=r"push_s: the meter of this home \(shelly\) broadcasts nothing") as raised:
        VirtualHome(play(clock, meter="shelly"), push_s=1)
    assert 'sort = "p1"' in raised.value.remedy


# ---- time ----------------------------------------------------------------------------------------------------------------


async def test_time_stands_still_until_the_ports_are_open(clock: ManualClock) -> None:
    home = play(clock)
    clock.tick(5)
    assert home.site.clock.now() == START
    async with serving(home) as virtual:
        assert virtual.at == START
        await pass_time(clock, 900)
        assert virtual.at == START + timedelta(seconds=900)


async def test_a_home_is_the_same_whether_or_not_it_is_read() -> None:
    states = []
    for reads in (False, True):
        clock = ManualClock()
        home = stage(scenario.load(scenario.shipped("two-units"), name="two-units"), clock=clock, speed=SPEED)
        async with serving(home) as virtual:
            for number in range(25):
                await pass_time(clock, 97 + number)
                if reads:
                    await read(virtual, "garage")
            states.append((virtual.at, home.site.import_wh, [unit.unit.soc_pct for unit in home.units.values()]))
    assert states[0] == states[1]


def test_steps_are_longer_where_a_processor_could_not_follow(clock: ManualClock) -> None:
    assert [play(clock, speed=speed).scenario.step_s for speed in (1, 600, 5000, 20_000, 86_400)] == [1, 1, 1, 5, 20]
    slow = TWO_UNITS.replace("start = ", "step_s = 60\nstart = ")
    assert play(clock, units=slow, speed=86_400).scenario.step_s == 60


def test_a_stage_clock_rises_once(clock: ManualClock) -> None:
    own = StageClock(clock, 10, start=START)
    clock.tick(1)
    own.rise()
    clock.tick(1)
    own.rise()
    assert own.now() == START + timedelta(seconds=10)


EVENTS = """
[[events]]
at = "00:10"
unit = "attic"
fault = "status:503"
for = "10min"

[[events]]
at = "00:30"
meter = "offline"
for = "10min"
"""


async def test_what_happens_is_told_in_its_order_and_with_its_time(clock: ManualClock) -> None:
    told: list[Happening] = []
    async with serving(play(clock, EVENTS), tell=told.append) as virtual:
        for _ in range(5):
            await pass_time(clock, 660)
        assert [(f"{each.at:%H:%M:%S}", each.unit, each.text) for each in told] == [
            ("00:10:00", "attic", "fault status:503"),
            ("00:20:00", "attic", "fault status:503 is over"),
            ("00:30:00", "", "meter is lost"),
            ("00:40:00", "", "meter is back"),
        ]
        assert virtual.at == START + timedelta(seconds=3300)


async def test_what_has_happened_is_told_before_the_answer_that_shows_it(clock: ManualClock) -> None:
    told: list[str] = []
    home = play(clock, EVENTS)

    def observer(name: str) -> Any:
        return lambda *answered: told.append(f"{name} {answered[3]}")

    tells = {"tell": lambda happening: told.append(happening.text), "observe": observer}
    async with serving(home, tick_s=3600, **tells) as virtual:
        await exchange(virtual.units["attic"].port, SysGetConfig())
        clock.tick(601 / SPEED)  # so whoever lets time pass has not woken yet
        home.site.advance()
        with pytest.raises(StatusError, match="503"):
            await exchange(virtual.units["attic"].port, SysGetConfig())
        await exchange(virtual.meter_port, MeterJsonData())
    assert told[0] == "attic 200"
    assert told[1:] == ["fault status:503", "attic 503", " 200"]


@pytest.mark.parametrize("meter", ["p1", "shelly"])
async def test_a_meter_that_is_offline_breaks_its_connections(clock: ManualClock, meter: str) -> None:
    async with serving(play(clock, EVENTS, meter=meter)) as virtual:
        await pass_time(clock, 1801)
        if meter == "p1":
            with pytest.raises(NoReply):
                await exchange(virtual.meter_port, P1JsonData())
        else:
            with pytest.raises(ConnectionError):
                await ask(virtual.meter_port or 0, "/shelly")
        await pass_time(clock, 600)
        if meter == "p1":
            assert (await exchange(virtual.meter_port, P1JsonData())).document["total_act_power"] > 0
        else:
            assert (await ask(virtual.meter_port or 0, "/shelly")).status == 200


async def test_a_home_that_fails_says_so_when_it_is_left(clock: ManualClock) -> None:
    home = play(clock)

    def break_down() -> None:
        raise ZeroDivisionError

    home.site.after(60, break_down)

    async def live() -> None:
        async with asyncio.timeout(PATIENCE_S), serving(home) as virtual:
            await pass_time(clock, 120)
            await virtual.keep_going()

    with pytest.raises(ZeroDivisionError):
        await live()


@pytest.mark.parametrize("way", ["http", "udp"])
async def test_a_unit_that_looks_at_a_meter_elsewhere_goes_by_that_and_the_other_by_its_home(clock: ManualClock, way: str) -> None:
    async with ShellyMeter(lambda _: Measurement(300.0 - home.units["attic"].unit.ac_w), udp_port=0) as meter:
        port = meter.port if way == "http" else meter.udp_port
        units = f'{TWO_UNITS.replace("5000", "400")}meter = "{way}://127.0.0.1:{port}"\n'
        home = play(clock, units=units)
        async with serving(home) as virtual:
            link = virtual.links["attic"]
            for _ in range(20):
                seen = link.seen
                await pass_time(clock, 2.01)
                await until(partial(_has_seen, link, seen))
            virtual.catch_up()
            given = {name: unit.unit.ac_w for name, unit in home.units.items()}
    assert list(virtual.links) == ["attic"]
    assert given == pytest.approx({"cellar": 100, "attic": 300}, abs=5)
    assert home.site.member_of(home.units["attic"].unit).meter is None, "what looked has ended"


def _has_seen(link: MeterLink, before: int) -> bool:
    return link.seen > before
