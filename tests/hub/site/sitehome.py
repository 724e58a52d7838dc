"""A simulated home, and a hub that keeps its units and works out the site, all in this process and on a clock that a test moves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

from indevolt.catalogue import families
from indevolt.clock import ManualClock
from indevolt.errors import Unreachable
from indevolt.hub.alerts import Alerts
from indevolt.hub.bus import Bus, Subscription
from indevolt.hub.config import ApiConfig, Config, DeviceConfig, PollConfig, SiteConfig, StoreConfig
from indevolt.hub.config_meters import MeterConfig
from indevolt.hub.events import Tier, Update
from indevolt.hub.hub import Hub
from indevolt.hub.journal import Journal
from indevolt.hub.keeper import Keeper
from indevolt.hub.meters.service import serve_meters
from indevolt.hub.recorder import serve_recorder
from indevolt.hub.site.book import Picture
from indevolt.hub.site.quantities import SITE
from indevolt.hub.site.service import look, serve_site
from indevolt.hub.tiers import tables_of
from indevolt.protocol.messages import Request
from indevolt.simulator import Simulator
from indevolt.simulator.play import Play
from indevolt.simulator.scenario import load, shipped
from indevolt.store import Store, Table
from indevolt.store.memory import MemoryStore
from indevolt.transport import ReplyT, Transport

POWER_S = 10.0
PATIENCE_S = 60.0  # of a test that fails


class Switchable:
    """The way to a unit, which can be cut."""

    def __init__(self, unit: Simulator) -> None:
        self._unit = unit
        self.cut = False

    async def exchange(self, request: Request[ReplyT]) -> ReplyT:
        if self.cut:
            raise Unreachable("nobody answers there")
        return await self._unit.exchange(request)

    async def close(self) -> None:
        await self._unit.close()


@dataclass
class SiteHome:
    """The home and its hub."""

    play: Play
    hub: Hub
    clock: ManualClock
    ways: Mapping[str, Switchable]
    updates: Subscription[Update]

    def look(self) -> Picture:
        return look(self.hub)

    def value(self, name: str) -> float | None:
        return self.look().totals[name].value

    async def until(self, holds: Callable[[], object]) -> None:
        """Let time pass until something holds that comes over sockets; gives up loudly."""
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                await self.pass_s(1)

    async def pass_s(self, seconds: int) -> None:
        """Let time pass second by second, and sockets answer meanwhile."""
        for _ in range(seconds):
            await self.clock.advance(1)
            await asyncio.sleep(0.002)  # for sockets: no time of the hub

    def published(self) -> list[Update]:
        """Return the readings of the site that came since this was asked last."""
        return [update for update in self.updates.take() if update.tier is Tier.SITE]


def all_tables() -> list[Table]:
    return list({table.name: table for family in (*families(), SITE) for table in tables_of(family)}.values())


@asynccontextmanager
async def site_home(
    scenario: str = "two-units",
    *,
    hour: int = 8,
    store: Store | None = None,
    clock: ManualClock | None = None,
    cut: tuple[str, ...] = (),
    meters: tuple[MeterConfig, ...] = (),
) -> AsyncIterator[SiteHome]:
    """Run a home and its hub from some hour of the scenario's day; a store that is given is left open."""
    chosen = load(shipped(scenario), name=scenario)
    chosen = replace(chosen, start=chosen.start + timedelta(hours=hour), events=())
    clock = clock or ManualClock(chosen.start)
    play = Play(chosen, clock=clock)
    ways = {name: Switchable(unit) for name, unit in play.units.items()}
    for name in cut:
        ways[name].cut = True
    poll = PollConfig(power_s=POWER_S)
    devices = tuple(
        DeviceConfig(name=name, host=f"127.0.0.{at}", simulated=True, poll=poll) for at, name in enumerate(play.units, 1)
    )
    config = Config(
        devices=devices,
        meters=meters,
        site=SiteConfig(time_zone="UTC"),
        store=StoreConfig(kind="memory"),
        api=ApiConfig(port=0),
    )
    kept = store or MemoryStore(clock=clock)
    if store is None:
        await kept.open(all_tables())
    bus = Bus()
    journal = Journal(kept, bus, clock)
    keepers: dict[str, Keeper] = {}
    hub = Hub(config, clock, kept, bus, journal, Alerts(bus, journal, clock), keepers, clock.now())
    for device in devices:
        way: Transport = ways[device.name]
        keepers[device.name] = Keeper(
            device, clock=clock, bus=bus, journal=journal, store=kept, numbers=hub.numbers, alone=lambda: False, transport=way
        )
    with bus.subscribe(Update, size=1_000_000) as updates:
        tasks = [asyncio.create_task(service(hub)) for service in (serve_recorder, serve_site, serve_meters)]
        await asyncio.sleep(0)  # both listen before anything is read
        tasks += [asyncio.create_task(keeper.run()) for keeper in keepers.values()]
        await clock.advance(30)
        try:
            yield SiteHome(play, hub, clock, ways, updates)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            if store is None:
                await kept.close()
