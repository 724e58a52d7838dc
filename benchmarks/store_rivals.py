"""Others who keep the same readings: two narrow tables, DuckDB, VictoriaMetrics. Each is told and asked as it likes best."""

from __future__ import annotations

import contextlib
import json
import random
import socket
import sqlite3
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

from store_load import NAMES, WORDS, Contestant, Load, milliseconds, size_of

from indevolt.store import StoredReading


class Narrow(Contestant):
    """A row per value with one index, as people script it; making text of values is part of it, as making numbers is of ours."""

    name = "bare narrow table"
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

    async def keep(self, made: Any) -> None:
        self.connection.execute("BEGIN")
        self.connection.executemany(self.insert, self.rows(made))
        self.connection.execute("COMMIT")

    async def size(self, end: datetime) -> tuple[int, int | None]:
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
    """A narrow table in the manner of Home Assistant's recorder: with the columns and indexes that it fills for a state."""

    name = "recorder's table"
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

    async def ready(self, batch: list[StoredReading]) -> Any:
        found: dict[str, Any] = {"device": [each.device for each in batch]}
        found["ts"] = self.arrow.array([each.at.replace(tzinfo=None) for each in batch], self.arrow.timestamp("ms"))
        for name in NAMES:
            values = [each.values[name] for each in batch]
            found[name] = [WORDS.index(v) if isinstance(v, str) else round(v * 10) if name[0] == "v" else v for v in values]  # type: ignore[operator]
        return self.arrow.table(found)

    async def keep(self, made: Any) -> None:
        self.connection.register("made", made)
        self.connection.execute("INSERT INTO power SELECT * FROM made")

    async def size(self, end: datetime) -> tuple[int, int | None]:
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
        self.process = subprocess.Popen(
            ["victoria-metrics", *options, "-search.maxPointsPerTimeseries=100000"], stderr=subprocess.DEVNULL
        )
        while True:
            with contextlib.suppress(OSError):
                self._get("/health", "")
                return
            time.sleep(0.05)

    def _get(self, path: str, query: str, body: bytes | None = None) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}?{query}", body) as answer:
            return bytes(answer.read())

    async def ready(self, batch: list[StoredReading]) -> Any:
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

    async def keep(self, made: Any) -> None:
        self._get("/api/v1/import", "", made)

    async def size(self, end: datetime) -> tuple[int, int | None]:
        self._get("/internal/force_flush", "")
        hot = size_of(self.folder)
        self._get("/internal/force_merge", "")
        while self._get("/metrics", "").count(b"vm_active_force_merges 0") == 0:
            time.sleep(0.2)  # nothing else runs
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
