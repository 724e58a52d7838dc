"""What people script today instead of a hub: ``indevolt-api`` reads every 5 s, and each value becomes a row in SQLite.

Run by ``hub.py`` only, in an environment of that package's own; answers questions as the processes there do.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import random
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any

import aiohttp
from indevolt_api import IndevoltAPI
from poll_clients import loop_factory
from side_by_side import Json, raise_file_limit

TABLE = (
    "CREATE TABLE readings (at REAL NOT NULL, device TEXT NOT NULL, point TEXT NOT NULL, value, PRIMARY KEY (device, point, at))"
)


class Script:
    """Polls devices and keeps what they say."""

    def __init__(self) -> None:
        self.polls = 0
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, order: Json) -> None:
        """Begin."""
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        self._database = sqlite3.connect(Path(order["folder"]) / "readings.sqlite3")
        if order.get("wal"):
            self._database.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL")
        self._database.execute(TABLE)
        self._every_s, self._beat_s = order["every_s"], order.get("beat_s")
        requests = [[str(point) for point in points] for points in order["requests"]]
        for host in order["hosts"]:
            client = IndevoltAPI(host, order["port"], self._session)
            self._tasks.append(asyncio.create_task(self._go_on(host, client, requests)))

    async def _go_on(self, device: str, client: Any, requests: list[list[str]]) -> None:
        await asyncio.sleep(random.uniform(0.0, self._every_s))
        for points in itertools.cycle(requests):
            began_s = time.monotonic()
            values = await client.fetch_data(points)
            at = time.time()
            rows = [(at, device, point, json.dumps(value) if isinstance(value, list) else value) for point, value in values.items()]
            self._database.executemany("INSERT INTO readings VALUES (?, ?, ?, ?)", rows)
            self._database.commit()
            self.polls += 1
            due_s = began_s + self._every_s * random.uniform(0.95, 1.05)
            if self._beat_s is not None:
                due_s = round(due_s / self._beat_s) * self._beat_s
            await asyncio.sleep(due_s - time.monotonic())

    async def close(self) -> None:
        """End; a task that has failed says so."""
        for task in self._tasks:
            task.cancel()
        ends = await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._session.close()
        self._database.close()
        for end in ends:
            if isinstance(end, Exception):
                raise end


async def poll() -> None:
    """Poll as the first line of the input orders, and answer what the others ask."""
    script = Script()
    while line := await asyncio.to_thread(sys.stdin.readline):
        asked = json.loads(line)
        if "hosts" in asked:
            await script.start(asked)
            answer: Json = {}
        else:
            figures = {"polls": script.polls, "cpu_s": time.process_time(), "wall_s": time.monotonic(), "ready": script.polls > 0}
            answer = {**figures, "writer_s": 0.0, "missed": 0, "now": "", "kb": 0.0, "lag_p99_s": 0.0}
        print(json.dumps(answer), flush=True)
    await script.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loop", default="asyncio")
    raise_file_limit()
    with asyncio.Runner(loop_factory=loop_factory(parser.parse_args().loop)) as runner:
        runner.run(poll())


if __name__ == "__main__":
    main()
