"""What a client may not do: send too much, too slowly, or no HTTP at all. The next client never notices."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from typing import Any

import pytest
import trustme
from hypothesis import given, strategies as st

from indevolt.errors import NoReply
from indevolt.protocol.messages import AnyRequest, Data, Reply
from indevolt.server import BODY_LIMIT, HEAD_LIMIT, Reception, Served, Server
from wire_oracle import talk, until

GOOD = b'GET /rpc/Indevolt.GetData?config={"t":[1]} HTTP/1.1\r\n\r\n'
REPLY = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 7\r\nConnection: close\r\n\r\n{"1":1}'
BAD = b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
SLACK = 2048  # above how finely limits are kept
SHORT_S = 0.1
PATIENCE_S = 10


def battery(_: AnyRequest) -> Reply:
    return Data({"1": 1})


@asynccontextmanager
async def serving(**options: Any) -> AsyncIterator[int]:
    server = Server(battery, **options)
    await server.start()
    try:
        yield server.port
        assert await talk(server.port, GOOD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")) == REPLY, (
            "the next client is served"
        )
    finally:
        await server.close()


# ---- no HTTP ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", id="TLS"),
        pytest.param(b"hello\r\n\r\n", id="chatter"),
        pytest.param(b"FOO / HTTP/1.1\r\n\r\n", id="unknown method"),
        pytest.param(b"GET / HTTP/3.0\r\n\r\n", id="HTTP/3.0"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", id="HTTP/2"),
        pytest.param(b'GET /rpc/Indevolt.GetData?config={"t": [1]} HTTP/1.1\r\n\r\n', id="raw blank"),
        pytest.param(b"GET /\xff HTTP/1.1\r\n\r\n", id="raw octet"),
        pytest.param(b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", id="length"),
        pytest.param(b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", id="two framings"),
        pytest.param(b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", id="two lengths"),
    ],
)
async def test_what_is_no_http_is_told_so_and_dropped(data: bytes) -> None:
    async with serving() as port:
        assert await talk(port, data) == BAD


@given(data=st.binary(max_size=400), keep_alive=st.booleans())
async def test_no_bytes_at_all_disturb_the_server(data: bytes, keep_alive: bool) -> None:
    async with serving(keep_alive=keep_alive) as port:
        await talk(port, data, half_close=True)


@given(
    st.lists(
        st.sampled_from(
            [b"GET ", b"/rpc/", b"Indevolt.GetData", b"?config=", b'{"t":[1]}', b" HTTP/1.1", b"\r\n", b"\r\n\r\n", b":", b"\x00"]
        )
    )
)
async def test_no_arrangement_of_the_right_bytes_disturbs_it_either(parts: list[bytes]) -> None:
    async with serving(keep_alive=True) as port:
        await talk(port, b"".join(parts), half_close=True)


@pytest.mark.parametrize("step", [1, 2, 7])
async def test_a_request_in_small_pieces_is_one_request(step: int) -> None:
    async with serving(keep_alive=True) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with closing(writer):
            for request in (GOOD, GOOD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")):
                for start in range(0, len(request), step):
                    writer.write(request[start : start + step])
                    await writer.drain()
                    await asyncio.sleep(0)
            async with asyncio.timeout(PATIENCE_S):
                assert (await reader.read()).count(b'{"1":1}') == 2


# ---- too much --------------------------------------------------------------------------------------------------------


def padded(size: int) -> bytes:
    head = b'GET /rpc/Indevolt.GetData?config={"t":[1]} HTTP/1.1\r\nX: '
    return head + b"x" * (size - len(head) - 4) + b"\r\n\r\n"


async def test_a_head_up_to_the_limit_is_served() -> None:
    async with serving() as port:
        assert await talk(port, padded(HEAD_LIMIT)) == REPLY


@pytest.mark.parametrize("size", [HEAD_LIMIT + SLACK, 100_000, 5_000_000])
async def test_a_longer_head_is_refused_and_the_client_can_read_why(size: int) -> None:
    async with serving() as port:
        assert await talk(port, padded(size)) == BAD


async def test_a_head_that_never_ends_is_refused() -> None:
    async with serving() as port:
        assert await talk(port, b"GET /" + b"a" * 10_000) == BAD


async def test_a_body_up_to_the_limit_is_ignored() -> None:
    async with serving() as port:
        head = GOOD.replace(b"\r\n\r\n", b"\r\nContent-Length: %d\r\n\r\n" % BODY_LIMIT)
        assert await talk(port, head + b"x" * BODY_LIMIT) == REPLY


@pytest.mark.parametrize("size", [BODY_LIMIT + SLACK, 5_000_000])
async def test_a_longer_body_is_refused_and_the_client_can_read_why(size: int) -> None:
    async with serving() as port:
        head = GOOD.replace(b"\r\n\r\n", b"\r\nContent-Length: %d\r\n\r\n" % size)
        assert await talk(port, head + b"x" * size) == BAD


async def test_chunks_do_not_get_around_the_limit() -> None:
    async with serving() as port:
        head = GOOD.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert await talk(port, head + b"1;" + b"e" * BODY_LIMIT * 2) == BAD
        assert await talk(port, head + b"1\r\nx\r\n" * BODY_LIMIT) == BAD


async def test_after_a_large_request_a_kept_connection_starts_anew() -> None:
    async with serving(keep_alive=True) as port:
        received = await talk(port, padded(HEAD_LIMIT) * 5 + GOOD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    assert received.count(b'{"1":1}') == 6


# ---- too slow --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"", b"GET /rpc", GOOD[:-2], GOOD.replace(b"\r\n\r\n", b"\r\nContent-Length: 9\r\n\r\n12345678")])
async def test_a_client_that_does_not_come_to_the_end_is_dropped(data: bytes) -> None:
    async with serving(slow_client_s=SHORT_S) as port:
        assert await talk(port, data) == b""


async def test_a_client_that_trickles_is_dropped_all_the_same() -> None:
    async with serving(slow_client_s=SHORT_S) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        trickling = asyncio.create_task(trickle(writer))
        with closing(writer):
            async with asyncio.timeout(PATIENCE_S):
                with suppress(ConnectionError):  # dropped with a byte of ours on the way
                    assert await reader.read() == b""
            await trickling


async def trickle(writer: asyncio.StreamWriter) -> None:
    writer.write(b"GET /rpc/Sys.GetConfig HTTP/1.1\r\nX: ")
    while not writer.transport.is_closing():
        writer.write(b"x")
        await asyncio.sleep(SHORT_S / 20)


async def test_a_slow_backend_is_no_slow_client() -> None:
    async def slow(_: AnyRequest) -> Reply:
        await asyncio.sleep(SHORT_S * 3)
        return Data({"1": 1})

    server = Server(slow, slow_client_s=SHORT_S)
    await server.start()
    clients = await asyncio.gather(talk(server.port, GOOD), talk(server.port, GOOD))
    assert list(clients) == [REPLY, REPLY]
    await server.close()


async def test_a_client_that_never_takes_its_reply_is_dropped() -> None:
    large = Data({str(number): "x" * 1000 for number in range(10_000)})
    server = Server(lambda _: large, slow_client_s=SHORT_S)
    await server.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1)
    with closing(writer):
        writer.write(GOOD)
        async with asyncio.timeout(PATIENCE_S):
            await reader.read(1)
        await until(lambda: not server._connections)
    await server.close()


async def test_a_client_that_was_not_answered_is_not_hurried() -> None:
    def silent(_: AnyRequest) -> Reply:
        raise NoReply("silent")

    server = Server(silent, lifelike=True, slow_client_s=SHORT_S)
    await server.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    with closing(writer):
        writer.write(GOOD)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(SHORT_S * 3):
                await reader.read()
    await server.close()


async def test_a_crowd_locks_nobody_out_and_whoever_waits_for_an_answer_keeps_his_place() -> None:
    begun, ready = asyncio.Event(), asyncio.Event()

    async def slow() -> Reply:
        begun.set()
        await ready.wait()
        return Data({"1": 1})

    server = Server(Reception(lambda _: Served(lambda _: Data({"1": 1}) if begun.is_set() else slow())), keep_alive=True, most=3)
    await server.start()
    async with asyncio.timeout(PATIENCE_S):
        waiting, asking = await asyncio.open_connection("127.0.0.1", server.port)
        asking.write(GOOD)
        await begun.wait()
        crowd = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(10)]
        for reader, _ in crowd[:8]:  # the oldest of those that ask for nothing
            with suppress(ConnectionResetError):
                assert await reader.read() == b""
        crowd[-1][1].write(GOOD)
        assert (await crowd[-1][0].readline()).startswith(b"HTTP/1.1 200")
        ready.set()
        assert (await waiting.readline()).startswith(b"HTTP/1.1 200")
        for writer in (asking, *(writer for _, writer in crowd)):
            writer.close()
        await server.close()


async def test_a_handshake_that_never_ends_does_not_outlive_the_server() -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)
    server = Server(battery, slow_client_s=SHORT_S)
    await server.start(tls=tls)
    received = talk(server.port, b"")
    assert await received == b"", "dropped"
    waiting = asyncio.create_task(talk(server.port, b""))
    await asyncio.sleep(SHORT_S / 10)
    await server.close()
    await waiting
