"""What does it cost to keep history, and to ask for it? Our SQLite and PostgreSQL, DuckDB, VictoriaMetrics, and a narrow table.

The same readings go into each, in batches as the hub makes them, and the same five questions are asked of each. Ours take readings
as the hub has them (names and values); the others get rows made ready for them, and making those ready is not counted. DuckDB needs
``pip install duckdb``, VictoriaMetrics Debian's ``victoria-metrics``, PostgreSQL its server; who is missing is left out.

    python benchmarks/store.py            # six devices for a day, one for a year; some minutes
    python benchmarks/store.py --quick    # a minute; the figures mean little
"""

from __future__ import annotations

# ruff: noqa: D101, D102, S608 - methods say what the class of all contestants says; no text comes from outside
import asyncio
import contextlib
import gc
import importlib.util
import json
import math
import random
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from side_by_side import arguments, has, machine, show_table, verdict

from indevolt.clock import SystemClock
from indevolt.store import Column, ColumnKind, Store, StoredReading, Table
from indevolt.store.postgres import PostgresStore
from indevolt.store.sqlite import SqliteStore

START = datetime(2026, 1, 1, tzinfo=UTC)
ZONE = ZoneInfo("Europe/Berlin")
POWERS, VOLTAGES, COUNTERS, STATES = 16, 24, 12, 8  # 60 quantities, as a unit with two packs has them
QUESTIONS = ["last of all", "one, 24 h raw", "one, 30 d at 15 min", "fleet power at 5 min, 24 h", "a year of daily energies"]
GOALS_MS = {"last of all": 1.0, "one, 30 d at 15 min": 10.0, "a year of daily energies": 20.0}


def columns() -> Iterator[Column]:
    yield from (Column(f"power{each}", "W", 0, ColumnKind.GAUGE) for each in range(POWERS))
    yield from (Column(f"voltage{each}", "V", 1, ColumnKind.GAUGE) for each in range(VOLTAGES))
    yield from (Column(f"energy{each}", "Wh", 0, ColumnKind.COUNTER) for each in range(COUNTERS))
    yield from (Column(f"state{each}", "", 0, ColumnKind.WORD, ("standby", "charging", "discharging")) for each in range(STATES))


TABLE = Table("power", tuple(columns()))
NAMES = tuple(column.name for column in TABLE.columns)
WORDS = ("standby", "charging", "discharging")


def device_days(seed: int, days: float, step_s: int) -> Iterator[tuple[datetime, dict[str, Any]]]:
    """Yield what one device says: powers at rest, solar ones, noisy ones; slow voltages, counters, rare states."""
    chance = random.Random(seed)
    powers = [0.0] * POWERS
    voltages = [chance.uniform(3.2, 240.0) for _ in range(VOLTAGES)]
    energies = [float(chance.randrange(10_000, 3_000_000)) for _ in range(COUNTERS)]
    states = [0] * STATES
    at = START
    for step in range(int(days * 86400 / step_s)):
        sun = max(0.0, math.sin((step * step_s / 86400 - 0.25) * 2 * math.pi))
        wanted = 1800 * sun - 400
        for each in range(POWERS):
            if each % 3 == 2 and not sun:
                powers[each] = 0.0
            elif each % 3:
                powers[each] += (wanted - powers[each]) * 0.05 + chance.gauss(0, 6)
                energies[each % COUNTERS] += abs(powers[each]) * step_s / 3600
        for each in range(VOLTAGES):
            if chance.random() < 0.3:
                voltages[each] += chance.choice((-0.1, 0.1))
        if chance.random() < 0.001:
            states[chance.randrange(STATES)] = chance.randrange(3)
        values: dict[str, Any] = {}
        values.update(zip(NAMES, (round(each) for each in powers), strict=False))
        values.update(zip(NAMES[POWERS:], (round(each, 1) for each in voltages), strict=False))
        values.update(zip(NAMES[POWERS + VOLTAGES :], (int(each) for each in energies), strict=False))
        values.update(zip(NAMES[POWERS + VOLTAGES + COUNTERS :], (WORDS[each] for each in states), strict=False))
        yield at + timedelta(milliseconds=chance.randrange(40)), values
        at += timedelta(seconds=step_s)


