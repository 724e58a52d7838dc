"""One question to the device for all who ask: what is known is not asked again, and who asks for the same shares an answer.

For clients that speak OpenData themselves, so of raw points and replies. What they may ask is the gateway's business; how the
device is spared, that of ``Paced``, through which all questions go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from indevolt.clock import Clock
from indevolt.errors import IndevoltError
from indevolt.hub.keeper import Keeper
from indevolt.protocol.messages import Data, GetData, Raw, Reply, Request

MOST_POINTS: Final = 50  # in one request; above, some devices answer 400 (protocol.md, section 3.1)
DOUBT_S: Final = 30.0  # a question that failed twice is not asked again so soon: one that is never answered holds all up for 10 s
MOST_KEPT: Final = 100  # questions that failed, and replies: clients repeat a few, and nobody may fill the memory with others


@dataclass(frozen=True, slots=True)
class _Failure:
    """How a question failed, how often in a row, and when."""

    error: IndevoltError
    times: int
    at_s: float


@dataclass(frozen=True, slots=True, eq=False)
class _Flight:
    """A question that is on its way, and what it asks for."""

    points: frozenset[int]
    values: asyncio.Future[Mapping[str, Raw]]


class SharedQuestions:
    """Asks the device of one keeper on behalf of many.

    Args:
        keeper: owns the device.
        clock: measures ages.
    """

    def __init__(self, keeper: Keeper, clock: Clock) -> None:
        self._keeper = keeper
        self._clock = clock
        self._coming: dict[int, _Flight] = {}
        self._line = asyncio.Lock()  # of questions that wait for room; the first one holds it
        self._away = 0  # points that the device is being asked for
        self._landed = asyncio.Event()
        self._failed: dict[tuple[int, ...], _Failure] = {}
        self._replies: dict[Request[Any], tuple[asyncio.Future[Reply], float]] = {}

    def known(self, points: Sequence[int], max_age_s: float) -> Data | None:
        """Return points without asking, None if one of them is not known so young."""
        values, unknown = self._keeper.heard(tuple(map(str, points)), max_age_s)
        return None if any(True for _ in self._askable(unknown)) else Data(values)

    async def read(self, points: Sequence[int], max_age_s: float) -> Data:
        """Return points that are young enough, asking for those that are not; many go in several requests.

        Points that the keeper has in quarantine are left out like those that the device does not have: they would take the others
        with them.

        Raises:
            IndevoltError: as the device or the way to it fails; no value is better than an old one.
        """
        asked = tuple(dict.fromkeys(points))
        failed = self._failed.get(asked)
        if failed is not None and failed.times > 1 and self._clock.monotonic() - failed.at_s < DOUBT_S:
            raise failed.error.with_traceback(None)
        known, unknown = self._keeper.heard(tuple(map(str, asked)), max_age_s)
        try:
            values = {**known, **await self._ask(tuple(self._askable(unknown)))}
        except IndevoltError as error:
            if self._failed.get(asked) is failed:  # whoever shared the question has not counted it yet
                _keep(self._failed, asked, _Failure(error, failed.times + 1 if failed else 1, self._clock.monotonic()))
            raise
        self._failed.pop(asked, None)
        return Data({key: values[key] for key in map(str, asked) if key in values})

    async def reply(self, request: Request[Any], max_age_s: float) -> Reply:
        """Return the reply to anything else that only reads.

        Raises:
            IndevoltError: as the device or the way to it fails.
        """
        now = self._clock.monotonic()
        kept, since = self._replies.get(request, (None, 0.0))
        if kept is None or (kept.done() and (now - since > max_age_s or kept.cancelled() or kept.exception() is not None)):
            kept = asyncio.ensure_future(self._keeper.exchange(request))
            kept.add_done_callback(_see)
            _keep(self._replies, request, (kept, now))
        return await asyncio.shield(kept)

    def close(self) -> None:
        """Ask no further."""
        for flight in set(self._coming.values()):
            flight.values.cancel()
        for reply, _ in self._replies.values():
            reply.cancel()

    def _askable(self, keys: Sequence[str]) -> Iterator[int]:
        """Yield the points that may be asked for."""
        quarantined = self._keeper.health.quarantined
        by_read = self._keeper.model.by_read if quarantined and self._keeper.model else {}
        for key in keys:
            point = by_read.get(key)
            if point is None or point.name not in quarantined:
                yield int(key)

    async def _ask(self, points: Sequence[int]) -> Mapping[str, Raw]:
        """Ask for points, together with whoever asks for the same."""
        others = list(dict.fromkeys(flight for point in points if (flight := self._coming.get(point))))
        own = [self._depart(batch) for batch in _batches([point for point in points if point not in self._coming])]
        values: dict[str, Raw] = {}
        for flight in own:
            values |= await asyncio.shield(flight.values)
        for flight in others:
            try:
                values |= await asyncio.shield(flight.values)
            except IndevoltError:
                if flight.points.issubset(points):
                    raise
                # Perhaps it was a point that only the other one wanted.
                alone = self._depart(tuple(flight.points.intersection(points)))
                values |= await asyncio.shield(alone.values)
        return values

    def _depart(self, points: Sequence[int]) -> _Flight:
        flight = _Flight(frozenset(points), asyncio.ensure_future(self._fetch(tuple(points))))
        self._coming.update(dict.fromkeys(points, flight))
        flight.values.add_done_callback(lambda _: self._arrive(flight))
        return flight

    def _arrive(self, flight: _Flight) -> None:
        _see(flight.values)
        for point in flight.points:
            if self._coming.get(point) is flight:
                del self._coming[point]

    async def _fetch(self, points: tuple[int, ...]) -> Mapping[str, Raw]:
        """Ask the device, when no more is under way than goes into one request: the hub's own readings never wait for a crowd."""
        async with self._line:
            while self._away and self._away + len(points) > MOST_POINTS:
                self._landed.clear()
                await self._landed.wait()
            self._away += len(points)
        try:
            reply = await self._keeper.exchange(GetData(points))
        finally:
            self._away -= len(points)
            self._landed.set()
        return reply.values


def _batches(points: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(points), MOST_POINTS):
        yield points[start : start + MOST_POINTS]


def _see(future: asyncio.Future[Any]) -> None:
    """Look at an error that perhaps nobody waits for any more."""
    if not future.cancelled():
        future.exception()


def _keep(place: dict[Any, Any], key: object, value: object) -> None:
    place.pop(key, None)
    place[key] = value
    while len(place) > MOST_KEPT:
        del place[next(iter(place))]
