"""Programs that speak OpenData ask the hub instead of the device: many at once, and the device hardly notices."""

from __future__ import annotations

import asyncio
import copy
import json
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import trustme
from indevolt_api import IndevoltAPI, IndevoltConfig, IndevoltEnergyMode

import indevolt
from indevolt.battery import Quality, Stage
from indevolt.clock import FastClock
from indevolt.discovery import discover
from indevolt.errors import Forbidden, Unauthorized
from indevolt.hub.app import running
from indevolt.hub.config import ApiConfig, Config, DeviceConfig, GatewayConfig, StoreConfig, TlsConfig
from indevolt.hub.gateway import BURST, MOST_CLIENTS, Gateway, serve_gateway
from indevolt.hub.hub import Hub
from indevolt.hub.keeper import Keeper, Link
from indevolt.hub.secret import Secret
from indevolt.hub.shared import MOST_POINTS
from indevolt.protocol.messages import AnyRequest, GetData, Reply
from indevolt.server import Reception, Served, Server
from indevolt.simulator import Simulator, Surroundings, steady_house
from indevolt.transport.paced import SPACING_S
from patient_clock import PatientClock
from wire_oracle import ask, until

SPEED = 30.0  # a second between two requests is 33 ms
SOC, MODE, SERIAL = 6002, 7101, 0


