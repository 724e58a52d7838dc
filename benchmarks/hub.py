"""How many batteries one core can own: polled every 5 s, from the socket to the history on the disk; and what each stage costs.

The batteries are a virtual fleet in a process of its own, which lives in real time. The hub is the real one with everything but its
bridges, in one process on one core. What it got done is counted afterwards, from its history. All of it stays on loopback, and the
history in a folder that is removed. The rival is what people script today: ``hub_script.py``.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from hub_pollers import EVERY_S, FAMILY, MODULES, NAMES, POLLERS, PRODUCT, Hubbing, points_of, turns
from poll import rival_environment
from poll_clients import loop_factory
from side_by_side import (
    Child,
    Cores,
    Json,
    arguments,
    loops,
    machine,
    raise_file_limit,
    show_table,
    verdict,
)

from indevolt.clock import SystemClock
from indevolt.hub.app import collecting_rarely
from indevolt.hub.derive import DERIVED_UNITS
from indevolt.hub.events import Tier
from indevolt.hub.hub import Hub
from indevolt.hub.tiers import DERIVED_TABLE, names_of, table_name, tables_of
from indevolt.hub.turns import BEAT_S
from indevolt.simulator.fleet import Fleet
from indevolt.virtual_fleet import VirtualFleet

HERE = Path(__file__).parent
STORED = {
    column.name
    for table in tables_of(FAMILY)
    if table.name in (table_name(FAMILY, Tier.POWER), DERIVED_TABLE.name)
    for column in table.columns
}
SIZES = (250, 500, 1000, 2000)
STAGED = 500  # devices for which the stages are told apart; what the rival's commits to the disk leave time for
GOAL_DEVICES, GOAL_GAIN = 2000, 8.0  # the goals of the project
LEAST_DONE = 0.95  # of the polls that fit
WINDOW_S = 60.0  # a round of every tier but the settings
STAGE_S = 15.0
SETTLE_S = 10.0  # after the first round of all devices, so that it is over for the store as well
PATIENCE_S = 180.0  # with the first round
LAG_EVERY_S = 0.05
LOOKED_THROUGH = 1000  # devices, of whose history each reading is looked at


# ---- a process that polls --------------------------------------------------------------------------------------------


class Lags:
    """How late this process comes to what is due, which is how long everything in it waits."""

    def __init__(self) -> None:
        self.found_s: list[float] = []

    async def watch(self) -> None:
        """Look again and again."""
        while True:
            due_s = time.monotonic() + LAG_EVERY_S
            await asyncio.sleep(LAG_EVERY_S)
            self.found_s.append(max(0.0, time.monotonic() - due_s))


async def poll(kind: str) -> None:
    """Poll as the first line of the input orders, and answer what the others ask."""
    base_kb = resident_kb()
    poller, lags = POLLERS[kind](), Lags()
    async with AsyncExitStack() as stack:
        stack.enter_context(collecting_rarely())  # as the hub's own process does

        async def answer(asked: Json) -> Json:
            if "hosts" in asked:
                if asked["lags"]:
                    stack.callback(asyncio.create_task(lags.watch()).cancel)
                await poller.start(asked, stack)
                return {}
            if "since" in asked:
                assert isinstance(poller, Hubbing)
                return await kept(poller.hub, asked["since"], asked["until"])
            late_s, lags.found_s = sorted(lags.found_s), []
            return {
                "ready": poller.ready(),
                "polls": poller.polls(),
                "cpu_s": time.process_time(),
                "writer_s": thread_s("indevolt-writer"),
                "missed": poller.hub.bus.missed if isinstance(poller, Hubbing) else 0,
                "now": datetime.now(UTC).isoformat(),
                "wall_s": time.monotonic(),
                "kb": resident_kb() - base_kb,
                "lag_p99_s": late_s[int(len(late_s) * 0.99)] if late_s else 0.0,
            }

        await converse(answer)


async def kept(hub: Hub, since: str, until: str) -> Json:
    """Return what is in the history between two moments: readings, and how far apart those of one device are.

    Of a large fleet one device in so many is asked for, and stands for the others.
    """
    start, end = map(datetime.fromisoformat, (since, until))
    gaps_s: list[float] = []
    polls = values = 0
    chosen = list(hub.keepers)[:: max(1, len(hub.keepers) // LOOKED_THROUGH)]
    for device in chosen:
        times = (await hub.store.series(device, ["battery_soc"], start, end)).times
        polls += len(times)
        gaps_s += [(after - before).total_seconds() for before, after in pairwise(times)]
    for device in itertools.islice(hub.keepers, 20):
        last = (await hub.store.last(device))[device]
        values += sum(at >= start for name, (at, _) in last.items() if name in STORED)
    health = hub.store.health()
    gaps_s.sort()
    return {
        "polls": round(polls * len(hub.keepers) / len(chosen)),
        "values": values / min(20, len(hub.keepers)),
        "gap_s": statistics.median(gaps_s),
        "gap_p99_s": gaps_s[int(len(gaps_s) * 0.99)],
        "waiting": health["waiting"],
        "state": health["state"],
    }


def thread_s(name: str) -> float:
    """Return the CPU seconds of a thread of this process; 0 where there is none or the system does not tell."""
    if not hasattr(time, "pthread_getcpuclockid"):
        return 0.0
    clocks = [time.pthread_getcpuclockid(each.ident) for each in threading.enumerate() if each.name == name and each.ident]
    return sum(map(time.clock_gettime, clocks))


def resident_kb() -> float:
    """Return the memory of this process."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0.0
    (line,) = (each for each in status.read_text("ascii").splitlines() if each.startswith("VmRSS:"))
    return float(line.split()[1])


