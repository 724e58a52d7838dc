"""The hub as a whole: it starts, survives the failure of a bridge, says what is wrong, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from indevolt.clock import ManualClock
from indevolt.errors import IndevoltError
from indevolt.hub.alerts import What
from indevolt.hub.app import LONGEST_PAUSE_S, running
from indevolt.hub.config import Config, DeviceConfig, PollConfig, StoreConfig
from indevolt.hub.hub import Hub
from indevolt.hub.keeper import Link
from indevolt.simulator import Simulator
from indevolt.virtual import VirtualDevice


def config(*devices: DeviceConfig, store: StoreConfig | None = None) -> Config:
    return Config(devices=devices, store=store or StoreConfig(kind="memory"))


@asynccontextmanager
async def virtual() -> AsyncIterator[VirtualDevice]:
    async with VirtualDevice(Simulator("powerflex2000"), port=0, discovery_port=None) as device:
        yield device


def device_at(device: VirtualDevice, name: str = "cellar") -> DeviceConfig:
    return DeviceConfig(name=name, host=device.host, port=device.port, poll=PollConfig(power_s=1.0))


async def until(condition: object, seconds: float = 15.0) -> None:
    """Wait for something that a running hub does; gives up loudly."""
    assert callable(condition)
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


async def nothing(_: Hub) -> None:
    await asyncio.Event().wait()


async def test_a_hub_reads_its_devices_and_keeps_what_they_say() -> None:
    async with virtual() as device, running(config(device_at(device)), bridges={}) as hub:
        await until(lambda: hub.keepers["cellar"].link is Link.ONLINE)
        await until(lambda: hub.keepers["cellar"].latest.value("battery_soc") is not None)
        async with asyncio.timeout(15):
            while not (await hub.store.last("cellar")).get("cellar", {}).get("battery_soc"):
                await asyncio.sleep(0.1)
        texts = [entry.text for entry in await hub.store.entries()]
    assert any(text.startswith("started") for text in texts)
    assert any(text.startswith("reached") for text in texts)


async def test_nothing_is_left_behind() -> None:
    tasks, threads = asyncio.all_tasks(), threading.active_count()
    async with virtual() as device, running(config(device_at(device)), bridges={"idle": nothing}) as hub:
        await until(lambda: hub.keepers["cellar"].link is Link.ONLINE)
    assert asyncio.all_tasks() == tasks
    assert threading.active_count() == threads


async def test_a_bridge_that_fails_is_started_anew_and_the_rest_goes_on() -> None:
    clock = ManualClock()
    starts: list[float] = []

    async def shaky(hub: Hub) -> None:
        starts.append(hub.clock.monotonic())
        raise OSError("no broker")

    async with running(config(), clock=clock, bridges={"mqtt": shaky, "idle": nothing}) as hub:
        await clock.advance(10)
        assert hub.services["mqtt"] == "restarting: no broker"
        assert hub.services["idle"] == "running"
        assert (("", What.SERVICE)) in hub.alerts.active
        await clock.advance(600)
    gaps = [later - earlier for earlier, later in zip(starts, starts[1:], strict=False)]
    assert gaps[0] < gaps[2] <= LONGEST_PAUSE_S + 1
    assert max(gaps) <= LONGEST_PAUSE_S + 1


async def test_a_store_that_cannot_be_opened_ends_the_hub_with_its_reason(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(IndevoltError):
        async with running(config(store=StoreConfig(kind="sqlite", path=blocked / "history.sqlite3")), bridges={}):
            pass


async def test_a_device_that_is_away_at_the_start_is_kept_looking_for() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    clock = ManualClock()
    lonely = DeviceConfig(name="cellar", host="127.0.0.1", port=port)
    async with running(config(lonely), clock=clock, bridges={}) as hub:
        for _ in range(40):
            await clock.advance(10)
            await asyncio.sleep(0.01)
        assert hub.keepers["cellar"].link is Link.SILENT
        assert ("cellar", What.SILENT) in hub.alerts.active
