"""The event stream: everything that happens, once, in order, also for those who come back; and nobody can hold it up."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from api.apihome import ApiHome, api_home, tokens, until
from indevolt.battery import Quality, Reading, Sample
from indevolt.hub.alerts import What
from indevolt.hub.api.live import BEHIND, KEPT
from indevolt.hub.events import Tier, Update
from indevolt.hub.journal import Kind
from indevolt.hub.tokens import Role

AT = datetime(2026, 6, 21, 12, 0, tzinfo=UTC)
PATIENCE_S = 60  # of a test that fails


@dataclass
class Event:
    """One event as a browser gets it."""

    kind: str
    number: str
    data: Any


class Stream:
    """Reads events."""

    def __init__(self, lines: Any) -> None:
        self._lines = lines

    async def next(self, *kinds: str) -> Event:
        """Return the next event, of some kinds if they are named."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                event = await self._event()
                if event.kind and (not kinds or event.kind in kinds):
                    return event

    async def ends(self) -> bool:
        async with asyncio.timeout(PATIENCE_S):
            while await self._lines.readline():
                pass
        return True

    async def _event(self) -> Event:
        fields: dict[str, str] = {}
        while line := (await self._lines.readline()).decode().rstrip("\n"):
            name, _, text = line.partition(": ")
            fields[name] = text
        if not fields:
            raise ConnectionError("the stream ended")
        return Event(fields.get("event", ""), fields.get("id", ""), json.loads(fields.get("data", "null")))


@asynccontextmanager
async def listening(it: ApiHome, query: str = "", last_id: str | None = None) -> AsyncIterator[Stream]:
    headers = {} if last_id is None else {"Last-Event-ID": last_id}
    async with it.session.get(f"{it.url}/api/v1/events{query}", headers=headers) as response:
        assert response.status == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        assert (await response.content.readline()) == b"retry: 3000\n"
        assert (await response.content.readline()) == b"\n"
        yield Stream(response.content)


def tell(it: ApiHome, number: int = 1, *, device: str = "cellar", **values: float | None) -> None:
    """Publish a reading as a keeper does."""
    samples = {
        name: Sample(name, value, "W", AT, Quality.LIVE if value is not None else Quality.NOT_AVAILABLE)
        for name, value in values.items()
    }
    it.hub.bus.publish(Update(device, Tier.POWER, Reading(device, "gen2", AT, samples), number))


async def test_a_reading_comes_with_its_live_values_and_says_what_is_missing(it: ApiHome) -> None:
    async with listening(it, "?kind=reading&names=battery_power,battery_soc") as stream:
        tell(it, battery_power=480.0, battery_soc=None, ac_power=1.0)
        event = await stream.next("reading")
    assert event.data == {
        "device": "cellar",
        "tier": "power",
        "at": "2026-06-21T12:00:00+00:00",
        "values": {"battery_power": 480.0},
        "missing": {"battery_soc": "not available"},
    }


async def test_what_a_real_device_says_arrives(it: ApiHome) -> None:
    async with listening(it) as stream:
        await it.clock.advance(6)
        event = await stream.next("reading")
    assert event.data["device"] == "cellar"
    assert event.data["values"]["battery_soc"] == pytest.approx(55, abs=1)


async def test_links_journal_and_alerts_come_as_well(it: ApiHome) -> None:
    async with listening(it, "?kind=link&kind=journal&kind=alert") as stream:
        await it.hub.alerts.begin(What.FROZEN, "it repeats itself", device="cellar")
        alert = await stream.next()
        entry = await stream.next()
        it.simulator.faults.add("silent")
        await it.clock.advance(120)
        link = await stream.next("link")
    assert (alert.kind, alert.data["what"], alert.data["active"]) == ("alert", "frozen", True)
    assert (entry.kind, entry.data["text"]) == ("journal", "it repeats itself")
    assert (link.data["device"], link.data["link"]) in (("cellar", "silent"), ("attic", "silent"))
    assert (await it.ask("/api/v1/alerts")).json["alerts"][0]["what"] == "frozen"


async def test_only_what_was_asked_for_comes(it: ApiHome) -> None:
    async with listening(it, "?devices=cellar&names=battery_power&kind=reading") as stream:
        tell(it, device="attic", battery_power=1.0)
        tell(it, ac_power=2.0)
        await it.hub.journal.note(Kind.HUB, "something")
        tell(it, battery_power=3.0)
        event = await stream.next()
    assert (event.data["device"], event.data["values"]) == ("cellar", {"battery_power": 3.0})


@pytest.mark.parametrize(("names", "remedy"), [("batery_power", "Did you mean battery_power"), ("x", "/points` lists them")])
async def test_a_quantity_that_nothing_has_is_no_silent_stream(it: ApiHome, names: str, remedy: str) -> None:
    answer = await it.ask(f"/api/v1/events?names=battery_soc,{names}")
    assert answer.status == 422
    assert answer.json["detail"] == f"names: there is no quantity {names!r}"
    assert remedy in answer.json["remedy"]


async def test_whoever_comes_back_gets_what_was_missed_and_nothing_twice(it: ApiHome) -> None:
    query = "?kind=reading&names=battery_power"
    async with listening(it, query) as stream:
        tell(it, battery_power=1.0)
        last = (await stream.next()).number
    for power_w in (2.0, 3.0):
        tell(it, battery_power=power_w)
    async with listening(it, query) as other:  # so that both have gone through
        tell(it, battery_power=4.0)
        await other.next()
    async with listening(it, query, last) as stream:
        seen = [(await stream.next()).data["values"]["battery_power"] for _ in range(3)]
        tell(it, battery_power=5.0)
        seen.append((await stream.next()).data["values"]["battery_power"])
    assert seen == [2.0, 3.0, 4.0, 5.0]


