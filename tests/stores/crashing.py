"""A process that appends as fast as it can and says what was acknowledged, to be killed at any moment.

``python -m stores.crashing sqlite:PATH`` or ``postgres:URL SPOOL``, in ``tests``. ``python -m stores.crashing 100`` kills the
embedded store's writer a hundred times and says what was lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from indevolt.clock import SystemClock
from indevolt.store import Column, ColumnKind, Store, StoredReading, Table
from indevolt.store.postgres import PostgresStore
from indevolt.store.sqlite import SqliteStore

COUNTS = Table("counts", (Column("count", "", 0, ColumnKind.COUNTER), Column("power", "W", 0, ColumnKind.GAUGE)))
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
AT_ONCE = 37  # readings in one append; no divisor of a commit, a page or five minutes


def counted(number: int) -> StoredReading:
    return StoredReading("cellar", "counts", BEGIN + timedelta(seconds=number * 5), {"count": number, "power": number % 1000})


async def append_for_ever(store: Store) -> None:
    """Append the numbers from the last known one on, and print how many are acknowledged."""
    await store.open([COUNTS])
    last = (await store.last("cellar")).get("cellar", {})
    number = int(last["count"][1]) + 1 if last else 0
    while True:
        await store.append([counted(each) for each in range(number, number + AT_ONCE)])
        number += AT_ONCE
        print(number, flush=True)
        if number // AT_ONCE % 50 == 0:
            await store.maintain(BEGIN + timedelta(seconds=number * 5))


def start_writer(*arguments: str) -> subprocess.Popen[str]:
    """Start the process that appends for ever."""
    return subprocess.Popen(
        [sys.executable, "-m", "stores.crashing", *arguments], cwd=Path(__file__).parents[1], stdout=subprocess.PIPE, text=True
    )


def acknowledged(writer: subprocess.Popen[str], *, least: int | None = None) -> int:
    """Read what a writer says until it has at least so many acknowledged, or to its end; return the last number."""
    assert writer.stdout is not None
    found = 0
    for line in writer.stdout:
        if line.endswith("\n"):
            found = int(line)
            if least is not None and found >= least:
                return found
    writer.stdout.close()
    writer.wait()
    return found


async def kept(path: Path) -> list[int]:
    """Return all numbers in a file, loose and sealed; fail if it or its roll-ups are not whole."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    store = SqliteStore(path, clock=SystemClock())
    await store.open([COUNTS])
    found = await numbers(store)
    await store.close()
    return found


async def numbers(store: Store) -> list[int]:
    """Return all numbers that a store has; fail if its hours say something else."""
    series = await store.series("cellar", ["count"], BEGIN, BEGIN + timedelta(days=10_000))
    hours = await store.series("cellar", ["count"], BEGIN, series.times[-1], step_s=3600)
    for number, last in enumerate(hours.columns["count"][:-1]):
        assert last == number * 720 + 719
    return [int(each) for each in series.columns["count"] if each is not None]


def many(rounds: int) -> None:
    """Kill a writer many times."""
    chance = random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.db"
        promised = 0
        for _ in range(rounds):
            writer = start_writer(f"sqlite:{path}")
            promised = acknowledged(writer, least=promised + chance.randrange(1, 3000))
            writer.kill()
            promised = max(promised, acknowledged(writer))
        found = asyncio.run(kept(path))
        print(f"{rounds} kills: {promised} acknowledged, {len(found)} found, doubled {len(found) - len(set(found))}")


if __name__ == "__main__":
    match sys.argv[1:]:
        case [place] if place.startswith("sqlite:"):
            asyncio.run(append_for_ever(SqliteStore(Path(place.removeprefix("sqlite:")), clock=SystemClock(), raw_days=10_000)))
        case [place, spool] if place.startswith("postgres:"):
            url = place.removeprefix("postgres:")
            asyncio.run(append_for_ever(PostgresStore(url, spool=Path(spool), clock=SystemClock(), retry_s=0.05, raw_days=10_000)))
        case [rounds] if rounds.isdigit():
            many(int(rounds))
        case _:
            sys.exit("usage: python -m stores.crashing sqlite:PATH | postgres:URL SPOOL | ROUNDS")
