"""From updates to the store, in batches of at most a second. What waits while the store is away is the store's own affair."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Final

from indevolt.errors import StoreFull
from indevolt.hub.events import Tier, Update
from indevolt.hub.tiers import table_name, tables_of
from indevolt.store import StoredReading

if TYPE_CHECKING:
    from indevolt.hub.hub import Hub

BATCH_S: Final = 1.0  # what a kill -9 may cost at most
QUEUED: Final = 20_000  # updates that may wait for the writer: some seconds of 2000 devices


async def serve_recorder(hub: Hub) -> None:
    """Store every update until cancelled; what waits then is stored first."""
    with hub.bus.subscribe(Update, size=QUEUED) as updates:
        waiting: list[Update] = []
        try:
            while True:
                waiting = [await updates.get()]
                await hub.clock.sleep(BATCH_S)
                waiting += updates.take()
                await _store(hub, waiting)
                waiting = []
        finally:  # what is stored twice is kept once
            await _store(hub, (*waiting, *updates.take()))


async def _store(hub: Hub, updates: Iterable[Update]) -> None:
    if readings := tuple(_stored(updates)):
        with suppress(StoreFull):  # counted in the store's health, where alerts look
            await hub.store.append(readings)


def _stored(updates: Iterable[Update]) -> Iterator[StoredReading]:
    """Yield what is kept of updates: live values. Versions and serial numbers have no history; their changes are in the journal."""
    for update in updates:
        if update.tier is Tier.IDENTITY:
            continue
        reading = update.reading
        table = table_name(reading.family, update.tier)
        values = reading.live()
        for name in values.keys() - _columns(reading.family, table):
            del values[name]
        if values:
            yield StoredReading(update.device, table, reading.at, values)


@cache
def _columns(family: str, table: str) -> frozenset[str]:
    return frozenset(column.name for each in tables_of(family) if each.name == table for column in each.columns)