@dataclass
class Load:
    """What is put in: readings in order of time, in batches as the hub would commit them."""

    devices: int
    days: float
    step_s: int
    at_once: int = 400  # 2000 devices every 5 s, a commit every second

    @property
    def end(self) -> datetime:
        return START + timedelta(days=self.days)

    def batches(self) -> Iterator[list[StoredReading]]:
        sources = [device_days(seed, self.days, self.step_s) for seed in range(self.devices)]
        batch: list[StoredReading] = []
        for steps in zip(*sources, strict=True):
            batch += [StoredReading(f"device{each}", "power", at, values) for each, (at, values) in enumerate(steps)]
            if len(batch) >= self.at_once:
                yield batch
                batch = []
        yield batch


def milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


class Contestant:
    """Somebody who keeps readings; what is not overridden it cannot do."""

    name = ""

    async def begin(self) -> None: ...

    async def ready(self, batch: list[StoredReading]) -> Any:  # noqa: ANN401
        """Make what :meth:`keep` takes; not counted."""
        return batch

    async def keep(self, made: Any) -> None: ...  # noqa: ANN401

    async def size(self, end: datetime) -> tuple[int, int | None]:
        """Return bytes as it is, and after the tidying that time brings."""
        raise NotImplementedError

    async def ask(self, question: str, load: Load) -> object:
        raise NotImplementedError

    async def close(self) -> None: ...


class Ours(Contestant):
    store: Store

    async def keep(self, made: Any) -> None:  # noqa: ANN401
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


class Narrow(Contestant):
    """A row per value, as people script it; making text of values is part of it, as making numbers is of ours."""

    name = "narrow SQLite"
    schema = """
        CREATE TABLE states (state_id INTEGER PRIMARY KEY, metadata_id INTEGER, state TEXT, last_updated_ts REAL);
        CREATE INDEX a ON states (metadata_id, last_updated_ts);"""
    insert = "INSERT INTO states (metadata_id, state, last_updated_ts) VALUES (?, ?, ?)"

    def __init__(self, folder: Path) -> None:
        self.path = folder / "narrow.db"
        self.numbers: dict[tuple[str, str], int] = {}

    async def begin(self) -> None:
        self.connection = sqlite3.connect(self.path, isolation_level=None)
        self.connection.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;" + self.schema)

    def rows(self, batch: list[StoredReading]) -> Iterator[tuple[Any, ...]]:
        for each in batch:
            at = each.at.timestamp()
            for name, value in each.values.items():
                yield self.numbers.setdefault((each.device, name), len(self.numbers)), str(value), at

    async def keep(self, made: Any) -> None:  # noqa: ANN401
        self.connection.execute("BEGIN")
        self.connection.executemany(self.insert, self.rows(made))
        self.connection.execute("COMMIT")

    async def size(self, end: datetime) -> tuple[int, int | None]:  # noqa: ARG002
        self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return self.path.stat().st_size, None

    async def ask(self, question: str, load: Load) -> object:
        end = load.end.timestamp()
        run, one = self.connection.execute, self.numbers["device0", "power1"]
        of_one = "FROM states WHERE metadata_id = ? AND last_updated_ts >= ?"
        match question:
            case "last of all":
                text = "SELECT state FROM states WHERE metadata_id = ? ORDER BY last_updated_ts DESC LIMIT 1"
                return [run(text, (each,)).fetchone() for each in self.numbers.values()]
            case "one, 24 h raw":
                return run(f"SELECT last_updated_ts, state {of_one}", (one, end - 86400)).fetchall()
            case "one, 30 d at 15 min":
                text = f"SELECT cast(last_updated_ts / 900 AS int), avg(state) {of_one} GROUP BY 1"
                return run(text, (one, end - 30 * 86400)).fetchall()
            case "fleet power at 5 min, 24 h":
                every = [number for (_, name), number in self.numbers.items() if name == "power1"]
                text = f"SELECT cast(last_updated_ts / 300 AS int), avg(state) {of_one} GROUP BY 1"
                return [run(text, (each, end - 86400)).fetchall() for each in every]
        text = f"SELECT cast(last_updated_ts / 86400 AS int), max(cast(state AS int)) {of_one} GROUP BY 1"
        return run(text, (self.numbers["device0", "energy1"], end - 365 * 86400)).fetchall()

    async def close(self) -> None:
        self.connection.close()


