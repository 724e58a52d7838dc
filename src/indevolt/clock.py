"""Time as an argument.

Whatever waits or dates takes a :class:`Clock`, so that a simulated day runs in seconds and no test ever sleeps. Nothing else in the
package asks the operating system for the time.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol


class Clock(Protocol):
    """What may be asked of time."""

    def now(self) -> datetime:
        """Return the wall-clock time, aware and in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go backwards; only differences mean something."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait; zero or less only lets others run."""
        ...


class SystemClock:
    """The real one."""

    def now(self) -> datetime:
        """Return the operating system's time in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return :func:`time.monotonic`."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait on the event loop."""
        await asyncio.sleep(max(0.0, seconds))


class FastClock:
    """A clock that runs ``speed`` times as fast as another one.

    It begins at the other clock's present, or at ``start``.
    """

    FASTEST: Final = 86_400.0
    """A day in a second; beyond that, what an event loop does between two wake-ups is longer than what is simulated."""

    def __init__(self, real: Clock, speed: float, *, start: datetime | None = None) -> None:
        """Start running.

        Args:
            real: the clock that it is faster than.
            speed: above 0 and up to :attr:`FASTEST`; 1 is real time.
            start: where it begins, aware.

        Raises:
            ValueError: a speed out of this range, or a start without a time zone.
        """
        if not 0 < speed <= self.FASTEST:
            raise ValueError(f"speed {speed:g} is out of range: above 0, up to {self.FASTEST:g}")
        if start is not None and start.tzinfo is None:
            raise ValueError(f"start {start} has no time zone")
        self.speed = speed
        self._real = real
        self._start = real.now() if start is None else start.astimezone(UTC)
        self._start_s = real.monotonic()

    def now(self) -> datetime:
        """Return the fast wall-clock time."""
        return self._start + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Return the fast seconds since the start."""
        return (self._real.monotonic() - self._start_s) * self.speed

    async def sleep(self, seconds: float) -> None:
        """Wait for so many fast seconds."""
        await self._real.sleep(seconds / self.speed)


class ManualClock:
    """A clock that stands still until it is told to move.

    With ``auto`` set, a sleep moves the clock itself and returns at once: right for one actor that waits. Without, sleepers stay
    until :meth:`advance` passes them, in the order of their deadlines.
    """

    def __init__(self, start: datetime = datetime(2026, 6, 21, 10, 0, tzinfo=UTC), *, auto: bool = False) -> None:
        self._start = start
        self._elapsed = 0.0
        self._auto = auto
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        """Return the start plus what was advanced."""
        return self._start + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        """Return the seconds advanced so far."""
        return self._elapsed

    def jump(self, seconds: float) -> None:
        """Shift the wall clock without any time passing, as NTP does."""
        self._start += timedelta(seconds=seconds)

    def tick(self, seconds: float) -> None:
        """Move time from synchronous code; sleepers that it passes wake when the loop next runs."""
        self._elapsed += seconds
        while self._sleepers and self._sleepers[0][0] <= self._elapsed:
            _, _, sleeper = heapq.heappop(self._sleepers)
            if not sleeper.done():
                sleeper.set_result(None)

    async def sleep(self, seconds: float) -> None:
        """Wait for the clock to pass, or move it there (``auto``)."""
        if self._auto:
            self.tick(max(0.0, seconds))
            await asyncio.sleep(0)
            return
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        sleeper: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed + seconds, next(self._order), sleeper))
        await sleeper

    async def advance(self, seconds: float) -> None:
        """Move time forward, waking each sleeper at its own moment and letting it run before time goes on."""
        target = self._elapsed + seconds
        await self._settle()
        while self._sleepers and self._sleepers[0][0] <= target:
            self.tick(self._sleepers[0][0] - self._elapsed)
            await self._settle()
        self.tick(target - self._elapsed)
        await self._settle()

    async def _settle(self) -> None:
        # A woken task may need several turns of the loop before it sleeps again; 20 covers the deepest chain of ours.
        for _ in range(20):
            await asyncio.sleep(0)
