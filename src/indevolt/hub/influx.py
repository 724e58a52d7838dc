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
import math
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

import aiohttp

from indevolt.battery import Quality, Value
from indevolt.errors import IndevoltError, NoReply, Unreachable
from indevolt.hub.events import Update
from indevolt.hub.journal import Kind
from indevolt.hub.tiers import words_of

if TYPE_CHECKING:
    from indevolt.hub.config import InfluxConfig
    from indevolt.hub.hub import Hub

QUEUE_BYTES: Final = 16 * 1024 * 1024  # of lines that wait: about a day of a home with one device
BATCH_LINES: Final = 5000  # what InfluxDB recommends for one request
DATAGRAM_BYTES: Final = 1400  # below what networks carry in one piece
RESEND_S: Final = 60.0  # of acknowledged lines; VictoriaMetrics and InfluxDB write to disk within seconds
RESEND_LINES: Final = 20_000  # and no more than these
ANSWER_S: Final = 10.0
KEPT_S: Final = 3600.0  # that a connection is kept: a new one means that the receiver may have started anew
FIRST_PAUSE_S: Final = 2.0  # after a failure; doubles up to ...
LONGEST_PAUSE_S: Final = 60.0
LAST_S: Final = 2.0  # for what waits when the hub stops
UPDATES: Final = 20_000  # that may wait to become lines
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_SPECIAL: Final = re.compile(r"[,= ]")
_COMMA_OR_BLANK: Final = re.compile(r"[, ]")
_ESCAPED: Final = r"\\\g<0>"
_UNSPEAKABLE: Final = re.compile(r"[\x00-\x1f\x7f\\]|^#")
_FOR_GOOD: Final = (400, 413, 422)  # the lines are at fault: sending them again would change nothing


async def serve_influx(hub: Hub) -> None:
    """Send live values on until cancelled; what waits then is sent once more."""
    config = hub.config.influx
    if config is None:
        return
    receiver: Receiver = UdpReceiver(config) if config.url.startswith("udp:") else HttpReceiver(config)
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


# ---- lines -------------------------------------------------------------------------------------------------------------------


class Lines:
    """Makes lines of readings.

    Args:
        measurement: what each line begins with.
        most_bytes: of one line; a longer one becomes several of the same time.
    """

    def __init__(self, measurement: str, most_bytes: int | None = None) -> None:
        self._measurement = measurement
        self._most_bytes = most_bytes
        self._words: dict[tuple[str, str], str] = {}

    def of(self, update: Update) -> Iterator[bytes]:
        """Yield the lines of an update: of live values only, texts and clocks left out."""
        numbers: dict[str, float | bool] = {}
        at_ns = nanoseconds(update.reading.at)
        states = words_of(update.reading.family)
        for name, sample in update.reading.samples.items():
            if sample.quality is not Quality.LIVE:
                continue
            if isinstance(sample.value, bool | int | float):
                numbers[name] = sample.value
            elif name in states and isinstance(sample.value, str):
                yield from self._word(update.device, name, sample.value, at_ns)
        yield from self._numbers(update.device, numbers, at_ns)

    def _numbers(self, device: str, numbers: Mapping[str, float | bool], at_ns: int) -> Iterator[bytes]:
        whole = line(self._measurement, {"device": device}, numbers, at_ns)
        if self._most_bytes is None or len(whole) <= self._most_bytes or len(numbers) < 2:
            if whole:
                yield whole
            return
        half = len(numbers) // 2
        yield from self._numbers(device, dict(islice(numbers.items(), half)), at_ns)
        yield from self._numbers(device, dict(islice(numbers.items(), half, None)), at_ns)

    def _word(self, device: str, name: str, word: str, at_ns: int) -> Iterator[bytes]:
        before = self._words.get((device, name))
        self._words[device, name] = word
        for each, active in ((before, 0), (word, 1)) if before not in (None, word) else ((word, 1),):
            tags = {"device": device, "name": name, "state": each or ""}
            yield line(f"{self._measurement}_state", tags, {"active": active}, at_ns)


def line(measurement: str, tags: Mapping[str, str], fields: Mapping[str, float | bool], at_ns: int) -> bytes:
    """Return one line without its end; empty if there is no field that can be sent."""
    spelled = ",".join(f"{_key(name)}={text}" for name, value in fields.items() if (text := _number(value)))
    if not spelled:
        return b""
    labels = "".join(f",{_key(name)}={_key(value)}" for name, value in sorted(tags.items()) if value)
    begin = _COMMA_OR_BLANK.sub(_ESCAPED, _UNSPEAKABLE.sub("_", measurement))
    return f"{begin}{labels} {spelled} {at_ns}".encode()


def nanoseconds(at: datetime) -> int:
    """Return a time as receivers count it, exactly."""
    return (at - _EPOCH) // _MICROSECOND * 1000


def _key(text: str) -> str:
    """Return a name or the value of a tag. Receivers do not agree on backslashes, and no line can carry a line end."""
    return _SPECIAL.sub(_ESCAPED, _UNSPEAKABLE.sub("_", text))


