"""Line protocol: each live value is sent, spelled so that all receivers read the same; who is away for a while misses nothing."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from hub_scene import StillHub, forwarding, still_hub
from hypothesis import given, strategies as st

from indevolt.battery import Quality, Reading, Sample, Value
from indevolt.hub.config import InfluxConfig
from indevolt.hub.events import Tier, Update
from indevolt.hub.influx import LONGEST_PAUSE_S, RESEND_S, Queue, serve_influx
from indevolt.hub.influx_lines import Lines, line, nanoseconds
from indevolt.hub.influx_receivers import DATAGRAM_BYTES
from indevolt.hub.secret import Secret
from wire_oracle import until

AT = datetime(2026, 6, 21, 10, 0, 0, 123000, tzinfo=UTC)
Parsed = tuple[str, dict[str, str], dict[str, float | bool], int]


def split(text: str, at: str, most: int = -1) -> list[str]:
    """Split at a character that no backslash stands before."""
    parts, part, escaped = [], "", False
    for each in text:
        if each == at and not escaped and most != 0:
            parts.append(part)
            part, most = "", most - 1
        else:
            part += each
        escaped = each == "\\" and not escaped
    return [*parts, part]


def plain(text: str) -> str:
    """Take the escapes out."""
    for each in ",= ":
        text = text.replace("\\" + each, each)
    return text


def parse(data: bytes) -> Parsed:
    """Read a line as the specification of InfluxDB says."""
    head, fields, at = split(data.decode(), " ")
    measurement, *tags = split(head, ",")
    named = dict(split(tag, "=", 1) for tag in tags)
    values = {plain(name): spelled(value) for name, value in (split(field, "=", 1) for field in split(fields, ","))}
    return plain(measurement), {plain(name): plain(value) for name, value in named.items()}, values, int(at)


def spelled(value: str) -> float | bool:
    return value == "true" if value in ("true", "false") else float(value)


def update(*, at: datetime = AT, device: str = "cellar", quality: Quality = Quality.LIVE, **values: Value) -> Update:
    samples = {name: Sample(name, value, "", at, quality) for name, value in values.items()}
    return Update(device, Tier.POWER, Reading(device, "gen2", at, samples), 1)


# ---- lines -----------------------------------------------------------------------------------------------------------

speakable = st.text(st.characters(exclude_characters="\\", exclude_categories=("Cc", "Cs")), min_size=1).filter(
    lambda text: text[0] != "#"
)
finite = st.floats(allow_nan=False, allow_infinity=False) | st.booleans() | st.integers(-(10**15), 10**15)


@given(speakable, st.dictionaries(speakable, speakable), st.dictionaries(speakable, finite, min_size=1), st.integers(0, 2**62))
def test_what_a_line_says_is_what_a_receiver_reads(
    measurement: str, tags: dict[str, str], fields: dict[str, float | bool], at_ns: int
) -> None:
    assert parse(line(measurement, tags, fields, at_ns)) == (measurement, tags, fields, at_ns)


@given(st.text(min_size=1), st.text(min_size=1))
def test_no_text_can_make_a_second_line_or_a_comment(measurement: str, tag: str) -> None:
    data = line(measurement, {"device": tag}, {"x": 1}, 0)
    assert b"\n" not in data
    assert not data.startswith(b"#")
    assert parse(data)[2:] == ({"x": 1.0}, 0)


def test_a_reading_is_one_line_with_a_field_for_each_number() -> None:
    (data,) = Lines("indevolt").of(update(battery_power=482, battery_soc=55.5, grid_charging=False))
    assert data == b"indevolt,device=cellar battery_power=482,battery_soc=55.5,grid_charging=false 1782036000123000000"


def test_times_are_exact() -> None:
    assert nanoseconds(AT + timedelta(microseconds=1)) == 1782036000123001000


@pytest.mark.parametrize("quality", [quality for quality in Quality if quality is not Quality.LIVE])
def test_what_is_not_live_is_not_sent(quality: Quality) -> None:
    assert list(Lines("indevolt").of(update(battery_soc=55, quality=quality))) == []


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_what_is_no_number_is_not_sent(number: float) -> None:
    assert list(Lines("indevolt").of(update(battery_soc=number))) == []


def test_a_word_is_a_line_of_its_own_and_the_one_before_ends() -> None:
    lines = Lines("indevolt")
    first = list(lines.of(update(mode="self_use")))
    same = list(lines.of(update(mode="self_use")))
    other = list(lines.of(update(mode="realtime")))
    assert first == same == [b"indevolt_state,device=cellar,name=mode,state=self_use active=1 1782036000123000000"]
    assert [parse(each)[1:3] for each in other] == [
        ({"device": "cellar", "name": "mode", "state": "self_use"}, {"active": 0}),
        ({"device": "cellar", "name": "mode", "state": "realtime"}, {"active": 1}),
    ]


def test_texts_and_clocks_are_not_sent() -> None:
    assert list(Lines("indevolt").of(update(serial_number="38A", device_time=AT))) == []


def test_a_line_that_no_datagram_holds_becomes_several_of_the_same_time() -> None:
    values: dict[str, Any] = {f"quantity_{number}": number for number in range(100)}
    lines = list(Lines("indevolt", DATAGRAM_BYTES).of(update(**values)))
    assert len(lines) > 1
    assert max(map(len, lines)) <= DATAGRAM_BYTES
    together: dict[str, float | bool] = {}
    for each in lines:
        together |= parse(each)[2]
    assert together == values


# ---- what waits ------------------------------------------------------------------------------------------------------


def test_a_full_queue_gives_up_the_oldest_and_counts_them() -> None:
    queue = Queue({}, most_bytes=20)
    queue.add([b"aaaaaaaaa", b"bbbbbbbbb", b"ccccccccc"])
    assert queue.batch(10) == [b"bbbbbbbbb", b"ccccccccc"]
    assert (queue.figures["dropped_lines_total"], queue.figures["waiting_lines"]) == (1, 2)


def test_what_is_given_up_while_it_is_sent_takes_nothing_else_with_it() -> None:
    queue = Queue({}, most_bytes=20)
    queue.add([b"aaaaaaaaa", b"bbbbbbbbb"])
    assert queue.batch(1) == [b"aaaaaaaaa"]
    queue.add([b"ccccccccc"])
    queue.sent(0)
    assert queue.batch(10) == [b"bbbbbbbbb", b"ccccccccc"]


def test_what_was_sent_long_ago_is_not_sent_again() -> None:
    queue = Queue({})
    for at_s, each in ((0.0, b"old"), (RESEND_S, b"new")):
        queue.add([each])
        queue.batch(10)
        queue.sent(at_s)
    queue.add([b"next"])
    assert queue.again(RESEND_S + 1)
    assert queue.batch(10) == [b"new", b"next"]
    assert not queue.again(RESEND_S + 1)


# ---- receivers -------------------------------------------------------------------------------------------------------


class Receiver:
    """A server that takes lines, or says something else."""

    def __init__(self) -> None:
        self.status = 204
        self.poison = b""
        self.moved_to = ""
        self.requests: list[web.Request] = []
        self.lines: list[bytes] = []
        self.port = 0
        self._runner: web.ServerRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/write"

    async def take(self, request: web.BaseRequest) -> web.Response:
        self.requests.append(request)  # type: ignore[arg-type]  # only its headers and query are looked at
        lines = (await request.read()).split(b"\n")
        if self.moved_to and request.method == "POST":
            return web.Response(status=301, headers={"Location": self.moved_to})
        if self.poison and any(self.poison in each for each in lines):
            return web.Response(status=400, text="unable to parse")
        if self.status < 300:
            self.lines += lines
        return web.Response(status=self.status)

    async def start(self) -> None:
        self._runner = web.ServerRunner(web.Server(self.take), shutdown_timeout=0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]  # it has just been started

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    await receiver.start()
    try:
        yield receiver
    finally:
        await receiver.stop()


@asynccontextmanager
async def sending(path: str = "/write", **config: Any) -> AsyncIterator[tuple[StillHub, Receiver]]:
    async with receiving() as receiver:
        influx = InfluxConfig(url=f"http://127.0.0.1:{receiver.port}{path}", **config)
        async with still_hub(influx=influx) as it:
            service = asyncio.create_task(serve_influx(it.hub))
            await it.clock.advance(0)
            try:
                yield it, receiver
            finally:
                service.cancel()
                await asyncio.wait([service])


def figures(it: StillHub) -> dict[str, float]:
    return it.hub.figures["influx"]


async def pass_time(it: StillHub, seconds: float) -> None:
    """Let time pass in steps, in which what is sent arrives."""
    for _ in range(int(seconds)):
        await it.clock.advance(1)
        for _ in range(30):
            await asyncio.sleep(0)


async def until_sent(it: StillHub) -> None:
    async with asyncio.timeout(10):
        while figures(it)["waiting_lines"]:
            await pass_time(it, 1)


async def test_what_the_device_says_arrives() -> None:
    async with sending() as (it, receiver):
        await pass_time(it, 30)
        await until(lambda: len(receiver.lines) > 5)
        parsed = [parse(each) for each in receiver.lines]
        power = [each for each in parsed if "battery_power" in each[2]]
        assert power[0][:2] == ("indevolt", {"device": "cellar"})
        assert any("house_power" in each[2] for each in parsed)
        assert any(each[1].get("state") == "self_use" for each in parsed)
        assert len({each[3] for each in power}) == len(power)


@pytest.mark.parametrize(
    ("path", "config", "query", "authorization"),
    [
        ("/write", {}, {}, None),
        ("/write", {"bucket": "home"}, {"db": "home"}, None),
        ("/write?rp=long", {"bucket": "home", "token": Secret("t")}, {"rp": "long", "db": "home"}, "Bearer t"),
        ("/api/v2/write", {"bucket": "b", "org": "o", "token": Secret("t")}, {"bucket": "b", "org": "o"}, "Token t"),
    ],
)
async def test_each_write_api_gets_what_it_asks_for(
    path: str, config: dict[str, Any], query: dict[str, str], authorization: str | None
) -> None:
    async with sending(path, **config) as (it, receiver):
        await pass_time(it, 20)
        await until(lambda: bool(receiver.requests))
        request = receiver.requests[0]
        assert (dict(request.query), request.headers.get("Authorization")) == (query, authorization)


async def test_a_receiver_that_is_busy_gets_everything_later() -> None:
    async with sending() as (it, receiver):
        receiver.status = 503
        await pass_time(it, 60)
        await until(lambda: figures(it)["failures_total"] > 0)
        assert receiver.lines == []
        receiver.status = 204
        await pass_time(it, int(LONGEST_PAUSE_S))
        await until_sent(it)
        times = [parse(each)[3] for each in receiver.lines if b"battery_power" in each]
        assert len(times) >= 20
        assert times == sorted(times)
        assert (figures(it)["dropped_lines_total"], figures(it)["refused_lines_total"]) == (0, 0)
        told = [text for text in await it.journal() if text.startswith("influx:")]
        assert told[0].startswith("influx: the receiver does not take lines: HTTP 503")
        assert told[-1] == "influx: the receiver takes lines again"


async def test_what_was_acknowledged_just_before_a_receiver_went_away_is_sent_again() -> None:
    async with receiving() as receiver, forwarding(receiver.url) as it:
        await it.pass_time(50)
        lost = list(receiver.lines)
        await receiver.stop()
        receiver.lines.clear()
        await it.pass_time(20)
        assert it.queue.figures["failures_total"] == 2
        await receiver.start()
        await it.pass_time(10)
        assert receiver.lines[: len(lost)] == lost
        assert len(receiver.lines) > len(lost) > 10


async def test_a_receiver_that_started_anew_between_two_batches_is_noticed() -> None:
    async with receiving() as receiver, forwarding(receiver.url) as it:
        await it.pass_time(50)
        lost = list(receiver.lines)
        await receiver.stop()
        receiver.lines.clear()
        await receiver.start()
        await it.pass_time(10)
        assert set(lost) < set(receiver.lines)


async def test_a_receiver_that_keeps_its_connection_gets_each_line_once() -> None:
    async with receiving() as receiver, forwarding(receiver.url) as it:
        await it.pass_time(120)
        assert len(set(receiver.lines)) == len(receiver.lines) == it.queue.figures["sent_lines_total"] > 40


async def test_a_line_that_is_refused_for_good_does_not_hold_up_the_others() -> None:
    async with receiving() as receiver, forwarding(receiver.url) as it:
        receiver.poison = b"self_use"
        await it.pass_time(60)
        bad = [each for update in it.seen for each in Lines("indevolt").of(update) if receiver.poison in each]
        receiver.poison = b""
        await it.pass_time(60)
        assert it.queue.figures["refused_lines_total"] == len(bad) > 0
        assert len(receiver.lines) > 40
        assert any("refuses a line: HTTP 400 unable to parse" in text for text in await it.it.journal())


async def test_good_lines_arrive_at_once_although_one_of_each_reading_is_refused() -> None:
    async with receiving() as receiver, forwarding(receiver.url) as it:
        receiver.poison = b"battery_power"
        await it.pass_time(600)
        assert it.queue.figures["refused_lines_total"] > 100
        assert it.queue.figures["waiting_lines"] == 0
        assert sum("refuses a line" in text for text in await it.it.journal()) == 1  # an hour has not passed


async def test_a_receiver_that_has_moved_is_told_and_no_line_is_lost() -> None:
    async with receiving() as receiver, forwarding(receiver.url) as it:
        receiver.moved_to = "/elsewhere"
        await it.pass_time(60)
        assert it.queue.figures["sent_lines_total"] == 0
        assert any("HTTP 301 leads to /elsewhere" in text for text in await it.it.journal())
        receiver.moved_to = ""
        await it.pass_time(60)
        assert len(receiver.lines) == it.queue.figures["sent_lines_total"] > 40


async def test_what_waits_when_the_hub_stops_is_sent() -> None:
    async with sending(every_s=3600) as (it, receiver):
        await pass_time(it, 30)
        assert receiver.lines == []
    assert len(receiver.lines) > 5


@contextmanager
def ear() -> Any:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as each:
        each.bind(("127.0.0.1", 0))
        each.setblocking(False)
        yield each


async def test_lines_go_out_by_udp_in_datagrams_that_networks_carry() -> None:
    with ear() as listener:
        influx = InfluxConfig(url=f"udp://127.0.0.1:{listener.getsockname()[1]}")
        async with still_hub(influx=influx) as it:
            service = asyncio.create_task(serve_influx(it.hub))
            await pass_time(it, 30)
            await until_sent(it)
            service.cancel()
            await asyncio.wait([service])
        datagrams = []
        while True:
            try:
                datagrams.append(listener.recv(65536))
            except BlockingIOError:
                break
    assert max(map(len, datagrams)) <= DATAGRAM_BYTES
    parsed = [parse(each) for datagram in datagrams for each in datagram.split(b"\n")]
    assert {"battery_power", "house_power"} <= {name for each in parsed for name in each[2]}


async def test_without_a_receiver_there_is_nothing_to_do() -> None:
    async with still_hub() as it:
        await serve_influx(it.hub)
