"""The books of a device go on across restarts of the hub, also when the hub is there before its store."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from away_store import AwayStore
from indevolt.battery import Quality, Reading, Sample
from indevolt.clock import ManualClock, SystemClock
from indevolt.hub.books import Books
from indevolt.hub.bus import Bus
from indevolt.hub.config import DeviceConfig
from indevolt.hub.derive import DERIVED_UNITS
from indevolt.hub.events import Tier
from indevolt.hub.journal import Journal
from indevolt.hub.keeper import Keeper
from indevolt.hub.tiers import table_name, tables_of
from indevolt.simulator import Simulator, Surroundings, steady_house
from indevolt.store import StoredReading
from indevolt.store.memory import MemoryStore
from indevolt.store.postgres import PostgresStore
from stores.server import Server, server_for_tests

NAME = "cellar"
START = datetime(2026, 6, 21, 10, tzinfo=UTC)
GRID_W = 3600.0  # 10 Wh in 10 s
ENERGIES = tuple(name for name, unit in DERIVED_UNITS.items() if unit == "Wh" and name != "energy_solar")


@pytest.fixture
def doomed() -> Iterator[Server]:
    with server_for_tests() as running:
        yield running


async def a_store(url: str, tmp_path: Path) -> PostgresStore:
    store = PostgresStore(url, spool=tmp_path / "spool.db", clock=SystemClock(), retry_s=0.02)
    await store.open(tables_of("gen2"))
    return store


class Day:
    """What a device says from ten seconds to ten seconds, and what its books make of it."""

    def __init__(self, books: Books, clock: ManualClock, *, charged_wh: float) -> None:
        self._books, self._clock, self._charged_wh = books, clock, charged_wh

    async def goes_on(self, seconds: int) -> Reading:
        return [await self._says_something() for _ in range(0, seconds, 10)][-1]

    async def _says_something(self) -> Reading:
        await self._clock.advance(10)
        self._charged_wh += 1.0
        told = {
            "meter_power": GRID_W,
            "ac_power": 0.0,
            "battery_power": 0.0,
            "battery_charge_energy_total": self._charged_wh,
            "battery_discharge_energy_total": self._charged_wh / 2,
        }
        at = self._clock.now()
        samples = {name: Sample(name, value, "", at, Quality.LIVE) for name, value in told.items()}
        return self._books.work_out(Reading(NAME, "gen2", at, samples), alone=True)


def energies(reading: Reading) -> dict[str, float | None]:
    return {name: reading.number(name) for name in ENERGIES}


async def test_a_keeper_tells_energies_once_its_store_is_back() -> None:
    clock = ManualClock(START)
    store, bus = AwayStore(clock=clock), Bus()
    await store.open(tables_of("gen2"))
    await store.put(f"counters:{NAME}", '{"energy_house": [7000.0, 0.0]}')
    store.is_away = True
    keeper = Keeper(
        DeviceConfig(name=NAME, host="127.0.0.1"),
        clock=clock,
        bus=bus,
        journal=Journal(store, bus, clock),
        store=store,
        numbers=itertools.count(1),
        transport=Simulator("powerflex2000", clock=clock, house=steady_house(Surroundings(700, ()))),
    )
    task = asyncio.create_task(keeper.run())
    try:
        await clock.advance(300)
        assert keeper.snapshot(["house_power"]).number("house_power") is not None
        assert keeper.snapshot(["energy_house"]).number("energy_house") is None
        assert '"energy_house": [7000.0, 0.0]' in str(await MemoryStore.get(store, f"counters:{NAME}"))
        store.is_away = False
        await clock.advance(60)
        total_wh = keeper.snapshot(["energy_house"]).number("energy_house")
        assert total_wh is not None
        assert 7000 + 50 < total_wh < 7000 + 80  # what it took in these six minutes is in it
    finally:
        task.cancel()
        await asyncio.wait([task])
        await store.close()


async def test_energies_go_on_when_the_hub_is_there_before_the_server(doomed: Server, tmp_path: Path) -> None:
    clock, url = ManualClock(START), doomed.new_database()
    store = await a_store(url, tmp_path)
    books = Books(NAME, clock, store)
    assert await books.restore()
    day = Day(books, clock, charged_wh=5000.0)
    derived = await day.goes_on(600)
    before = energies(derived)
    assert before["energy_grid_import"] == 590
    await store.append([StoredReading(NAME, table_name("gen2", Tier.DERIVED), derived.at, derived.live())])
    await books.save()
    await store.close()

    doomed.kill()
    store = await a_store(url, tmp_path)
    books = Books(NAME, clock, store)
    assert not await books.restore()
    day = Day(books, clock, charged_wh=5100.0)
    while_away = await day.goes_on(600)
    assert set(energies(while_away).values()) == {None}  # nobody can know them yet
    assert while_away.number("grid_import_power") == GRID_W
    await books.save()

    doomed.start()
    await store.caught_up()
    assert await books.restore()
    after = energies(await day.goes_on(10))
    assert after["energy_grid_import"] == 590 + 590 + 10  # what flowed meanwhile is in it
    assert after["energy_charge"] == 5161
    await store.close()
