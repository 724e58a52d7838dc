"""What all stores write into files for others, run over each back end."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pyarrow.parquet
import pytest

from indevolt.errors import InvalidInput
from indevolt.store import Store

from .conftest import START, after, reading


async def test_csv_has_a_row_per_time_and_nothing_where_nothing_is_known(store: Store) -> None:
    await store.append(
        [
            reading(after(0), battery_power=-230, battery_soc=55.5, battery_state="charging", meter_connected=True),
            reading(after(2 * 86400), battery_power=5),
        ]
    )
    sink = io.BytesIO()

    names = ["battery_power", "battery_soc", "battery_state", "meter_connected"]
    rows = await store.export("cellar", names, START, after(3 * 86400), sink=sink)

    assert rows == 2
    assert list(csv.reader(io.StringIO(sink.getvalue().decode()))) == [
        ["at", *names],
        ["2026-06-21T10:00:00Z", "-230", "55.5", "charging", "true"],
        ["2026-06-23T10:00:00Z", "5", "", "", ""],
    ]


async def test_an_export_in_steps_has_every_step_once(store: Store) -> None:
    await store.append([reading(after(each * 3600), battery_power=each) for each in range(50)])
    sink = io.BytesIO()

    rows = await store.export("cellar", ["battery_power"], after(1), after(50 * 3600), step_s=7200, sink=sink)

    assert rows == 25
    lines = sink.getvalue().decode().splitlines()
    assert (lines[1], lines[25]) == ("2026-06-21T10:00:00Z,0.5", "2026-06-23T10:00:00Z,48.5")


async def test_parquet_keeps_types(store: Store) -> None:
    await store.append([reading(after(0), battery_soc=55.5, battery_state="charging", meter_connected=True)])
    await store.append([reading(after(2 * 86400), battery_power=5)])
    sink = io.BytesIO()

    names = ["battery_power", "battery_soc", "battery_state", "meter_connected"]
    assert await store.export("cellar", names, START, after(3 * 86400), sink=sink, form="parquet") == 2

    sink.seek(0)
    assert pyarrow.parquet.read_table(sink).to_pylist() == [
        {"at": after(0), "battery_power": None, "battery_soc": 55.5, "battery_state": "charging", "meter_connected": True},
        {"at": after(2 * 86400), "battery_power": 5.0, "battery_soc": None, "battery_state": None, "meter_connected": None},
    ]


async def test_only_a_file_can_be_copied(store: Store, kind: str, tmp_path: Path) -> None:
    if kind == "sqlite":
        pytest.skip("SQLite is the one that can be copied, which test_sqlite.py tries")
    with pytest.raises(InvalidInput, match="copied"):
        await store.backup(tmp_path / "copy.db")
