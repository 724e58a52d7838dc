"""What only the store on a server can: a server that is away, killed, back again."""

from __future__ import annotations

import asyncio
import random
import resource
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from indevolt.clock import ManualClock, SystemClock
from indevolt.errors import InvalidInput, StoreDamaged, StoreFull, StoreUnavailable
from indevolt.store import Column, ColumnKind, Table
from indevolt.store.memory import MemoryStore
from indevolt.store.postgres import PostgresStore

from .conftest import START, TABLES, after, reading
from .crashing import COUNTS, acknowledged, numbers, start_writer
from .server import Server, server_for_tests


@pytest.fixture(scope="module")
def doomed() -> Iterator[Server]:
    """Return a server that may be killed, unlike the one that all tests share."""
    with server_for_tests() as running:
        yield running


@pytest.fixture
def url(doomed: Server) -> str:
    return doomed.new_database()


def a_store(url: str, tmp_path: Path, **options: Any) -> PostgresStore:
    return PostgresStore(url, spool=tmp_path / "spool.db", clock=SystemClock(), retry_s=0.02, **options)


async def powers(store: PostgresStore) -> list[object]:
    return list((await store.series("cellar", ["battery_power"], START, after(86400))).columns["battery_power"])


async def test_while_the_server_is_away_everything_waits_on_the_local_disk(doomed: Server, url: str, tmp_path: Path) -> None:
    store = a_store(url, tmp_path)
    await store.open(TABLES)
    await store.append([reading(after(0), battery_power=0)])
    first = await store.journal(START, "hub", "started")

    doomed.kill()
    await store.append([reading(after(5), battery_power=1)])
    await store.append([reading(after(10), battery_power=2)])
    second = await store.journal(START, "store", "the server is away")
    await store.put("offset", "1")

    health = store.health()
    assert str(health["state"]).startswith("degraded: the server is away")
    assert (health["waiting"], health["lost"]) == (4, 0)
    assert (await store.last())["cellar"]["battery_power"] == (after(10), 2.0)
    assert await store.get("offset") == "1"
    with pytest.raises(StoreUnavailable, match="away"):
        await powers(store)

    doomed.start()
    await store.caught_up()

    assert (store.health()["state"], store.health()["waiting"]) == ("ok", 0)
    assert await powers(store) == [0.0, 1.0, 2.0]
    assert await store.entries() == [first, second]
    assert await store.get("offset") == "1"
    await store.close()


async def test_a_hub_that_starts_while_the_server_is_away_keeps_everything_in_order(
    doomed: Server, url: str, tmp_path: Path
) -> None:
    store = a_store(url, tmp_path)
    await store.open(TABLES)
    first = await store.journal(START, "hub", "started")
    await store.append([reading(after(0), battery_power=0)])
    await store.close()
    doomed.kill()

    for number in (1, 2):  # two runs, and the server is away during both
        again = a_store(url, tmp_path)
        await again.open(TABLES)
        await again.append([reading(after(number), battery_power=number)])
        await again.journal(after(number), "hub", f"started {number}")
        await again.close()
    doomed.start()
    last = a_store(url, tmp_path)
    await last.open(TABLES)
    await last.append([reading(after(3), battery_power=3)])
    await last.caught_up()

    assert await powers(last) == [0.0, 1.0, 2.0, 3.0]
    assert [entry.number for entry in await last.entries()] == [1, 2, 3]
    assert (await last.entries())[0] == first
    await last.close()


async def test_state_that_waits_since_an_earlier_run_is_known_before_it_is_on_the_server(
    doomed: Server, url: str, tmp_path: Path
) -> None:
    store = a_store(url, tmp_path)
    await store.open(TABLES)
    await store.put("offset", "1")
    doomed.kill()
    await store.put("offset", "2")
    await store.append([reading(after(0), battery_power=1)])
    await store.put("offset", "3")
    await store.close()

    store = a_store(url, tmp_path)
    await store.open(TABLES)
    assert await store.get("offset") == "3"
    doomed.start()
    await store.caught_up()
    assert await store.get("offset") == "3"
    await store.put("offset", "4")
    assert await store.get("offset") == "4"
    await store.close()


