"""A hub with one simulated device, bridged to a real Mosquitto. The time of hub and device moves only when a test says so."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from indevolt.catalogue import families
from indevolt.clock import ManualClock
from indevolt.hub.alerts import Alerts
from indevolt.hub.bus import Bus
from indevolt.hub.config import Config, DeviceConfig, HubConfig, MqttConfig, PollConfig, StoreConfig
from indevolt.hub.hub import Hub
from indevolt.hub.journal import Journal
from indevolt.hub.keeper import Keeper
from indevolt.hub.mqtt import serve_mqtt
from indevolt.hub.tiers import tables_of
from indevolt.simulator import INSTANT, Simulator, Surroundings, steady_house
from indevolt.store.memory import MemoryStore
from mosquitto import DEADLINE_S, Broker, Listener

ROOT = "indevolt"
CELLAR = f"{ROOT}/cellar"
CONFIGS = "homeassistant"


@dataclass
class MqttHome:
    """The hub, its device, and the tasks that run."""

    hub: Hub
    clock: ManualClock
    simulator: Simulator
    service: asyncio.Task[None]

    async def pass_time(self, seconds: float) -> None:
        await self.clock.advance(seconds)

    async def until_bridged(self) -> None:
        """Wait until the bridge has told everything, without any time passing for the hub."""
        async with asyncio.timeout(DEADLINE_S):
            while self.hub.services.get("mqtt") != "running":
                await self.clock.advance(0)

    async def while_time_passes(self, awaited: Awaitable[object]) -> None:
        """Let time pass until something has happened."""
        task = asyncio.ensure_future(awaited)
        async with asyncio.timeout(DEADLINE_S):
            while not task.done():
                await self.clock.advance(0.5)
        await task

    async def hear(self, listener: Listener, topic: str, payload: str, **more: Any) -> Any:
        """Publish what the hub is asked for, and return the outcome that it publishes."""
        outcome = f"{topic.rpartition('/set/')[0] or topic.rpartition('/')[0]}/outcome"
        listener.last.pop(outcome, None)
        await listener.say(topic, payload, **more)
        await self.while_time_passes(listener.until(lambda: outcome in listener.last))
        return listener.json(outcome)

    async def stop(self) -> None:
        """Stop the bridge alone."""
        self.service.cancel()
        await asyncio.wait([self.service])

    async def journal(self) -> list[str]:
        return [entry.text for entry in await self.hub.store.entries(limit=1000)]


@asynccontextmanager
async def mqtt_home(
    broker: Broker,
    *,
    product: str = "powerflex2000",
    devices: Mapping[str, bool] | None = None,
    mqtt: Mapping[str, Any] | None = None,
    simulator: Mapping[str, Any] | None = None,
    starts: float = 10,
    silent: bool = False,
    services: tuple[Callable[[Hub], Coroutine[Any, Any, None]], ...] = (),
) -> AsyncIterator[MqttHome]:
    """Run it. ``devices``: which there are, and whether each may be controlled; all are the same simulator."""
    clock = ManualClock()
    house = steady_house(Surroundings(700, ()))
    sim = Simulator(product, clock=clock, house=house, response=INSTANT, **{"modules": 2, **(simulator or {})})
    if silent:
        sim.faults.add("silent")
    wanted = {"cellar": True} if devices is None else devices
    poll = PollConfig(settings_s=86_400)  # so that no poll brings what a write should have told
    configs = tuple(
        DeviceConfig(name=name, host=f"127.0.0.{at}", control=may, poll=poll) for at, (name, may) in enumerate(wanted.items(), 1)
    )
    config = Config(
        hub=HubConfig(data=Path("nowhere")),
        devices=configs,
        store=StoreConfig(kind="memory"),
        mqtt=MqttConfig(host="127.0.0.1", port=broker.port, **(mqtt or {})),
    )
    store, bus, numbers = MemoryStore(clock=clock), Bus(), itertools.count(1)
    await store.open(list({table.name: table for family in families() for table in tables_of(family)}.values()))
    journal = Journal(store, bus, clock)
    keepers = {
        each.name: Keeper(each, clock=clock, bus=bus, journal=journal, store=store, numbers=numbers, transport=sim)
        for each in configs
    }
    hub = Hub(config, clock, store, bus, journal, Alerts(bus, journal, clock), keepers, clock.now())
    tasks = [asyncio.create_task(each(hub)) for each in services]
    await asyncio.sleep(0)  # so that they listen before anything is read
    tasks += [asyncio.create_task(each.run()) for each in keepers.values()]
    service = asyncio.create_task(serve_mqtt(hub))
    try:
        if starts:
            await clock.advance(starts)
        yield MqttHome(hub, clock, sim, service)
    finally:
        for task in (service, *tasks):
            task.cancel()
        await asyncio.wait([service, *tasks])
        await store.close()
    for task in (service, *tasks):
        with suppress(asyncio.CancelledError):
            task.result()  # what went wrong in one of them
