"""A file of the embedded store that an earlier version wrote is brought up to date, and says the same as before."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path

import pytest

from indevolt.clock import ManualClock
from indevolt.store import Aggregate, Stored
from indevolt.store.sqlite import SqliteStore

from .conftest import POWER, START, TABLES, after, reading, values

FIRST = """
PRAGMA application_id = 1229866070;
PRAGMA user_version = 1;
CREATE TABLE feed (
    id INTEGER PRIMARY KEY, device TEXT NOT NULL, "table" TEXT NOT NULL, rolled INTEGER NOT NULL, newest TEXT NOT NULL,
    UNIQUE (device, "table"));
CREATE TABLE quantity (
    "table" TEXT NOT NULL, number INTEGER NOT NULL, sql TEXT NOT NULL, name TEXT NOT NULL, unit TEXT NOT NULL,
    digits INTEGER NOT NULL, kind TEXT NOT NULL, words TEXT NOT NULL, PRIMARY KEY ("table", number));
CREATE TABLE sealed (key INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE journal (
    number INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, device TEXT NOT NULL, actor TEXT NOT NULL,
    text TEXT NOT NULL, data TEXT NOT NULL);
CREATE INDEX journal_at ON journal (at);
CREATE TABLE state (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE raw_gen2_power (
    _key INTEGER PRIMARY KEY, battery_power INTEGER, battery_soc INTEGER, energy_charge INTEGER, battery_state INTEGER,
    meter_connected INTEGER);
CREATE TABLE five_gen2_power (
    _key INTEGER PRIMARY KEY, battery_power__n INTEGER, battery_power__sum INTEGER, battery_power__min INTEGER,
    battery_power__max INTEGER, battery_power__last INTEGER, battery_soc__n INTEGER, battery_soc__sum INTEGER,
    battery_soc__min INTEGER, battery_soc__max INTEGER, battery_soc__last INTEGER, energy_charge__min INTEGER,
    energy_charge__last INTEGER, battery_state__last INTEGER, meter_connected__last INTEGER);
"""


def file_of_the_first_version(path: Path) -> None:
    """Write what version 1 made of twelve minutes: a reading every minute, every other one without a state of charge."""
    at_ms = int(START.timestamp() * 1000)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(FIRST)
        connection.execute("INSERT INTO feed VALUES (1, 'cellar', 'gen2_power', ?, '{}')", (at_ms + 600_000,))
        for number, column in enumerate(POWER.columns, start=1):
            row = (
                "gen2_power",
                number,
                column.name,
                column.name,
                column.unit,
                column.digits,
                column.kind,
                json.dumps(column.words),
            )
            connection.execute("INSERT INTO quantity VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        for minute in range(12):
            soc = None if minute % 2 else 500 + minute
            connection.execute(
                "INSERT INTO raw_gen2_power VALUES (?, ?, ?, ?, ?, 1)",
                (1 << 42 | at_ms + minute * 60_000, minute * 10, soc, 1000 + minute, minute % 3),
            )
        for start_ms, fields in (
            (at_ms, (5, 100, 0, 40, 40, 3, 1506, 500, 504, 504, 1000, 1004, 1, 1)),
            (at_ms + 300_000, (5, 350, 50, 90, 90, 2, 1014, 506, 508, 508, 1005, 1009, 0, 1)),
        ):
            connection.execute(
                "INSERT INTO five_gen2_power VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (1 << 42 | start_ms, *fields)
            )
        connection.commit()


@pytest.fixture
async def store(tmp_path: Path) -> SqliteStore:
    file_of_the_first_version(tmp_path / "history.db")
    store = SqliteStore(tmp_path / "history.db", clock=ManualClock())
    await store.open(TABLES)
    return store


async def test_readings_of_the_first_version_are_as_they_were(store: SqliteStore) -> None:
    assert store.moved_aside is None
    assert await values(store, "battery_power") == [minute * 10.0 for minute in range(12)]
    assert (await values(store, "battery_soc"))[:3] == [50.0, None, 50.2]
    assert (await values(store, "battery_state"))[:4] == ["standby", "charging", "discharging", "standby"]
    assert await values(store, "meter_connected") == [True] * 12
    assert (await store.last())["cellar"]["battery_soc"] == (after(600), 51.0)
    await store.close()


async def test_roll_ups_of_the_first_version_are_as_they_were(store: SqliteStore) -> None:
    async def fives(name: str, aggregate: Aggregate) -> list[Stored | None]:
        return (await values(store, name, step_s=300, hours=1 / 6, aggregate=aggregate))[:2]

    assert await fives("battery_power", Aggregate.MEAN) == [20.0, 70.0]
    assert await fives("battery_power", Aggregate.MIN) == [0.0, 50.0]
    assert await fives("battery_power", Aggregate.MAX) == [40.0, 90.0]
    assert await fives("battery_soc", Aggregate.MEAN) == [50.2, 50.7]
    assert await fives("battery_soc", Aggregate.LAST) == [50.4, 50.8]
    assert await fives("energy_charge", Aggregate.MIN) == [1000.0, 1005.0]
    assert await fives("battery_state", Aggregate.LAST) == ["charging", "standby"]
    await store.close()


async def test_a_file_of_the_first_version_goes_on_and_ages(store: SqliteStore) -> None:
    await store.append([reading(after(720 + each * 60), battery_power=each, battery_state="charging") for each in range(10)])
    before = [await values(store, name) for name in ("battery_power", "battery_state", "battery_soc")]
    assert before[1][-1] == "charging"

    await store.maintain(after(3 * 86400))

    assert [await values(store, name) for name in ("battery_power", "battery_state", "battery_soc")] == before
    await store.close()
