"""What happens, as a stream of server-sent events: readings, links, journal and alerts, for any number of listeners.

An event is written once for all who want the same of it. Listeners that come back tell the last number they saw and get what they
missed, as far as it is still here; else they are told to load everything anew (``reset``). Whoever reads too slowly is hung up on.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal, TypeAlias

import orjson
from fastapi import APIRouter, Header, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from indevolt.battery import Quality, Reading
from indevolt.clock import Clock
from indevolt.hub.api.asked import HubOf, Names, heard_names, names_in
from indevolt.hub.api.auth import READERS
from indevolt.hub.api.control import outcome_body
from indevolt.hub.api.problems import Declared, Declined, problems
from indevolt.hub.bus import Bus, Subscription
from indevolt.hub.events import Alert, LinkChanged, Noted, Steered, Tier, Update
from indevolt.hub.site.quantities import SITE

HEARTBEAT_S: Final = 15.0  # below the minute after which proxies drop a silent connection
RETRY_MS: Final = 3000
KEPT: Final = 512  # events for those who come back: five minutes of a home with three devices
BEHIND: Final = 512  # events that may wait for one listener, above some 64 kB that the connection holds
PIECE: Final = 32 * 1024  # bytes that are written at once
QUEUED: Final = 8192  # events that may wait for being written
MOST_LISTENERS: Final = 4096
PULSE_S: Final = 0.5  # from one write to a listener to the next: what comes meanwhile goes out together
BATCH: Final = 200  # listeners that are woken before others get a turn
ABORT: Final = "indevolt.abort"  # extension of the server's scope: ends the connection at once

EventKind = Literal["reading", "site", "link", "journal", "alert", "steering"]
KINDS: Final[tuple[EventKind, ...]] = ("reading", "site", "link", "journal", "alert", "steering")
Told: TypeAlias = Update | LinkChanged | Noted | Alert | Steered
STREAM: Final[Declared] = {
    200: {
        "description": "Events until one side hangs up",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}

router = APIRouter(prefix="/api/v1", tags=["live"], dependencies=READERS)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a listener wants to hear; None: all of it."""

    devices: frozenset[str] | None
    names: frozenset[str] | None
    kinds: frozenset[str]


@dataclass(slots=True, eq=False)
class Listener:
    """One connection: what waits for it, and how it is woken."""

    waiting: deque[bytes]
    abort: Callable[[], object]  # ends the connection at once
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    quiet: bool = False  # nothing was said since the last look
    ended: bool = False
    slow: bool = False

    def offer(self, text: bytes) -> None:
        """Queue a text; too many and the listener is given up."""
        if self.ended:
            return
        if len(self.waiting) >= BEHIND:
            self.slow = True
            self.end()
            self.abort()
            return
        self.waiting.append(text)
        self.quiet = False
        self.woken.set()

    def end(self) -> None:
        """Let the stream end."""
        self.ended = True
        self.woken.set()


