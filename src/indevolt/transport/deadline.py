"""Deadlines for exchanges, all of one transport on a single timer.

``asyncio.timeout_at`` means the same, but it arms and disarms a timer for each exchange, and with that costs about a tenth of
a poll. Here the timer stays armed while exchanges come and go, and looks when it fires whether one is overdue.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Final

GRANULARITY_S: Final = 0.001  # uvloop counts whole milliseconds; less than that early is on time


class Deadlines:
    """Ends what takes too long."""

    __slots__ = ("_loop", "_running", "_timer")

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._running: set[Deadline] = set()
        self._timer: asyncio.TimerHandle | None = None

    def close(self) -> None:
        """Forget the timer; whatever still runs has no deadline any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def start(self, deadline: Deadline) -> None:
        """Watch a deadline."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # the timer of a loop that has ended would never fire
            self.close()
            self._loop = loop
        self._running.add(deadline)
        if self._timer is None or self._timer.when() > deadline.at:
            self._arm(loop, deadline.at)

    def stop(self, deadline: Deadline) -> None:
        """Watch it no more."""
        self._running.discard(deadline)

    def _arm(self, loop: asyncio.AbstractEventLoop, at: float) -> None:
        self.close()
        self._timer = loop.call_at(at, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        now = loop.time() + GRANULARITY_S
        for deadline in [each for each in self._running if each.at <= now]:
            self._running.discard(deadline)
            deadline.expire()
        if self._running:
            self._arm(loop, min(each.at for each in self._running))


class Deadline:
    """``with Deadline(deadlines, at):`` ends with :class:`TimeoutError` what the current task does there.

    ``at`` is on the event loop's time. A cancellation from elsewhere stays a cancellation, also when both come at once.
    """

    __slots__ = ("_cancelling", "_expired", "_owner", "_task", "at")

    def __init__(self, owner: Deadlines, at: float) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a deadline needs a task to end")
        self._owner = owner
        self._task = task
        self._cancelling = task.cancelling()
        self._expired = False
        self.at = at

    def expire(self) -> None:
        """Interrupt the task."""
        self._expired = True
        self._task.cancel()

    def __enter__(self) -> None:
        self._owner.start(self)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._owner.stop(self)
        if self._expired and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error
