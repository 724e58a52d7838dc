"""Real time without what a busy machine takes away: it goes on only while every event loop that lives by it has its turns.

For tests in which several loops, each in a thread of its own, wait for each other over sockets, so that nobody could move a
:class:`ManualClock`. With a clock that runs many times as fast as the real one, a thread that waits a second for a core would
otherwise miss what is due within ten.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Final

BEAT_S: Final = 0.002
"""How often each loop gives a sign of life; twice that is the most that passes until all have given the next one."""


class PatientClock:
    """A :class:`Clock` for the loops of one process; a loop lives by it from its first sleep until it is closed."""

    def __init__(self) -> None:
        self._start = datetime.now(UTC)
        self._passed_s = 0.0
        self._real_s = time.monotonic()
        self._lock = threading.Lock()
        self._beaten: dict[asyncio.AbstractEventLoop, bool] = {}  # of each loop, whether it had a turn since time went on
        self._sleepers: dict[asyncio.AbstractEventLoop, list[tuple[float, int, asyncio.Future[None]]]] = {}
        self._order = itertools.count()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._passed_s)

    def monotonic(self) -> float:
        return self._passed_s

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        loop = asyncio.get_running_loop()
        if loop not in self._sleepers:
            self._sleepers[loop] = []
            self._beat(loop)
        sleeper: asyncio.Future[None] = loop.create_future()
        heapq.heappush(self._sleepers[loop], (self._passed_s + seconds, next(self._order), sleeper))
        await sleeper

    def _beat(self, loop: asyncio.AbstractEventLoop) -> None:
        """Take a sign of life, in the loop's own thread, and wake who has slept long enough there."""
        self._go_on(loop)
        sleepers = self._sleepers[loop]
        while sleepers and sleepers[0][0] <= self._passed_s:
            _, _, sleeper = heapq.heappop(sleepers)
            if not sleeper.done():
                sleeper.set_result(None)
        loop.call_later(BEAT_S, self._beat, loop)

    def _go_on(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._lock:
            self._beaten[loop] = True
            for each in [each for each in self._beaten if each.is_closed()]:
                del self._beaten[each], self._sleepers[each]
            if all(beaten or not each.is_running() for each, beaten in self._beaten.items()):
                real_s = time.monotonic()
                self._passed_s += min(real_s - self._real_s, 2 * BEAT_S)
                self._real_s = real_s
                self._beaten = dict.fromkeys(self._beaten, False)