class Feed:
    """Writes events down once and passes them to listeners.

    Args:
        bus: where events come from.
        clock: times heartbeats.
        run_id: tells this run of the hub from others, as numbers begin anew with each.
        heartbeat_s: the longest silence.
        pulse_s: the least time between two writes to a listener, by no clock of the hub: eyes and connections live in real time.
    """

    def __init__(self, bus: Bus, clock: Clock, run_id: str, *, heartbeat_s: float = HEARTBEAT_S, pulse_s: float = PULSE_S) -> None:
        self._bus = bus
        self._clock = clock
        self._run_id = run_id
        self._heartbeat_s = heartbeat_s
        self.pulse_s = pulse_s
        self._kept: deque[tuple[int, Told]] = deque(maxlen=KEPT)
        self._groups: dict[Wanted, dict[Listener, None]] = {}
        self._number = 0
        self._closed = False
        self.listeners = 0
        self.dropped = 0

    @property
    def groups(self) -> int:
        """How many different wishes there are; each event is written once for each."""
        return len(self._groups)

    @property
    def last_id(self) -> str:
        """The id of the last event; who sends it as ``Last-Event-ID`` gets what came after it."""
        return f"{self._run_id}-{self._number}"

    async def run(self) -> None:
        """Pass events on until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._beat())
            told: Subscription[Told] = self._bus.subscribe(Update, LinkChanged, Noted, Alert, Steered, size=QUEUED)
            with told as events:
                async for event in events:
                    self._number += 1
                    self._kept.append((self._number, event))
                    await self._spread(self._number, event)

    def close(self) -> None:
        """End all streams, and begin no more."""
        self._closed = True
        for listener in self._everybody():
            listener.end()

    def check(self) -> None:
        """Refuse one more listener where there are enough.

        Raises:
            Declined: the hub stops, or too many listen.
        """
        if self._closed or self.listeners >= MOST_LISTENERS:
            headers = {"retry-after": "10"}
            raise Declined(503, "no more listeners now", remedy="Try again later.", transient=True, headers=headers)

    def join(self, wanted: Wanted, last_id: str | None, abort: Callable[[], object]) -> Listener:
        """Begin to listen; what was missed since ``last_id`` waits already."""
        listener = Listener(deque([b"retry: %d\n\n" % RETRY_MS]), abort, ended=self._closed)
        listener.waiting.extend(self._missed(wanted, last_id))
        listener.woken.set()
        self._groups.setdefault(wanted, {})[listener] = None
        self.listeners += 1
        return listener

    def leave(self, wanted: Wanted, listener: Listener) -> None:
        """Listen no more."""
        group = self._groups[wanted]
        del group[listener]
        if not group:
            del self._groups[wanted]
        self.listeners -= 1
        self.dropped += listener.slow

    def _missed(self, wanted: Wanted, last_id: str | None) -> Iterator[bytes]:
        """Yield what came after an event; a reset if that cannot be told."""
        if not last_id:
            return
        run_id, _, text = last_id.partition("-")
        seen = int(text) if text.isascii() and text.isdigit() and len(text) <= 15 else -1
        oldest = self._kept[0][0] if self._kept else self._number + 1
        if run_id != self._run_id or not oldest - 1 <= seen <= self._number:
            yield self._frame(self._number, "reset", {"detail": "events were missed: load everything anew"})
            return
        for number, event in self._kept:
            if number > seen and (text_of := self._written(number, event, wanted)) is not None:
                yield text_of

    async def _spread(self, number: int, event: Told) -> None:
        for wanted in tuple(self._groups):
            group = self._groups.get(wanted)
            text = self._written(number, event, wanted) if group else None
            if group is None or text is None:
                continue
            for position, listener in enumerate(tuple(group), 1):
                listener.offer(text)
                if position % BATCH == 0:
                    await asyncio.sleep(0)  # so that a crowd delays nobody else's request

    async def _beat(self) -> None:
        """Say something to those who heard nothing for a while; a beat for others would only keep back what happens next."""
        while True:
            await self._clock.sleep(self._heartbeat_s / 2)
            text = b"event: heartbeat\ndata: " + orjson.dumps({"at": self._clock.now()}) + b"\n\n"
            for listener in self._everybody():
                if listener.quiet:
                    listener.offer(text)
                listener.quiet = True

    def _everybody(self) -> tuple[Listener, ...]:
        return tuple(listener for group in self._groups.values() for listener in group)

    def _written(self, number: int, event: Told, wanted: Wanted) -> bytes | None:
        """Return an event as listeners get it; None if they do not want it."""
        kind, device, data = _told(event)
        if kind not in wanted.kinds or (wanted.devices is not None and device and device not in wanted.devices):
            return None
        if isinstance(event, Update):
            values = _values(event.reading, wanted.names)
            if not values["values"] and not values["missing"]:
                return None
            data = {**data, **values}
        return self._frame(number, kind, data)

    def _frame(self, number: int, kind: str, data: Mapping[str, Any]) -> bytes:
        return b"id: %s-%d\nevent: %s\ndata: %s\n\n" % (
            self._run_id.encode(),
            number,
            kind.encode(),
            orjson.dumps(data, default=str),
        )


def _told(event: Told) -> tuple[str, str, dict[str, Any]]:
    """Return kind, device and content of an event; the values of a reading are added for each who wants them."""
    match event:
        case Update():
            kind = "site" if event.tier is Tier.SITE else "reading"
            return kind, event.device, {"device": event.device, "tier": event.tier, "at": event.reading.at}
        case LinkChanged():
            content = {"device": event.device, "link": event.state, "text": event.text, "at": event.at}
            return "link", event.device, content
        case Noted(entry=entry):
            content = {"number": entry.number, "at": entry.at, "kind": entry.kind, "device": entry.device, "actor": entry.actor}
            return "journal", entry.device, {**content, "text": entry.text, "data": dict(entry.data)}
        case Alert():
            content = {"device": event.device, "what": event.what, "active": event.active, "text": event.text}
            return "alert", event.device, {**content, "since": event.since}
        case Steered():
            content = {"device": event.device, "override": event.override, "step": event.step, "text": event.text, "at": event.at}
            outcome = event.outcome and outcome_body(event.outcome).model_dump(mode="json")
            return "steering", event.device, {**content, "owner": event.owner, "outcome": outcome}


def _values(reading: Reading, names: frozenset[str] | None) -> dict[str, dict[str, Any]]:
    """Return live values by name, and why others have none."""
    chosen = [sample for name, sample in reading.items() if names is None or name in names]
    live = {each.name: _plain(each.value) for each in chosen if each.quality is Quality.LIVE}
    return {"values": live, "missing": {each.name: each.quality for each in chosen if each.quality is not Quality.LIVE}}


def _plain(value: Any) -> Any:  # noqa: ANN401 - of whatever type the point is
    """Return a value that JSON of 64 bits can carry."""
    return float(value) if type(value) is int and abs(value) > 2**53 else value


class EventStream(Response):
    """Sends what waits for a listener until one side hangs up."""

    media_type = "text/event-stream"

    def __init__(self, feed: Feed, wanted: Wanted, last_id: str | None) -> None:
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._feed = feed
        self._wanted = wanted
        self._last_id = last_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send."""
        task = asyncio.current_task()
        abort = scope.get("extensions", {}).get(ABORT) or (task.cancel if task else bool)
        listener = self._feed.join(self._wanted, self._last_id, abort)
        watch = asyncio.ensure_future(_hung_up(receive, listener))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await _write(listener, send)  # the greeting: what happens next goes out without a pause
            while not listener.ended:
                await listener.woken.wait()
                await _write(listener, send)
                await asyncio.sleep(self._feed.pulse_s)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._feed.leave(self._wanted, listener)
            watch.cancel()