async def test_last_values_of_an_earlier_run_are_known_once_the_server_is_there(doomed: Server, url: str, tmp_path: Path) -> None:
    store = a_store(url, tmp_path)
    await store.open(TABLES)
    await store.append([reading(after(0), battery_power=1, battery_soc=50.0, energy_charge=700)])
    await store.close()
    doomed.kill()

    store = a_store(url, tmp_path)
    await store.open(TABLES)
    await store.append([reading(after(60), battery_power=2)])
    doomed.start()
    await store.caught_up()
    known = {"battery_power": (after(60), 2.0), "battery_soc": (after(0), 50.0), "energy_charge": (after(0), 700.0)}
    assert await store.last() == {"cellar": known}
    await store.append([reading(after(120), battery_power=3)])
    assert await store.last() == {"cellar": known | {"battery_power": (after(120), 3.0)}}
    await store.close()


async def test_a_start_without_the_server_does_not_mix_up_digits(doomed: Server, url: str, tmp_path: Path) -> None:
    def table(digits: int) -> Table:
        return Table("gen2_power", (Column("battery_soc", "%", digits, ColumnKind.GAUGE),))

    store = a_store(url, tmp_path)
    await store.open([table(1)])
    await store.append([reading(after(0), battery_soc=55.5)])
    await store.close()
    doomed.kill()
    again = a_store(url, tmp_path)
    await again.open([table(3)])  # a later version would keep more, but what is there keeps one
    await again.append([reading(after(5), battery_soc=44.444)])
    assert (await again.last())["cellar"]["battery_soc"][1] == 44.444

    doomed.start()
    await again.caught_up()

    series = await again.series("cellar", ["battery_soc"], START, after(60))
    assert series.columns["battery_soc"] == [55.5, 44.4]
    assert (await again.last())["cellar"]["battery_soc"][1] in (55.5, 44.4)
    await again.close()


async def test_a_full_spool_refuses_what_it_cannot_keep(doomed: Server, url: str, tmp_path: Path) -> None:
    store = a_store(url, tmp_path, spool_bytes=100_000)
    doomed.kill()
    await store.open(TABLES)
    chance = random.Random(1)
    accepted = 0
    for first in range(0, 100_000, 500):
        more = [reading(after(first + each), battery_power=chance.randint(-999, 999)) for each in range(500)]
        try:
            await store.append(more)
        except StoreFull:
            break
        accepted += len(more)
    assert store.health()["lost"] == 500

    doomed.start()
    await store.caught_up()

    assert 0 < accepted == len(await powers(store))
    await store.close()


async def test_a_local_disk_without_room_holds_up_the_catching_up_only_until_there_is_some(
    doomed: Server, url: str, tmp_path: Path
) -> None:
    store = a_store(url, tmp_path)
    await store.open(TABLES)
    doomed.kill()
    for second in range(50):
        await store.append([reading(after(second), battery_power=second)])
    doomed.start()  # which nobody has noticed yet
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (wal_bytes(tmp_path), before[1]))  # the spool's file cannot become larger now
    try:
        async with asyncio.timeout(30):
            while not (await values_on(url)):
                pass
        assert str(store.health()["state"]).startswith("degraded: catching up, 50 to go")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    async with asyncio.timeout(30):
        await store.caught_up()
    assert await powers(store) == [float(second) for second in range(50)]
    assert (store.health()["state"], store.health()["lost"]) == ("ok", 0)
    await store.close()


def wal_bytes(folder: Path) -> int:
    return (folder / "spool.db-wal").stat().st_size


async def values_on(url: str) -> int:
    """Return how many readings the server has."""
    connection = await import_module("asyncpg").connect(url)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM indevolt.raw_gen2_power"))
    finally:
        await connection.close()


async def test_a_damaged_spool_is_moved_aside(url: str, tmp_path: Path) -> None:
    (tmp_path / "spool.db").write_bytes(b"\xa5" * 9000)
    store = a_store(url, tmp_path)
    await store.open(TABLES)
    await store.append([reading(after(0), battery_power=1)])
    assert len(await powers(store)) == 1
    await store.close()


