"""How fast is caught up with what waited on the local disk, once a PostgreSQL server that was away is back?

The server is killed, readings are appended (which goes into the spool), the server is started again. Readings a second are by the
clock, so they are those of a machine that does nothing else; CPU is that of this process, which is what bounds it.

    python benchmarks/catch_up.py            # a minute or two
    python benchmarks/catch_up.py --quick    # some seconds
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from side_by_side import arguments, machine, show_table
from store_load import NAMES, START, TABLE, Load, postgres

from indevolt.clock import SystemClock
from indevolt.store import StoredReading
from indevolt.store.postgres import PostgresStore


def home(readings: int) -> Iterator[list[StoredReading]]:
    """Yield what a home with one unit appends: one reading at a time."""
    for batch in Load(1, readings * 5 / 86400, 5, at_once=1).batches():
        if batch:
            yield batch


def fleet(readings: int) -> Iterator[list[StoredReading]]:
    """Yield what a hub with many units appends: some hundred at a time."""
    return Load(200, readings / 200 * 5 / 86400, 5).batches()


async def caught_up(server: Any, batches: Iterator[list[StoredReading]]) -> list[str]:
    """Let readings wait, and tell how fast they are gone."""
    with tempfile.TemporaryDirectory(prefix="indevolt-bench-") as folder:
        path = Path(folder) / "spool.db"
        store = PostgresStore(server.new_database(), spool=path, clock=SystemClock(), raw_days=10_000, retry_s=0.05)
        server.kill()
        await store.open([TABLE])
        count, spooling_s = 0, 0.0
        for batch in batches:
            began = time.perf_counter()
            await store.append(batch)
            spooling_s += time.perf_counter() - began
            count += len(batch)
        size = path.stat().st_size + path.with_name("spool.db-wal").stat().st_size
        server.start()
        began, cpu = time.perf_counter(), time.process_time()
        await store.caught_up()
        took_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu
        found = await store.series("device0", ["power1"], START, START.replace(year=2027))
        devices = len(await store.last())
        assert len(found.times) * devices == count, "readings are missing, or doubled"
        await store.close()
    return [
        f"{count:,}",
        f"{count / spooling_s:,.0f}",
        f"{size / count:.0f}",
        f"{count / took_s:,.0f}",
        f"{count * len(NAMES) / took_s:,.0f}",
        f"{cpu_s / count * 1e6:.0f} µs",
    ]


async def main() -> None:
    options = arguments(__doc__ or "").parse_args()
    print(machine() + "\n")
    rows = []
    with postgres() as server:
        if server is None:
            sys.exit("needs PostgreSQL's server (Debian's package postgresql)")
        for name, batches in (
            ("a home, one reading at a time", home(500 if options.quick else 17_280)),
            ("a fleet, 400 at a time", fleet(4_000 if options.quick else 200_000)),
        ):
            rows.append([name, *await caught_up(server, batches)])
    show_table(["", "readings", "spooled/s", "bytes each", "caught up/s", "samples/s", "CPU each"], rows)


if __name__ == "__main__":
    asyncio.run(main())
