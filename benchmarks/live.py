"""How much a crowd costs that watches the hub live: CPU of the hub's process, and how late the last listeners hear of an update.

Listeners are plain sockets in a process of their own that read ``/api/v1/events`` and understand each event. Both processes share
one clock, so the lag is from the moment the hub publishes an update to the moment a listener has read all of it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from poll_clients import loop_factory
from side_by_side import Child, Cores, Json, Timing, loops, machine, raise_file_limit, show_table, verdict

from indevolt.battery import Quality, Reading, Sample
from indevolt.catalogue import load
from indevolt.clock import SystemClock
from indevolt.hub.api import create_app, served
from indevolt.hub.app import collecting_rarely, running
from indevolt.hub.config import ApiConfig, Config, StoreConfig
from indevolt.hub.events import Tier, Update
from indevolt.hub.tiers import names_of

LISTENERS = 2000
UPDATES = 30
EVERY_S = 1.0
MOST_SHARE, MOST_LAG_MS = 0.25, 200.0  # the goals of the project: of a core, and for 99 of 100 deliveries
STAMP = b'"stamp":'  # a quantity of the updates: when the hub published it, on the clock of this machine
LATEST_S = 3.0  # for the last listener of the last update


# ---- the hub ---------------------------------------------------------------------------------------------------------------------


def reading(number: int) -> Reading:
    """Return an update as a polled device gives it: all numbers of the power tier, and the time of publishing."""
    at = datetime.now(UTC)
    model = load("gen2")
    samples = {
        name: Sample(name, float(number + position), model.points[name].unit, at, Quality.LIVE)
        for position, name in enumerate(names_of("gen2")[Tier.POWER])
        if model.points[name].unit  # words and codes would raise alarms
    }
    return Reading("cellar", "gen2", at, samples | {"stamp": Sample("stamp", time.monotonic(), "s", at, Quality.LIVE)})


async def serve() -> None:
    """Be a hub, and publish when asked to."""
    config = Config(store=StoreConfig(kind="memory"), api=ApiConfig(port=0))
    async with running(config, clock=SystemClock(), bridges={"none": _nothing}) as hub:
        app = create_app(hub)
        async with served(hub, app) as url:

            async def answer(asked: Json) -> Json:
                if not asked:
                    return {"port": int(url.rpartition(":")[2])}
                with Timing() as spent:
                    for number in range(asked["updates"]):
                        hub.bus.publish(Update("cellar", Tier.POWER, reading(number), number))
                        await asyncio.sleep(asked["every_s"])
                return {"cpu_s": spent.cpu_s, "wall_s": spent.wall_s, "listeners": app.state.feed.listeners}

            await converse(answer)


async def _nothing(_: object) -> None:
    await asyncio.Event().wait()


# ---- the crowd -------------------------------------------------------------------------------------------------------------------


class Listener(asyncio.Protocol):
    """Reads events and notes how late each came."""

    def __init__(self, lags_s: list[float], joined: asyncio.Semaphore) -> None:
        self._lags_s = lags_s
        self._joined = joined
        self._buffer = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # which it is, of whatever loop
        """Ask for the stream."""
        transport.write(b"GET /api/v1/events?kind=reading HTTP/1.1\r\nHost: localhost\r\n\r\n")

    def data_received(self, data: bytes) -> None:
        """Take in what comes; an event ends with an empty line."""
        self._buffer += data
        *events, self._buffer = self._buffer.split(b"\n\n")
        for event in events:
            if b"retry: " in event:
                self._joined.release()
            elif (place := event.find(STAMP)) >= 0:
                stamp = event[place + len(STAMP) :].partition(b",")[0].partition(b"}")[0]
                self._lags_s.append(time.monotonic() - float(stamp))


async def listen() -> None:
    """Be a crowd."""
    loop = asyncio.get_running_loop()
    lags_s: list[float] = []
    joined = asyncio.Semaphore(0)

    async def answer(asked: Json) -> Json:
        if "port" in asked:
            for _ in range(asked["listeners"]):
                await loop.create_connection(lambda: Listener(lags_s, joined), "127.0.0.1", asked["port"])
                await joined.acquire()
            return {}
        await asyncio.sleep(LATEST_S)
        return {"lags_s": lags_s}

    await converse(answer)


async def converse(answer: Callable[[Json], Awaitable[Json]]) -> None:
    """Answer each line of JSON with one, while the event loop goes on; ends when the input does."""
    while line := await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(await answer(json.loads(line))), flush=True)


def child(part: str, loop: str) -> None:
    """Be one of the two processes that the benchmark starts."""
    raise_file_limit()
    with collecting_rarely(), asyncio.Runner(loop_factory=loop_factory(loop)) as runner:
        runner.run(serve() if part == "hub" else listen())


# ---- the report ------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Measured:
    """What one event loop gave."""

    loop: str
    share: float
    us_per_event: float
    p50_ms: float
    p99_ms: float
    worst_ms: float
    delivered: int
    expected: int

    @property
    def good(self) -> bool:
        """Whether the goals are met, with nothing lost."""
        return self.share <= MOST_SHARE and self.p99_ms <= MOST_LAG_MS and self.delivered == self.expected


def measure(loop: str, listeners: int, updates: int) -> Measured:
    """Have a crowd watch a hub."""
    cores = Cores.share()
    script = [sys.executable, str(Path(__file__).resolve())]
    with (
        Child([*script, "--child", "hub", "--loop", loop], cores.server) as hub,
        Child([*script, "--child", "crowd", "--loop", loop], cores.client) as crowd,
    ):
        port = hub.ask()["port"]
        crowd.ask(port=port, listeners=listeners)
        spent = hub.ask(updates=updates, every_s=EVERY_S)
        expected = updates * listeners
        lags_s = sorted(crowd.ask(what="lags")["lags_s"])
    if not lags_s:
        raise SystemExit("no event arrived")
    cpu_s, wall_s = spent["cpu_s"], spent["wall_s"]
    return Measured(
        loop,
        cpu_s / wall_s,
        cpu_s / expected * 1e6,
        statistics.median(lags_s) * 1000,
        lags_s[int(len(lags_s) * 0.99)] * 1000,
        lags_s[-1] * 1000,
        len(lags_s),
        expected,
    )


def main() -> None:
    """Measure, and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listeners", type=int, default=LISTENERS)
    parser.add_argument("--updates", type=int, default=UPDATES, help=f"one every {EVERY_S:g} s")
    parser.add_argument("--child", choices=["hub", "crowd"], help=argparse.SUPPRESS)
    parser.add_argument("--loop", default="asyncio", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        child(asked.child, asked.loop)
        return
    listeners = min(asked.listeners, raise_file_limit() - 200)
    size = len(json.dumps({name: each.value for name, each in reading(0).items()}))
    print(machine())
    print(f"{listeners} listeners, {asked.updates} updates, one a second, each of {len(reading(0))} values ({size} bytes)")
    rows = [measure(loop, listeners, asked.updates) for loop in loops()]
    show_table(
        ["event loop", "share of a core", "us CPU per delivery", "lag p50 ms", "p99 ms", "worst ms", "delivered"],
        [
            [
                each.loop,
                f"{each.share:.1%}",
                f"{each.us_per_event:.1f}",
                f"{each.p50_ms:.0f}",
                f"{each.p99_ms:.0f}",
                f"{each.worst_ms:.0f}",
                f"{each.delivered} of {each.expected}",
            ]
            for each in rows
        ],
    )
    for each in rows:
        goal = f"{each.loop}: under {MOST_SHARE:.0%} of a core, and p99 lag under {MOST_LAG_MS:g} ms"
        print(f"{goal}: {verdict(met=each.good)}")


if __name__ == "__main__":
    main()
