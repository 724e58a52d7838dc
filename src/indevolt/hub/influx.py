"""Sends every live value on, as lines of InfluxDB's line protocol: to InfluxDB, VictoriaMetrics, Telegraf, QuestDB and others.

One line for each reading, with a field for each number; VictoriaMetrics makes ``indevolt_battery_soc`` of it. Words cannot be
fields, as some receivers turn them into 0, so each has a line of its own, which is 1 while the word holds::

    indevolt,device=cellar battery_power=482,battery_soc=55,grid_charging=false 1782036000000000000
    indevolt_state,device=cellar,name=mode,state=self_use active=1 1782036000000000000

Sending a line twice is no harm, as its time is the reading's. So what a receiver took in the minute before it went away is sent
again when it is back: some acknowledge what a power cut still takes. (VictoriaMetrics keeps both copies unless it is started with
``-dedup.minScrapeInterval=1ms``.) While the receiver is away lines wait in memory, and the oldest are given up first: history is
complete in the store.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Final

from indevolt.errors import IndevoltError
from indevolt.hub.events import Update
from indevolt.hub.influx_lines import Lines
from indevolt.hub.influx_receivers import LinesRefused, Receiver, receiver_of
from indevolt.hub.journal import Kind

if TYPE_CHECKING:
    from indevolt.hub.hub import Hub

QUEUE_BYTES: Final = 16 * 1024 * 1024  # of lines that wait: about a day of a home with one device
BATCH_LINES: Final = 8000  # InfluxDB recommends 5 to 10 thousand for one request
RESEND_S: Final = 60.0  # of acknowledged lines; VictoriaMetrics and InfluxDB write to disk within seconds
RESEND_LINES: Final = 20_000  # and no more than these
FIRST_PAUSE_S: Final = 2.0  # after a failure; doubles up to ...
LONGEST_PAUSE_S: Final = 60.0
TELL_AGAIN_S: Final = 3600.0  # that lines are refused: where each reading has such a line, the journal holds nothing else soon
LAST_S: Final = 2.0  # for what waits when the hub stops
UPDATES: Final = 20_000  # that may wait to become lines


async def serve_influx(hub: Hub) -> None:
    """Send live values on until cancelled; what waits then is sent once more."""
    config = hub.config.influx
    if config is None:
        return
    receiver = receiver_of(config)
    queue = Queue(hub.figures.setdefault("influx", {}))
    sender = Sender(queue, receiver, hub)
    lines = Lines(config.measurement, receiver.most_bytes)
    with hub.bus.subscribe(Update, size=UPDATES) as updates:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(sender.run(config.every_s))
                async for update in updates:
                    queue.add(lines.of(update))
        finally:
            for update in updates.take():
                queue.add(lines.of(update))
            await sender.finish()
            await receiver.close()


class Queue:
    """Lines that wait, and those that were sent just now; bounded, and counted in ``figures``."""

    def __init__(self, figures: dict[str, float], most_bytes: int = QUEUE_BYTES) -> None:
        self.figures = figures
        self._most_bytes = most_bytes
        self._bytes = 0
        self._waiting: deque[bytes] = deque()
        self._on_way = 0  # of those that wait, the first ones: they are being sent
        self._sent: deque[tuple[float, bytes]] = deque(maxlen=RESEND_LINES)
        for name in ("sent_lines_total", "refused_lines_total", "dropped_lines_total", "failures_total"):
            figures.setdefault(name, 0)
        self._count()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, lines: Iterable[bytes]) -> None:
        """Let lines wait, giving up the oldest where there are too many."""
        for each in lines:
            self._waiting.append(each)
            self._bytes += len(each)
        self._trim()

    def batch(self, size: int) -> list[bytes]:
        """Return what is sent next; it stays until it was."""
        batch = list(islice(self._waiting, size))
        self._on_way = len(batch)
        return batch

    def sent(self, now_s: float) -> None:
        """Take the batch out, as the receiver took it."""
        for each in self._take(self._on_way):
            self._sent.append((now_s, each))
            self.figures["sent_lines_total"] += 1
        while self._sent and self._sent[0][0] < now_s - RESEND_S:
            self._sent.popleft()
        self._count()

    def refused(self) -> None:
        """Take the batch out, as nobody will ever take it."""
        self.figures["refused_lines_total"] += sum(1 for _ in self._take(self._on_way))
        self._count()

    def again(self, now_s: float) -> bool:
        """Let wait once more what was sent in the last minute, as the receiver may have lost it; False if that is nothing."""
        recent = [each for at_s, each in self._sent if at_s >= now_s - RESEND_S]
        self._sent.clear()
        self._waiting.extendleft(reversed(recent))
        self._bytes += sum(map(len, recent))
        self._trim()
        return bool(recent)

    def _take(self, count: int) -> Iterator[bytes]:
        for _ in range(min(count, len(self._waiting))):
            each = self._waiting.popleft()
            self._bytes -= len(each)
            self._on_way = max(0, self._on_way - 1)
            yield each

    def _trim(self) -> None:
        while self._bytes > self._most_bytes:
            self.figures["dropped_lines_total"] += sum(1 for _ in self._take(1))
        self._count()

    def _count(self) -> None:
        self.figures["waiting_lines"] = len(self._waiting)


class Sender:
    """Sends what waits, with patience.

    Lines that are refused are told apart by halves: the one that is at fault is given up, the others go on.
    """

    def __init__(self, queue: Queue, receiver: Receiver, hub: Hub) -> None:
        self._queue = queue
        self._receiver = receiver
        self._clock = hub.clock
        self._journal = hub.journal
        self._failures = 0
        self._size = BATCH_LINES
        self._told_s = float("-inf")  # when it was last told that a line is refused

    async def run(self, every_s: float) -> None:
        """Send now and then, until cancelled."""
        while True:
            await self._clock.sleep(self._pause_s() if self._failures else every_s)
            await self.send()

    async def send(self) -> None:
        """Send what waits, until the receiver does not take it."""
        while batch := self._queue.batch(self._size):
            began_s = self._clock.monotonic()  # what was sent in the minute before is what counts, however long a failure takes
            try:
                await self._send(batch, began_s)
            except LinesRefused as error:
                self._size = max(1, len(batch) // 2)
                if len(batch) == 1:
                    self._queue.refused()
                    if began_s - self._told_s >= TELL_AGAIN_S:
                        self._told_s = began_s
                        await self._tell(f"the receiver refuses a line: {error}")
            except IndevoltError as error:
                if not self._failures:
                    self._queue.again(began_s)
                    await self._tell(f"the receiver does not take lines: {error}")
                self._failures += 1
                self._queue.figures["failures_total"] += 1
                return
            else:
                self._size = min(BATCH_LINES, 2 * self._size)

    async def finish(self) -> None:
        """Send what waits, once and quickly."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_S):
                await self.send()

    async def _send(self, batch: list[bytes], began_s: float) -> None:
        began_anew = await self._receiver.send(batch)
        if self._failures:
            self._failures = 0
            await self._tell("the receiver takes lines again")
        if not (began_anew and self._queue.again(began_s)):
            self._queue.sent(self._clock.monotonic())

    def _pause_s(self) -> float:
        return min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(self._failures - 1, 10))

    async def _tell(self, text: str) -> None:
        await self._journal.note(Kind.HUB, f"influx: {text}")
