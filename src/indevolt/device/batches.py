"""Raw values of points: asked in batches that a device can carry, and what to do when a batch fails.

One bad point makes a device answer a whole request with an error, or not at all. So a failing batch is halved until the
point is found; it is quarantined, named and tried again later, and the rest keeps flowing. What a raw value means is for
``reader`` to say.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from indevolt.clock import Clock
from indevolt.errors import (
    BadGateway,
    BadRequest,
    GatewayTimeout,
    IndevoltError,
    InternalServerError,
    NoReply,
    ProtocolError,
    RequestTimeout,
    StatusError,
)
from indevolt.protocol.messages import GetData, Raw
from indevolt.transport import Transport

MAX_POINTS: Final = 50
"""Points in one request: more gave 400 on real devices (protocol.md, section 3.1)."""
RETRY_S: Final = 600.0
"""The first quarantine: well above a polling cycle (5 s), so that a bad point costs next to nothing. It doubles each time."""
LONGEST_RETRY_S: Final = 6 * 3600.0  # so that what a firmware update repairs is seen the same day
LONGEST_LOWERED_S: Final = 3600.0  # to find the limit again costs some twenty requests; meanwhile power may come too slowly
_REQUESTS_PER_HALVING: Final = 5  # 2 find one bad point; 5 find about three among 50, and a batch limit as low as 4
_STREAK: Final = 4  # failures in a row that make us ask whether the device is still there; 2 are ordinary in a search
_TOO_LARGE: Final = frozenset((400, 413, 414))  # what a device or a gateway says to a request that is too long


@dataclass(frozen=True, slots=True)
class Answer:
    """What one request brought: raw values by key, where a point that was left out is missing."""

    points: tuple[int, ...]
    values: Mapping[str, Raw]
    at: datetime


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A point that spoils whole replies. It is not asked again before ``retry_at``."""

    reason: str
    since: datetime
    retry_at: datetime
    strikes: int  # how often in a row it failed; each one doubles the wait
    due: float  # retry_at on the clock that cannot be set back

    def __str__(self) -> str:
        return f"{self.reason} (since {self.since:%H:%M:%S}, asked again at {self.retry_at:%H:%M:%S} UTC)"


@dataclass(slots=True)
class _Search:
    """The search for what spoils a batch, as far as it has got."""

    batch: tuple[int, ...]
    budget: int  # requests left
    suspects: deque[tuple[tuple[int, ...], IndevoltError]] = field(default_factory=deque)
    blamed: dict[tuple[int, ...], IndevoltError] = field(default_factory=dict)
    answers: list[Answer] = field(default_factory=list)
    streak: int = 0  # failures since the last answer


