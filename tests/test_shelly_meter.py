"""The Shelly Pro 3EM look-alike on a real port, with plain sockets and with HTTP clients that others wrote."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, suppress
from typing import Any

import aiohttp
import pytest
from hypothesis import given, strategies as st

from indevolt.clock import ManualClock
from indevolt.errors import InvalidInput, NoReply
from indevolt.measurement import Measurement
from indevolt.shelly import BODY_LIMIT, HEAD_LIMIT, MAX_CLIENTS, Asked, ShellyMeter
from wire_oracle import ask, talk, until

EM = "/rpc/EM.GetStatus?id=0"
GOOD = f"GET {EM} HTTP/1.1\r\n\r\n".encode()
KEPT = GOOD.replace(b"\r\n\r\n", b"\r\nConnection: keep-alive\r\n\r\n")
BAD = b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
SLACK = 1024  # above how finely limits are kept
SHORT_S = 0.1
PATIENCE_S = 60  # of a test that fails


def steady(*_: Asked) -> Measurement:
    return Measurement(431.5, 1000.0, 20.0)


@asynccontextmanager
async def serving(measures: Callable[[Asked], Measurement] = steady, **options: Any) -> AsyncIterator[ShellyMeter]:
    async with ShellyMeter(measures, **options) as meter:
        yield meter
        assert (await talk(meter.port, GOOD)).startswith(b"HTTP/1.1 200 OK\r\n"), "the next client is served"


# ---- replies -------------------------------------------------------------------------------------------------------------


async def test_a_reply_has_the_three_headers_of_the_documentation_and_then_the_connection_ends() -> None:
    async with serving() as meter:
        head, body = (await talk(meter.port, GOOD)).split(b"\r\n\r\n")
    assert head.decode().split("\r\n") == [
        "HTTP/1.1 200 OK",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    assert json.loads(body)["total_act_power"] == 431.5


async def test_each_request_is_measured_anew() -> None:
    powers = iter([100.0, -200.0, 300.0])
    async with ShellyMeter(lambda _: Measurement(next(powers))) as meter:
        shown = [json.loads((await ask(meter.port, EM)).body)["total_act_power"] for _ in range(3)]
    assert shown == [100.0, -200.0, 300.0]


async def test_an_http_client_that_others_wrote_reads_all_there_is() -> None:
    async with serving() as meter, aiohttp.ClientSession(f"http://127.0.0.1:{meter.port}") as session:
        async with session.get("/shelly") as reply:
            assert (reply.status, (await reply.json())["id"]) == (200, meter.name)
        async with session.post("/rpc", json={"id": 1, "method": "EM.GetStatus", "params": {"id": 0}}) as reply:
            frame = await reply.json()
            assert (frame["id"], frame["src"], frame["result"]["a_act_power"]) == (1, meter.name, 431.5)
        async with session.post("/rpc/EMData.GetStatus", json={"id": 0}) as reply:
            assert (await reply.json())["total_act"] == 1000.0
        async with session.get("/rpc/Switch.Set", params={"id": 0}) as reply:
            assert (reply.status, await reply.json()) == (404, {"code": 404, "message": "No handler for Switch.Set"})
        async with session.put("/shelly") as reply:
            assert (reply.status, reply.headers["Allow"]) == (405, "GET, POST")


async def test_its_clock_and_uptime_are_those_of_the_house() -> None:
    clock = ManualClock()
    async with serving(clock=clock) as meter:
        clock.tick(90)
        system = json.loads((await ask(meter.port, "/rpc/Shelly.GetStatus")).body)["sys"]
    assert (system["unixtime"], system["uptime"], system["mac"]) == (int(clock.now().timestamp()), 90, meter.mac)


def test_no_two_seeds_have_the_same_address() -> None:
    meters = [ShellyMeter(steady, seed=seed) for seed in range(1000)]
    assert len({meter.mac for meter in meters}) == 1000
    assert all(len(meter.mac) == 12 and int(meter.mac, 16) >> 40 == 2 for meter in meters), "of no vendor"


# ---- connections ---------------------------------------------------------------------------------------------------------


async def test_a_connection_is_kept_for_who_asks_for_it() -> None:
    async with serving() as meter:
        received = await talk(meter.port, KEPT * 3 + GOOD)
    assert received.count(b"Connection: keep-alive\r\n") == 3
    assert received.count(b"Connection: close\r\n") == 1


async def test_a_session_that_keeps_its_connection_polls_over_one() -> None:
    async with serving() as meter:
        reader, writer = await asyncio.open_connection("127.0.0.1", meter.port)
        with closing(writer):
            for _ in range(20):
                writer.write(KEPT)
                async with asyncio.timeout(PATIENCE_S):
                    head = await reader.readuntil(b"\r\n\r\n")
                    body = await reader.readexactly(int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0]))
                assert json.loads(body)["total_act_power"] == 431.5


async def test_many_ask_at_once() -> None:
    async with serving() as meter:
        received = await asyncio.gather(*(talk(meter.port, GOOD) for _ in range(MAX_CLIENTS // 2)))
    assert all(reply.startswith(b"HTTP/1.1 200 OK\r\n") for reply in received)


async def test_more_clients_than_there_are_places_for_are_dropped() -> None:
    async with ShellyMeter(steady) as meter:
        waiting = [await asyncio.open_connection("127.0.0.1", meter.port) for _ in range(MAX_CLIENTS)]
        assert await talk(meter.port, GOOD) == b""
        for _, writer in waiting:
            writer.close()
        await until(lambda: not meter._clients)
        assert await talk(meter.port, GOOD) != b""


async def test_a_meter_that_is_offline_answers_nobody_until_it_is_back() -> None:
    async with serving() as meter:
        reader, writer = await asyncio.open_connection("127.0.0.1", meter.port)
        with closing(writer):
            await until(lambda: bool(meter._clients))
            meter.online = False
            with suppress(ConnectionError):
                assert await reader.read() == b"", "whoever is connected is dropped"
        assert not meter.online
        assert await talk(meter.port, GOOD) == b""
        meter.online = True


# ---- what goes wrong -----------------------------------------------------------------------------------------------------


async def test_a_meter_with_nothing_to_show_says_503() -> None:
    def gone(_: Asked) -> Measurement:
        raise NoReply("the meter was not heard of for a minute")

    async with ShellyMeter(gone) as meter:
        assert (await ask(meter.port, EM)).status == 503


async def test_whatever_measuring_raises_ends_one_call_and_is_told() -> None:
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    failures = [ZeroDivisionError("sun")]

    def fails_once(_: Asked) -> Measurement:
        if failures:
            raise failures.pop()
        return steady()

    async with serving(fails_once) as meter:
        assert (await ask(meter.port, EM)).status == 500
    assert [str(context["exception"]) for context in told] == ["sun"]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", id="TLS"),
        pytest.param(b"hello\r\n\r\n", id="chatter"),
        pytest.param(b"GET /" + b"a" * (HEAD_LIMIT + SLACK), id="long target"),
        pytest.param(b"GET / HTTP/1.1\r\nX: " + b"x" * 2_000_000, id="endless header"),
        pytest.param(b"POST /rpc HTTP/1.1\r\nContent-Length: 2000000\r\n\r\n" + b"x" * (BODY_LIMIT + SLACK), id="long body"),
        pytest.param(b"POST /rpc HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * BODY_LIMIT, id="chunks"),
        pytest.param(b"POST /rpc HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", id="two lengths"),
    ],
)
async def test_what_is_no_http_or_too_much_is_told_so_and_dropped(data: bytes) -> None:
    async with serving() as meter:
        assert await talk(meter.port, data) == BAD


async def test_a_body_in_chunks_and_pieces_is_one_body() -> None:
    body = b'{"id":7,"method":"EM.GetStatus","params":{"id":0}}'
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(body[at : at + 9]), body[at : at + 9]) for at in range(0, len(body), 9))
    request = b"POST /rpc HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
    async with serving() as meter:
        reader, writer = await asyncio.open_connection("127.0.0.1", meter.port)
        with closing(writer):
            for start in range(0, len(request), 5):
                writer.write(request[start : start + 5])
                await writer.drain()
                await asyncio.sleep(0)
            async with asyncio.timeout(PATIENCE_S):
                received = await reader.read()
    assert json.loads(received.split(b"\r\n\r\n")[1])["id"] == 7


async def test_an_offer_to_speak_websocket_is_ignored() -> None:
    offer = GOOD.replace(b"\r\n\r\n", b"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
    async with serving() as meter:
        assert (await talk(meter.port, offer)).startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("data", [b"", b"GET /rpc", GOOD[:-2], b"POST /rpc HTTP/1.1\r\nContent-Length: 9\r\n\r\n12345678"])
async def test_a_client_that_does_not_come_to_the_end_is_dropped(data: bytes) -> None:
    async with serving(slow_client_s=SHORT_S) as meter:
        assert await talk(meter.port, data) == b""


async def test_a_kept_connection_that_nobody_uses_is_dropped() -> None:
    async with serving(slow_client_s=SHORT_S) as meter:
        assert (await talk(meter.port, KEPT)).count(b"200 OK") == 1


async def test_a_client_that_asks_and_asks_and_never_reads_is_dropped() -> None:
    async with serving() as meter:
        reader, writer = await asyncio.open_connection("127.0.0.1", meter.port, limit=1)
        with closing(writer):
            writer.write(KEPT * 50_000)
            await until(lambda: bool(meter._clients))
            await until(lambda: not meter._clients)
            assert reader is not None


@given(data=st.binary(max_size=400))
async def test_no_bytes_at_all_disturb_it(data: bytes) -> None:
    async with serving() as meter:
        await talk(meter.port, data, half_close=True)


@given(
    st.lists(
        st.sampled_from(
            [
                b"GET ",
                b"POST ",
                b"/rpc",
                b"/",
                b"EM.GetStatus",
                b"?id=",
                b"0",
                b" HTTP/1.1",
                b"\r\n",
                b"\r\n\r\n",
                b"Content-Length: 2",
                b"Connection: keep-alive",
                b"Transfer-Encoding: chunked",
                b"{}",
                b'{"id":1,"method":"EM.GetStatus"}',
                b"\x00",
            ]
        )
    )
)
async def test_no_arrangement_of_the_right_bytes_disturbs_it_either(parts: list[bytes]) -> None:
    async with serving() as meter:
        await talk(meter.port, b"".join(parts), half_close=True)


# ---- life ----------------------------------------------------------------------------------------------------------------


async def test_a_port_that_is_taken_is_named_with_a_way_out() -> None:
    async with serving() as meter:
        with pytest.raises(InvalidInput, match=rf"cannot listen on TCP port {meter.port} of 127.0.0.1: .*in use") as caught:
            async with ShellyMeter(steady, port=meter.port):
                pass
        assert "another port" in caught.value.remedy


async def test_a_meter_keeps_its_port_and_can_be_opened_again() -> None:
    clock = ManualClock()
    meter = ShellyMeter(steady, clock=clock)
    assert meter.port == 0
    async with meter:
        port = meter.port
        assert (await ask(port, EM)).status == 200
    clock.tick(100)
    async with meter:
        assert meter.port == port
        assert json.loads((await ask(port, "/rpc/Shelly.GetStatus")).body)["sys"]["uptime"] == 0
    await meter.close()


async def test_closing_does_not_wait_for_clients() -> None:
    async with ShellyMeter(steady) as meter:
        reader, writer = await asyncio.open_connection("127.0.0.1", meter.port)
        writer.write(GOOD[:10])
        await until(lambda: bool(meter._clients))
    with closing(writer), suppress(ConnectionError):
        assert await reader.read() == b""
