"""What only the embedded store can: a file that is damaged, full, copied, taken, killed."""

from __future__ import annotations

import errno
import random
import resource
import sqlite3
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from indevolt.clock import ManualClock
from indevolt.errors import InvalidInput, StoreDamaged, StoreFull, StoreUnavailable
from indevolt.store import StoredReading
from indevolt.store.newest import Newest
from indevolt.store.sqlite import SqliteStore
from indevolt.store.sqlite_book import Addition, Book
from indevolt.store.sqlite_file import unopened
from indevolt.store.sqlite_writer import WriterThread

from .conftest import START, TABLES, after, reading
from .crashing import acknowledged, kept, start_writer


def readings(count: int, *, first: int = 0, every_s: float = 5) -> list[StoredReading]:
    chance = random.Random(first)
    return [
        reading(
            after(each * every_s), battery_power=chance.randint(-2400, 2400), battery_soc=chance.random() * 100, energy_charge=each
        )
        for each in range(first, first + count)
    ]


def a_store(path: Path, **options: Any) -> SqliteStore:
    return SqliteStore(path, clock=ManualClock(), **options)


async def powers(store: SqliteStore) -> list[object]:
    series = await store.series("cellar", ["battery_power"], START - timedelta(days=1), after(10 * 86400))
    return list(series.columns["battery_power"])


# ---- damage ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", [0, 100, 4096 * 3])
async def test_a_damaged_file_is_moved_aside_and_a_new_one_begins(tmp_path: Path, where: int) -> None:
    path = tmp_path / "history.db"
    store = a_store(path)
    await store.open(TABLES)
    await store.append(readings(2000))
    await store.close()
    before = bytearray(path.read_bytes())
    before[where : where + 4096] = b"\xa5" * 4096
    path.write_bytes(before)

    again = a_store(path)
    await again.open(TABLES)
    await again.append(readings(1))

    moved = tmp_path / "history.db.damaged-20260621T100000Z"
    assert again.moved_aside == moved
    assert moved.read_bytes() == before
    assert len(await powers(again)) == 1
    (entry,) = await again.entries()
    assert (entry.kind, entry.data) == ("store", {"moved_to": str(moved)})
    await again.close()


async def test_a_file_that_is_damaged_while_it_is_open_is_moved_aside_too(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    store = a_store(path, check=False)
    await store.open(TABLES)
    await store.append(readings(5000))
    await store.close()
    damaged = bytearray(path.read_bytes())
    for page in range(len(damaged) // 4096 // 3, len(damaged) // 4096 // 2):
        damaged[page * 4096 : page * 4096 + 64] = b"\xa5" * 64
    path.write_bytes(damaged)
    again = a_store(path, check=False)
    await again.open(TABLES)

    with pytest.raises(StoreUnavailable):
        await powers(again)
    await again.append(readings(1, first=5000))

    assert again.moved_aside is not None
    assert again.moved_aside.stat().st_size == len(damaged)
    assert len(await powers(again)) == 1
    assert again.health()["state"] == "ok"
    assert [entry.kind for entry in await again.entries()] == ["store"]
    await again.close()


async def test_a_file_that_begins_anew_on_a_full_disk_is_tried_again_until_there_is_room(tmp_path: Path) -> None:
    book = Book(tmp_path / "history.db", ManualClock(), Newest(), max_bytes=None, check=True)
    book.open(TABLES)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, before[1]))  # room for the file, and not for its tables
    try:
        with pytest.raises(sqlite3.OperationalError, match="disk"):
            book.begin_anew()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    book.keep([Addition([book.layouts.encode(reading(after(5), battery_power=2))])])
    book.close()
    store = a_store(tmp_path / "history.db")
    await store.open(TABLES)
    assert await powers(store) == [2.0]
    await store.close()


@pytest.mark.parametrize("content", [b"Dear diary, ...", b"\x00" * 100])
async def test_a_file_of_something_else_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "diary.txt"
    path.write_bytes(content)
    with pytest.raises(StoreDamaged, match="no database of ours"):
        await a_store(path).open(TABLES)
    assert path.read_bytes() == content


async def test_a_database_of_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "home-assistant.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE states (state_id INTEGER PRIMARY KEY)")
    other.close()
    with pytest.raises(StoreDamaged, match="something else"):
        await a_store(path).open(TABLES)


