"""History and energies through the API: what was, in steps or as it was read, with gaps as null."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timedelta
from typing import Any

import pyarrow.parquet
import pytest

from api.apihome import DEVICE, START, ApiHome
from indevolt.store import StoredReading


async def fill(it: ApiHome, *, hours: float, every_s: float = 300, gap: tuple[float, float] = (0, 0)) -> None:
    """Store hours of history before the start; nothing between the hours of the gap."""
    readings = []
    first = START - timedelta(hours=hours)
    for number in range(int(hours * 3600 / every_s)):
        at = first + timedelta(seconds=number * every_s)
        if gap[0] <= (at - first).total_seconds() / 3600 < gap[1]:
            continue
        readings.append(StoredReading("cellar", "gen2_power", at, {"battery_power": number, "mode": "self_use"}))
        readings.append(StoredReading("cellar", "derived", at, {"energy_charge": 10.0 * number}))
    await it.hub.store.append(readings)


def between(hours: float) -> str:
    start = START - timedelta(hours=hours)
    return f"start={start:%Y-%m-%dT%H:%M:%SZ}&end={START:%Y-%m-%dT%H:%M:%SZ}"


async def test_history_comes_in_steps_and_gaps_are_null(it: ApiHome) -> None:
    await fill(it, hours=4, gap=(1, 2))
    body = (await it.ask(f"{DEVICE}/history?names=battery_power,mode&step=3600&{between(4)}")).json
    assert body["step_s"] == 3600
    assert body["units"] == {"battery_power": "W", "mode": ""}
    assert body["times"][0] == "2026-06-21T06:00:00Z"
    assert body["columns"]["battery_power"] == [pytest.approx(5.5), None, pytest.approx(29.5), pytest.approx(41.5)]
    assert body["columns"]["mode"] == ["self_use", None, "self_use", "self_use"]


@pytest.mark.parametrize(("aggregate", "expected"), [("min", 0), ("max", 11), ("last", 11), ("mean", 5.5)])
async def test_another_value_may_stand_for_a_step(it: ApiHome, aggregate: str, expected: float) -> None:
    await fill(it, hours=1)
    body = (await it.ask(f"{DEVICE}/history?names=battery_power&step=3600&aggregate={aggregate}&{between(1)}")).json
    assert body["columns"]["battery_power"] == [pytest.approx(expected)]


async def test_history_comes_as_it_was_read(it: ApiHome) -> None:
    await fill(it, hours=1)
    body = (await it.ask(f"{DEVICE}/history?names=battery_power&step=raw&{between(1)}")).json
    assert body["step_s"] is None
    assert body["columns"]["battery_power"] == list(range(12))


@pytest.mark.parametrize(("hours", "step_s"), [(0.25, 1), (24, 300), (24 * 7, 900), (24 * 365, 12 * 3600 * 2)])
async def test_a_step_that_suits_a_screen_is_chosen(it: ApiHome, hours: float, step_s: int) -> None:
    body = (await it.ask(f"{DEVICE}/history?names=battery_power&{between(hours)}")).json
    assert body["step_s"] == step_s
    assert len(body["times"]) <= 1001


async def test_without_a_span_the_last_day_is_told(it: ApiHome) -> None:
    body = (await it.ask(f"{DEVICE}/history?names=battery_soc")).json
    start, end = (datetime.fromisoformat(body[each]) for each in ("start", "end"))
    assert end == it.clock.now()
    assert end - start == timedelta(days=1)


async def test_the_same_history_is_not_sent_twice(it: ApiHome) -> None:
    path = "/api/v1/devices/attic/history?names=battery_power&step=3600"
    first = await it.ask(path)
    it.clock.tick(1)  # by default the span ends now; the steps are still the same
    assert (await it.ask(path, headers={"If-None-Match": first.headers["etag"]})).status == 304


@pytest.mark.parametrize("how", [{"path": "&format=csv"}, {"headers": {"Accept": "text/csv, */*;q=0.1"}}])
async def test_history_comes_as_csv(it: ApiHome, how: dict[str, Any]) -> None:
    await fill(it, hours=1)
    path = f"{DEVICE}/history?names=battery_power,mode&step=900&{between(1)}{how.get('path', '')}"
    answer = await it.ask(path, headers=how.get("headers"))
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "cellar-20260621T090000Z.csv" in answer.headers["content-disposition"]
    rows = list(csv.reader(io.StringIO(answer.body.decode())))
    assert rows[0] == ["at", "battery_power", "mode"]
    assert len(rows) == 5


async def test_history_comes_as_parquet(it: ApiHome) -> None:
    await fill(it, hours=1)
    answer = await it.ask(f"{DEVICE}/history?names=battery_power&step=900&{between(1)}&format=parquet")
    table = pyarrow.parquet.read_table(io.BytesIO(answer.body))
    assert table.num_rows == 4
    assert "battery_power" in table.column_names


@pytest.mark.parametrize(
    ("query", "facts"),
    [
        ("names=battery_power&step=0", "step: 0 s"),
        ("names=battery_power&step=1&start=2026-06-01T00:00:00Z", "steps of 1 s"),
        ("names=battery_power&step=raw&start=2026-01-01T00:00:00Z", "step: raw over"),
        ("names=battery_power&start=2026-06-21T10:00:00Z&end=2026-06-21T09:00:00Z", "is not before end"),
        ("names=battery_power&start=2026-06-21T10:00:00", "query.start"),
        ("names=battery_power&start=1000-06-21T10:00:00Z", "between the years"),
        ("names=battery_power&start=0001-01-01T00:00:00%2B14:00", "between the years"),
        ("step=60", "query.names"),
    ],
)
async def test_history_that_makes_no_sense_is_refused(it: ApiHome, query: str, facts: str) -> None:
    answer = await it.ask(f"{DEVICE}/history?{query}")
    assert answer.status == 422
    assert facts in answer.json["detail"]
    assert answer.json["remedy"]


async def test_energies_are_told_per_day_of_the_site(it: ApiHome) -> None:
    await fill(it, hours=48)
    body = (await it.ask(f"{DEVICE}/energies?period=day&names=energy_charge&start=2026-06-18T22:00:00Z")).json
    assert (body["zone"], body["unit"], body["period"]) == ("Europe/Berlin", "Wh", "day")
    assert [each["start"] for each in body["energies"]] == [
        "2026-06-19T00:00:00+02:00",
        "2026-06-20T00:00:00+02:00",
        "2026-06-21T00:00:00+02:00",
    ]
    middle = body["energies"][1]["values"]["energy_charge"]
    assert middle == pytest.approx(24 * 12 * 10, rel=0.02)


async def test_energies_of_another_zone_and_of_all_counters(it: ApiHome) -> None:
    body = (await it.ask(f"{DEVICE}/energies?period=hour&zone=UTC")).json
    assert body["zone"] == "UTC"
    assert set(body["energies"][0]["values"]) >= {"energy_charge", "energy_grid_import", "energy_house"}


@pytest.mark.parametrize(
    ("query", "facts"),
    [
        ("zone=Middle/Earth", "no time zone 'Middle/Earth'"),
        ("zone=../../etc/passwd", "no time zone"),
        ("zone=Europe", "no time zone"),
        ("names=battery_soc", "battery_soc is no energy"),
        ("names=pv_energy_today", "pv_energy_today begins anew each day"),
        ("period=hour&start=2020-01-01T00:00:00Z", "more than 10000"),
        ("period=decade", "query.period"),
    ],
)
async def test_energies_that_make_no_sense_are_refused(it: ApiHome, query: str, facts: str) -> None:
    answer = await it.ask(f"{DEVICE}/energies?{query}")
    assert answer.status == 422
    assert facts in answer.json["detail"]
