"""From updates to the store, in batches of at most a second. What waits while the store is away is the store's own affair."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache, lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from indevolt.battery import Columns, Reading, Row, Value
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
        if values := _kept(reading, _columns(reading.family, table)):
            yield StoredReading(update.device, table, reading.at, values)


def _kept(reading: Reading, columns: frozenset[str]) -> Mapping[str, Value]:
    """Return the live values that there are columns for."""
    row = reading.samples
    if isinstance(row, Row):
        names, pick = _picked(row.columns, tuple(row.odd), columns)
        return dict(zip(names, pick(row.told), strict=True))
    return {name: value for name, value in reading.live().items() if name in columns}


@lru_cache(maxsize=1024)  # a few selections of each family, and what is odd about some devices
def _picked(
    of: Columns, odd: tuple[str, ...], columns: frozenset[str]
) -> tuple[Sequence[str], Callable[[Sequence[Value | None]], Sequence[Value]]]:
    """Return which quantities of a row are kept, and what takes their values out of it."""
    names = [name for name in of.names if name in columns and name not in odd]
    places = [of.index[name] for name in names]
    return names, itemgetter(*places) if len(places) > 1 else lambda told: [told[at] for at in places]


@cache
def _columns(family: str, table: str) -> frozenset[str]:
    return frozenset(column.name for each in tables_of(family) if each.name == table for column in each.columns)