async def _write(listener: Listener, send: Send) -> None:
    """Write all that waits for a listener."""
    listener.woken.clear()
    while listener.waiting and not listener.ended:
        await send({"type": "http.response.body", "body": _piece(listener.waiting), "more_body": True})


def _piece(waiting: deque[bytes]) -> bytes:
    """Take out what goes into one write: whole texts, up to a size that one connection may hold."""
    texts = [waiting.popleft()]
    size = len(texts[0])
    while waiting and size + len(waiting[0]) <= PIECE:
        texts.append(waiting.popleft())
        size += len(texts[-1])
    return b"".join(texts)


async def _hung_up(receive: Receive, listener: Listener) -> None:
    """End a listener when its client is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
    listener.end()


@router.get("/events", response_class=StreamingResponse, responses={**STREAM, **problems(404, 503)})
async def stream_events(
    request: Request,
    hub: HubOf,
    *,
    devices: Annotated[
        str | None, Query(max_length=4000, description="Names, separated by commas, `site` being the house; by default all.")
    ] = None,
    names: Names = None,
    kinds: Annotated[list[EventKind] | None, Query(alias="kind", description="By default all; may be given several times.")] = None,
    last_event_id: Annotated[str | None, Header(max_length=60, description="Sent by browsers when they come back.")] = None,
) -> Response:
    """Stream what happens, as server-sent events.

    `reading`: device, tier, at, live values by name, and `missing` ones. `site`: the same of the house, as device `site`. `link`,
    `journal`, `alert`: as their pages have them. `steering`: how far an order has got, and its outcome.
    `heartbeat` after at most 15 s of silence. `reset`: events were missed, load everything anew.
    """
    listed = frozenset(names_in(devices)) if devices is not None else None
    for device in (listed or frozenset()) - {SITE}:
        hub.keeper(device)
    wanted = Wanted(
        listed,
        frozenset(heard) if (heard := heard_names(names)) is not None else None,
        frozenset(kinds or KINDS),
    )
    feed: Feed = request.app.state.feed
    feed.check()
    return EventStream(feed, wanted, last_event_id)