async def serve_fleet() -> None:
    """Be so many batteries."""

    async def answer(asked: Json) -> Json:
        if "devices" in asked:
            fleet = Fleet(asked["devices"], clock=SystemClock(), products=[PRODUCT], modules=MODULES)
            virtual = await stack.enter_async_context(VirtualFleet(fleet, 0, discovery_port=None))
            return {"port": virtual.port, "hosts": list(fleet.addresses())}
        return {"cpu_s": time.process_time()}

    async with AsyncExitStack() as stack:
        await converse(answer)


async def converse(answer: Callable[[Json], Awaitable[Json]]) -> None:
    """Answer each line of JSON with one, while the event loop goes on; ends when the input does."""
    while line := await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(await answer(json.loads(line))), flush=True)


def be(role: str, loop: str) -> None:
    """Be one of the processes of this benchmark."""
    raise_file_limit()
    with asyncio.Runner(loop_factory=loop_factory(loop)) as runner:
        runner.run(serve_fleet() if role == "fleet" else poll(role))


# ---- measuring -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Window:
    """What was measured in a span of steady work."""

    wall_s: float
    polls: int
    cpu_s: float
    writer_s: float
    missed: int
    kb: float
    lag_p99_s: float
    fleet_cpu_s: float
    since: str
    until: str

    @property
    def us_per_poll(self) -> float:
        """CPU of all threads."""
        return self.cpu_s / self.polls * 1e6


def own(role: str, loop: str) -> list[str]:
    """Return the command line of a process of this benchmark."""
    return [sys.executable, __file__, "--be", role, "--loop", loop]


def settle(poller: Child, fleet: Child, seconds: float) -> float:
    """Wait until the first round of all devices is over, and a little more; return how long that took."""
    began_s = time.monotonic()
    while not poller.ask()["ready"]:
        if time.monotonic() - began_s > PATIENCE_S:
            raise TimeoutError(f"not all devices were read once within {PATIENCE_S:g} s")
        time.sleep(0.5)
    took_s = time.monotonic() - began_s
    time.sleep(seconds)
    fleet.ask()
    return took_s


def watch(poller: Child, fleet: Child, seconds: float) -> Window:
    """Let a poller go on for a while, and return what that took."""
    served_s, before = fleet.ask()["cpu_s"], poller.ask()  # which also forgets the lags of the start
    time.sleep(seconds)
    after, fleet_s = poller.ask(), fleet.ask()["cpu_s"]
    spent = {name: after[name] - before[name] for name in ("wall_s", "polls", "cpu_s", "writer_s", "missed")}
    return Window(
        **spent,
        kb=after["kb"],
        lag_p99_s=after["lag_p99_s"],
        fleet_cpu_s=fleet_s - served_s,
        since=before["now"],
        until=after["now"],
    )


