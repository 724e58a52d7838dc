"""What a kill -9 of the hub costs: history is opened after each, and has to be whole.

Hubs are started as processes, each with a history of its own, against simulated batteries on loopback whose time runs fast; each is
killed at a random moment, history is looked through, and the next hub goes on with it. Whole means: it opens undamaged, at most the
last second of readings is missing, no reading is there twice, what the hub counts only grows, and the journal has no hole.

    python benchmarks/kill9.py --rounds 100

Ends only processes that it started.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import sqlite3
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from side_by_side import machine, show_table, verdict

from indevolt.catalogue import load
from indevolt.clock import FastClock, SystemClock
from indevolt.hub.derive import DERIVED_UNITS
from indevolt.hub.recorder import BATCH_S
from indevolt.hub.tiers import tables_of
from indevolt.simulator import Simulator
from indevolt.store.sqlite import SqliteStore
from indevolt.virtual import VirtualDevice

PRODUCT = "powerflex2000"
FAMILY = "gen2"
SPEED = 8.0  # of the batteries' time: as fast as the hub believes their counters
EARLIEST_S, LATEST_S = 0.3, 14.0  # of the kill, after the hub said that it runs; at about 7 s all tiers have been read once
COUNTED = [name for name, unit in DERIVED_UNITS.items() if unit == "Wh"]
CLOCK = SystemClock()
HUB = """
import sys
from indevolt.cli.ending import finish
from indevolt.cli.hub import hub_command
sys.exit(finish(lambda: hub_command.main(sys.argv[1:], standalone_mode=False), as_json=True, debug=True))
"""


@dataclass
class Battery:
    """One simulated battery, and when it answered a poll of what moves."""

    name: str
    virtual: VirtualDevice
    answered: list[datetime] = field(default_factory=list)


@dataclass
class Killed:
    """What was left after one kill."""

    after_s: float
    readings: int  # of this life of the hub, over all batteries
    lost_s: float  # how long before the kill the first answer was given that is not in history
    broken: list[str]


@dataclass
class Lane:
    """A hub's home: its folder, its batteries, its configuration. Lives follow each other in it."""

    folder: Path
    batteries: list[Battery]
    lives: int = 0

    @property
    def history(self) -> Path:
        """The file of its history."""
        return self.folder / "data" / "history.sqlite3"

    def configure(self) -> Path:
        """Write the configuration and return where."""
        devices = "".join(
            f'[[devices]]\nname = "{each.name}"\nhost = "127.0.0.1"\nport = {each.virtual.port}\n'
            f"poll = {{ power_s = 1, packs_s = 30, settings_s = 60 }}\n"
            for each in self.batteries
        )
        file = self.folder / "home.toml"
        file.write_text(f'[hub]\ndata = "data"\nlog.level = "error"\n[api]\nport = 0\n{devices}')
        return file


async def kill_once(lane: Lane, rng: random.Random) -> Killed:
    """Let a hub live for a while, kill it, and look at what it left."""
    for battery in lane.batteries:
        battery.answered.clear()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HUB, "run", "--json", str(lane.configure()),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env={**os.environ, "INDEVOLT_CONFIG": ""},
    )  # fmt: skip
    after_s = rng.uniform(EARLIEST_S, LATEST_S)
    try:
        assert process.stdout is not None
        if not await asyncio.wait_for(process.stdout.readline(), 120):
            _, told = await process.communicate()
            raise RuntimeError(f"the hub did not start: {told.decode()}")
        began = CLOCK.now()
        await asyncio.sleep(after_s)
    finally:
        if process.returncode is None:
            process.kill()
        killed_at = CLOCK.now()
        await process.communicate()
    lane.lives += 1
    return await examine(lane, began, killed_at, after_s)