async def test_a_schema_has_one_owner(url: str, tmp_path: Path) -> None:
    store = a_store(url, tmp_path)
    await store.open(TABLES)
    with pytest.raises(StoreUnavailable, match="belongs to another hub"):
        await PostgresStore(url, spool=tmp_path / "other.db", clock=SystemClock()).open(TABLES)
    other = PostgresStore(url, spool=tmp_path / "another.db", clock=SystemClock(), schema="garage")
    await other.open(TABLES)
    await other.append([reading(after(0), battery_power=1)])
    assert await powers(store) == []
    await other.close()
    await store.close()


async def test_a_database_that_does_not_exist_is_told(url: str, tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="does not exist"):
        await a_store(url.replace("/history", "/nothing"), tmp_path).open(TABLES)


async def test_a_schema_of_a_later_version_is_left_alone(url: str, tmp_path: Path) -> None:
    asyncpg = import_module("asyncpg")  # it has no types
    store = a_store(url, tmp_path)
    await store.open(TABLES)
    await store.close()
    connection = await asyncpg.connect(url)
    await connection.execute("UPDATE indevolt.store SET version = 99")
    await connection.close()
    with pytest.raises(StoreDamaged, match="later version"):
        await a_store(url, tmp_path).open(TABLES)


@pytest.mark.parametrize("options", [{"schema": 'x"; DROP'}, {"raw_days": 0}, {"raw_days": 90, "five_minute_days": 5}])
def test_what_makes_no_sense_is_refused(tmp_path: Path, options: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        a_store("postgresql://", tmp_path, **options)


async def test_a_minute_without_the_server_under_load_loses_and_doubles_nothing(doomed: Server, url: str, tmp_path: Path) -> None:
    clock, chance = ManualClock(START), random.Random(4)
    store = PostgresStore(url, spool=tmp_path / "spool.db", clock=clock)
    plain = MemoryStore(clock=clock)
    devices = [f"unit{each}" for each in range(12)]
    for each in (store, plain):
        await each.open(TABLES)

    async def pass_time(seconds: int) -> None:
        """Let each device say something every second, in one append for every few of them."""
        for _ in range(seconds):
            at = clock.now()
            told = [reading(at, each, battery_power=chance.randint(-900, 900), energy_charge=at.timestamp()) for each in devices]
            await asyncio.gather(*(store.append(told[first : first + 4]) for first in range(0, len(told), 4)), plain.append(told))
            await clock.advance(1)

    await pass_time(250)
    dying = asyncio.create_task(pass_time(10))
    await store.append([reading(START, "unit0", table="gen2_packs", pack1_temperature=20)])
    doomed.kill()  # with commits under way
    await dying
    await pass_time(60)  # it is tried thirty times to connect
    assert str(store.health()["state"]).startswith("degraded: the server is away")
    assert int(store.health()["waiting"]) >= 60 * len(devices)

    doomed.start()
    await pass_time(10)  # and they go on while all that is caught up with
    caught_up = asyncio.create_task(store.caught_up())
    while not caught_up.done():
        await clock.advance(2)
        await asyncio.wait([caught_up], timeout=0.1)

    assert (store.health()["state"], store.health()["waiting"], store.health()["lost"]) == ("ok", 0, 0)
    for device in devices:
        for step_s in (None, 300, 3600):
            asked = (device, ["battery_power", "energy_charge"], START, after(3600))
            assert await store.series(*asked, step_s=step_s) == await plain.series(*asked, step_s=step_s)
    await store.close()


async def test_kill_9_of_server_and_hub_under_load_loses_nothing_acknowledged(doomed: Server, url: str, tmp_path: Path) -> None:
    chance = random.Random(2)
    promised = 0
    for kills_server in (True, False, True, True, False):
        writer = start_writer(f"postgres:{url}", str(tmp_path / "spool.db"))
        promised = acknowledged(writer, least=promised + chance.randrange(1, 4000))
        if kills_server:
            doomed.kill()
            promised = acknowledged(writer, least=promised + chance.randrange(1, 4000))
            doomed.start()
            promised = acknowledged(writer, least=promised + chance.randrange(1, 4000))
        writer.kill()
        promised = max(promised, acknowledged(writer))
    store = PostgresStore(url, spool=tmp_path / "spool.db", clock=SystemClock(), raw_days=10_000)
    await store.open([COUNTS])
    await store.caught_up()
    found = await numbers(store)
    await store.close()
    assert found == list(range(len(found)))
    assert len(found) >= promised > 0