class Recorder(Narrow):
    """The same with the columns and indexes that Home Assistant's recorder fills for a state."""

    name = "recorder's SQLite"
    schema = """
        CREATE TABLE states (state_id INTEGER PRIMARY KEY, entity_id CHAR(0), state VARCHAR(255), attributes CHAR(0),
            last_changed_ts FLOAT, last_reported_ts FLOAT, last_updated_ts FLOAT, old_state_id INTEGER, attributes_id INTEGER,
            origin_idx SMALLINT, context_id_bin BLOB, context_user_id_bin BLOB, context_parent_id_bin BLOB, metadata_id INTEGER);
        CREATE INDEX ix_states_metadata_id_last_updated_ts ON states (metadata_id, last_updated_ts);
        CREATE INDEX ix_states_last_updated_ts ON states (last_updated_ts);
        CREATE INDEX ix_states_old_state_id ON states (old_state_id);
        CREATE INDEX ix_states_attributes_id ON states (attributes_id);
        CREATE INDEX ix_states_context_id_bin ON states (context_id_bin);"""
    insert = (
        "INSERT INTO states (metadata_id, state, last_updated_ts, state_id, old_state_id, attributes_id, origin_idx, "
        "context_id_bin) VALUES (?, ?, ?, ?, ?, ?, 0, ?)"
    )

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.path = folder / "recorder.db"
        self.written: dict[int, int] = {}
        self.count = 0
        self.chance = random.Random(1)

    def rows(self, batch: list[StoredReading]) -> Iterator[tuple[Any, ...]]:
        for number, state, at in super().rows(batch):
            self.count += 1
            context = int(at * 1000).to_bytes(6, "big") + self.chance.randbytes(10)
            yield number, state, at, self.count, self.written.get(number), number, context
            self.written[number] = self.count


class Duck(Contestant):
    name = "DuckDB"

    def __init__(self, folder: Path) -> None:
        self.path = folder / "duck.db"
        self.arrow: Any = import_module("pyarrow")

    async def begin(self) -> None:
        self.connection: Any = import_module("duckdb").connect(str(self.path))
        listed = ", ".join(f"{name} {'BIGINT' if name.startswith('energy') else 'INTEGER'}" for name in NAMES)
        self.connection.execute(f"CREATE TABLE power (device VARCHAR, ts TIMESTAMP_MS, {listed})")

    async def ready(self, batch: list[StoredReading]) -> Any:  # noqa: ANN401
        found: dict[str, Any] = {"device": [each.device for each in batch]}
        found["ts"] = self.arrow.array([each.at.replace(tzinfo=None) for each in batch], self.arrow.timestamp("ms"))
        for name in NAMES:
            values = [each.values[name] for each in batch]
            found[name] = [WORDS.index(v) if isinstance(v, str) else round(v * 10) if name[0] == "v" else v for v in values]  # type: ignore[operator]
        return self.arrow.table(found)

    async def keep(self, made: Any) -> None:  # noqa: ANN401
        self.connection.register("made", made)
        self.connection.execute("INSERT INTO power SELECT * FROM made")

    async def size(self, end: datetime) -> tuple[int, int | None]:  # noqa: ARG002
        self.connection.execute("CHECKPOINT")
        return self.path.stat().st_size, None

    async def ask(self, question: str, load: Load) -> object:
        end = load.end.replace(tzinfo=None)
        day, month = end - timedelta(days=1), end - timedelta(days=30)
        of_one = "FROM power WHERE device = 'device0'"
        each_last = ", ".join(f"arg_max({name}, ts)" for name in NAMES)
        of_devices = f"SELECT device, time_bucket(INTERVAL 5 minutes, ts) t, avg(power1) p FROM power WHERE ts >= '{day}'"
        text = {
            "last of all": f"SELECT device, {each_last} FROM power GROUP BY device",
            "one, 24 h raw": f"SELECT ts, power1 {of_one} AND ts >= '{day}' ORDER BY ts",
            "one, 30 d at 15 min": f"SELECT time_bucket(INTERVAL 15 minutes, ts) t, avg(power1) {of_one} "
            f"AND ts >= '{month}' GROUP BY t",
            "fleet power at 5 min, 24 h": f"SELECT t, sum(p) FROM ({of_devices} GROUP BY device, t) GROUP BY t",
        }.get(question, f"SELECT ts::DATE d, max(energy1) {of_one} GROUP BY d")
        return self.connection.execute(text).fetchall()

    async def close(self) -> None:
        self.connection.close()


