"""Who polls in ``hub.py``: from bare sockets to the whole hub, each of them doing what the one before does, and more.

All of them ask the same devices for the same quantities, on the same beats.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final, Protocol, TypeAlias

from poll_clients import BareSockets
from side_by_side import Json

import indevolt
from indevolt.catalogue import load
from indevolt.clock import SystemClock
from indevolt.hub.app import running
from indevolt.hub.bus import Bus
from indevolt.hub.config import Config, DeviceConfig, HubConfig, PollConfig, StoreConfig
from indevolt.hub.events import Tier
from indevolt.hub.hub import Hub
from indevolt.hub.journal import Journal
from indevolt.hub.keeper import Keeper, Link
from indevolt.hub.tiers import names_of, names_without, tables_of
from indevolt.hub.turns import BEAT_S, Turn, Turns
from indevolt.protocol.messages import GetData
from indevolt.store.memory import MemoryStore
from indevolt.transport import Address, HttpTransport

PRODUCT, FAMILY = "powerflex2000", "gen2"
MODULES = 2  # a main unit and one pack
NAMES = names_of(FAMILY)[Tier.POWER]
LAST = names_of(FAMILY)[Tier.IDENTITY][-1]  # what a keeper reads last in its first round
EVERY_S = 5.0
NEVER_S = 86_400.0
WARM_S = 120.0  # after which all is read beside power


def turns() -> list[Turn]:
    """Return what a keeper reads of a unit cycle by cycle, once it knows everything: power, and a share of the packs beside it."""
    missing = frozenset(sorted(load(FAMILY).presence)[MODULES - 1 :])
    periods = {Tier.POWER: EVERY_S, Tier.PACKS: PollConfig().packs_s}
    order = Turns(NAMES, lambda tier: names_without(FAMILY, tier, missing), periods, most=50, now_s=0.0, rng=random.Random(1))
    found, now_s = [], 0.0
    while now_s < WARM_S + 600.0:
        now_s = order.due_s(now_s)
        turn = order.next(now_s)
        order.done(turn, now_s)
        if now_s >= WARM_S:
            found.append(turn)
    return found


def points_of(turn: Turn) -> list[int]:
    """Return the points of a turn."""
    found = load(FAMILY).points
    return [side.at for group in turn.groups for name in group if (side := found[name].read) is not None]


def on_beat(at_s: float) -> float:
    """Return the beat that is nearest; keepers poll on it."""
    return round(at_s / BEAT_S) * BEAT_S


# ---- those who poll --------------------------------------------------------------------------------------------------


class Poller(Protocol):
    """Somebody who polls devices as long as its stack is open."""

    async def start(self, order: Json, stack: AsyncExitStack) -> None:
        """Begin to poll the devices that the order names."""

    def polls(self) -> int:
        """Return how many polls were done so far."""

    def ready(self) -> bool:
        """Return whether all that happens only at the start is over."""


Poll: TypeAlias = Callable[[], Awaitable[object]]


class InTurns:
    """Polls each device every 5 s, as keepers do but with nothing else of them; ``poll_of`` says how."""

    def __init__(self) -> None:
        self._polls = 0
        self._ready = 0
        self._count = 0

    async def start(self, order: Json, stack: AsyncExitStack) -> None:
        """See Poller."""
        self._count = len(order["hosts"])
        group = await stack.enter_async_context(asyncio.TaskGroup())
        for host in order["hosts"]:
            task = group.create_task(self._go_on(*await self.poll_of(host, order["port"], stack)))
            stack.callback(task.cancel)

    async def poll_of(self, host: str, port: int, stack: AsyncExitStack) -> tuple[Poll, Poll]:
        """Return what is done once with a device, and what polls it."""
        raise NotImplementedError

    async def _go_on(self, first: Poll, poll: Poll) -> None:
        chance = random.Random()
        await first()
        due_s = on_beat(time.monotonic() + chance.uniform(0.0, EVERY_S))
        self._ready += 1
        while True:
            await asyncio.sleep(due_s - time.monotonic())
            planned_s = max(due_s, time.monotonic() - BEAT_S)  # as keepers do, so that being late does not add up
            await poll()
            self._polls += 1
            due_s = on_beat(planned_s + EVERY_S * chance.uniform(0.95, 1.05))

    def polls(self) -> int:
        """See Poller."""
        return self._polls

    def ready(self) -> bool:
        """See Poller."""
        return self._ready == self._count


class Exchanging(InTurns):
    """Raw points: the request, the reply, its JSON."""

    def __init__(self) -> None:
        super().__init__()
        self.requests = [GetData(tuple(points_of(turn))) for turn in turns()]

    async def poll_of(self, host: str, port: int, stack: AsyncExitStack) -> tuple[Poll, Poll]:
        """See InTurns."""
        transport, requests = HttpTransport(Address(host, port)), itertools.cycle(self.requests)
        stack.push_async_callback(transport.close)
        return (lambda: transport.exchange(self.requests[0])), (lambda: transport.exchange(next(requests)))


class Reading(InTurns):
    """Typed readings of an opened device, with its pacing."""

    def __init__(self) -> None:
        super().__init__()
        self.turns = turns()

    async def poll_of(self, host: str, port: int, stack: AsyncExitStack) -> tuple[Poll, Poll]:
        """See InTurns."""
        device = await stack.enter_async_context(indevolt.connect(f"{host}:{port}", model=FAMILY))
        groups = itertools.cycle([turn.groups for turn in self.turns])
        telling = load(FAMILY).presence.values()  # asked beside others else, the first time that it matters which packs there are
        return (lambda: device.read(*telling)), (lambda: device.read_together(*next(groups)))


class Bare:
    """The floor: the system calls of a poll, one device after the other on the same beats, and nothing done with what they say."""

    def __init__(self) -> None:
        self._polls = 0
        self._over = threading.Event()

    async def start(self, order: Json, stack: AsyncExitStack) -> None:
        """See Poller."""
        thread = threading.Thread(target=self._go_on, args=(order["hosts"], order["port"]), daemon=True)
        stack.callback(thread.join)
        stack.callback(self._over.set)
        thread.start()

    def _go_on(self, hosts: Sequence[str], port: int) -> None:
        chance = random.Random()
        calls = [[BareSockets.call((host, port), points_of(turn)) for turn in turns()] for host in hosts]
        due = [(on_beat(time.monotonic() + chance.uniform(0.0, EVERY_S)), index) for index in range(len(hosts))]
        heapq.heapify(due)
        while not self._over.is_set():
            at_s, index = due[0]
            if (pause_s := at_s - time.monotonic()) > 0:
                self._over.wait(pause_s)
                continue
            heapq.heapreplace(due, (on_beat(at_s + EVERY_S * chance.uniform(0.95, 1.05)), index))
            BareSockets.exchange(*calls[index][self._polls % len(calls[index])])
            self._polls += 1

    def polls(self) -> int:
        """See Poller."""
        return self._polls

    def ready(self) -> bool:
        """See Poller."""
        return self._polls > 0


class Kept:
    """What keepers do, asked of them: one that counts their polls."""

    keepers: Sequence[Keeper] = ()

    def polls(self) -> int:
        """See Poller."""
        return sum(keeper.health.requests for keeper in self.keepers)

    def ready(self) -> bool:
        """See Poller."""
        return all(keeper.link is Link.ONLINE and LAST in keeper.latest for keeper in self.keepers)


class Keeping(Kept):
    """Keepers alone: nobody listens to what they publish, and nothing is stored."""

    async def start(self, order: Json, stack: AsyncExitStack) -> None:
        """See Poller."""
        clock, bus, numbers = SystemClock(), Bus(), itertools.count(1)
        store = MemoryStore(clock=clock)
        await store.open(tables_of(FAMILY))
        journal = Journal(store, bus, clock)
        self.keepers = [
            Keeper(each, clock=clock, bus=bus, journal=journal, store=store, numbers=numbers) for each in devices(order)
        ]
        group = await stack.enter_async_context(asyncio.TaskGroup())
        for keeper in self.keepers:
            stack.callback(group.create_task(keeper.run()).cancel)


class Hubbing(Kept):
    """The whole hub but its bridges."""

    hub: Hub

    async def start(self, order: Json, stack: AsyncExitStack) -> None:
        """See Poller."""
        folder = Path(order["folder"])
        config = Config(hub=HubConfig(data=folder), devices=devices(order), store=StoreConfig(kind=order["store"]))
        self.hub = await stack.enter_async_context(running(config, bridges={}))
        self.keepers = list(self.hub.keepers.values())


POLLERS: Final[dict[str, Callable[[], Poller]]] = {
    "bare": Bare,
    "raw": Exchanging,
    "read": Reading,
    "keeper": Keeping,
    "hub": Hubbing,
}


def devices(order: Json) -> tuple[DeviceConfig, ...]:
    """Return the devices of an order; ``steady`` leaves out settings, but for the first time."""
    rare = {"settings_s": NEVER_S} if order["steady"] else {}
    poll = PollConfig(power_s=EVERY_S, **rare)
    return tuple(
        DeviceConfig(name=f"unit{number}", host=host, port=order["port"], poll=poll, simulated=True)
        for number, host in enumerate(order["hosts"])
    )
