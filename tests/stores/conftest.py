"""Stores of every kind for one suite, and readings to put into them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from indevolt.clock import ManualClock, SystemClock
from indevolt.store import Aggregate, Column, ColumnKind, Store, Stored, StoredReading, Table
from indevolt.store.memory import MemoryStore
from indevolt.store.postgres import PostgresStore
from indevolt.store.sqlite import SqliteStore

from .server import Server, server_for_tests

START = datetime(2026, 6, 21, 10, 0, tzinfo=UTC)
POWER = Table(
    "gen2_power",
    (
        Column("battery_power", "W", 0, ColumnKind.GAUGE),
        Column("battery_soc", "%", 1, ColumnKind.GAUGE),
        Column("energy_charge", "Wh", 0, ColumnKind.COUNTER),
        Column("battery_state", "", 0, ColumnKind.WORD, ("standby", "charging", "discharging")),
        Column("meter_connected", "", 0, ColumnKind.SWITCH),
    ),
)
PACKS = Table("gen2_packs", (Column("pack1_temperature", "°C", 1, ColumnKind.GAUGE),))
TABLES = (POWER, PACKS)

Opening: TypeAlias = Callable[..., Awaitable[Store]]


def reading(at: datetime, device: str = "cellar", table: str = "gen2_power", **values: Any) -> StoredReading:
    return StoredReading(device, table, at, values)


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


async def values(
    store: Store,
    name: str,
    *,
    device: str = "cellar",
    hours: float = 24,
    step_s: float | None = None,
    aggregate: Aggregate = Aggregate.MEAN,
    limit: int | None = None,
) -> list[Stored | None]:
    found = await store.series(device, [name], START, after(hours * 3600), step_s=step_s, aggregate=aggregate, limit=limit)
    return list(found.columns[name])


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Return a PostgreSQL of our own, started when the first test needs it."""
    with server_for_tests() as running:
        yield running


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def opening(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Opening]:
    """Return what opens a store of a kind; opened twice, it has what was kept (but for the one in memory)."""
    url = request.getfixturevalue("server").new_database() if kind == "postgres" else ""
    async with AsyncExitStack() as stack:

        async def open_one(tables: tuple[Table, ...] = TABLES, **options: Any) -> Store:
            store: Store
            match kind:
                case "memory":
                    store = MemoryStore(clock=ManualClock(), **options)
                case "sqlite":
                    store = SqliteStore(tmp_path / "history.db", clock=ManualClock(), **options)
                case _:
                    store = PostgresStore(url, spool=tmp_path / "spool.db", clock=SystemClock(), **options)
            await store.open(tables)
            stack.push_async_callback(store.close)
            return store

        yield open_one


@pytest.fixture
async def store(opening: Opening) -> Store:
    return await opening()