class Victoria(Contestant):
    name = "VictoriaMetrics"

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "victoria"

    async def begin(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        options = [f"-storageDataPath={self.folder}", f"-httpListenAddr=127.0.0.1:{self.port}", "-retentionPeriod=100y"]
        self.process = subprocess.Popen(  # noqa: ASYNC220
            ["victoria-metrics", *options, "-search.maxPointsPerTimeseries=100000"], stderr=subprocess.DEVNULL
        )
        while True:
            with contextlib.suppress(OSError):
                self._get("/health", "")
                return
            time.sleep(0.05)  # noqa: ASYNC251

    def _get(self, path: str, query: str, body: bytes | None = None) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}?{query}", body) as answer:
            return bytes(answer.read())

    async def ready(self, batch: list[StoredReading]) -> Any:  # noqa: ANN401
        of_devices: dict[str, list[StoredReading]] = {}
        for each in batch:
            of_devices.setdefault(each.device, []).append(each)
        lines = []
        for device, readings in of_devices.items():
            times = [milliseconds(each.at) for each in readings]
            for name in NAMES:
                values = [WORDS.index(v) if isinstance(v := each.values[name], str) else v for each in readings]
                metric = {"__name__": name, "device": device}
                lines.append(json.dumps({"metric": metric, "values": values, "timestamps": times}))
        return "\n".join(lines).encode()

    async def keep(self, made: Any) -> None:  # noqa: ANN401
        self._get("/api/v1/import", "", made)

    async def size(self, end: datetime) -> tuple[int, int | None]:  # noqa: ARG002
        self._get("/internal/force_flush", "")
        hot = size_of(self.folder)
        self._get("/internal/force_merge", "")
        while self._get("/metrics", "").count(b"vm_active_force_merges 0") == 0:
            time.sleep(0.2)  # noqa: ASYNC251 - nothing else runs
        return hot, size_of(self.folder)

    async def ask(self, question: str, load: Load) -> object:
        end = load.end.timestamp()
        what, days, step = {
            "last of all": ('last_over_time({device=~".+"}[1d])', 0, 0),
            "one, 24 h raw": ('power1{device="device0"}[1d]', 0, 0),
            "one, 30 d at 15 min": ('avg_over_time(power1{device="device0"}[15m])', 30, 900),
            "fleet power at 5 min, 24 h": ("sum(avg_over_time(power1[5m]))", 1, 300),
        }.get(question, ('increase(energy1{device="device0"}[1d])', 365, 86400))
        query = {"query": what, "nocache": "1", "time": end}
        if not days:
            return self._get("/api/v1/query", urllib.parse.urlencode(query))
        query |= {"start": end - days * 86400, "end": end, "step": step}
        return self._get("/api/v1/query_range", urllib.parse.urlencode(query))

    async def close(self) -> None:
        self.process.terminate()
        self.process.wait()


@contextlib.contextmanager
def postgres() -> Iterator[Any]:
    """Run a server as the tests do, on a real disk as far as there is one; None without its programs."""
    if not (any(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or shutil.which("initdb")):
        yield None
        return
    tests = Path(__file__).parent.parent / "tests"
    sys.path.insert(0, str(tests))
    spec = importlib.util.spec_from_file_location("server", tests / "stores" / "server.py")
    assert spec is not None
    assert spec.loader is not None
    server = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(server)
    with server.server_for_tests(durable=True) as running:
        yield running


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
    ours, narrow = results[0]["our SQLite"], results[0]["recorder's SQLite"]
    every = ours | results[1]["our SQLite"]
    hot = ours.get("B/sample, readings alone", ours["B/sample"])
    times = ours["samples/s"] / narrow["samples/s"]
    goals = [
        ("hot bytes a sample, readings alone", f"{hot:.2f}", "3.2", hot <= 3.2),
        ("sealed bytes a sample", f"{ours['B/sample, sealed']:.2f}", "1.2", ours["B/sample, sealed"] <= 1.2),
        ("ingest, times the recorder's table", f"{times:.0f}", "at least 20", times >= 20),
        *((question, f"{every[question]:.2f} ms", f"{goal:g} ms", every[question] < goal) for question, goal in GOALS_MS.items()),
    ]
    show_table(["our SQLite", "measured", "goal", ""], [[*row, verdict(met=met)] for *row, met in goals])


if __name__ == "__main__":
    asyncio.run(main())
