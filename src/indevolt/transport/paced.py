"""Politeness: one request at a time to a slow device, with a pause between, the urgent ones first, and patience when it fails.

A device is one small embedded server. It wants at least 1 s between requests, fails when they overlap, and can be flooded off the
network (protocol.md, sections 7 and 18). So everything that talks to one device goes through one ``Paced``:

* the pause runs from the end of one exchange to the start of the next;
* writes overtake reads; among equals, first come is first served;
* readings that wait at the same time go out as one, and each caller gets its own points back. If that one fails although the device
  could be reached, each is asked alone, so that one bad point spoils only its own caller's reading;
* what is safe to repeat is repeated when the device may just have been busy, each time after a longer, jittered pause. Writes are
  never repeated here: nobody knows whether a lost one arrived. Nor is what failed only after long silence: a device answers within
  a second or not at all, and some never answer a request that holds one certain point (protocol.md, sections 7 and 18).

How often to poll is the caller's business (the vendor recommends 5 s between rounds).
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

from indevolt.clock import Clock
from indevolt.errors import IndevoltError, InvalidInput, NoReply, Unreachable
from indevolt.protocol.messages import Data, GetData, Request
from indevolt.transport.interface import ReplyT, Transport

SPACING_S: Final = 1.0  # the vendor's minimum (protocol.md, section 7)
RETRIES: Final = 2  # one for a busy moment, one for bad luck; a device that is off should not be waited for long
MAX_POINTS: Final = 50  # above, some devices answer 400 (protocol.md, section 3.1)
LONG_SILENCE_S: Final = 5.0  # above the slowest honest reply (1 s) on a bad network, below the usual deadline (10 s)
LONGEST_PAUSE_S: Final = 30.0  # above it a device that is back would be noticed too late
_INSTANT_S: Final = 1e-6  # above the rounding of a clock's seconds, below anything that matters


class Paced:
    """A transport that spares the device behind another one.

    Args:
        transport: the way to the device; closed together with this.
        clock: what pauses are measured with.
        spacing_s: from the end of an exchange to the start of the next.
        retries: how often a request that failed is sent again, if that is safe and may help.
        max_points: how many points a joined reading may have; a single larger one is sent as it is.
        rng: source of jitter.
    """

    def __init__(
        self,
        transport: Transport,
        clock: Clock,
        *,
        spacing_s: float = SPACING_S,
        retries: int = RETRIES,
        max_points: int = MAX_POINTS,
        rng: random.Random | None = None,
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._spacing_s = spacing_s
        self._retries = retries
        self._max_points = max_points
        self._rng = random.Random() if rng is None else rng  # noqa: S311 - jitter is no secret
        self._writes: deque[_Job] = deque()
        self._reads: deque[_Job] = deque()
        self._under_way: Sequence[_Job] = ()
        self._ready_at = clock.monotonic()
        self._worker: asyncio.Task[None] | None = None
        self._closed = False

    async def exchange(self, request: Request[ReplyT]) -> ReplyT:
        """Send a request when its turn comes and return its reply; a caller that stops waiting disturbs nobody.

        Raises:
            IndevoltError: what the transport raised last.
        """
        if self._closed:
            raise InvalidInput("the connection was closed by this program")
        job = _Job(request)
        (self._reads if request.repeatable else self._writes).append(job)
        if self._worker is None:
            self._worker = asyncio.create_task(self._work())
            self._worker.add_done_callback(self._worker_ended)
        reply: ReplyT = await job.answer
        return reply

    async def close(self) -> None:
        """End everybody's waiting with an error and close the transport; a second call does nothing."""
        self._closed = True
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.wait([self._worker])
        await self._transport.close()

    # ---- the one who talks ------------------------------------------------------------------------------------------

    async def _work(self) -> None:
        while self._writes or self._reads:
            while (pause_s := self._ready_at - self._clock.monotonic()) > _INSTANT_S:
                await self._clock.sleep(pause_s)
            self._under_way = self._next()
            if self._under_way:
                try:
                    await self._serve(self._under_way)
                finally:
                    self._ready_at = max(self._ready_at, self._clock.monotonic() + self._spacing_s)
                self._under_way = ()
        self._worker = None  # before anybody else runs, so that the next caller finds the queue unattended

    def _worker_ended(self, worker: asyncio.Task[None]) -> None:
        """After closing, or after a defect in the transport: let nobody wait for what will not come."""
        defect = None if worker.cancelled() else worker.exception()
        if defect is None and not worker.cancelled():
            return
        self._worker = None
        for job in self._under_way:
            job.fail(defect or NoReply("the connection was closed by this program before the reply came"))
        for job in (*self._writes, *self._reads):
            job.fail(defect or IndevoltError("the connection was closed by this program; the request was not sent"))
        self._under_way = ()
        self._writes.clear()
        self._reads.clear()

    def _next(self) -> Sequence[_Job]:
        """Take the next job from the queue, with the readings that can go along; none if all their callers have left."""
        for queue in (self._writes, self._reads):
            while queue:
                job = queue.popleft()
                if not job.answer.done():
                    return self._joined(job)
        return ()

    def _joined(self, first: _Job) -> Sequence[_Job]:
        if not first.joinable or not self._reads:
            return (first,)
        jobs, others = [first], deque[_Job]()
        points = set(first.points)
        for job in self._reads:
            if job.joinable and not job.answer.done() and len(points.union(job.points)) <= self._max_points:
                points.update(job.points)
                jobs.append(job)
            else:
                others.append(job)
        self._reads = others
        return jobs

    # ---- one exchange -----------------------------------------------------------------------------------------------

    async def _serve(self, jobs: Sequence[_Job]) -> None:
        request = jobs[0].request if len(jobs) == 1 else _join(jobs)
        started = self._clock.monotonic()
        try:
            reply = await self._transport.exchange(request)
        except IndevoltError as error:
            self._handle_failure(jobs, error, took_s=self._clock.monotonic() - started)
        else:
            for job in jobs:
                job.succeed(reply if len(jobs) == 1 else _share(job, reply))

    def _handle_failure(self, jobs: Sequence[_Job], error: IndevoltError, *, took_s: float) -> None:
        if len(jobs) > 1 and not isinstance(error, Unreachable):
            for job in jobs:
                job.joinable = False
            self._reads.extendleft(reversed(jobs))
            return
        for job in reversed(jobs):
            may_help = error.transient and took_s < LONG_SILENCE_S
            if may_help and job.request.repeatable and job.failures < self._retries:
                job.failures += 1
                self._reads.appendleft(job)
                self._ready_at = self._clock.monotonic() + self._pause_s(job.failures)
            else:
                job.fail(error)

    def _pause_s(self, failures: int) -> float:
        # Twice as long each time, and up to half as much again at random: clients that failed together must not return together.
        return min(LONGEST_PAUSE_S, max(self._spacing_s, 1.0) * 2.0 ** (failures - 1)) * self._rng.uniform(1.0, 1.5)


class _Job:
    """A request, and who waits for it."""

    __slots__ = ("answer", "failures", "joinable", "points", "request")

    def __init__(self, request: Request[Any]) -> None:
        self.request = request
        self.points = request.points if isinstance(request, GetData) else ()
        self.joinable = bool(self.points)
        self.answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.failures = 0

    def succeed(self, reply: object) -> None:
        if not self.answer.done():
            self.answer.set_result(reply)

    def fail(self, error: BaseException) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


def _join(jobs: Sequence[_Job]) -> GetData:
    return GetData(tuple(dict.fromkeys(point for job in jobs for point in job.points)))


def _share(job: _Job, reply: Data) -> Data:
    return Data({key: reply.values[key] for key in map(str, job.points) if key in reply.values})
