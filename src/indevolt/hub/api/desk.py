"""Where writes are handed in: not too often, each only once for its key, and carried to their end whoever stops waiting.

A write that was sent cannot be called back, so it goes on when its caller hangs up; asking again with the same key gives the same
answer, and sends nothing. Answers are kept in memory, for a day.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from starlette.responses import Response

from indevolt.clock import Clock
from indevolt.errors import IndevoltError
from indevolt.hub.api.auth import Caller, too_many
from indevolt.hub.api.problems import Declined
from indevolt.hub.rates import Rates

KEPT_S: Final = 24 * 3600.0
MOST_KEPT: Final = 10_000  # answers of some hundred bytes
LEAVE_S: Final = 2.0  # for what is under way when the hub stops

Work: TypeAlias = Callable[[], Coroutine[Any, Any, Response]]
"""Carries a write out and makes its answer."""


@dataclass(slots=True)
class _Kept:
    """A write that was handed in with a key."""

    fingerprint: bytes
    task: asyncio.Task[Response]
    at_s: float


class Desk:
    """Takes in writes.

    Args:
        clock: ages what is kept.
        per_minute: writes of one token to one device.
    """

    def __init__(self, clock: Clock, per_minute: float) -> None:
        self._clock = clock
        self._rates = Rates(per_minute)
        self._kept: OrderedDict[tuple[str, str], _Kept] = OrderedDict()
        self._running: set[asyncio.Task[Response]] = set()

    @property
    def busy(self) -> int:
        """How many writes are under way."""
        return len(self._running)

    async def carry(self, caller: Caller, device: str, work: Work, *, key: str | None, asked: tuple[bytes, ...]) -> Response:
        """Have a write carried out and return its answer.

        Args:
            caller: who asks.
            device: whom it is for.
            work: carries it out; not called when the answer is known already.
            key: tells repetitions from new writes.
            asked: what the request says, so that a key that is used for something else is noticed.

        Raises:
            Declined: too often, or the key was used for something else.
        """
        fingerprint = hashlib.sha256(b"\0".join(hashlib.sha256(part).digest() for part in asked)).digest()
        if key is not None:
            self._forget_old()
            kept = self._kept.get((caller.name, key))
            if kept is not None:
                return await _again(kept, fingerprint)
        wait_s = self._rates.take((caller.name, device), self._clock.monotonic())
        if wait_s:
            raise too_many(f"too many settings and commands for {device}", wait_s)
        task = asyncio.get_running_loop().create_task(work())
        self._running.add(task)
        task.add_done_callback(self._ended)
        if key is not None:
            place = (caller.name, key)
            self._kept[place] = _Kept(fingerprint, task, self._clock.monotonic())
            task.add_done_callback(lambda done: self._forget_failed(place, done))
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Wait a moment for what is under way, then give it up; the journal has its beginning."""
        if not self._running:
            return
        _, late = await asyncio.wait(self._running, timeout=LEAVE_S)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    def _ended(self, task: asyncio.Task[Response]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waited has it; nobody else needs a warning

    def _forget_failed(self, place: tuple[str, str], task: asyncio.Task[Response]) -> None:
        """Forget what was not sent, so that it may be tried again with the same key."""
        if task.cancelled() or isinstance(task.exception(), IndevoltError | Declined):
            self._kept.pop(place, None)

    def _forget_old(self) -> None:
        before = self._clock.monotonic() - KEPT_S
        while self._kept:
            place, kept = next(iter(self._kept.items()))
            if kept.at_s > before and len(self._kept) < MOST_KEPT:
                return
            del self._kept[place]


async def _again(kept: _Kept, fingerprint: bytes) -> Response:
    if kept.fingerprint != fingerprint:
        raise Declined(
            422,
            "this Idempotency-Key was used for another request",
            kind="idempotency-key-reused",
            remedy="Use a new key for each new write.",
        )
    answer = await asyncio.shield(kept.task)
    headers = {**answer.headers, "idempotent-replayed": "true"}
    return Response(answer.body, answer.status_code, headers)
