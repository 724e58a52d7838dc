"""How services hear of each other's events, in one process: publish never waits, and a slow listener loses the oldest."""

from __future__ import annotations

import asyncio
from collections import deque
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from indevolt.hub.events import Event

QUEUED = 256  # events that may wait for one listener: about a minute of a home with three devices
EventT = TypeVar("EventT", bound=Event)


class Subscription(Generic[EventT]):
    """One listener's queue: ``with bus.subscribe(Update) as updates: async for update in updates: ...``.

    ``missed`` counts what was lost because the listener was too slow.
    """

    def __init__(self, bus: Bus, kinds: tuple[type[EventT], ...], size: int) -> None:
        self.missed = 0
        self._bus = bus
        self._kinds = kinds
        self._size = size
        self._queue: deque[EventT] = deque()
        self._waiting: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        return len(self._queue)

    def __enter__(self) -> Self:
        self._bus.listeners.append(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bus.listeners.remove(self)
        self._bus.missed_before += self.missed

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> EventT:
        return await self.get()

    async def get(self) -> EventT:
        """Return the next event, waiting for it."""
        while not self._queue:
            self._waiting = asyncio.get_running_loop().create_future()
            try:
                await self._waiting
            finally:
                self._waiting = None
        return self._queue.popleft()

    def take(self) -> list[EventT]:
        """Return what waits, without waiting."""
        taken = list(self._queue)
        self._queue.clear()
        return taken

    def offer(self, event: Event) -> None:
        """Queue an event if it is of a kind that is listened for."""
        if not isinstance(event, self._kinds):
            return
        if len(self._queue) >= self._size:
            self._queue.popleft()
            self.missed += 1
        self._queue.append(event)
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)


class Bus:
    """Passes events to whoever listens."""

    def __init__(self) -> None:
        self.listeners: list[Subscription[Any]] = []
        self.missed_before = 0  # by those that have left

    @property
    def missed(self) -> int:
        """How many events were lost, by all listeners that ever were."""
        return self.missed_before + sum(listener.missed for listener in self.listeners)

    def publish(self, event: Event) -> None:
        """Offer an event to all listeners; returns at once."""
        for listener in tuple(self.listeners):
            listener.offer(event)

    def subscribe(self, *kinds: type[EventT], size: int = QUEUED) -> Subscription[EventT]:
        """Return a subscription to events of some kinds; it begins with its ``with``."""
        return Subscription(self, kinds, size)
