"""What the benchmarks of history put into stores, and what they want of whoever keeps it."""

from __future__ import annotations

import contextlib
import importlib.util
import math
import random
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from indevolt.store import Column, ColumnKind, StoredReading, Table

START = datetime(2026, 1, 1, tzinfo=UTC)
POWERS, VOLTAGES, COUNTERS, STATES = 16, 24, 12, 8  # 60 quantities, as a unit with two packs has them


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

    async def ready(self, batch: list[StoredReading]) -> Any:
        """Make what :meth:`keep` takes; not counted."""
        return batch

    async def keep(self, made: Any) -> None: ...

    async def size(self, end: datetime) -> tuple[int, int | None]:
        """Return bytes as it is, and after the tidying that time brings."""
        raise NotImplementedError

    async def ask(self, question: str, load: Load) -> object:
        raise NotImplementedError

    async def close(self) -> None: ...


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
