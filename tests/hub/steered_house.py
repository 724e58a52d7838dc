"""A house with one battery that hubs steer, one after the other or two at once; wall and time are a test's."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from indevolt.battery import Command
from indevolt.clock import ManualClock
from indevolt.device.lock import LeaseFile
from indevolt.errors import IndevoltError
from indevolt.hub.alerts import Alerts, serve_alerts
from indevolt.hub.bus import Bus
from indevolt.hub.config import Config, DeviceConfig, HubConfig, PollConfig, SiteConfig, StoreConfig
from indevolt.hub.config_control import ControlConfig
from indevolt.hub.config_tariff import FixedTariff
from indevolt.hub.hub import Hub
from indevolt.hub.journal import Journal
from indevolt.hub.keeper import Keeper
from indevolt.hub.steer.records import Owner, Step
from indevolt.hub.steer.service import serve_steering
from indevolt.hub.steer.unit import UnitSteering
from indevolt.hub.tiers import tables_of
from indevolt.simulator import INSTANT, Simulator, Surroundings, steady_house
from indevolt.store import Entry
from indevolt.store.memory import MemoryStore
from wiretap import Wiretap

T = TypeVar("T")
NAME = "cellar"
START = datetime(2026, 6, 21, 10, 0, tzinfo=UTC)
MODE, REALTIME = 47005, 47015


class Steered:
    """A hub at work on the battery."""

    def __init__(self, hub: Hub, clock: ManualClock) -> None:
        self.hub = hub
        self.clock = clock

    @property
    def keeper(self) -> Keeper:
        return self.hub.keepers[NAME]

    @property
    def unit(self) -> UnitSteering:
        assert self.keeper.steering is not None
        return self.keeper.steering

    def overridden(self) -> bool:
        return self.unit.override is not None

    @property
    def until(self) -> datetime:
        assert self.unit.override is not None
        return self.unit.override.until

    @property
    def step(self) -> Step:
        assert self.unit.override is not None
        return self.unit.override.step

    @property
    def owner(self) -> Owner:
        return self.unit.owner

    @property
    def trouble(self) -> IndevoltError | None:
        return self.unit.trouble

    @property
    def why(self) -> str:
        return self.unit.wish.why if self.unit.wish is not None else ""

    async def passing(self, work: Coroutine[Any, Any, T]) -> T:
        """Let time pass until something is done; two hours at most."""
        task = asyncio.ensure_future(work)
        for _ in range(7200):
            if task.done():
                break
            await self.clock.advance(1)
        return await asyncio.wait_for(task, 0)

    async def until_released(self) -> None:
        """Wait until no override holds."""
        while self.overridden():
            await self.clock.sleep(1)

    async def ask(self, command: Command, minutes: float = 60, *, actor: str = "api anna") -> Any:
        until = self.clock.now() + timedelta(minutes=minutes)
        _, outcome = await self.passing(self.unit.ask(command, until, actor=actor))
        return outcome

    async def entries(self, *kinds: str) -> list[Entry]:
        return await self.hub.store.entries(kinds=kinds, limit=10_000)

    async def decisions(self) -> list[str]:
        return [entry.text for entry in await self.entries("decision")]


class House:
    """A battery at night, and who steers it."""

    def __init__(self, folder: Path, *, load_w: float = 700.0, start: datetime = START, **simulator: Any) -> None:
        self.folder = folder
        self.clock = ManualClock(start)
        night = steady_house(Surroundings(load_w, ()))
        arguments: dict[str, Any] = {
            "clock": self.clock,
            "house": night,
            "response": INSTANT,
            "modules": 2,
            "soc_pct": 60,
        }
        self.simulator = Simulator("powerflex2000", **{**arguments, **simulator})
        self.wire = Wiretap(self.simulator)
        self.stores: dict[str, MemoryStore] = {}

    @property
    def mode(self) -> Any:
        return self.simulator.get("mode")

    @property
    def power_w(self) -> float:
        return self.number("battery_power")

    def number(self, name: str) -> float:
        value = self.simulator.get(name)
        assert isinstance(value, int | float)
        return value

    @property
    def orders(self) -> list[tuple[Any, ...]]:
        return [values for point, values in self.wire.writes if point == REALTIME]

    @property
    def modes_written(self) -> list[Any]:
        return [values[0] for point, values in self.wire.writes if point == MODE]

    @property
    def files(self) -> LeaseFile:
        return LeaseFile(self.folder, self.simulator.serial)

    @asynccontextmanager
    async def hub(self, name: str = "home", *, poll_s: float = 5.0, curve: bool = False, **control: Any) -> AsyncIterator[Steered]:
        """Run a hub; at its end it has put back what was before, as far as it could. Hubs of one name have one store."""
        device = DeviceConfig(name=NAME, host="127.0.0.1", control=True, poll=PollConfig(power_s=poll_s), plan_in_load_curve=curve)
        config = Config(
            hub=HubConfig(name=name, data=self.folder),
            devices=(device,),
            site=SiteConfig(time_zone="Europe/Berlin"),
            tariff=FixedTariff(kind="fixed", import_price=0.3) if curve else None,
            store=StoreConfig(kind="memory"),
            control=ControlConfig(leases=self.folder, **control),
        )
        bus, store = Bus(), self.stores.setdefault(name, MemoryStore(clock=self.clock))
        journal = Journal(store, bus, self.clock)
        await store.open(tables_of("gen2"))
        hub = Hub(config, self.clock, store, bus, journal, Alerts(bus, journal, self.clock), {}, self.clock.now())
        keeper = Keeper(
            device,
            clock=self.clock,
            bus=bus,
            journal=journal,
            store=store,
            numbers=itertools.count(1),
            transport=self.wire,
            rng=random.Random(1),
        )
        assert isinstance(hub.keepers, dict)
        hub.keepers[NAME] = keeper
        others = [asyncio.create_task(keeper.run()), asyncio.create_task(serve_alerts(hub))]
        steering = asyncio.create_task(serve_steering(hub))
        await self.clock.advance(15)
        try:
            yield Steered(hub, self.clock)
        finally:
            steering.cancel()
            for _ in range(600):
                if steering.done():
                    break
                await self.clock.advance(1)
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
        if not steering.cancelled() and (error := steering.exception()) is not None:
            raise error
