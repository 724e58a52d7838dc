"""What a fleet of virtual devices costs: memory for each, polls over distinct addresses, and simulated time.

Everything stays on loopback addresses and a port that the system chooses. Each stage of memory is weighed in a process of its own,
servers and the client that asks them have each their own too, and all of these end with this one.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import random
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from urllib.parse import quote

from poll_clients import loop_factory
from side_by_side import (
    Child,
    Cores,
    Json,
    Spread,
    Timing,
    answer_questions,
    arguments,
    loops,
    machine,
    pinned,
    raise_file_limit,
    rounds_of,
    show_table,
    verdict,
)
from wire_values import question

from indevolt.catalogue import load
from indevolt.clock import ManualClock, SystemClock
from indevolt.protocol.messages import WRITE_FUNCTION, AnyRequest, Data, GetData, Result, SetData
from indevolt.protocol.rpc import PATH_PREFIX, decode_request, encode_request
from indevolt.simulator import Simulator
from indevolt.simulator.device import LAG_S
from indevolt.simulator.fleet import Fleet
from indevolt.virtual import VirtualDevice
from indevolt.virtual_fleet import VirtualFleet

PARTS = ("memory", "polls", "time")
PRODUCT = "powerflex2000"  # of the family that the benchmarks ask about
SIZES = (1_000, 10_000, 50_000)
IDLE_KB, ACTIVE_KB = 6.0, 12.0  # the goals of the project, a device
BATCH, FEW = 50, 10  # points in a poll: what real devices take, and what a dashboard asks for
WINDOW = 32  # polls under way at once; more would only wait longer
POLLS = 2000  # a round
PATIENCE_S = 20.0  # with one reply
ROLLUP = Path("/proc/self/smaps_rollup")  # of Linux


def own(role: str, *more: str) -> list[str]:
    """Return the command line of a process of this benchmark."""
    return [sys.executable, __file__, "--be", role, *more]


# ---- memory ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stage:
    """How far the devices of a fleet have come when they are weighed."""

    title: str
    name: str
    goal_kb: float | None = None


STAGES = (
    Stage("untouched", "untouched"),
    Stage("made, idle", "idle", IDLE_KB),
    Stage("active, all asked for the same points", "active", ACTIVE_KB),
    Stage("active, each asked for points of its own", "assorted", ACTIVE_KB),
)


def weigh(order: Json) -> Json:
    """Bring so many devices to a stage, and return what that added to this process, in kB a device."""
    count, stage, clock = order["devices"], order["stage"], ManualClock()
    warm = Fleet(64, clock=clock, seed=2)  # tables that all devices share are no device's weight
    use(warm, clock, "assorted")
    before = in_memory()
    with Timing() as took:
        fleet = Fleet(count, clock=clock)
        use(fleet, clock, stage)
    uss_kb, rss_kb = (after - at_first for after, at_first in zip(in_memory(), before, strict=True))
    assert fleet.made == (0 if stage == "untouched" else count)
    return {"uss_kb": uss_kb / count, "rss_kb": rss_kb / count, "cpu_us": took.cpu_s / count * 1e6}


def use(fleet: Fleet, clock: ManualClock, stage: str) -> None:
    """Make the devices, and for the active stages write a setting of each, wait until it works, and poll each two times."""
    if stage == "untouched":
        return
    devices = [fleet.device(index) for index in range(len(fleet))]
    if stage == "idle":
        return
    for index, device in enumerate(devices):
        reply = device.serve(write_of(device.model.family, 20 + index % 30))
        assert isinstance(reply, Result)
        assert reply.result
    clock.tick(2 * LAG_S)
    for index, device in enumerate(devices):
        family = device.model.family
        both = usual_batches(family) if stage == "active" else assorted_batches(family, index)
        for request in both:
            reply = device.serve(request)
            assert isinstance(reply, Data)
            assert len(reply.values) == BATCH


def as_received(rpc: str, config: Json) -> AnyRequest:
    """Return a request as a server makes it anew from what came over the wire."""
    target = f"{PATH_PREFIX}{rpc}?config={quote(json.dumps(config, separators=(',', ':')))}"
    return decode_request("GET", target.encode("ascii"))


def write_of(family: str, value: int) -> AnyRequest:
    """Return a write of the reserve, or where a family has none, of the power."""
    points = load(family).points
    name = next(name for name in ("backup_soc", "realtime_power") if name in points and points[name].writes)
    return as_received(SetData.rpc, {"f": WRITE_FUNCTION, "t": points[name].writes[0].at, "v": [value]})


@cache
def points_of(family: str) -> tuple[int, ...]:
    """Return the numbers that a family can read."""
    return tuple({side.at for point in load(family).readable() if (side := point.read) is not None})


@cache
def usual_batches(family: str) -> Sequence[AnyRequest]:
    """Return two batches, as one object each: a server remembers what it was asked before, whichever device it was."""
    return [as_received(GetData.rpc, {"t": batch}) for batch in (points_of(family)[:BATCH], points_of(family)[-BATCH:])]


def assorted_batches(family: str, index: int) -> Sequence[AnyRequest]:
    """Return two batches that nobody else asks for."""
    chance = random.Random(index)
    return [as_received(GetData.rpc, {"t": chance.sample(points_of(family), BATCH)}) for _ in range(2)]


def in_memory() -> tuple[float, float]:
    """Return the memory of this process in kB: its own (USS), and with what it shares (RSS)."""
    gc.collect()
    rows = (line.split() for line in ROLLUP.read_text("ascii").splitlines()[1:])
    kb = {row[0]: float(row[1]) for row in rows}
    return kb["Private_Clean:"] + kb["Private_Dirty:"], kb["Rss:"]


def show_memory(sizes: Iterable[int], cores: Cores) -> None:
    """Weigh fleets of some sizes at each stage."""
    if not ROLLUP.exists():
        print("Memory is weighed on Linux only.\n")
        return
    print(f"Memory a device. Goals: at most {IDLE_KB:g} kB idle, {ACTIVE_KB:g} kB active.", flush=True)
    rows = []
    for size in sizes:
        for stage in STAGES:
            with Child(own("memory"), cores.client) as child:
                found = child.ask(devices=size, stage=stage.name)
            uss_kb = found["uss_kb"]
            rows.append(
                [
                    f"{size:,}",
                    stage.title,
                    f"{max(0.0, uss_kb):.2f}",
                    f"{max(0.0, found['rss_kb']):.2f}",
                    f"{max(0.0, uss_kb * size / 1024):,.0f}",
                    f"{found['cpu_us']:,.0f}",
                    "" if stage.goal_kb is None else verdict(met=uss_kb <= stage.goal_kb),
                ]
            )
    show_table(["devices", "stage", "USS kB each", "RSS kB each", "USS MB all", "CPU µs each", "goal"], rows)


# ---- polls -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """One row: who is asked, and how."""

    title: str
    loop: str
    devices: int = 0  # 0: one virtual device that is no fleet's
    stands_still: bool = False  # its clock, so that no device has anything to catch up with
    is_new: bool = False  # each poll makes the device that answers it


class Running:
    """A server that is asked."""

    def __init__(self, asked: Asked, server: Child, client: Child) -> None:
        self.asked = asked
        self._server, self._client = server, client
        self._port = server.ask(devices=asked.devices, stands_still=asked.stands_still)["port"]
        self._chance = random.Random(1)
        self._addresses = list(Fleet(asked.devices).addresses()) if asked.devices else ["127.0.0.1"]
        self._chance.shuffle(self._addresses)
        if not asked.is_new:
            self._ask(self._addresses)

    def poll(self, count: int) -> Json:
        """Return CPU seconds of the server and wall seconds for so many polls of devices chosen by chance."""
        if not self.asked.is_new:
            return self._ask(self._chance.choices(self._addresses, k=count))
        hosts, self._addresses = self._addresses[:count], self._addresses[count:]
        return self._ask(hosts)

    def _ask(self, hosts: Sequence[str]) -> Json:
        before = self._server.ask()["cpu_s"]
        wall_s = self._client.ask(hosts=hosts, port=self._port)["wall_s"]
        return {"cpu_s": self._server.ask()["cpu_s"] - before, "wall_s": wall_s}


async def serve() -> None:
    """Serve what the first line of the input orders, and at each further line say what that has cost so far."""
    order = json.loads(sys.stdin.readline())
    virtual: VirtualFleet | VirtualDevice
    if order["devices"]:
        clock = ManualClock() if order["stands_still"] else SystemClock()
        virtual = VirtualFleet(Fleet(order["devices"], clock=clock, products=[PRODUCT]), 0, discovery_port=None)
    else:
        virtual = VirtualDevice(Simulator(PRODUCT), port=0, discovery_port=None)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(virtual)
        print(json.dumps({"port": virtual.port}), flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            print(json.dumps({"cpu_s": time.process_time()}), flush=True)


def ask_all(order: Json) -> Json:
    """Poll each host once, with a connection for each, and return the wall seconds."""
    port, points = order["port"], question(FEW).points
    call = encode_request(GetData(tuple(points)))
    under_way: deque[socket.socket] = deque()
    with Timing() as took:
        for host in order["hosts"]:
            if len(under_way) == WINDOW:
                take_reply(under_way.popleft())
            client = socket.create_connection((host, port), timeout=PATIENCE_S)
            client.sendall(f"{call.method} {call.target} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
            under_way.append(client)
        for client in under_way:
            take_reply(client)
    return {"wall_s": took.wall_s}


def take_reply(client: socket.socket) -> None:
    """Read a reply to its end, and check it."""
    with client:
        reply = b"".join(iter(lambda: client.recv(65_536), b""))
    head, _, body = reply.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200 ") or len(json.loads(body)) != FEW:
        raise SystemExit(f"this is no answer to a poll: {reply[:200]!r}")


def rows_asked(devices: int) -> Iterator[Asked]:
    """Yield the rows of the table of polls."""
    for loop in loops():
        fleet = f"fleet of {devices:,}"
        yield Asked(f"{fleet} ({loop})", loop, devices)
        yield Asked(f"{fleet}, time stands still ({loop})", loop, devices, stands_still=True)
        yield Asked(f"{fleet}, first poll of each ({loop})", loop, devices, is_new=True)
        yield Asked(f"one virtual device ({loop})", loop)


def show_polls(devices: int, polls: int, rounds: int, cores: Cores) -> None:
    """Ask fleets and a single device in turns, and say what a poll costs the server."""
    if sys.platform != "linux":
        print("Only Linux has all of 127.0.0.0/8: no polls over distinct addresses here.\n")
        return
    print(f"Polls of {FEW} points at chance addresses, {WINDOW} under way; medians of {rounds} rounds of {polls:,} in turns,")
    print(f"{cores.describe()}. A poll includes the seconds that its device has to catch up with.", flush=True)
    with ExitStack() as stack:
        client = stack.enter_context(Child(own("client"), cores.client))
        running = [
            Running(asked, stack.enter_context(Child(own("server", "--loop", asked.loop), cores.server)), client)
            for asked in rows_asked(devices)
        ]
        found = rounds_of(rounds, {each.asked: partial(each.poll, polls) for each in running})
    cost = {asked: Spread.of(one["cpu_s"] / polls for one in each) for asked, each in found.items()}
    alone = {asked.loop: spread.median for asked, spread in cost.items() if not asked.devices}
    rows = []
    for asked, spread in cost.items():
        wall = Spread.of(one["wall_s"] / polls for one in found[asked])
        rows.append(
            [
                asked.title,
                f"{1 / spread.median:,.0f}",
                f"{1 / spread.high:,.0f} - {1 / spread.low:,.0f}",
                f"{spread.median * 1e6:.0f}",
                f"{spread.median / alone[asked.loop]:.2f}",
                f"{1 / wall.median:,.0f}",
            ]
        )
    show_table(["server", "polls/CPU s", "least - most", "CPU µs/poll", "x one device", "polls/s"], rows)


# ---- time ------------------------------------------------------------------------------------------------------------

EVERY = {"every minute": (60.0, 3600.0), "every hour": (3600.0, 86_400.0), "once a day": (86_400.0, 30 * 86_400.0)}
"""How often each device is polled, and for how long it lives, in simulated seconds."""


def live(devices: int, every_s: float, lives_s: float) -> float:
    """Return the device-days that a fleet lives in a second of CPU."""
    clock = ManualClock()
    fleet = Fleet(devices, clock=clock, products=[PRODUCT])
    request = GetData(tuple(question(FEW).points))
    every = [fleet.device(index) for index in range(devices)]
    with Timing() as took:
        for _ in range(round(lives_s / every_s)):
            clock.tick(every_s)
            for device in every:
                device.serve(request)
    return devices * lives_s / 86_400 / took.cpu_s


def show_time(devices: int, rounds: int, cores: Cores) -> None:
    """Let a fleet live, asked more and less often."""
    print(f"Simulated device-days per CPU second, a fleet of {devices}; medians of {rounds} rounds in turns.")
    turns = {title: partial(live, devices, every_s, lives_s) for title, (every_s, lives_s) in EVERY.items()}
    with pinned(cores.client):
        live(devices, 3600.0, 7200.0)  # to warm up
        found = {title: Spread.of(days) for title, days in rounds_of(rounds, turns).items()}
    rows = [
        [title, f"{days.median:,.1f}", f"{days.low:,.1f} - {days.high:,.1f}", f"{1000 / days.median:.2f}"]
        for title, days in found.items()
    ]
    show_table(["each device polled", "device-days/CPU s", "least - most", "CPU ms/device-day"], rows)


# ---- all of it -------------------------------------------------------------------------------------------------------


def be(role: str, loop: str) -> None:
    """Be one of the processes of this benchmark."""
    raise_file_limit()
    roles: dict[str, Callable[[Json], Json]] = {"memory": weigh, "client": ask_all}
    if role in roles:
        answer_questions(roles[role])
    else:
        with asyncio.Runner(loop_factory=loop_factory(loop)) as runner:
            runner.run(serve())


def main() -> None:
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("--only", choices=PARTS, help="one of the three parts")
    parser.add_argument("--devices", type=int, nargs="+", default=SIZES, help="sizes of the fleets that are weighed")
    parser.add_argument("--polls", type=int, default=POLLS, help=f"of each server in a round, at most 2000 (default {POLLS})")
    parser.add_argument("--be", choices=["memory", "server", "client"], help=argparse.SUPPRESS)
    parser.add_argument("--loop", default="asyncio", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.be:
        be(chosen.be, chosen.loop)
        return
    parts = [chosen.only] if chosen.only else PARTS
    rounds, cores = 1 if chosen.quick else chosen.rounds, Cores.share()
    print(f"A fleet of virtual devices in one process.\n{machine()}.\n", flush=True)
    if "memory" in parts:
        show_memory(SIZES[:1] if chosen.quick else chosen.devices, cores)
    if "polls" in parts:
        show_polls(1000 if chosen.quick else 10_000, POLLS // 10 if chosen.quick else min(chosen.polls, POLLS), rounds, cores)
    if "time" in parts:
        show_time(4 if chosen.quick else 20, rounds, cores)


if __name__ == "__main__":
    main()