async def examine(lane: Lane, began: datetime, killed_at: datetime, after_s: float) -> Killed:
    """Open what was left and look through it."""
    broken: list[str] = []
    store = SqliteStore(lane.history, clock=CLOCK)
    await store.open(tables_of(FAMILY))
    try:
        if store.moved_aside is not None:
            broken.append(f"history was damaged: {store.moved_aside}")
        readings, lost_s = 0, 0.0
        for battery in lane.batteries:
            series = await store.series(battery.name, ["battery_power"], began - timedelta(days=1), killed_at + timedelta(days=1))
            if any(later <= earlier for earlier, later in pairwise(series.times)):
                broken.append(f"{battery.name}: a reading is there twice")
            kept = [at for at in series.times if at >= began - timedelta(seconds=5)]
            readings += len(kept)
            newest = kept[-1] if kept else began - timedelta(days=1)
            missing = [at for at in battery.answered if newest + timedelta(milliseconds=500) < at <= killed_at]
            if missing:
                lost_s = max(lost_s, (killed_at - missing[0]).total_seconds())
            broken += [f"{battery.name}: {text}" for text in await falling(store, battery.name, killed_at)]
        entries = await store.entries(limit=1_000_000)
        if [entry.number for entry in entries] != list(range(1, len(entries) + 1)):
            broken.append("the journal has a hole")
        if (starts := sum(entry.text.startswith("started ") for entry in entries)) != lane.lives:
            broken.append(f"the journal knows {starts} starts of {lane.lives}")
    finally:
        await store.close()
    with closing(sqlite3.connect(lane.history)) as connection:
        (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        if found != "ok":
            broken.append(f"integrity: {found}")
    return Killed(after_s, readings, lost_s, broken)


async def falling(store: SqliteStore, device: str, until: datetime) -> list[str]:
    """Return which counters ever fell, over all lives."""
    series = await store.series(device, COUNTED, until - timedelta(days=1), until + timedelta(days=1))
    found = []
    for name in COUNTED:
        counts = [float(value) for value in series.columns[name] if value is not None]
        fall = next(((a, b) for a, b in pairwise(counts) if b < a), None)
        if fall is not None:
            found.append(f"{name} fell from {fall[0]:g} to {fall[1]:g} Wh")
    return found


async def open_lane(stack: AsyncExitStack, folder: Path, number: int, devices: int) -> Lane:
    """Put the batteries of a lane on the network."""
    side = load(FAMILY).points["battery_power"].read
    assert side is not None
    telling = re.compile(rf"(?<!\d){side.at}(?!\d)")
    clock = FastClock(CLOCK, SPEED)
    lane = Lane(folder / f"lane{number}", [])
    lane.folder.mkdir()
    for each in range(devices):
        battery = Battery(f"battery{each}", None)  # type: ignore[arg-type]  # it and its observer need each other

        def observe(_peer: str, _method: str, target: str, status: int, _took_s: float, battery: Battery = battery) -> None:
            if status == 200 and telling.search(target):
                battery.answered.append(CLOCK.now())

        simulator = Simulator(PRODUCT, clock=clock, seed=100 * number + each)
        battery.virtual = VirtualDevice(simulator, port=0, discovery_port=None, observe=observe)
        await stack.enter_async_context(battery.virtual)
        lane.batteries.append(battery)
    return lane


async def kill(rounds: int, lanes: int, devices: int, seed: int) -> list[Killed]:
    """Kill hubs so many times, some of them at the same time."""
    rng = random.Random(seed)
    found: list[Killed] = []
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="indevolt-kill9-")))
        homes = [await open_lane(stack, folder, number, devices) for number in range(lanes)]
        while len(found) < rounds:
            several = homes[: min(lanes, rounds - len(found))]
            found += await asyncio.gather(*(kill_once(home, rng) for home in several))
    return found


def rows(found: Sequence[Killed]) -> Iterator[list[str]]:
    """Yield what the table shows."""
    lost = sorted(each.lost_s for each in found)
    yield ["kills", str(len(found))]
    yield ["readings looked through", str(sum(each.readings for each in found))]
    yield ["kills that cost nothing", str(sum(each.lost_s == 0 for each in found))]
    yield ["lost before a kill, middle", f"{lost[len(lost) // 2]:.2f} s"]
    yield ["lost before a kill, most", f"{lost[-1]:.2f} s"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=100, help="kills (default 100)")
    parser.add_argument("--lanes", type=int, default=4, help="hubs at the same time (default 4)")
    parser.add_argument("--devices", type=int, default=10, help="batteries of each hub (default 10)")
    parser.add_argument("--seed", type=int, default=int(datetime.now(UTC).timestamp()), help="of the moments of the kills")
    parser.add_argument("--leeway", type=float, default=0.5, help="seconds that a busy machine may lose beside the one that we do")
    parser.add_argument("--json", action="store_true", help="print one document")
    given = parser.parse_args()
    found = asyncio.run(kill(given.rounds, given.lanes, given.devices, given.seed))
    broken = [text for each in found for text in each.broken]
    most_s = max(each.lost_s for each in found)
    good = not broken and most_s <= BATCH_S + given.leeway
    if given.json:
        readings = sum(each.readings for each in found)
        print(
            json.dumps({"kills": len(found), "readings": readings, "most_lost_s": round(most_s, 3), "broken": broken, "ok": good})
        )
    else:
        print(f"{machine()}; seed {given.seed}\n")
        show_table(["kill -9 of the hub", ""], list(rows(found)))
        for text in broken:
            print(f"BROKEN: {text}")
        print(f"history is whole, and at most the last {BATCH_S:g} s (and {given.leeway:g} s) are missing: {verdict(met=good)}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
