"""A transport that remembers what it heard: raw values for the gateway, and how the device answers for its health.

It sits between ``Paced`` and the network, so it sees each request that really goes out, once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from statistics import quantiles
from typing import Any, Final

from indevolt.clock import Clock
from indevolt.errors import IndevoltError
from indevolt.protocol.messages import Data, GetData, Raw, Request
from indevolt.transport import ReplyT, Transport

WINDOW: Final = 200  # requests that latencies are told from: a quarter of an hour of one device
BUDGET_S: Final = 60.0  # over which the use of the budget is told
_LEFT_OUT: Final = object()  # what a device said of a point that it left out of its reply
_NEVER_S: Final = float("-inf")


class Health:
    """How a device answers, counted since the hub began."""

    def __init__(self, clock: Clock) -> None:
        self.requests = 0
        self.failures = 0
        self.blips = 0  # single cycles that brought nothing, with the next one good again
        self.writes = 0
        self.last_latency_s: float | None = None
        self.quarantined: Mapping[str, str] = {}
        self._clock = clock
        self._latencies_s: deque[float] = deque(maxlen=WINDOW)
        self._times_s: deque[float] = deque()

    def answered(self, took_s: float) -> None:
        """Count a request that was answered."""
        self.last_latency_s = took_s
        self._latencies_s.append(took_s)

    def asked(self) -> None:
        """Count a request that goes out."""
        self.requests += 1
        now = self._clock.monotonic()
        self._times_s.append(now)
        while self._times_s and self._times_s[0] < now - BUDGET_S:
            self._times_s.popleft()

    @property
    def budget_used(self) -> float:
        """Share of one request a second that was used in the last minute, 0 to 1 (protocol.md, section 7)."""
        now = self._clock.monotonic()
        return sum(1 for at in self._times_s if at >= now - BUDGET_S) / BUDGET_S

    def latency_s(self, share: float) -> float | None:
        """Return the latency that a share of the last requests stayed below; None before the first."""
        if not self._latencies_s:
            return None
        if len(self._latencies_s) == 1:
            return self._latencies_s[0]
        return quantiles(self._latencies_s, n=100, method="inclusive")[min(98, max(0, round(share * 100) - 1))]


class Heard:
    """Remembers raw values by point, each with the time it was heard; what was asked and left out is remembered as absent."""

    def __init__(self, transport: Transport, clock: Clock, health: Health) -> None:
        self._transport = transport
        self._clock = clock
        self._health = health
        self._said: dict[str, Any] = {}  # by point: raw values, and what was left out
        self._at_s: dict[str, float] = {}  # by point, when that was

    async def exchange(self, request: Request[ReplyT]) -> ReplyT:
        """Pass a request on and remember the reply."""
        started = self._clock.monotonic()
        self._health.asked()
        if not request.repeatable:
            self._health.writes += 1
        try:
            reply = await self._transport.exchange(request)
        except IndevoltError:
            self._health.failures += 1
            raise
        now = self._clock.monotonic()
        self._health.answered(now - started)
        if isinstance(request, GetData) and isinstance(reply, Data):
            self._said.update(zip(request.keys, map(reply.values.get, request.keys, repeat(_LEFT_OUT)), strict=False))
            self._at_s.update(dict.fromkeys(request.keys, now))
        return reply

    async def close(self) -> None:
        """Close the transport behind."""
        await self._transport.close()

    def recall(self, keys: Sequence[str], max_age_s: float) -> Data | None:
        """Return raw values that are all young enough; None if one is not."""
        values, unknown = self.young(keys, max_age_s)
        return None if unknown else Data(values)

    def young(self, keys: Sequence[str], max_age_s: float) -> tuple[Mapping[str, Raw], Sequence[str]]:
        """Return the raw values that are young enough, and the keys of which nothing so young is known."""
        since_s = self._clock.monotonic() - max_age_s
        unknown = [key for key in keys if self._at_s.get(key, _NEVER_S) < since_s]
        known = {key: self._said[key] for key in keys if self._at_s.get(key, _NEVER_S) >= since_s}
        return {key: said for key, said in known.items() if said is not _LEFT_OUT}, unknown

    def forget(self, keys: Iterable[str] | None = None) -> None:
        """Forget values that a write may have changed, or all."""
        for key in tuple(self._at_s) if keys is None else keys:
            self._at_s.pop(key, None)
            self._said.pop(key, None)
