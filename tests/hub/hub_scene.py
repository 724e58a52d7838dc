"""A hub with one simulated device on a clock that stands still, for tests of what the hub gives to others."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from indevolt.clock import ManualClock
from indevolt.hub.alerts import Alerts
from indevolt.hub.bus import Bus, Subscription
from indevolt.hub.config import ApiConfig, Config, DeviceConfig, InfluxConfig
from indevolt.hub.events import Update
from indevolt.hub.hub import Hub
from indevolt.hub.influx import Queue, Sender
from indevolt.hub.influx_lines import Lines
from indevolt.hub.influx_receivers import receiver_of
from indevolt.hub.journal import Journal
from indevolt.hub.keeper import Keeper
from indevolt.hub.tiers import tables_of
from indevolt.simulator import Simulator, Surroundings, steady_house
from indevolt.store.memory import MemoryStore


@dataclass
class StillHub:
    """The hub, its device, and the clock that both go by."""

    hub: Hub
    simulator: Simulator
    clock: ManualClock

    async def journal(self) -> list[str]:
        """Return what was written down."""
        return [entry.text for entry in await self.hub.store.entries(limit=1000)]


@asynccontextmanager
async def still_hub(*, influx: InfluxConfig | None = None, **simulator: Any) -> AsyncIterator[StillHub]:
    """Run a hub that has just read everything once."""
    clock = ManualClock()
    house = steady_house(Surroundings(700, (300,)))
    battery = Simulator("powerflex2000", **{"clock": clock, "house": house, "modules": 2, **simulator})
    store, bus = MemoryStore(clock=clock), Bus()
    await store.open(tables_of("gen2"))
    config = Config(devices=(DeviceConfig(name="cellar", host="127.0.0.1"),), api=ApiConfig(port=0), influx=influx)
    journal = Journal(store, bus, clock)
    keeper = Keeper(
        config.devices[0], clock=clock, bus=bus, journal=journal, store=store, numbers=itertools.count(1), transport=battery
    )
    hub = Hub(config, clock, store, bus, journal, Alerts(bus, journal, clock), {"cellar": keeper}, clock.now())
    task = asyncio.create_task(keeper.run())
    await clock.advance(10)
    try:
        yield StillHub(hub, battery, clock)
    finally:
        task.cancel()
        await asyncio.wait([task])
        await store.close()


@dataclass
class Forwarding:
    """What sends the hub's readings on, driven by the test: a batch every ten seconds, and no time passes while it is sent."""

    it: StillHub
    queue: Queue
    sender: Sender
    lines: Lines
    updates: Subscription[Update]
    seen: list[Update]

    async def pass_time(self, seconds: int) -> None:
        """Let time pass, and send what comes in."""
        for _ in range(seconds // 10):
            await self.it.clock.advance(10)
            for update in self.updates.take():
                self.seen.append(update)
                self.queue.add(self.lines.of(update))
            await self.sender.send()


@asynccontextmanager
async def forwarding(url: str) -> AsyncIterator[Forwarding]:
    """Run a hub whose readings are sent on to a receiver."""
    receiver = receiver_of(InfluxConfig(url=url))
    async with still_hub() as it:
        queue = Queue(it.hub.figures.setdefault("influx", {}))
        try:
            with it.hub.bus.subscribe(Update, size=100_000) as updates:
                yield Forwarding(it, queue, Sender(queue, receiver, it.hub), Lines("indevolt"), updates, [])
        finally:
            await receiver.close()
