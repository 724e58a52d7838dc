"""The journal loses no entry while the store is away, and writes none twice."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from indevolt.clock import ManualClock
from indevolt.errors import IndevoltError, StoreFull, StoreUnavailable
from indevolt.hub.bus import Bus
from indevolt.hub.events import Noted
from indevolt.hub.journal import WAITING, Journal, Kind
from indevolt.store import Entry
from indevolt.store.memory import MemoryStore


class Wayward(MemoryStore):
    """A store that is away while ``error`` is set, and takes a moment for each entry."""

    error: IndevoltError | None = None

    async def journal(self, *entry: Any, **facts: Any) -> Entry:
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        return await super().journal(*entry, **facts)

    async def texts(self) -> list[str]:
        return [entry.text for entry in await self.entries(limit=100_000)]


class Desk:
    """A journal, its store and who listens."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.store = Wayward(clock=self.clock)
        self.bus = Bus()
        self.journal = Journal(self.store, self.bus, self.clock)

    async def note(self, text: str) -> Entry:
        return await self.journal.note(Kind.CONNECTION, text, device="cellar", reason="a test")


async def test_an_entry_is_kept_and_told_with_its_number_and_facts() -> None:
    desk = Desk()
    with desk.bus.subscribe(Noted) as heard:
        entry = await desk.note("answers")
        assert [event.entry for event in heard.take()] == [entry]
    assert (entry.number, entry.at, entry.kind, entry.device, entry.actor) == (1, desk.clock.now(), "connection", "cellar", "hub")
    assert entry.data == {"reason": "a test"}
    assert await desk.store.entries() == [entry]


@pytest.mark.parametrize("error", [StoreUnavailable("away"), StoreFull("no room")])
async def test_entries_wait_while_the_store_is_away_and_keep_their_time_and_order(error: IndevoltError) -> None:
    desk = Desk()
    start = desk.clock.now()
    desk.store.error = error
    with desk.bus.subscribe(Noted) as heard:
        for text in ("first", "second"):
            assert (await desk.note(text)).number == 0
            desk.clock.tick(60)
        assert [event.entry.text for event in heard.take()] == ["first", "second"]
    desk.store.error = None
    assert (await desk.note("third")).number == 3
    entries = await desk.store.entries()
    assert [entry.text for entry in entries] == ["first", "second", "third"]
    assert [(entry.at - start).total_seconds() for entry in entries] == [0, 60, 120]


async def test_many_that_write_at_once_when_it_is_back_lose_and_double_nothing() -> None:
    desk = Desk()
    desk.store.error = StoreUnavailable("away")
    for number in range(5):
        await desk.note(f"waited {number}")
    desk.store.error = None
    await asyncio.gather(*(desk.note(f"new {number}") for number in range(5)))
    texts = await desk.store.texts()
    assert texts[:5] == [f"waited {number}" for number in range(5)]
    assert sorted(texts[5:]) == [f"new {number}" for number in range(5)]


async def test_of_too_many_the_oldest_are_given_up() -> None:
    desk = Desk()
    desk.store.error = StoreUnavailable("away")
    for number in range(WAITING + 3):
        await desk.note(str(number))
    desk.store.error = None
    await desk.journal.catch_up()
    texts = await desk.store.texts()
    assert (texts[0], texts[-1], len(texts)) == ("3", str(WAITING + 2), WAITING)