def _number(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    # Always a float: a field that was whole once would refuse fractions for ever.
    return repr(value) if isinstance(value, int | float) and math.isfinite(value) else ""


# ---- what waits --------------------------------------------------------------------------------------------------------------


class Queue:
    """Lines that wait, and those that were sent just now; bounded, and counted in ``figures``."""

    def __init__(self, figures: dict[str, float], most_bytes: int = QUEUE_BYTES) -> None:
        self.figures = figures
        self._most_bytes = most_bytes
        self._bytes = 0
        self._waiting: deque[bytes] = deque()
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
        return list(islice(self._waiting, size))

    def sent(self, count: int, now_s: float) -> None:
        """Take the first lines out, as they were taken by the receiver."""
        for each in self._take(count):
            self._sent.append((now_s, each))
        while self._sent and self._sent[0][0] < now_s - RESEND_S:
            self._sent.popleft()
        self.figures["sent_lines_total"] += count
        self._count()

    def refused(self, count: int) -> None:
        """Take the first lines out, as nobody will ever take them."""
        self.figures["refused_lines_total"] += sum(1 for _ in self._take(count))
        self._count()

    def again(self, now_s: float) -> bool:
        """Put what was sent in the last minute before what waits, as the receiver may have lost it; False if that is nothing."""
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

    async def run(self, every_s: float) -> None:
        """Send now and then, until cancelled."""
        while True:
            await self._clock.sleep(self._pause_s() if self._failures else every_s)
            await self.send()

    async def send(self) -> None:
        """Send what waits, until the receiver does not take it."""
        while batch := self._queue.batch(self._size):
            try:
                await self._send(batch)
            except LinesRefused as error:
                self._size = max(1, len(batch) // 2)
                if len(batch) == 1:
                    self._queue.refused(1)
                    await self._tell(f"the receiver refuses a line: {error}")
                    return
            except IndevoltError as error:
                if not self._failures:
                    self._queue.again(self._clock.monotonic())
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

    async def _send(self, batch: list[bytes]) -> None:
        began_anew = await self._receiver.send(batch)
        if self._failures:
            self._failures = 0
            await self._tell("the receiver takes lines again")
        if not (began_anew and self._queue.again(self._clock.monotonic())):
            self._queue.sent(len(batch), self._clock.monotonic())

    def _pause_s(self) -> float:
        return min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(self._failures - 1, 10))

    async def _tell(self, text: str) -> None:
        await self._journal.note(Kind.HUB, f"influx: {text}")


# ---- receivers ---------------------------------------------------------------------------------------------------------------


class LinesRefused(IndevoltError):
    """The receiver understood, and will never take these lines."""


class Receiver(Protocol):
    """Where lines go."""

    most_bytes: int | None
    """Of one line; None: any."""

    async def send(self, lines: Sequence[bytes]) -> bool:
        """Send lines; True if the receiver may have started anew since the last time.

        Raises:
            LinesRefused: sending them again would change nothing.
            IndevoltError: it may take them later.
        """
        ...

    async def close(self) -> None:
        """Let go of everything."""
        ...


class HttpReceiver:
    """A receiver that answers: the write APIs of InfluxDB 1 and 2, and whoever speaks one of them."""

    most_bytes = None

    def __init__(self, config: InfluxConfig) -> None:
        parts = urlsplit(config.url)
        second = parts.path.endswith("/api/v2/write")
        given = {"org": config.org, "bucket" if second else "db": config.bucket}
        self._url = config.url
        self._parameters = [(name, value) for name, value in given.items() if value is not None]
        self._headers = {"Content-Type": "text/plain; charset=utf-8"}
        if config.token is not None:
            self._headers["Authorization"] = f"{'Token' if second else 'Bearer'} {config.token.reveal()}"
        self._session: aiohttp.ClientSession | None = None
        self._begun_anew = False
        self._closed_politely = True

    async def send(self, lines: Sequence[bytes]) -> bool:
        """Send lines in one request."""
        session = self._session = self._session or self._open()
        self._begun_anew = False
        try:
            async with session.post(self._url, params=self._parameters, data=b"\n".join(lines), headers=self._headers) as answer:
                status, said = answer.status, (await answer.content.read(500)).decode("utf-8", "replace")
                polite = answer.headers.get("Connection", "").lower() == "close"
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unreachable(
                f"{error or type(error).__name__}", remedy="Is it running, and is the url of [influx] right?"
            ) from error
        if status in _FOR_GOOD:
            raise LinesRefused(f"HTTP {status} {said}")
        if not 200 <= status < 300:
            raise NoReply(f"HTTP {status} {said}", remedy="See what its documents say; url, token, org and bucket are in [influx].")
        begun_anew = self._begun_anew and not self._closed_politely
        self._closed_politely = polite
        return begun_anew

    async def close(self) -> None:
        """Close the connection."""
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        trace = aiohttp.TraceConfig()
        trace.on_connection_create_end.append(self._connected)
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=1, keepalive_timeout=KEPT_S),
            timeout=aiohttp.ClientTimeout(total=ANSWER_S),
            trace_configs=[trace],
            auto_decompress=False,
        )

    async def _connected(self, *_: object) -> None:
        self._begun_anew = True


class UdpReceiver:
    """A receiver that hears or does not; nobody ever knows."""

    most_bytes = DATAGRAM_BYTES

    def __init__(self, config: InfluxConfig) -> None:
        parts = urlsplit(config.url)
        self._place = parts.hostname or "", parts.port or 0
        self._transport: asyncio.DatagramTransport | None = None

    async def send(self, lines: Sequence[bytes]) -> bool:
        """Send lines, as many in a datagram as fit."""
        try:
            if self._transport is None:
                loop = asyncio.get_running_loop()
                self._transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=self._place)
        except OSError as error:
            raise Unreachable(f"{self._place[0]}: {error.strerror or error}") from error
        datagram = b""
        for each in lines:
            if datagram and len(datagram) + 1 + len(each) > DATAGRAM_BYTES:
                self._transport.sendto(datagram)
                datagram = b""
            datagram = datagram + b"\n" + each if datagram else each
        self._transport.sendto(datagram)
        return False

    async def close(self) -> None:
        """Close the socket."""
        if self._transport is not None:
            self._transport.close()