class CountedDevice:
    """A battery on the network that takes any number of requests at once, and tells how many there were."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.requests: list[AnyRequest] = []
        self.most_at_once = 0
        self._at_once = 0

    async def answer(self, request: AnyRequest) -> Reply:
        self.requests.append(request)
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            for _ in range(5):  # for others to come in, if there are any
                await asyncio.sleep(0)
            return await self.simulator.exchange(request)
        finally:
            self._at_once -= 1

    def asked_for(self) -> list[tuple[int, ...]]:
        return [request.points for request in self.requests if isinstance(request, GetData)]


@dataclass
class Scene:
    """A battery, the hub that polls it, and its gateway."""

    device: CountedDevice
    hub: Hub
    gateway: Gateway

    @property
    def simulator(self) -> Simulator:
        return self.device.simulator

    @property
    def keeper(self) -> Keeper:
        return self.hub.keepers["cellar"]

    @property
    def port(self) -> int:
        return self.gateway.address.port

    def soc(self) -> Any:
        """Return what the battery is charged to, give or take what time has done to it."""
        return pytest.approx(self.simulator.get("battery_soc"), abs=2)

    async def get(self, *points: int, **options: Any) -> Any:
        return await ask(self.port, f'/rpc/Indevolt.GetData?config={{"t":{list(points)}}}'.replace(" ", ""), **options)

    async def set(self, point: int, value: int, **options: Any) -> Any:
        return await ask(self.port, f'/rpc/Indevolt.SetData?config={{"f":16,"t":{point},"v":[{value}]}}', "POST", **options)

    async def writes(self) -> list[tuple[str, str]]:
        return [(entry.actor, entry.text) for entry in await self.hub.store.entries(kinds=["write"])]


@asynccontextmanager
async def scene(*, api: ApiConfig | None = None, control: bool = False, lag_s: float = 0.5, **gateway: Any) -> AsyncIterator[Scene]:
    clock = FastClock(PatientClock(), SPEED)
    house = steady_house(Surroundings(700, ()))
    device = CountedDevice(Simulator("powerflex2000", clock=clock, house=house, modules=2, lag_s=lag_s))
    network = Server(Reception(lambda _: Served(device.answer)), lifelike=True)
    await network.start()
    config = Config(
        store=StoreConfig(kind="memory"),
        api=api or ApiConfig(),
        devices=(
            DeviceConfig(
                name="cellar", host=f"127.0.0.1:{network.port}", control=control, gateway=GatewayConfig(port=0, **gateway)
            ),
        ),
    )
    try:
        async with running(config, clock=clock, bridges={}) as hub:
            keeper = hub.keepers["cellar"]
            await until(lambda: keeper.link is Link.ONLINE and "battery_soc" in keeper.latest)
            async with Gateway(hub, keeper) as gate:
                yield Scene(device, hub, gate)
    finally:
        await network.close()


# ---- reading ---------------------------------------------------------------------------------------------------------


async def test_what_was_polled_is_answered_without_asking_the_device() -> None:
    async with scene(max_age_s=3600) as it:
        await until(lambda: "pack1_soc" in it.keeper.latest)
        asked = len(it.device.requests)
        answer = await it.get(SOC, MODE)
        assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
        assert json.loads(answer.body) == {"6002": it.soc(), "7101": 1}
        polled = {point for points in it.device.asked_for()[asked:] for point in points}
        assert len(it.device.requests) - asked <= 2  # at most polls of the hub itself
        assert not polled or len(polled) > 2


async def test_fifty_askers_at_once_and_the_hub_cost_the_device_one_request_at_a_time_and_one_a_second() -> None:
    async with scene(max_age_s=0) as it:
        began_s, before = it.hub.clock.monotonic(), len(it.device.requests)
        answers = await asyncio.gather(*(it.get(SOC, MODE, 9000 + number % 3) for number in range(50)))
        took_s = it.hub.clock.monotonic() - began_s
        assert {answer.status for answer in answers} == {200}
        assert it.device.most_at_once == 1
        assert len(it.device.requests) - before <= took_s / SPACING_S + 1


async def test_what_the_device_does_not_have_is_left_out_and_not_asked_for_again() -> None:
    async with scene(max_age_s=3600) as it:
        answers = await asyncio.gather(*(it.get(SERIAL, 65000) for _ in range(50)))
        assert len({answer.body for answer in answers}) == 1
        assert sum(65000 in points for points in it.device.asked_for()) == 1


async def test_only_what_is_not_known_is_asked_for() -> None:
    async with scene(max_age_s=3600) as it:
        assert (await it.get(SOC, 65001)).status == 200
        (asked,) = [points for points in it.device.asked_for() if 65001 in points]
        assert SOC not in asked or len(asked) > 2  # then the hub's own poll went along


async def test_many_points_go_to_the_device_in_batches_that_it_takes() -> None:
    async with scene(max_age_s=3600) as it:
        points = sorted(map(int, it.keeper.model.by_read))[:130]  # type: ignore[union-attr]  # it was reached
        answer = await it.get(*points, *range(64000, 64120))
        assert answer.status == 200
        assert max(map(len, it.device.asked_for())) <= MOST_POINTS
        assert len(answer.body) > 1000


async def test_the_hub_reads_on_while_one_client_asks_for_a_thousand_points() -> None:
    async with scene(max_age_s=3600) as it:
        assert (await it.get(*range(20000, 21000))).status == 200
        asked = it.device.asked_for()
        crowd = [place for place, points in enumerate(asked) if points[0] >= 20000]
        polls = [points for points in asked[crowd[0] : crowd[-1]] if points[0] < 20000]
        assert len(crowd) >= 1000 / MOST_POINTS  # which take the device 19 s at least
        assert len(polls) >= 2


async def test_the_configuration_is_asked_for_once_in_a_while() -> None:
    async with scene() as it:
        first, second = [await ask(it.port, "/rpc/Sys.GetConfig") for _ in range(2)]
        assert first.status == 200
        assert it.simulator.serial.encode() in first.body
        assert [(await ask(it.port, "/rpc/WiFi.GetStatus")).status for _ in range(3)] == [200] * 3
        assert sum(request.rpc == "WiFi.GetStatus" for request in it.device.requests) == 1
        assert second.status == 200


async def test_a_point_in_quarantine_spoils_nobodys_reply() -> None:
    async with scene(max_age_s=0) as it:
        it.simulator.faults.add("poison:11016")
        await until(lambda: "meter_power" in it.keeper.health.quarantined)
        answer = await it.get(SOC, 11016)
        assert (answer.status, list(json.loads(answer.body))) == (200, ["6002"])


async def test_a_bad_point_of_one_client_spoils_only_its_own_reply() -> None:
    async with scene(max_age_s=0) as it:
        it.simulator.faults.add("poison:65002")
        bad, good = await asyncio.gather(it.get(SOC, 65002), it.get(SOC, MODE))
        assert (bad.status, good.status) == (400, 200)


async def test_a_device_that_is_away_is_said_to_be_away_and_is_not_asked() -> None:
    async with scene(max_age_s=3600) as it:
        assert (await it.get(SOC)).status == 200
        it.simulator.faults.add("reset")
        await until(lambda: it.keeper.link is Link.SILENT)
        answer = await it.get(SOC)
        assert (answer.status, answer.body) in ((502, b""), (504, b""))
        assert (await ask(it.port, "/rpc/Sys.GetConfig")).status in (502, 504)
        it.simulator.faults.clear()
        await until(lambda: it.keeper.link is Link.ONLINE)
        assert (await it.get(SOC)).status == 200


async def test_a_question_that_fails_again_and_again_is_not_passed_on_every_time() -> None:
    async with scene(max_age_s=0) as it:
        it.simulator.faults.add("poison:65002")
        for _ in range(6):
            assert (await it.get(65002)).status == 400
        assert sum(65002 in points for points in it.device.asked_for()) <= 4  # twice, each perhaps along with a poll and then alone


async def test_what_is_no_opendata_gets_what_a_device_says() -> None:
    async with scene() as it:
        assert (await ask(it.port, "/rpc/Indevolt.GetData?config=%7B%22t%22:%20[6002]%7D")).body == b"{}"
        assert (await ask(it.port, "/")).status == 404
        assert (await ask(it.port, "/rpc/Sys.GetConfig", "DELETE")).status == 405


# ---- writing ---------------------------------------------------------------------------------------------------------


async def test_writing_is_forbidden_until_the_owner_allows_it() -> None:
    async with scene() as it:
        assert (await it.set(1142, 20)).status == 403
        assert it.simulator.get("backup_soc") == 10
        assert not any(not request.repeatable for request in it.device.requests)
        assert await it.writes() == []


async def test_a_write_is_passed_on_and_in_the_journal_with_the_address_it_came_from() -> None:
    async with scene(control=True, writes=True) as it:
        assert (await it.set(1142, 20)).body == b'{"result":true}'
        await until(lambda: it.simulator.get("backup_soc") == 20)
        assert (await it.set(1142, 200)).body == b'{"result":false}'
        assert await it.writes() == [
            ("gateway 127.0.0.1", "asked for: backup_soc (1142) = 20"),
            ("gateway 127.0.0.1", "backup_soc (1142) = 20: accepted"),
            ("gateway 127.0.0.1", "asked for: backup_soc (1142) = 200"),
            ("gateway 127.0.0.1", "backup_soc (1142) = 200: refused"),
        ]


async def test_a_write_that_got_no_answer_is_in_the_journal_as_such() -> None:
    async with scene(control=True, writes=True) as it:
        it.simulator.faults.add("reset*1")
        statuses = set()
        while it.simulator.faults:
            statuses.add((await it.set(1142, 20)).status)
        assert statuses <= {200, 502, 504}
        assert len(await it.writes()) % 2 == 0


async def test_after_a_write_clients_see_its_effect_although_memory_is_long() -> None:
    async with scene(control=True, writes=True, max_age_s=3600, lag_s=5) as it, asyncio.timeout(10):
        assert (await it.get(6105)).body == b'{"6105":10}'
        await it.set(1142, 20)
        while (await it.get(6105)).body != b'{"6105":20}':
            pass


async def test_who_writes_without_end_is_told_to_wait_and_nothing_is_sent() -> None:
    async with scene(control=True, writes=True) as it:
        statuses = [(await it.set(1142, 10 + number % 2)).status for number in range(60)]
        written = sum(not request.repeatable for request in it.device.requests)
        assert set(statuses) == {200, 429}
        assert statuses[:BURST] == [200] * BURST
        assert written == statuses.count(200)
        assert len(await it.writes()) == 2 * written
        await until(lambda: it.keeper.latest.sample("battery_power").quality is Quality.LIVE)  # type: ignore[union-attr]  # it was read


@pytest.mark.parametrize(
    "headers",
    [
        {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64)"},
        {"Origin": "http://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "evil.example"},
        {"Host": "evil.example:8080"},
    ],
)
async def test_a_hostile_page_in_a_browser_cannot_write(headers: dict[str, str]) -> None:
    async with scene(control=True, writes=True) as it:
        assert (await it.set(1142, 20, headers=headers)).status == 403
        assert it.simulator.get("backup_soc") == 10


@pytest.mark.parametrize("host", ["localhost:8080", "[::1]:8080", "battery", "hub.local", "hub.fritz.box"])
async def test_programs_that_call_the_hub_by_its_own_name_may_write(host: str) -> None:
    async with scene(control=True, writes=True, api=ApiConfig(hosts=("hub.fritz.box",))) as it:
        assert (await it.set(1142, 20, headers={"Host": host})).status == 200


async def test_the_password_of_the_device_cannot_be_changed_through_the_gateway() -> None:
    async with scene(control=True, writes=True) as it:
        assert (await ask(it.port, '/rpc/User.SetConfig?config={"Password":"AAAA"}', "POST")).status == 403


# ---- a door of its own -----------------------------------------------------------------------------------------------


async def test_the_gateway_asks_for_a_password_although_the_device_has_none() -> None:
    async with scene(password=Secret("secret")) as it:
        assert (await it.get(SOC)).status == 401
        with pytest.raises(Unauthorized):
            async with indevolt.connect(str(it.gateway.address), password="wrong", spacing_s=0.01):
                pass
        async with indevolt.connect(str(it.gateway.address), password="secret", spacing_s=0.01) as battery:
            assert (await battery.read("battery_soc")).number("battery_soc") == it.soc()


async def test_a_password_that_the_device_refuses_is_not_the_clients_affair() -> None:
    async with scene() as it:
        it.simulator.faults.add("status:401")
        await until(lambda: it.keeper.link is Link.REFUSED)
        assert (await it.get(SOC)).status == 502


async def test_a_crowd_of_clients_that_keep_their_connections_takes_no_files_from_the_hub() -> None:
    async with scene(max_age_s=3600) as it, asyncio.timeout(10):
        crowd = []
        for _ in range(MOST_CLIENTS + 10):
            reader, writer = await asyncio.open_connection("127.0.0.1", it.port)
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            assert await reader.readuntil(b"\r\n\r\n")
            crowd.append((reader, writer))
        for reader, _ in crowd[:10]:
            with suppress(ConnectionResetError):
                assert await reader.read() == b""
        assert (await it.get(SOC)).status == 200
        for _, writer in crowd:
            writer.close()


async def test_the_gateway_speaks_tls(tmp_path: Path) -> None:
    authority = trustme.CA()
    issued, pem = authority.issue_cert("127.0.0.1"), tmp_path / "hub.pem"
    issued.private_key_and_cert_chain_pem.write_to_path(pem)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with scene(tls=TlsConfig(cert=pem)) as it:
        assert it.gateway.address.tls
        assert (await it.get(SOC, tls=trusting)).status == 200


@asynccontextmanager
async def serving(it: Scene, *gateways: GatewayConfig, discovery_port: int = 0) -> AsyncIterator[list[str]]:
    """Run the service with several gateways of the same device, and give what it writes into the journal about each."""
    keepers = {}
    for number, gateway in enumerate(gateways):
        config = it.keeper.config.model_copy(update={"name": f"gate-{number}", "gateway": gateway})
        keepers[config.name] = copy.copy(it.keeper)
        keepers[config.name].config, keepers[config.name].id = config, config.name
    service = asyncio.create_task(serve_gateway(replace(it.hub, keepers=keepers), discovery_port=discovery_port))
    entries: list[str] = []
    async with asyncio.timeout(10):
        while len(entries) < len(gateways):
            entries = [entry.text for entry in await it.hub.store.entries(kinds=["hub"]) if "the gateway" in entry.text]
            await asyncio.sleep(0)
    try:
        yield entries
    finally:
        service.cancel()
        await asyncio.wait([service])


async def test_a_port_that_is_taken_is_told_and_the_other_gateways_go_on() -> None:
    async with scene() as it, serving(it, GatewayConfig(port=it.port), GatewayConfig(port=0)) as entries:
        assert any("the gateway is closed: cannot listen" in text for text in entries)
        assert any("the gateway listens on 127.0.0.1:" in text for text in entries)


async def test_gateways_are_found_by_who_looks_for_devices_if_the_owner_wants_it() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    gateways = [GatewayConfig(port=0, discovery=True), GatewayConfig(port=0, discovery=True), GatewayConfig(port=0)]
    async with scene() as it, serving(it, *gateways, discovery_port=port) as entries:
        search = discover(1.0, targets=["127.0.0.1"], port=port, local_port=0, passive=False)
        found = [each async for each in search]
        assert [each.sn for each in found] == [it.simulator.serial] * 2
        assert {f"the gateway listens on 127.0.0.1:{each.port}" for each in found} < set(entries)
        assert {each.name for each in found} == {"gate-0 through the hub", "gate-1 through the hub"}


# ---- existing clients only change the address ------------------------------------------------------------------------


async def test_our_own_client_works_through_the_gateway() -> None:
    async with scene(control=True, writes=True) as it:
        clock = it.hub.clock
        async with indevolt.connect(str(it.gateway.address), spacing_s=1.0, clock=clock) as battery:
            assert battery.serial == it.simulator.serial
            assert (await battery.read("pack1_soc")).number("pack1_soc") is not None
            outcome = await battery.write("backup_soc", 30)
            assert outcome.stage is Stage.CONFIRMED
    assert it.simulator.get("backup_soc") == 30


async def test_our_own_client_tells_that_writing_is_forbidden() -> None:
    async with scene() as it, indevolt.connect(str(it.gateway.address), spacing_s=0.01) as battery:
        with pytest.raises(Forbidden):
            await battery.write("backup_soc", 30)


async def test_a_client_of_somebody_else_works_through_the_gateway() -> None:
    async with scene(control=True, writes=True) as it, aiohttp.ClientSession() as http:
        api = IndevoltAPI("127.0.0.1", it.port, http)
        assert (await api.get_config())["device"]["sn"] == it.simulator.serial
        assert await api.fetch_data([str(SOC), str(MODE)]) == {"6002": it.soc(), "7101": 1}
        assert await api.set_data(IndevoltConfig.WRITE_ENERGY_MODE, IndevoltEnergyMode.REAL_TIME_CONTROL)
        await until(lambda: it.simulator.get("mode") == "realtime")
        assert await api.charge(700, 80)
        readings = await asyncio.gather(*(api.fetch_data([str(SOC), str(MODE), str(SERIAL)]) for _ in range(50)))
        assert {reading["7101"] for reading in readings} <= {1, 4}
        assert it.device.most_at_once == 1


async def test_a_client_of_somebody_else_is_told_false_when_writing_is_forbidden() -> None:
    async with scene() as it, aiohttp.ClientSession() as http:
        assert not await IndevoltAPI("127.0.0.1", it.port, http).set_data(1142, 20)
