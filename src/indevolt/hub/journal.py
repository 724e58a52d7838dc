"""The journal: what happened to devices and hub, in order, for ever. Who did what, why, what was before, what came of it.

Entries go to the store, and to whoever listens on the bus. A store that is away does not stop the hub: entries wait in memory then.
"""

from __future__ import annotations

import asyncio
from collections import deque
from enum import StrEnum
from typing import Final

from indevolt.clock import Clock
from indevolt.errors import StoreFull, StoreUnavailable
from indevolt.hub.bus import Bus
from indevolt.hub.events import Noted
from indevolt.store import Entry, Store

WAITING: Final = 10_000  # entries kept while the store is away: days of an ordinary home


class Kind(StrEnum):
    """What an entry is about."""

    HUB = "hub"  # start, stop, services
    CONNECTION = "connection"  # a device came, went, was refused, was replaced, restarted
    FIRMWARE = "firmware"
    WRITE = "write"  # a setting or a command: intended, and what came of it
    DECISION = "decision"  # who decides what a battery does, and why
    ALERT = "alert"
    STORE = "store"


class Journal:
    """Writes entries down."""

    def __init__(self, store: Store, bus: Bus, clock: Clock) -> None:
        self._store = store
        self._bus = bus
        self._clock = clock
        self._waiting: deque[Entry] = deque(maxlen=WAITING)
        self._catching_up = asyncio.Lock()  # two at once would write one entry twice, and lose another

    async def note(self, kind: Kind, text: str, *, device: str = "", actor: str = "hub", **data: object) -> Entry:
        """Write an entry and tell the bus. The number is 0 while the store is away."""
        entry = Entry(0, self._clock.now(), kind.value, device, actor, text, data)
        try:
            await self.catch_up()
            entry = await self._write(entry)
        except (StoreUnavailable, StoreFull):
            self._waiting.append(entry)
        self._bus.publish(Noted(entry))
        return entry

    async def catch_up(self) -> None:
        """Write what had to wait.

        Raises:
            StoreUnavailable, StoreFull: the store is still away, or has no room.
        """
        async with self._catching_up:
            while self._waiting:
                entry = self._waiting[0]
                await self._write(entry)
                if self._waiting and self._waiting[0] is entry:  # else it was the oldest of too many, and has been dropped
                    self._waiting.popleft()

    async def _write(self, entry: Entry) -> Entry:
        return await self._store.journal(entry.at, entry.kind, entry.text, device=entry.device, actor=entry.actor, data=entry.data)
