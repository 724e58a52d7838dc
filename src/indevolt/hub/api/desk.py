"""Where writes are handed in: not too often, each only once for its key, and carried to their end whoever stops waiting.

A write that was sent cannot be called back, so it goes on when its caller hangs up. Asking again with the same key gives the same
answer, and sends nothing; that holds for a day, and over a restart: that a write begins is kept in the store before it is
sent, and its answer afterwards. Of one that the hub did not survive, nobody knows what became of it, and that is the answer.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

from starlette.responses import Response

from indevolt.clock import Clock
from indevolt.errors import IndevoltError
from indevolt.hub.api.auth import Caller, too_many
from indevolt.hub.api.problems import Declined
from indevolt.hub.rates import Rates
from indevolt.store import Store

KEPT_S: Final = 24 * 3600.0
MOST_KEPT: Final = 10_000  # answers of some hundred bytes
LEAVE_S: Final = 2.0  # for what is under way when the hub stops
SLOTS: Final = 1 << 16  # of answers in the store: two writes of one day share one once in many years, and the later one stays
REPLAYED: Final = "idempotent-replayed"

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
        store: keeps answers over a restart.
    """

    def __init__(self, clock: Clock, per_minute: float, store: Store) -> None:
        self._clock = clock
        self._store = store
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
        task = asyncio.get_running_loop().create_task(self._hand_in(caller, device, work, key, fingerprint))
        self._running.add(task)
        task.add_done_callback(self._ended)
        if key is not None:
            place = (caller.name, key)
            self._kept[place] = _Kept(fingerprint, task, self._clock.monotonic())
            task.add_done_callback(lambda done: self._forget_failed(place, done))
        return await asyncio.shield(task)

    async def _hand_in(self, caller: Caller, device: str, work: Work, key: str | None, fingerprint: bytes) -> Response:
        """Carry a write out, unless its answer is known from before a restart."""
        slot = None if key is None else _Slot(self._store, caller.name, key, fingerprint, self._clock.now())
        if slot is not None and (answer := await slot.recall()) is not None:
            return answer
        wait_s = self._rates.take((caller.name, device), self._clock.monotonic())
        if wait_s:
            raise too_many(f"too many settings and commands for {device}", wait_s)
        if slot is None:
            return await work()
        await slot.begin()
        try:
            answer = await work()
        except (IndevoltError, Declined):
            await slot.clear()
            raise
        await slot.end(answer)
        return answer

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
        raise _used_otherwise()
    answer = await asyncio.shield(kept.task)
    return Response(answer.body, answer.status_code, {**answer.headers, REPLAYED: "true"})


def _used_otherwise() -> Declined:
    remedy = "Use a new key for each new write."
    return Declined(422, "this Idempotency-Key was used for another request", kind="idempotency-key-reused", remedy=remedy)


@dataclass(frozen=True, slots=True)
class _Slot:
    """Where the answer to one write is in the store. A store that is away keeps nothing, and nobody from writing."""

    store: Store
    caller: str
    key: str
    fingerprint: bytes
    at: datetime

    @property
    def name(self) -> str:
        """Return its place."""
        digest = hashlib.sha256(f"{self.caller}\0{self.key}".encode()).digest()
        return f"answer:{int.from_bytes(digest[:4]) % SLOTS}"

    async def recall(self) -> Response | None:
        """Return the answer of before; None if this write is a new one.

        Raises:
            Declined: the key was used for another request, or nobody knows what became of the write.
        """
        kept: dict[str, Any] = {}
        with suppress(IndevoltError):
            kept = json.loads(await self.store.get(self.name) or "{}")
        is_mine = (kept.get("caller"), kept.get("key")) == (self.caller, self.key)
        if not is_mine or self.at - datetime.fromisoformat(kept["at"]) > timedelta(seconds=KEPT_S):
            return None
        if kept["fingerprint"] != self.fingerprint.hex():
            raise _used_otherwise()
        if kept["status"] is None:
            remedy = "Read the setting, or see the journal, before you write anew with another key."
            raise Declined(
                504, "the hub was started anew while it wrote; nobody knows what became of it", kind="interrupted", remedy=remedy
            )
        return Response(kept["body"], kept["status"], {"content-type": kept["type"], REPLAYED: "true"})

    async def begin(self) -> None:
        """Keep that the write was begun."""
        await self._put({"status": None})

    async def end(self, answer: Response) -> None:
        """Keep its answer."""
        body = bytes(answer.body).decode()
        await self._put({"status": answer.status_code, "body": body, "type": answer.headers.get("content-type", "")})

    async def clear(self) -> None:
        """Keep nothing, as nothing was sent."""
        with suppress(IndevoltError):
            await self.store.put(self.name, "{}")

    async def _put(self, facts: dict[str, Any]) -> None:
        whose = {"caller": self.caller, "key": self.key, "fingerprint": self.fingerprint.hex(), "at": self.at.isoformat()}
        with suppress(IndevoltError):
            await self.store.put(self.name, json.dumps({**whose, **facts}))