def show_sizes(sizes: Sequence[int], seconds: float, cores: Cores) -> None:
    """Let the hub own fleets of some sizes."""
    print(f"The hub, all tiers: {len(NAMES)} quantities every {EVERY_S:g} s, {rarely()}.", flush=True)
    rows = []
    for size in sizes:
        try:
            rows.append(own_fleet(size, seconds, cores))
        except TimeoutError as error:
            print(f"  {size:,} devices: {error}", flush=True)
            rows.append([f"{size:,}", *["-"] * 12, "behind"])
    heads = [
        "devices",
        "polls/s kept",
        "of wanted",
        "values a poll",
        "of a core",
        "CPU µs/poll",
        "of it writer",
        "apart s",
        "p99",
        "lag p99 ms",
        "kB each",
        "first s",
        "fleet",
        "goal",
    ]
    show_table(heads, rows)


def own_fleet(size: int, seconds: float, cores: Cores) -> list[str]:
    """Let the hub own a fleet, and return a row.

    Raises:
        TimeoutError: not all devices were read even once.
    """
    with ExitStack() as stack:
        fleet = stack.enter_context(Child(own("fleet", loops()[0]), cores.server))
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="indevolt-hub-"))
        hub = stack.enter_context(Child(own("hub", loops()[0]), cores.client))  # ends before its folder goes
        where = fleet.ask(devices=size)
        hub.ask(**where, folder=folder, store="sqlite", steady=False, lags=True)
        first_s = settle(hub, fleet, SETTLE_S)
        found = watch(hub, fleet, seconds)
        time.sleep(3.0)  # so that the last second of it is committed
        history = hub.ask(since=found.since, until=found.until)
    done = history["polls"] / (size * found.wall_s / EVERY_S)
    good = done >= LEAST_DONE and not found.missed and history["state"] == "ok" and history["waiting"] < size
    told = f"{history['waiting']} rows wait, {found.missed} events missed, {history['state']}"
    print(f"  {size:,} devices: {told}", flush=True)
    return [
        f"{size:,}",
        f"{history['polls'] / found.wall_s:,.0f}",
        f"{done:.1%}",
        f"{history['values']:.0f}",
        f"{found.cpu_s / found.wall_s:.0%}",
        f"{found.cpu_s / history['polls'] * 1e6:,.0f}",
        f"{found.writer_s / history['polls'] * 1e6:,.0f}",
        f"{history['gap_s']:.2f}",
        f"{history['gap_p99_s']:.2f}",
        f"{found.lag_p99_s * 1000:,.0f}",
        f"{found.kb / size:,.0f}",
        f"{first_s:.0f}",
        f"{found.fleet_cpu_s / found.wall_s:.0%}",
        verdict(met=good) if size == GOAL_DEVICES else ("" if good else "behind"),
    ]


def rarely() -> str:
    """Return what a device is asked for beside its power."""
    found = {tier: len(names) for tier, names in names_of(FAMILY).items()}
    rare = f"{found[Tier.PACKS]} more every minute, {found[Tier.SETTINGS]} more every ten minutes"
    return f"{rare}; {len(DERIVED_UNITS)} are worked out"


@dataclass(frozen=True)
class Stage:
    """One row: who polls, and what that one does more than the one before."""

    title: str
    role: str
    store: str = ""


STAGES = (
    Stage("bare sockets, for the floor", "bare"),
    Stage("raw exchange: socket, HTTP, JSON", "raw"),
    Stage("typed reading, with pacing", "read"),
    Stage("keeper: latest, freeze, derive, publish", "keeper"),
    Stage("hub with a store in memory: recorder, alerts", "hub", "memory"),
    Stage("hub with SQLite", "hub", "sqlite"),
)