@pytest.mark.parametrize("last_id", ["0-1", "garbage", "x-99999999999999999999", "-", "\xb2-\xb2"])
async def test_whoever_comes_back_to_another_run_is_told_to_load_everything_anew(it: ApiHome, last_id: str) -> None:
    async with listening(it, "", last_id) as stream:
        event = await stream.next()
    assert event.kind == "reset"


async def test_a_number_of_another_run_means_nothing_in_this_one(it: ApiHome) -> None:
    async with listening(it, "?kind=reading") as stream:
        tell(it, battery_power=1.0)
        _, _, number = (await stream.next()).number.partition("-")
    async with listening(it, "?kind=reading", f"0-{number}") as stream:
        assert (await stream.next()).kind == "reset"


async def test_whoever_comes_back_too_late_is_told_so(it: ApiHome) -> None:
    async with listening(it, "?kind=reading") as stream:
        tell(it, battery_power=1.0)
        last = (await stream.next()).number
        for power_w in range(KEPT + 1):
            tell(it, battery_power=float(power_w))
            if power_w % 100 == 0:
                await stream.next()
                await asyncio.sleep(0)
        while (await stream.next()).data["values"]["battery_power"] != float(KEPT):
            pass
    async with listening(it, "?kind=reading", last) as stream:
        assert (await stream.next()).kind == "reset"


async def test_a_heartbeat_comes_when_nothing_happens() -> None:
    async with api_home(app={"heartbeat_s": 2.0}) as it, listening(it, "?kind=alert") as stream:
        await it.clock.advance(2)
        event = await stream.next()
        assert event.kind == "heartbeat"
        assert event.data["at"]


async def test_a_slow_reader_is_hung_up_on_and_holds_nobody_up(it: ApiHome) -> None:
    feed = it.app.state.feed
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # else the system takes in megabytes for it
    connection.connect(("127.0.0.1", it.port))
    _, slow = await asyncio.open_connection(sock=connection, limit=1024)
    slow.write(b"GET /api/v1/events?kind=reading HTTP/1.1\r\nHost: localhost\r\n\r\n")
    async with listening(it, "?kind=reading") as stream, asyncio.timeout(2 * PATIENCE_S):
        await until(lambda: feed.listeners == 2)
        names: dict[str, Any] = {f"name_{number}": 1.0 for number in range(300)}
        number = 0
        while not feed.dropped:
            tell(it, battery_power=float(number), **names)
            assert (await stream.next("reading")).data["values"]["battery_power"] == number
            number += 1
        assert number > BEHIND
        await until(lambda: feed.listeners == 1)
        tell(it, battery_power=-1.0)
        assert (await stream.next("reading")).data["values"]["battery_power"] == -1.0
    slow.close()


async def test_an_event_goes_out_at_once_and_those_shortly_after_it_in_one_write() -> None:
    async with api_home(app={"pulse_s": 0.5}) as it, asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", it.port)
        writer.write(b"GET /api/v1/events?kind=reading HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await reader.readuntil(b"retry: 3000\n\n\r\n")
        tell(it, battery_power=0.0)
        assert (await chunk(reader)).count(b"event: reading") == 1
        for number in range(1, 6):
            tell(it, battery_power=float(number))
            for _ in range(10):
                await asyncio.sleep(0)  # in which it would go out
        assert (await chunk(reader)).count(b"event: reading") == 5
        writer.close()


async def chunk(reader: asyncio.StreamReader) -> bytes:
    """Read one chunk of an answer: what was sent in one write."""
    size = int(await reader.readline(), 16)
    return (await reader.readexactly(size + 2))[:-2]


async def test_a_listener_that_hangs_up_is_forgotten(it: ApiHome) -> None:
    feed = it.app.state.feed
    async with listening(it):
        assert feed.listeners == 1
    await until(lambda: not feed.listeners)
    assert feed.dropped == 0


async def test_an_event_is_written_once_for_all_who_want_the_same(it: ApiHome) -> None:
    feed = it.app.state.feed
    async with listening(it, "?kind=reading"), listening(it, "?kind=reading"), listening(it, "?kind=alert"):
        await until(lambda: feed.listeners == 3)
        assert feed.groups == 2


async def test_streams_end_when_the_hub_stops() -> None:
    async with api_home() as it:
        session = it.session
        response = await session.get(f"{it.url}/api/v1/events")
        stream = Stream(response.content)
        it.app.state.feed.close()
        assert await stream.ends()
        assert (await it.ask("/api/v1/events")).status == 503
        response.close()


async def test_a_stream_outlives_the_time_that_other_answers_may_take() -> None:
    async with api_home(app={"answer_s": 0.2}) as it, listening(it, "?kind=reading") as stream:
        late = await it.ask("/api/v1/devices/cellar/settings/mode", method="PUT", role=Role.CONTROL, json={"value": "schedule"})
        assert late.status == 504  # so that time is over for the stream as well
        tell(it, battery_power=1.0)
        assert (await stream.next()).data["values"] == {"battery_power": 1.0}


async def test_a_device_that_is_not_there_cannot_be_listened_to(it: ApiHome) -> None:
    answer = await it.ask("/api/v1/events?devices=barn")
    assert answer.status == 404


async def test_a_stream_needs_what_reading_needs(it: ApiHome) -> None:
    headers = {"X-Forwarded-For": "203.0.113.5"}
    assert (await it.ask("/api/v1/events", headers=headers)).status == 401
    known = {**headers, "Authorization": f"Bearer {tokens()[Role.READ]}"}
    async with it.session.get(f"{it.url}/api/v1/events", headers=known) as answer:
        assert answer.status == 200