async def test_a_file_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    store = a_store(path)
    await store.open(TABLES)
    await store.close()
    with sqlite3.connect(path) as later:
        later.execute("PRAGMA user_version = 99")
    later.close()
    with pytest.raises(StoreDamaged, match="later version"):
        await a_store(path).open(TABLES)


async def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreUnavailable):
        await a_store(tmp_path / "file" / "history.db").open(TABLES)


async def test_only_one_store_may_write_a_file(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    store = a_store(path)
    await store.open(TABLES)
    with pytest.raises(StoreUnavailable, match="another process"):
        await a_store(path).open(TABLES)
    await store.close()
    again = a_store(path)
    await again.open(TABLES)
    await again.close()


# ---- no room ---------------------------------------------------------------------------------------------------------


async def test_on_a_full_disk_readings_wait_in_memory_and_are_kept_when_there_is_room(tmp_path: Path) -> None:
    store = a_store(tmp_path / "history.db", max_bytes=300_000)
    await store.open(TABLES)
    for first in range(0, 20_000, 1000):
        await store.append(readings(1000, first=first))
    entry = await store.journal(START, "hub", "the disk is full")
    await store.put("offset", "1")

    health = store.health()
    assert str(health["state"]).startswith("degraded: database or disk is full")
    assert int(health["waiting"]) > 5000
    assert health["lost"] == 0
    assert (await store.last())["cellar"]["battery_power"][0] == after(19_999 * 5)
    assert await store.entries() == [entry]
    assert await store.get("offset") == "1"

    store.max_bytes = None
    await store.append(readings(1, first=20_000))

    assert (store.health()["state"], store.health()["waiting"]) == ("ok", 0)
    assert len(await powers(store)) == 20_001
    assert await store.entries() == [entry]
    assert await store.get("offset") == "1"
    await store.close()


async def test_what_waits_is_kept_by_upkeep_as_well(tmp_path: Path) -> None:
    store = a_store(tmp_path / "history.db", max_bytes=300_000)
    await store.open(TABLES)
    await store.append(readings(20_000))
    assert store.health()["waiting"] == 20_000
    store.max_bytes = None

    await store.maintain(START)

    assert store.health()["waiting"] == 0
    assert len(await powers(store)) == 20_000
    await store.close()


async def test_what_may_wait_has_a_bound_and_nothing_accepted_is_given_up_for_it(tmp_path: Path) -> None:
    store = a_store(tmp_path / "history.db", max_bytes=200_000, most_waiting=1500)
    await store.open(TABLES)
    await store.append(readings(1000))
    accepted = 1000
    for _ in range(100):
        try:
            await store.append(readings(500, first=accepted))
        except StoreFull:
            break
        accepted += 500
    assert store.health()["lost"] == 500

    store.max_bytes = None
    await store.maintain(START)

    assert len(await powers(store)) == accepted
    await store.close()


def names_in(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir()]


# ---- copies and room -------------------------------------------------------------------------------------------------


async def test_a_backup_made_while_all_goes_on_can_be_opened_in_its_place(tmp_path: Path) -> None:
    store = a_store(tmp_path / "history.db")
    await store.open(TABLES)
    await store.append(readings(3000))
    entry = await store.journal(START, "hub", "started")

    await store.backup(tmp_path / "copy.db")

    await store.append(readings(10, first=3000))
    with pytest.raises(InvalidInput, match="exists already"):
        await store.backup(tmp_path / "copy.db")
    copy = a_store(tmp_path / "copy.db")
    await copy.open(TABLES)
    assert copy.moved_aside is None
    assert len(await powers(copy)) == 3000
    assert await copy.entries() == [entry]
    assert not (tmp_path / "copy.db.part").exists()
    await copy.close()
    await store.close()


async def test_what_is_not_there_has_no_backup_and_nothing_is_made_of_it(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no history in"):
        await a_store(tmp_path / "history.db").backup(tmp_path / "copy.db")
    assert not names_in(tmp_path)

    (tmp_path / "history.db").touch()
    with pytest.raises(InvalidInput, match="no history of ours"):
        await a_store(tmp_path / "history.db").backup(tmp_path / "copy.db")
    assert names_in(tmp_path) == ["history.db"]


@pytest.mark.parametrize("said_by", ["sqlite", "system"])
def test_a_history_that_finds_no_room_to_begin_says_to_free_some(said_by: str) -> None:
    found: OSError | sqlite3.Error = OSError(errno.ENOSPC, "No space left on device")
    if said_by == "sqlite":
        database = sqlite3.connect(":memory:")
        database.execute("PRAGMA max_page_count = 1")
        with pytest.raises(sqlite3.OperationalError, match="full") as raised:
            database.execute("CREATE TABLE feed (id INTEGER PRIMARY KEY)")
        found = raised.value
    assert unopened(Path("history.db"), found).remedy.startswith("Free space")
    assert not unopened(Path("history.db"), PermissionError(errno.EACCES, "Permission denied")).remedy.startswith("Free space")


async def test_a_backup_that_finds_no_room_leaves_nothing_behind(tmp_path: Path) -> None:
    store = a_store(tmp_path / "history.db")
    await store.open(TABLES)
    await store.append(readings(3000))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, before[1]))  # no file may become larger: as on a disk that is nearly full
    try:
        with pytest.raises(StoreUnavailable, match="no backup"):
            await store.backup(tmp_path / "copy.db")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not [name for name in names_in(tmp_path) if name.startswith("copy")]
    await store.close()


