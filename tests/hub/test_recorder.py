"""What is read is stored: live values only, in batches, and nothing is lost when the hub stops."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from kept_house import NAME, a_hub, at_work, home

from indevolt.battery import Quality, Reading, Sample, Value
from indevolt.clock import ManualClock
from indevolt.errors import StoreFull, StoreUnavailable
from indevolt.hub.config import Config
from indevolt.hub.events import Tier, Update
from indevolt.hub.hub import Hub
from indevolt.hub.recorder import BATCH_S, serve_recorder
from indevolt.hub.tiers import tables_of
from indevolt.store import StoredReading
from indevolt.store.memory import MemoryStore

START = datetime(2026, 6, 21, 10, tzinfo=UTC)


class Counting(MemoryStore):
    """A store that tells what it was given, and may have no room."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock=clock)
        self.batches: list[Sequence[StoredReading]] = []
        self.error: Exception | None = None

    async def append(self, readings: Sequence[StoredReading]) -> None:
        if self.error is not None:
            raise self.error
        self.batches.append(readings)
        await super().append(readings)


def update(second: int, tier: Tier = Tier.POWER, quality: Quality = Quality.LIVE, **values: Value | None) -> Update:
    at = START + timedelta(seconds=second)
    samples = {name: Sample(name, value, "", at, quality) for name, value in values.items()}
    return Update(NAME, tier, Reading(NAME, "gen2", at, samples), second)


async def prepared() -> tuple[Hub, Counting, ManualClock]:
    clock = ManualClock(START)
    store = Counting(clock)
    await store.open(tables_of("gen2"))
    return a_hub(Config(), clock, store), store, clock


async def test_what_comes_within_a_second_is_one_batch() -> None:
    hub, store, clock = await prepared()
    async with at_work(serve_recorder(hub)):
        await clock.advance(0)
        for second in range(3):
            hub.bus.publish(update(second, battery_soc=50 + second))
        await clock.advance(BATCH_S / 2)
        assert store.batches == []
        hub.bus.publish(update(3, battery_soc=53))
        await clock.advance(BATCH_S / 2)
        assert [len(batch) for batch in store.batches] == [4]
        hub.bus.publish(update(4, battery_soc=54))
        await clock.advance(BATCH_S)
        assert [len(batch) for batch in store.batches] == [4, 1]
    series = await store.series(NAME, ["battery_soc"], START, START + timedelta(minutes=1))
    assert list(series.columns["battery_soc"]) == [50, 51, 52, 53, 54]


async def test_a_stop_at_any_moment_loses_nothing() -> None:
    hub, store, clock = await prepared()
    async with at_work(serve_recorder(hub)):
        await clock.advance(0)
        hub.bus.publish(update(0, battery_soc=50))
        await clock.advance(BATCH_S / 2)
        hub.bus.publish(update(1, battery_soc=51))
    assert [reading.at for batch in store.batches for reading in batch] == [START, START + timedelta(seconds=1)]


async def test_only_what_is_live_and_has_a_column_is_kept() -> None:
    hub, store, clock = await prepared()
    async with at_work(serve_recorder(hub)):
        await clock.advance(0)
        hub.bus.publish(update(0, quality=Quality.QUARANTINED, battery_soc=None))
        hub.bus.publish(update(1, quality=Quality.OFFLINE, battery_soc=50))
        hub.bus.publish(update(2, Tier.IDENTITY, battery_serial="A"))
        hub.bus.publish(update(3, battery_soc=51, device_time="10:00"))
        hub.bus.publish(update(4, Tier.DERIVED, house_power=700.0))
        await clock.advance(BATCH_S)
    (batch,) = store.batches
    assert [(reading.table, dict(reading.values)) for reading in batch] == [
        ("gen2_power", {"battery_soc": 51}),
        ("derived", {"house_power": 700.0}),
    ]


async def test_a_store_without_room_does_not_end_the_hub() -> None:
    hub, store, clock = await prepared()
    async with at_work(serve_recorder(hub)):
        await clock.advance(0)
        store.error = StoreFull("no room")
        hub.bus.publish(update(0, battery_soc=50))
        await clock.advance(2 * BATCH_S)
        store.error = None
        hub.bus.publish(update(1, battery_soc=51))
        await clock.advance(2 * BATCH_S)
    assert [len(batch) for batch in store.batches] == [1]


async def test_a_store_that_is_broken_does() -> None:
    hub, store, clock = await prepared()
    recording = asyncio.create_task(serve_recorder(hub))
    await clock.advance(0)
    store.error = StoreUnavailable("gone")
    hub.bus.publish(update(0, battery_soc=50))
    await clock.advance(2 * BATCH_S)
    with pytest.raises(StoreUnavailable):
        await recording


async def test_a_house_of_a_quarter_of_an_hour_is_there_afterwards_without_a_hole() -> None:
    async with home() as it:
        await it.pass_time(900)
        end = it.clock.now()
        series = await it.hub.store.series(NAME, ["battery_power", "house_power"], end - timedelta(minutes=10), end, step_s=30)
    assert len(series.times) in (20, 21)  # steps begin at whole half minutes
    assert None not in series.columns["battery_power"]
    assert None not in series.columns["house_power"]