class Batches:
    """Reads points of one device.

    Args:
        transport: the way to the device.
        clock: dates the answers and times the quarantine.
        max_points: most points in one request; lowered for a while when the device proves to take fewer.
        vital: points that any device answers, for telling a bad point from a dead device.
    """

    def __init__(self, transport: Transport, clock: Clock, *, max_points: int = MAX_POINTS, vital: Sequence[int] = ()) -> None:
        self.transport = transport
        self.max_points = max_points
        self.quarantine: dict[int, Quarantined] = {}
        self._clock = clock
        self._vital = tuple(vital)
        self._proven: int | None = None
        self._most = max_points
        self._lowered = 0  # how often max_points was; each one doubles the wait
        self._raised_at_s = math.inf  # when more is tried again

    def go_on_from(self, former: Batches) -> None:
        """Take over what was found out about the same device before: to find a bad point again costs many requests."""
        self.quarantine.update(former.quarantine)
        self.max_points = min(self.max_points, former.max_points)
        self._lowered, self._raised_at_s = former._lowered, former._raised_at_s

    async def ask(self, points: tuple[int, ...]) -> Answer:
        """Send one request as it is; whatever fails is raised."""
        data = await self.transport.exchange(_request(points))
        if self._proven is None:
            self._proven = next((point for point in points if str(point) in data.values), None)
        return Answer(points, data.values, self._clock.now())

    async def fetch(self, points: tuple[int, ...]) -> list[Answer]:
        """Return the answers for all points but those in quarantine; each point stands there once.

        Raises:
            IndevoltError: the device as a whole fails: unreachable, unauthorized, or not even a proven point answers.
        """
        if self._clock.monotonic() >= self._raised_at_s:
            self.max_points, self._raised_at_s = self._most, math.inf
        if not self.quarantine:
            if 0 < len(points) <= self.max_points:
                return await self._fetch_batch(points)
            return [answer for batch in self._split(points) for answer in await self._fetch_batch(batch)]
        now = self._clock.monotonic()
        healthy = tuple(point for point in points if point not in self.quarantine)
        # Asked apart, so that a point that still is bad does not spoil the others again.
        due = tuple(point for point in points if point in self.quarantine and self.quarantine[point].due <= now)
        answers = [answer for batch in self._split(healthy) for answer in await self._fetch_batch(batch)]
        for batch in self._split(due):
            answers += await self._retry(batch, alive=bool(answers))
        for answer in answers:
            for point in answer.points:
                self.quarantine.pop(point, None)
        return answers

    def _split(self, points: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        """Cut into as few batches as allowed, of about equal size."""
        if not points:
            return
        count = -(-len(points) // self.max_points)
        size = -(-len(points) // count)
        for start in range(0, len(points), size):
            yield points[start : start + size]

    async def _retry(self, batch: tuple[int, ...], *, alive: bool) -> list[Answer]:
        """Ask again for what was in quarantine; a single point that fails again goes back without a search."""
        if len(batch) > 1 or not alive:
            return await self._fetch_batch(batch)
        try:
            return [await self.ask(batch)]
        except IndevoltError as error:
            if not _may_be_a_point(error):
                raise
            self._lock_away(batch, error)
            return []

    async def _fetch_batch(self, batch: tuple[int, ...]) -> list[Answer]:
        try:
            return [await self.ask(batch)]
        except IndevoltError as error:
            if not _may_be_a_point(error):
                raise
            await self._require_alive(batch, error)
            return await self._search(batch, error)

    async def _search(self, batch: tuple[int, ...], first: IndevoltError) -> list[Answer]:
        """Halve a failing batch until what answers is separated from what does not."""
        search = _Search(batch, budget=_REQUESTS_PER_HALVING * math.ceil(math.log2(len(batch) + 1)))
        search.suspects.append((batch, first))
        while search.suspects:
            group, error = search.suspects.popleft()
            halves = _halves(group) if search.budget > 0 else ()
            if group != batch and len(halves) < 2:
                search.blamed[group] = error
                continue
            for half in halves:
                await self._try(half, search)
            if search.streak >= _STREAK:
                await self._require_alive(batch, error)
                search.streak = 0
        if search.streak:  # the last thing heard was a failure: was it the point, or did the device go away?
            await self._require_alive(batch, first)
        for group, error in search.blamed.items():
            self._lock_away(group, error)
        if not search.blamed and await self._is_too_large(batch, first):
            self.max_points = min(self.max_points, max(len(answer.points) for answer in search.answers))
            self._lowered += math.isinf(self._raised_at_s)  # once for all batches of a reading
            self._raised_at_s = self._clock.monotonic() + min(_wait_s(self._lowered), LONGEST_LOWERED_S)
        return search.answers

    async def _is_too_large(self, batch: tuple[int, ...], error: IndevoltError) -> bool:
        """Ask once more for a batch that has failed, and all parts of which were answered: it may have been a bad moment."""
        if not isinstance(error, StatusError) or error.code not in _TOO_LARGE:
            return False
        try:
            await self.ask(batch)
        except StatusError as again:
            return again.code in _TOO_LARGE
        except IndevoltError:
            pass  # which says nothing of its size
        return False

    async def _try(self, half: tuple[int, ...], search: _Search) -> None:
        search.budget -= 1
        try:
            search.answers.append(await self.ask(half))
            search.streak = 0
        except IndevoltError as error:
            if not _may_be_a_point(error):
                raise
            search.streak += 1
            if half == search.batch:  # a single point, asked once more
                search.blamed[half] = error
            else:
                search.suspects.append((half, error))

    async def _require_alive(self, batch: tuple[int, ...], error: IndevoltError) -> None:
        """Raise the error of a batch unless one good point answers: a dead device is not many bad points."""
        known = (*(() if self._proven is None else (self._proven,)), *self._vital)
        outside = [point for point in known if point not in batch]
        candidates = list(dict.fromkeys((*outside, *known, batch[0], batch[-1])))
        # Silence costs a whole deadline each time, an error costs nothing.
        for point in candidates[: 1 if isinstance(error, NoReply) else 3]:
            try:
                await self.ask((point,))
            except IndevoltError as failure:
                if not _may_be_a_point(failure):
                    raise
            else:
                return
        raise error

    def _lock_away(self, group: tuple[int, ...], error: IndevoltError) -> None:
        alone = len(group) == 1
        reason = str(error) if alone else f"one of {len(group)} points that fail together: {error}"
        now = self._clock.now()
        for point in group:
            known = self.quarantine.get(point)
            strikes = known.strikes + 1 if known else 1
            wait = _wait_s(strikes)
            since = known.since if known else now
            self.quarantine[point] = Quarantined(
                reason, since, now + timedelta(seconds=wait), strikes, self._clock.monotonic() + wait
            )


@lru_cache(maxsize=512)  # a poller asks for the same few batches for ever
def _request(points: tuple[int, ...]) -> GetData:
    return GetData(points)


def _wait_s(times: int) -> float:
    return min(RETRY_S * 2.0 ** min(times - 1, 10), LONGEST_RETRY_S)


def _halves(group: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    middle = (len(group) + 1) // 2
    return (group[:middle], group[middle:]) if len(group) > 1 else (group,)


def _may_be_a_point(error: IndevoltError) -> bool:
    """Whether one point of a batch can be the cause; the other errors concern the device, the address or the password."""
    kinds = (NoReply, ProtocolError, BadRequest, InternalServerError, RequestTimeout, BadGateway, GatewayTimeout)
    return isinstance(error, kinds) or (isinstance(error, StatusError) and error.code in _TOO_LARGE)