async def test_a_backup_to_where_nobody_may_write_is_told(tmp_path: Path) -> None:
    store = a_store(tmp_path / "history.db")
    await store.open(TABLES)
    with pytest.raises(StoreUnavailable, match="no backup"):
        await store.backup(tmp_path / "missing" / "copy.db")
    await store.close()


async def test_sealed_days_are_small_and_the_disk_gets_its_room_back(tmp_path: Path) -> None:
    store = a_store(tmp_path / "history.db")
    await store.open(TABLES)
    for first in range(0, 17_280 * 6, 17_280):
        await store.append(readings(17_280, first=first))
    before = await powers(store)
    size = int(store.health()["size_bytes"])

    upkeep = await store.maintain(after(8 * 86400))
    assert (await store.maintain(after(8 * 86400))).sealed == 0
    await store.close()

    assert upkeep.sealed == 17_280 * 6
    assert (tmp_path / "history.db").stat().st_size < size / 1.5
    again = a_store(tmp_path / "history.db")
    await again.open(TABLES)
    assert await powers(again) == before
    await again.close()


@pytest.mark.parametrize(("raw_days", "five_minute_days"), [(0, None), (90, 30)])
def test_days_that_make_no_sense_are_refused(tmp_path: Path, raw_days: int, five_minute_days: int | None) -> None:
    with pytest.raises(InvalidInput, match="raw_days"):
        a_store(tmp_path / "history.db", raw_days=raw_days, five_minute_days=five_minute_days)


# ---- kill -9 ---------------------------------------------------------------------------------------------------------


async def test_kill_9_at_any_moment_loses_nothing_acknowledged_and_doubles_nothing(tmp_path: Path) -> None:
    chance = random.Random(4)
    path = tmp_path / "history.db"
    promised = 0
    for _ in range(10):
        writer = start_writer(f"sqlite:{path}")
        promised = acknowledged(writer, least=promised + chance.randrange(1, 4000))
        writer.kill()
        promised = max(promised, acknowledged(writer))
        store = a_store(path)
        await store.open(())
        assert store.moved_aside is None
        await store.close()
    found = await kept(path)
    assert found == list(range(len(found)))
    assert len(found) >= promised


def test_the_writer_of_these_tests_can_be_started_alone() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "stores.crashing"], cwd=Path(__file__).parents[1], check=False, capture_output=True
    )
    assert b"usage" in done.stderr


async def test_who_hands_something_over_can_wait_for_it_however_quick_the_thread_is(tmp_path: Path) -> None:
    """On a busy machine the thread may be done before :meth:`WriterThread.add` returns, which once kept a hub from starting."""
    book = Book(tmp_path / "history.sqlite3", ManualClock(), Newest(), max_bytes=None, check=False)
    book.open([])
    writer = WriterThread(book, most_waiting=10, moved=lambda: None)
    addition = Addition(state=[("key", "value")])

    def let_the_thread_finish(_frame: FrameType, event: str, called: Any) -> None:
        while event == "c_return" and called.__name__ == "put" and addition.accepted is not None:
            pass  # Python lets other threads run meanwhile

    writer.start()
    try:
        sys.setprofile(let_the_thread_finish)
        accepted = writer.add(addition)
        sys.setprofile(None)
        await accepted
    finally:
        sys.setprofile(None)
        writer.stop()
        book.close()
