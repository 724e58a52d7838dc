"""What does it cost to keep history, and to ask for it? Our SQLite and PostgreSQL, DuckDB, VictoriaMetrics, and two narrow tables.

The same readings go into each, in batches as the hub makes them, and the same five questions are asked of each. Ours take readings
as the hub has them (names and values), and so do the narrow tables, which have a row per value; DuckDB and VictoriaMetrics get them
made ready, which is not counted. The goal is about the narrow table in the manner of Home Assistant's recorder. DuckDB needs
``pip install duckdb``, VictoriaMetrics Debian's ``victoria-metrics``, PostgreSQL its server; who is missing is left out.

    python benchmarks/store.py            # six devices for a day, one for a year; some minutes
    python benchmarks/store.py --quick    # a minute; the figures mean little
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from side_by_side import arguments, has, machine, show_table, verdict
from store_load import NAMES, TABLE, Contestant, Load, postgres
from store_rivals import Duck, Narrow, Recorder, Victoria

from indevolt.clock import SystemClock
from indevolt.store import Store
from indevolt.store.postgres import PostgresStore
from indevolt.store.sqlite import SqliteStore

ZONE = ZoneInfo("Europe/Berlin")
QUESTIONS = ["last of all", "one, 24 h raw", "one, 30 d at 15 min", "fleet power at 5 min, 24 h", "a year of daily energies"]
GOALS_MS = {"last of all": 1.0, "one, 30 d at 15 min": 10.0, "a year of daily energies": 20.0}


class Ours(Contestant):
    store: Store

    async def keep(self, made: Any) -> None:
        await self.store.append(made)

    async def ask(self, question: str, load: Load) -> object:
        store, end = self.store, load.end
        match question:
            case "last of all":
                return await store.last()
            case "one, 24 h raw":
                return await store.series("device0", ["power1"], end - timedelta(days=1), end)
            case "one, 30 d at 15 min":
                return await store.series("device0", ["power1"], end - timedelta(days=30), end, step_s=900)
            case "fleet power at 5 min, 24 h":
                return await store.fleet("power1", end - timedelta(days=1), end, step_s=300)
        return await store.energies("device0", ["energy1"], end - timedelta(days=364), end, period="day", zone=ZONE)

    async def close(self) -> None:
        await self.store.close()


class OurSqlite(Ours):
    name = "our SQLite"

    def __init__(self, folder: Path) -> None:
        self.path = folder / "history.db"
        self.rolled_up = 0  # bytes of roll-ups, where SQLite can tell
        self.store = SqliteStore(self.path, clock=SystemClock(), raw_days=10_000)

    async def begin(self) -> None:
        await self.store.open([TABLE])

    async def size(self, end: datetime) -> tuple[int, int | None]:
        hot = self._size()
        with contextlib.closing(sqlite3.connect(self.path)) as connection, contextlib.suppress(sqlite3.OperationalError):
            (self.rolled_up,) = connection.execute(
                "SELECT sum(pgsize) FROM dbstat WHERE name IN ('five_power', 'hour_power')"
            ).fetchone()
        await self.store.maintain(end + timedelta(days=3))
        return hot, self._size()

    def _size(self) -> int:
        with contextlib.closing(sqlite3.connect(self.path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return self.path.stat().st_size


class OurPostgres(Ours):
    name = "our PostgreSQL"

    def __init__(self, folder: Path, url: str) -> None:
        self.store = PostgresStore(url, spool=folder / "spool.db", clock=SystemClock(), raw_days=10_000)

    async def begin(self) -> None:
        await self.store.open([TABLE])

    async def size(self, end: datetime) -> tuple[int, int | None]:
        await self.store.maintain(end)
        return int(self.store.health()["size_bytes"]), None


async def measure(contestants: Sequence[Contestant], load: Load, questions: Sequence[str]) -> dict[str, dict[str, float]]:
    """Put the load into everybody, batch by batch in turns, and ask."""
    found: dict[str, dict[str, float]] = {}
    async with contextlib.AsyncExitStack() as stack:
        for each in contestants:
            await each.begin()
            stack.push_async_callback(each.close)
        samples, took = await fill(contestants, load)
        for each in contestants:
            hot, sealed = await each.size(load.end)
            row = found[each.name] = {"samples/s": samples / took[each.name], "B/sample": hot / samples}
            if isinstance(each, OurSqlite) and each.rolled_up:
                row["B/sample, readings alone"] = (hot - each.rolled_up) / samples
            if sealed is not None:
                row["B/sample, sealed"] = sealed / samples
            for question in questions:
                row[question] = await time_of(each, question, load)
    print(f"{load.devices} devices, {load.days:g} days, every {load.step_s} s: {samples / 1e6:.1f} million samples\n")
    return found


async def fill(contestants: Sequence[Contestant], load: Load) -> tuple[int, dict[str, float]]:
    """Return how many samples there were, and how many seconds each contestant took to keep them."""
    took = dict.fromkeys((each.name for each in contestants), 0.0)
    samples = 0
    for batch in load.batches():
        samples += len(batch) * len(NAMES)
        for each in contestants:
            made = await each.ready(batch)
            began = time.perf_counter()
            await each.keep(made)
            took[each.name] += time.perf_counter() - began
    return samples, took


async def time_of(contestant: Contestant, question: str, load: Load) -> float:
    """Return the median of some answers, in milliseconds."""
    times = []
    for _ in range(7):
        gc.collect()
        began = time.perf_counter()
        await contestant.ask(question, load)
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


def show(found: dict[str, dict[str, float]]) -> None:
    heads = list(dict.fromkeys(head for row in found.values() for head in row))

    def cell(head: str, value: float | None) -> str:
        if value is None:
            return "-"
        return f"{value:,.0f}" if head == "samples/s" else f"{value:.2f}" + ("" if head.startswith("B/") else " ms")

    show_table(["", *heads], [[name, *(cell(head, row.get(head)) for head in heads)] for name, row in found.items()])


async def main() -> None:
    options = arguments(__doc__ or "").parse_args()
    print(machine() + "\n")
    fleet = Load(2, 1.5, 5) if options.quick else Load(6, 1.1, 5)
    year = Load(1, 40, 600) if options.quick else Load(1, 365, 300)
    results: list[dict[str, dict[str, float]]] = []
    with postgres() as server:
        for load, questions in ((fleet, [QUESTIONS[0], QUESTIONS[1], QUESTIONS[3]]), (year, [QUESTIONS[2], QUESTIONS[4]])):
            with tempfile.TemporaryDirectory(prefix="indevolt-bench-") as name:
                folder = Path(name)
                contestants: list[Contestant] = [OurSqlite(folder)]
                if server is not None:
                    contestants.append(OurPostgres(folder, server.new_database()))
                if has("duckdb"):
                    contestants.append(Duck(folder))
                if shutil.which("victoria-metrics"):
                    contestants.append(Victoria(folder))
                contestants += [Narrow(folder), Recorder(folder)]
                results.append(await measure(contestants, load, questions))
                show(results[-1])
    ours = results[0][OurSqlite.name]
    every = ours | results[1][OurSqlite.name]
    hot = ours["B/sample"]
    times, bare = (ours["samples/s"] / results[0][each.name]["samples/s"] for each in (Recorder, Narrow))
    goals = [
        ("hot bytes a sample, the whole file", f"{hot:.2f}", "3.2", hot <= 3.2),
        ("sealed bytes a sample", f"{ours['B/sample, sealed']:.2f}", "1.2", ours["B/sample, sealed"] <= 1.2),
        ("ingest, times that of the recorder's table", f"{times:.0f}", "at least 20", times >= 20),
        *((question, f"{every[question]:.2f} ms", f"{goal:g} ms", every[question] < goal) for question, goal in GOALS_MS.items()),
    ]
    show_table(["our SQLite", "measured", "goal", ""], [[*row, verdict(met=met)] for *row, met in goals])
    print(f"\nIngest, times that of the bare narrow table, which has one index and no other columns: {bare:.1f}.")


if __name__ == "__main__":
    asyncio.run(main())