def show_stages(size: int, seconds: float, rounds: int, cores: Cores) -> None:
    """Tell the stages apart, and compare with what people script."""
    sizes = [len(points_of(turn)) for turn in turns()]
    print(f"Stages: {size} devices, every {EVERY_S:g} s {statistics.mean(sizes):.1f} quantities ({min(sizes)} to {max(sizes)}).")
    print(f"Medians of {rounds} rounds in turns. Each row does what the one before does, and more.", flush=True)
    rival = rival_environment()
    found: dict[str, list[Window]] = {}
    for _ in range(rounds):
        for title, argv, order in contestants(rival):
            with ExitStack() as stack:
                fleet = stack.enter_context(Child(own("fleet", loops()[0]), cores.server))
                folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="indevolt-hub-"))
                poller = stack.enter_context(Child(argv, cores.client))  # ends before its folder goes
                poller.ask(
                    **fleet.ask(devices=size),
                    folder=folder,
                    steady=True,
                    lags=False,
                    requests=[points_of(turn) for turn in turns()],
                    **order,
                )
                settle(poller, fleet, SETTLE_S / 2)
                found.setdefault(title, []).append(watch(poller, fleet, seconds))
    cost = {title: statistics.median(each.us_per_poll for each in windows) for title, windows in found.items()}
    ours = cost[STAGES[-1].title]
    rows = []
    before = 0.0
    for title, us in cost.items():
        is_ours = any(stage.title == title for stage in STAGES)
        windows = found[title]
        more = us - before if is_ours else None
        before = us
        rows.append(
            [
                title,
                f"{us:,.0f}",
                f"{min(each.us_per_poll for each in windows):,.0f} - {max(each.us_per_poll for each in windows):,.0f}",
                "" if more is None else f"{more:,.0f}",
                f"{statistics.median(each.writer_s / each.polls for each in windows) * 1e6:,.0f}",
                f"{statistics.median(each.polls / each.wall_s for each in windows):,.0f}",
                "" if is_ours else f"{us / ours:.1f} x ours",
                "" if is_ours else verdict(met=us / ours >= GOAL_GAIN),
            ]
        )
    show_table(["who polls", "CPU µs/poll", "least - most", "more", "writer thread", "polls/s", "against the hub", "goal"], rows)


def contestants(rival: str | None) -> Iterator[tuple[str, list[str], Json]]:
    """Yield titles, command lines and orders."""
    loop = loops()[0]
    for stage in STAGES:
        yield stage.title, own(stage.role, loop), {"store": stage.store}
    if rival is not None:
        for title, more in (
            ("indevolt-api, a row a value, a commit a poll", {}),
            ("the same, WAL and synchronous NORMAL", {"wal": 1}),
            ("and on the hub's beats", {"wal": 1, "beat_s": BEAT_S}),
        ):
            yield title, [rival, str(HERE / "hub_script.py"), "--loop", loop], {"every_s": EVERY_S, **more}


def main() -> None:
    parser = arguments(__doc__.splitlines()[0], rounds=3)
    parser.add_argument("--only", choices=["sizes", "stages"], help="one of the two parts")
    parser.add_argument("--devices", type=int, nargs="+", default=SIZES, help="sizes of the fleets that the hub owns")
    parser.add_argument("--staged", type=int, default=STAGED, help=f"devices for the stages (default {STAGED})")
    parser.add_argument("--seconds", type=float, default=WINDOW_S, help=f"of steady work for each size (default {WINDOW_S:g})")
    parser.add_argument("--be", choices=["fleet", *POLLERS], help=argparse.SUPPRESS)
    parser.add_argument("--loop", default="asyncio", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.be:
        be(chosen.be, chosen.loop)
        return
    if sys.platform != "linux":
        print("Only Linux has all of 127.0.0.0/8, which a fleet needs: nothing measured.")
        return
    cores = Cores.share()
    print(f"The hub (the client) and a fleet of {PRODUCT} (the server).\n{machine()}, {cores.describe()}.\n", flush=True)
    if chosen.only != "stages":
        show_sizes([50] if chosen.quick else chosen.devices, 10.0 if chosen.quick else chosen.seconds, cores)
    if chosen.only != "sizes":
        stage_s, rounds = (5.0, 1) if chosen.quick else (STAGE_S, chosen.rounds)
        try:
            show_stages(20 if chosen.quick else chosen.staged, stage_s, rounds, cores)
        except TimeoutError as error:
            raise SystemExit(f"The stages: {error}.") from error


if __name__ == "__main__":
    main()
