"""Devices that come and go while the hub runs: heard on the network, tried, connected, kept over a restart, let go."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from indevolt.discovery import Api, Found
from indevolt.hub.api import create_app, served
from indevolt.hub.app import running
from indevolt.hub.config import ApiConfig, Config, DeviceConfig, HubConfig, PollConfig, StoreConfig, TokenConfig
from indevolt.hub.config_control import ControlConfig
from indevolt.hub.config_file import load_text
from indevolt.hub.hub import Hub
from indevolt.hub.keeper import Link
from indevolt.hub.roster import FILE, UNREAD
from indevolt.hub.secret import Origin, Secret
from indevolt.hub.tokens import Role, hash_token
from indevolt.simulator import INSTANT, Accessory, Simulator, Sort
from indevolt.simulator.access import Api as SimulatedApi
from indevolt.virtual import VirtualDevice

PATIENCE_S = 30
TOKENS = {role: f"{role}.{role}-secret" for role in (Role.READ, Role.ADMIN)}
HASHES = tuple(TokenConfig(name=role.value, role=role, hash=Secret(hash_token(token))) for role, token in TOKENS.items())
PASSWORD = "correct horse"


@asynccontextmanager
async def virtual(serial: str = "3800000001", **more: Any) -> AsyncIterator[VirtualDevice]:
    async with VirtualDevice(
        Simulator("powerflex2000", serial=serial, response=INSTANT, **more), port=0, discovery_port=None
    ) as device:
        yield device


@dataclass
class It:
    """A running hub and a client of its API."""

    hub: Hub
    url: str
    session: aiohttp.ClientSession

    async def ask(self, path: str, method: str = "GET", *, role: Role | None = Role.ADMIN, body: Any = None) -> tuple[int, Any]:
        headers = {} if role is None else {"Authorization": f"Bearer {TOKENS[role]}"}
        async with asyncio.timeout(PATIENCE_S):
            async with self.session.request(method, f"{self.url}/api/v1/{path}", headers=headers, json=body) as answer:
                text = await answer.read()
                return answer.status, json.loads(text) if text else None

    async def connect(self, device: VirtualDevice, name: str = "cellar", **more: Any) -> tuple[int, Any]:
        return await self.ask("devices", "POST", body={"name": name, "host": device.host, "port": device.port, **more})


def heard(*found: Found) -> Callable[[], AsyncIterator[Found]]:
    async def look() -> AsyncIterator[Found]:
        for each in found:
            yield each

    return look


def found_at(device: VirtualDevice, serial: str = "3800000001") -> Found:
    return Found(device.host, device.port, sn=serial)


@asynccontextmanager
async def hub_at(
    folder: Path,
    *devices: DeviceConfig,
    look: Callable[[], AsyncIterator[Found]] | None = None,
    store: str = "sqlite",
    lone: bool = True,
) -> AsyncIterator[It]:
    """Run a hub; ``lone``: with a configured device that is away, so that it does not look for devices by itself."""
    away = (DeviceConfig(name="away", host="127.0.0.1", port=9),) if lone and not devices else ()
    config = Config(
        hub=HubConfig(data=folder),
        devices=(*away, *devices),
        store=StoreConfig(kind=store),  # type: ignore[arg-type]  # a word of the literal
        api=ApiConfig(port=0, tokens=HASHES),
        control=ControlConfig(leases=folder / "leases"),
    )
    async with (
        running(config, bridges={}, look=look or heard()) as hub,
        served(hub, create_app(hub)) as url,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session,
    ):
        yield It(hub, url, session)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - what the hub reads sets no event
            await asyncio.sleep(0.02)


def names_like_it(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith("devices")]


def texts(entries: Iterable[Any]) -> list[str]:
    return [entry.text for entry in entries]


# ---- who is there ----------------------------------------------------------------------------------------------------------------


async def test_the_network_is_told_with_what_to_do_about_each_device(tmp_path: Path) -> None:
    meter = Accessory(Sort.METER)
    async with (
        virtual() as open_one,
        virtual("3800000002", api=SimulatedApi.DIGEST, password=PASSWORD) as locked,
        virtual("3800000003") as kept,
        VirtualDevice(meter, port=0, discovery_port=None) as other,
    ):
        look = heard(
            found_at(open_one),
            found_at(locked, "3800000002"),
            found_at(kept, "3800000003"),
            found_at(other, meter.serial),
            Found("127.0.0.7", api=Api.PROBABLY_OFF),
        )
        config = DeviceConfig(name="attic", host=kept.host, port=kept.port)
        async with hub_at(tmp_path, config, look=look) as it:
            await until(lambda: it.hub.keepers["attic"].link is Link.ONLINE)
            status, body = await it.ask("discovery")
            assert status == 200
            told = {each["serial"] or each["host"]: each for each in body["devices"]}
            assert {name: each["access"] for name, each in told.items()} == {
                "3800000001": "open",
                "3800000002": "password",
                "3800000003": "kept",
                meter.serial: "other",
                "127.0.0.7": "off",
            }
            assert told["3800000001"]["identity"]["family"] == "gen2"
            assert told["3800000003"]["device"] == "attic"
            assert "password" in told["3800000002"]["remedy"]
            assert "INDEVOLT app" in told["127.0.0.7"]["remedy"]
            assert told["3800000001"]["proposed_name"] == "device-3800000001"


async def test_who_asks_at_once_shares_a_search_and_a_young_one_is_not_repeated(tmp_path: Path) -> None:
    searches = []

    async def look() -> AsyncIterator[Found]:
        searches.append(1)
        await asyncio.sleep(0)
        for found in list[Found]():
            yield found

    async with hub_at(tmp_path, look=look) as it:
        await asyncio.gather(*(it.ask("discovery") for _ in range(5)))
        assert len(searches) == 1
        await it.ask("discovery?max_age_s=60")
        assert len(searches) == 1
        await it.ask("discovery?max_age_s=0")
        assert len(searches) == 2


async def test_only_admins_and_people_on_this_machine_may_look(tmp_path: Path) -> None:
    async with hub_at(tmp_path) as it:
        assert (await it.ask("discovery", role=None))[0] == 200
        assert (await it.ask("discovery", role=Role.READ))[0] == 403
        assert (await it.ask("discovery", role=Role.ADMIN))[0] == 200


# ---- connecting ------------------------------------------------------------------------------------------------------------------


async def test_a_device_is_connected_now_and_after_a_restart(tmp_path: Path) -> None:
    async with virtual() as device:
        async with hub_at(tmp_path) as it:
            status, body = await it.connect(device)
            assert status == 201
            assert (body["device"]["origin"], body["device"]["control"]) == ("added", False)
            assert body["identity"]["serial"] == "3800000001"
            await until(lambda: it.hub.keepers["cellar"].link is Link.ONLINE)
            assert any(text.startswith("connected") for text in texts(await it.hub.store.entries(limit=100)))
        async with hub_at(tmp_path) as it:
            await until(lambda: it.hub.keepers["cellar"].link is Link.ONLINE)
            assert it.hub.keepers["cellar"].origin == "added"


async def test_its_lines_are_what_a_configuration_takes_and_hold_no_password(tmp_path: Path) -> None:
    async with virtual(api=SimulatedApi.DIGEST, password=PASSWORD) as device, hub_at(tmp_path) as it:
        status, body = await it.connect(device, password=PASSWORD, control=True, modules=2)
        assert status == 201
        assert PASSWORD not in json.dumps(body)
        folder = tmp_path / "moved"
        folder.mkdir()
        (folder / "cellar.password").write_text(PASSWORD)
        (folder / "cellar.password").chmod(0o600)
        (moved,) = load_text(body["toml"], name="moved", origin=Origin(folder)).devices
        assert moved.model_dump(exclude={"password"}) == it.hub.keepers["cellar"].config.model_dump(exclude={"password"})
        assert moved.password == Secret(PASSWORD)


@pytest.mark.skipif(os.name != "posix", reason="modes are of POSIX")
async def test_the_file_of_passwords_is_for_nobody_else(tmp_path: Path) -> None:
    async with virtual(api=SimulatedApi.DIGEST, password=PASSWORD) as device, hub_at(tmp_path) as it:
        await it.connect(device, password=PASSWORD)
        file = tmp_path / FILE
        assert PASSWORD in file.read_text()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert names_like_it(tmp_path) == [FILE]


async def test_a_hub_that_keeps_nothing_writes_no_file(tmp_path: Path) -> None:
    async with virtual() as device, hub_at(tmp_path, store="memory") as it:
        _, body = await it.connect(device)
        assert body["kept_in"] == ""
        assert not (tmp_path / FILE).exists()


async def test_a_trial_tells_what_it_is_and_connects_nothing(tmp_path: Path) -> None:
    async with virtual() as device, hub_at(tmp_path) as it:
        trial = {"name": "cellar", "host": device.host, "port": device.port}
        status, body = await it.ask("devices?dry_run=true", "POST", body=trial)
        assert (status, body["identity"]["family"]) == (200, "gen2")
        assert "cellar" not in it.hub.keepers
        assert not (tmp_path / FILE).exists()


async def test_a_device_that_wants_a_password_is_refused_with_what_to_do(tmp_path: Path) -> None:
    async with virtual(api=SimulatedApi.DIGEST, password=PASSWORD) as device, hub_at(tmp_path) as it:
        for more in ({}, {"password": "wrong"}):
            status, body = await it.connect(device, **more)
            assert status == 502
            assert "password" in body["remedy"]
        assert "cellar" not in it.hub.keepers


async def test_nobody_there_and_no_battery_are_refused_with_what_to_do(tmp_path: Path) -> None:
    async with VirtualDevice(Accessory(Sort.METER), port=0, discovery_port=None) as meter, hub_at(tmp_path) as it:
        status, body = await it.ask("devices", "POST", body={"name": "cellar", "host": "127.0.0.1", "port": 1})
        assert (status, body["transient"]) == (503, True)
        assert body["remedy"]
        status, body = await it.connect(meter)
        assert status == 502
        assert body["remedy"]
        assert list(it.hub.keepers) == ["away"]


@pytest.mark.parametrize(
    ("body", "facts"),
    [
        ({"name": "site", "host": "127.0.0.1"}, "the house as a whole"),
        ({"name": "Cellar", "host": "127.0.0.1"}, "name"),
        ({"name": "cellar", "host": "127.0.0.1:8080", "port": 8080}, "host says a port already"),
        ({"name": "cellar", "host": "::::"}, "host"),
        ({"name": "cellar", "host": "127.0.0.1", "model": "teapot"}, "no model"),
        ({"name": "away", "host": "127.0.0.2"}, "another device"),
        ({"name": "cellar", "host": "127.0.0.1", "port": 9}, "is the device away"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
async def test_what_cannot_be_is_refused_before_anything_is_asked(tmp_path: Path, body: Any, facts: str) -> None:
    async with hub_at(tmp_path) as it:
        status, problem = await it.ask("devices", "POST", body=body)
        assert status == 422
        assert facts in json.dumps(problem)


async def test_a_password_is_never_repeated_whatever_is_wrong(tmp_path: Path) -> None:
    async with hub_at(tmp_path) as it:
        for body in ({"name": "cellar", "password": PASSWORD}, {"name": "x y", "host": "127.0.0.1", "password": PASSWORD}):
            status, problem = await it.ask("devices", "POST", body=body)
            assert status == 422
            assert PASSWORD not in json.dumps(problem)


async def test_a_found_device_that_an_owner_connects_is_kept_once_and_by_the_owners_name(tmp_path: Path) -> None:
    async with virtual() as device, hub_at(tmp_path, look=heard(found_at(device)), lone=False) as it:
        await until(lambda: "device-3800000001" in it.hub.keepers)
        assert it.hub.keepers["device-3800000001"].origin == "found"
        assert (await it.connect(device, control=True))[0] == 201
        assert list(it.hub.keepers) == ["cellar"]


# ---- letting go ------------------------------------------------------------------------------------------------------------------


async def test_a_connected_device_is_let_go_with_its_alerts_and_its_history_stays(tmp_path: Path) -> None:
    async with virtual() as device:
        async with hub_at(tmp_path) as it:
            await it.connect(device)
            await until(lambda: it.hub.keepers["cellar"].latest.value("battery_soc") is not None)
            assert (await it.ask("devices/cellar", "DELETE", role=Role.READ))[0] == 403
            status, body = await it.ask("devices/cellar", "DELETE")
            assert (status, body) == (204, None)
            assert "cellar" not in it.hub.keepers
            assert (await it.ask("devices/cellar"))[0] == 404
            assert not any(device == "cellar" for device, _ in it.hub.alerts.active)
            assert device.simulator is not None
        assert "cellar" not in (tmp_path / FILE).read_text()
        async with hub_at(tmp_path) as it:
            assert "cellar" not in it.hub.keepers
            assert "battery_soc" in (await it.hub.store.last("cellar"))["cellar"]


async def test_what_is_in_the_configuration_is_not_removed_here(tmp_path: Path) -> None:
    async with hub_at(tmp_path) as it:
        status, body = await it.ask("devices/away", "DELETE")
        assert status == 422
        assert "configuration" in body["detail"]
        assert "away" in it.hub.keepers


async def test_a_connected_device_is_steered_and_letting_it_go_puts_back_what_was_before(tmp_path: Path) -> None:
    async with virtual() as device, hub_at(tmp_path) as it:
        await it.connect(device, control=True)
        await until(lambda: it.hub.keepers["cellar"].link is Link.ONLINE and it.hub.keepers["cellar"].steering is not None)
        order = {"command": "charge", "power_w": 500, "minutes": 30}
        status, _ = await it.ask("devices/cellar/overrides", "POST", body=order)
        assert status in (200, 202)
        assert isinstance(device.simulator, Simulator)
        assert device.simulator.get("mode") == "realtime"
        assert (await it.ask("devices/cellar", "DELETE"))[0] == 204
        assert device.simulator.get("mode") == "self_use"


async def test_a_device_that_is_connected_anew_while_it_is_let_go_is_kept(tmp_path: Path) -> None:
    async with virtual() as device, hub_at(tmp_path) as it:
        await it.connect(device)
        former = it.hub.keepers["cellar"]
        assert it.hub.roster is not None
        going = asyncio.create_task(it.hub.roster.remove("cellar"))
        await asyncio.sleep(0)  # so that it begins
        await it.hub.roster.add(former.config)
        await going
        assert it.hub.keepers["cellar"] is not former
        await until(lambda: it.hub.keepers["cellar"].link is Link.ONLINE)


@pytest.mark.parametrize("own_name", [None, "cellar"])
async def test_a_device_that_somebody_let_go_is_not_kept_because_it_is_found_again(tmp_path: Path, own_name: str | None) -> None:
    async with virtual() as device, hub_at(tmp_path, look=heard(found_at(device)), lone=False) as it:
        await until(lambda: "device-3800000001" in it.hub.keepers)
        if own_name is not None:
            assert (await it.connect(device, own_name))[0] == 201
        (name,) = it.hub.keepers
        assert (await it.ask(f"devices/{name}", "DELETE"))[0] == 204
        assert it.hub.roster is not None
        again = DeviceConfig(name="device-3800000001", host=device.host, port=device.port)
        assert not it.hub.roster.found(again)
        assert not it.hub.keepers
        assert (await it.connect(device, "garage"))[0] == 201
        assert list(it.hub.keepers) == ["garage"]


@pytest.mark.parametrize("what", ["add", "remove"])
async def test_who_leaves_while_a_device_is_let_go_leaves_nothing_half_done(tmp_path: Path, what: str) -> None:
    async with virtual() as device, hub_at(tmp_path, look=heard(found_at(device)), lone=False) as it:
        await until(lambda: "device-3800000001" in it.hub.keepers)
        roster, found = it.hub.roster, it.hub.keepers["device-3800000001"]
        assert roster is not None
        asked = asyncio.create_task(
            roster.remove(found.id)
            if what == "remove"
            else roster.add(DeviceConfig(name="cellar", host=device.host, port=device.port))
        )
        for _ in range(3):  # so that letting go has begun, and waits for the keeper
            await asyncio.sleep(0)
        asked.cancel()
        await asyncio.wait([asked])
        assert asked.cancelled()
        await until(lambda: list(it.hub.keepers) == ([] if what == "remove" else ["cellar"]))


# ---- its own file ----------------------------------------------------------------------------------------------------------------


async def test_a_damaged_file_keeps_nobody_from_starting_and_is_said(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('[[devices]]\nname = "cellar"\nhost = 7\n')
    async with hub_at(tmp_path) as it:
        assert list(it.hub.keepers) == ["away"]
        (note,) = [text for text in texts(await it.hub.store.entries(limit=100)) if "were connected before" in text]
        assert "host" in note


async def test_a_damaged_file_is_kept_when_another_device_is_connected(tmp_path: Path) -> None:
    damaged = '[[devices]]\nname = "cellar"\nhost = 7\npassword = "secret"\n'
    (tmp_path / FILE).write_text(damaged)
    (tmp_path / FILE).chmod(0o600)
    async with virtual() as device, hub_at(tmp_path) as it:
        assert (await it.connect(device, "garage"))[0] == 201
        assert (await it.ask("devices/garage", "DELETE"))[0] == 204
    assert (tmp_path / UNREAD).read_text() == damaged
    assert (tmp_path / UNREAD).stat().st_mode & 0o777 == 0o600
    assert "garage" not in (tmp_path / FILE).read_text()


async def test_what_is_configured_meanwhile_counts_and_not_the_hubs_own_file(tmp_path: Path) -> None:
    async with virtual() as device:
        async with hub_at(tmp_path) as it:
            await it.connect(device)
        config = DeviceConfig(name="cellar", host=device.host, port=device.port, poll=PollConfig(power_s=7))
        async with hub_at(tmp_path, config) as it:
            assert it.hub.keepers["cellar"].config.poll.power_s == 7
            assert it.hub.keepers["cellar"].origin == "configured"
            assert any("which counts" in text for text in texts(await it.hub.store.entries(limit=100)))
