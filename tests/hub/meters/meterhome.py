"""A hub that follows meters over real sockets, on a clock that moves only when a test says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from kept_house import a_hub, at_work

from indevolt.clock import ManualClock
from indevolt.hub.bus import Subscription
from indevolt.hub.config import Config, MqttConfig, StoreConfig
from indevolt.hub.config_meters import MeterConfig
from indevolt.hub.events import BranchSample, MeterSample
from indevolt.hub.hub import Hub
from indevolt.hub.meters.meter import Meter
from indevolt.hub.meters.service import serve_meters

PATIENCE_S = 60.0  # of a test that fails


@dataclass
class MeterHome:
    """The hub, and what its meters told."""

    hub: Hub
    clock: ManualClock
    heard: Subscription[MeterSample | BranchSample]
    told: list[MeterSample | BranchSample] = field(default_factory=list)

    @property
    def meter(self) -> Meter:
        return next(iter(self.hub.meters.values()))

    async def next(self) -> MeterSample | BranchSample:
        """Wait for the next sample, without any time passing; gives up loudly."""
        async with asyncio.timeout(PATIENCE_S):
            self.told.append(await self.heard.get())
        return self.told[-1]

    async def until(self, holds: Callable[[], object], *, step_s: float = 0.5) -> None:
        """Let time pass until something holds; gives up loudly."""
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                await self.clock.advance(step_s)
                await asyncio.sleep(0.001)  # for sockets: no time of the hub

    async def journal(self) -> list[str]:
        return [entry.text for entry in await self.hub.store.entries(limit=1000)]


@asynccontextmanager
async def meter_home(*meters: MeterConfig, mqtt: MqttConfig | None = None) -> AsyncIterator[MeterHome]:
    clock = ManualClock()
    hub = a_hub(Config(meters=meters, store=StoreConfig(kind="memory"), mqtt=mqtt), clock)
    await hub.store.open([])
    heard: Subscription[MeterSample | BranchSample] = hub.bus.subscribe(MeterSample, BranchSample, size=1000)
    with heard:
        async with at_work(serve_meters(hub)):
            await clock.advance(0)
            yield MeterHome(hub, clock, heard)
    await hub.store.close()
