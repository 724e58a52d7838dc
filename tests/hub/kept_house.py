"""A simulated battery, its keeper, and the parts of the hub that watch it, all in this process and on one clock."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from indevolt.battery import Quality
from indevolt.clock import ManualClock
from indevolt.hub.alerts import Alerts, serve_alerts
from indevolt.hub.bus import Bus, Subscription
from indevolt.hub.config import Config, DeviceConfig, NotifyConfig, StoreConfig
from indevolt.hub.events import Alert
from indevolt.hub.hub import Hub
from indevolt.hub.journal import Journal
from indevolt.hub.keeper import Keeper
from indevolt.hub.recorder import serve_recorder
from indevolt.hub.secret import Secret
from indevolt.hub.tiers import tables_of
from indevolt.simulator import Simulator, Surroundings, steady_house
from indevolt.store.memory import MemoryStore
from indevolt.transport import Transport

NAME = "cellar"
START = datetime(2026, 6, 21, 10, 0, tzinfo=UTC)


@dataclass
class Home:
    """A house with one battery, and what its hub says about it."""

    hub: Hub
    simulator: Simulator
    clock: ManualClock
    heard: Subscription[Alert]
    told: list[Alert] = field(default_factory=list)
    name: str = NAME

    @property
    def keeper(self) -> Keeper:
        return self.hub.keepers[self.name]

    async def pass_time(self, seconds: float) -> None:
        await self.clock.advance(seconds)
        self.told += self.heard.take()

    def quality(self, name: str) -> Quality | None:
        sample = self.keeper.latest.sample(name)
        return None if sample is None else sample.quality

    def active(self) -> set[str]:
        """Return the alerts that hold now, of the device and of the hub."""
        return {what.value for _, what in self.hub.alerts.active}

    def stories(self) -> list[str]:
        """Return what was told so far, as `what` and `what over`."""
        return [alert.what if alert.active else f"{alert.what} over" for alert in self.told]

    def texts(self) -> list[str]:
        return [alert.text for alert in self.told]

    async def journal(self, kind: str = "") -> list[str]:
        entries = await self.hub.store.entries(kinds=[kind] if kind else [], limit=10_000)
        return [entry.text for entry in entries]


def a_hub(config: Config, clock: ManualClock, store: Any = None) -> Hub:
    """Return a hub without devices and services."""
    store = store or MemoryStore(clock=clock)
    bus = Bus()
    journal = Journal(store, bus, clock)
    return Hub(config, clock, store, bus, journal, Alerts(bus, journal, clock), {}, clock.now())


@asynccontextmanager
async def at_work(*services: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run services while this lasts; one that fails, fails the test."""
    tasks = [asyncio.create_task(service) for service in services]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled() and (error := task.exception()):
            raise error


@asynccontextmanager
async def home(
    *,
    urls: tuple[str, ...] = (),
    control: bool = False,
    store: Any = None,
    way: Callable[[Simulator], Transport] | None = None,
    services: tuple[Callable[[Hub], Coroutine[Any, Any, None]], ...] = (),
    load_w: float = 700.0,
    silent_after_s: float = 300.0,
    start: datetime = START,
    **arguments: Any,
) -> AsyncIterator[Home]:
    """Start a house whose battery is read, recorded and watched; ``services`` run as well, ``way`` is between hub and battery."""
    clock = ManualClock(start)
    simulator = Simulator("powerflex2000", clock=clock, house=steady_house(Surroundings(load_w, ())), **arguments)
    device = DeviceConfig(name=NAME, host="127.0.0.1", control=control)
    notify = NotifyConfig(urls=tuple(map(Secret, urls)), silent_after_s=silent_after_s)
    hub = a_hub(Config(devices=(device,), store=StoreConfig(kind="memory"), notify=notify), clock, store)
    await hub.store.open(tables_of("gen2"))
    keeper = Keeper(
        device,
        clock=clock,
        bus=hub.bus,
        journal=hub.journal,
        store=hub.store,
        numbers=itertools.count(1),
        transport=simulator if way is None else way(simulator),
        rng=random.Random(1),
    )
    assert isinstance(hub.keepers, dict)
    hub.keepers[NAME] = keeper
    with hub.bus.subscribe(Alert, size=10_000) as heard:
        async with at_work(keeper.run(), serve_recorder(hub), serve_alerts(hub), *(service(hub) for service in services)):
            it = Home(hub, simulator, clock, heard)
            await it.pass_time(15)
            yield it
    await hub.store.close()


class Receiver:
    """Somebody who is told: a small HTTP server that keeps each JSON document that is posted to it, and may refuse some."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.asked = 0
        self.refuse = 0  # the next so many
        self.hang = False
        self.port = 0
        self.over = asyncio.Event()
        self.callers: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Condition()

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.port}/hub"

    def titles(self) -> list[str]:
        return [str(message["title"]) for message in self.messages]

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait for messages; gives up loudly."""
        async with asyncio.timeout(60), self._changed:
            await self._changed.wait_for(holds)

    def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer a caller, as ``asyncio.start_server`` asks for."""
        self.callers.add(asyncio.create_task(self._answer(reader, writer)))

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            body = await reader.readexactly(int(lengths[0].partition(b":")[2]))
            async with self._changed:
                self.asked += 1
                refused, self.refuse = self.refuse > 0, max(0, self.refuse - 1)
                if not refused and not self.hang:
                    self.messages.append(json.loads(body))
                self._changed.notify_all()
            if self.hang:
                await self.over.wait()
            status = b"503 Service Unavailable" if refused else b"200 OK"
            writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


@asynccontextmanager
async def receiver() -> AsyncIterator[Receiver]:
    it = Receiver()
    server = await asyncio.start_server(it.take, "127.0.0.1", 0)
    it.port = server.sockets[0].getsockname()[1]
    async with server:
        yield it
        it.over.set()
        await asyncio.gather(*it.callers)
