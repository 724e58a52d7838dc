"""The HTTP client against servers that others wrote, and against peers that never read a specification."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given, strategies as st

from indevolt.errors import (
    BadRequest,
    IndevoltError,
    InvalidInput,
    NoReply,
    ProtocolError,
    StatusError,
    Unauthorized,
    Unreachable,
)
from indevolt.protocol.digest import parse_authorization, seal, verify
from indevolt.protocol.messages import Data, GetData, P1GetData, Result, SetData, SysGetConfig, Text, UserSetConfig
from indevolt.transport import Address, HttpTransport
from wire_oracle import End, Peer, Script, http_reply, until

READ = GetData((1664, 1665))
BODY = b'{"1664":100,"1665":251}'
VALUES = {"1664": 100, "1665": 251}
GOOD = Script(http_reply(BODY))
SHORT_S = 0.1  # a deadline that is meant to pass


@asynccontextmanager
async def client(peer: Peer, **options: Any) -> AsyncIterator[HttpTransport]:
    transport = HttpTransport(Address("127.0.0.1", peer.port), **options)
    try:
        yield transport
    finally:
        await transport.close()


async def read_from(*scripts: Script, **options: Any) -> Data:
    async with Peer(*scripts).run() as peer, client(peer, **options) as transport:
        return await transport.exchange(READ)


async def failure_of(*scripts: Script, **options: Any) -> IndevoltError:
    with pytest.raises(IndevoltError) as caught:
        await read_from(*scripts, **options)
    return caught.value


# ---- what is sent ----------------------------------------------------------------------------------------------------


async def test_a_post_is_sent_as_real_devices_need_it() -> None:
    async with Peer(GOOD).run() as peer, client(peer) as transport:
        await transport.exchange(READ)
        assert peer.requests == [
            b"POST /rpc/Indevolt.GetData?config=%7B%22t%22%3A%5B1664%2C1665%5D%7D HTTP/1.1\r\nHost: "
            + f"127.0.0.1:{peer.port}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
        ]


async def test_a_get_has_no_length() -> None:
    async with Peer(Script(http_reply(b'{"device":{"sn":"1"}}'))).run() as peer, client(peer) as transport:
        await transport.exchange(SysGetConfig())
        assert peer.requests == [b"GET /rpc/Sys.GetConfig HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n\r\n" % peer.port]


async def test_each_request_gets_a_fresh_connection() -> None:
    async with Peer(Script(http_reply(BODY), End.STAY)).run() as peer, client(peer) as transport:
        for _ in range(3):
            await transport.exchange(READ)
        assert peer.connections == 3


async def test_many_requests_can_be_under_way_at_once() -> None:
    async with Peer(GOOD).run() as peer, client(peer) as transport:
        replies = await asyncio.gather(*(transport.exchange(READ) for _ in range(20)))
        assert [reply.values for reply in replies] == [VALUES] * 20


async def test_more_different_requests_than_are_remembered_are_all_sent() -> None:
    async with Peer(Script(http_reply(b'{"result":true}'))).run() as peer, client(peer) as transport:
        for power in range(520):
            await transport.exchange(SetData(47016, (power,)))
        assert len(set(peer.requests)) == 520


async def test_a_host_name_is_looked_up() -> None:
    async with Peer(GOOD).run() as peer:
        transport = HttpTransport(Address("localhost", peer.port))
        assert (await transport.exchange(READ)).values == VALUES
        assert b"Host: localhost:%d\r\n" % peer.port in peer.requests[0]


async def test_ipv6_works() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    async with Peer(GOOD).run(host="::1") as peer:
        transport = HttpTransport(Address("::1", peer.port))
        assert (await transport.exchange(READ)).values == VALUES
        assert b"Host: [::1]:%d\r\n" % peer.port in peer.requests[0]


# ---- replies in every framing ----------------------------------------------------------------------------------------

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n" + BODY[:5] + b"\r\n12;x=y\r\n" + BODY[5:] + b"\r\n0\r\n\r\n"


@pytest.mark.parametrize("step", [0, 1, 7])
@pytest.mark.parametrize(
    ("data", "end"),
    [
        pytest.param(http_reply(BODY), End.CLOSE, id="length"),
        pytest.param(http_reply(BODY), End.STAY, id="length, peer does not close"),
        pytest.param(CHUNKED, End.STAY, id="chunks"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n" + BODY, End.CLOSE, id="until it closes"),
        pytest.param(b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n" + BODY, End.CLOSE, id="HTTP/1.0 until it closes"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" + http_reply(BODY), End.STAY, id="after an interim reply"),
        pytest.param(
            b"HTTP/1.1 103 Hints\r\nContent-Length: 9\r\n\r\nHTTP/1.1 200 OK\r\n\r\n" + BODY, End.CLOSE, id="interim, close"
        ),
        pytest.param(http_reply(BODY) + b"and more", End.CLOSE, id="with bytes behind it"),
    ],
)
async def test_a_reply_is_read_whatever_ends_it(data: bytes, end: End, step: int) -> None:
    assert (await read_from(Script(data, end, step))).values == VALUES


async def test_a_reply_that_is_no_json_object_is_still_text_where_text_is_due() -> None:
    async with Peer(Script(http_reply(b"{/ISK5\r\n\r\n!AF31}"))).run() as peer, client(peer) as transport:
        assert await transport.exchange(P1GetData()) == Text("{/ISK5\r\n\r\n!AF31}")


async def test_a_reply_up_to_the_limit_is_read_and_one_byte_more_is_not() -> None:
    reply = http_reply(BODY)
    assert (await read_from(Script(reply), max_reply_bytes=len(reply))).values == VALUES
    error = await failure_of(Script(reply), max_reply_bytes=len(reply) - 1)
    assert isinstance(error, ProtocolError)


async def test_a_reply_of_ten_megabytes_is_refused_as_soon_as_it_is_too_long() -> None:
    async with Peer(Script(http_reply(b'{"1":"' + b"x" * 10_000_000 + b'"}'))).run() as peer, client(peer) as transport:
        with pytest.raises(ProtocolError, match=rf"127.0.0.1:{peer.port} sent more than 1048576 bytes") as caught:
            await transport.exchange(READ)
        assert len(caught.value.raw) <= 4096, "a report shows the start, not the flood"


# ---- statuses --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind"), [("400 Bad Request", BadRequest), ("401 Unauthorized", Unauthorized), ("418 Tea", StatusError)]
)
async def test_an_error_status_is_a_typed_error(status: str, kind: type[StatusError]) -> None:
    error = await failure_of(Script(http_reply(b"<html>", status)))
    assert type(error) is kind
    assert isinstance(error, StatusError)
    assert error.code == int(status[:3])


# ---- peers that misbehave --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "kind", "facts"),
    [
        pytest.param(Script(b"SSH-2.0-OpenSSH_9.2\r\n", first=True), ProtocolError, "not HTTP", id="SSH"),
        pytest.param(Script(b"hello\r\n"), ProtocolError, "not HTTP", id="chatter"),
        pytest.param(Script(b"\x15\x03\x03\x00\x02\x02F"), ProtocolError, "that is TLS, try https://", id="TLS"),
        pytest.param(
            Script(b"HTTP/1.1 101 Go\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"), ProtocolError, "switch", id="upgrade"
        ),
        pytest.param(Script(http_reply(b"[1]")), ProtocolError, "no JSON object", id="another document"),
        pytest.param(Script(http_reply(b'{"1664":1')), ProtocolError, "not JSON", id="half a document"),
        pytest.param(Script(), NoReply, "closed the connection before it sent anything", id="silent close"),
        pytest.param(Script(http_reply(BODY)[:50]), NoReply, "closed the connection after 50 bytes", id="half a head"),
        pytest.param(Script(http_reply(BODY)[:-5]), NoReply, "in the middle of its reply", id="half a body"),
        pytest.param(Script(CHUNKED[:-5]), NoReply, "in the middle of its reply", id="missing last chunk"),
        pytest.param(Script(end=End.RESET), NoReply, "before it sent anything", id="reset"),
        pytest.param(Script(http_reply(BODY)[:50], End.RESET), NoReply, "in the middle of its reply", id="reset in the middle"),
    ],
)
async def test_a_peer_that_misbehaves_is_reported_with_the_facts(script: Script, kind: type[IndevoltError], facts: str) -> None:
    async with Peer(script).run() as peer, client(peer) as transport:
        with pytest.raises(IndevoltError) as caught:
            await transport.exchange(READ)
    assert type(caught.value) is kind
    assert facts in str(caught.value)
    assert caught.value.remedy
    if facts not in ("no JSON object", "not JSON"):
        assert f"127.0.0.1:{peer.port}" in str(caught.value)


@pytest.mark.parametrize(
    ("sent", "facts"), [(b"", "stayed silent for 0.1 s"), (http_reply(BODY)[:60], "sent 60 bytes and no whole reply within 0.1 s")]
)
async def test_silence_ends_at_the_deadline(sent: bytes, facts: str) -> None:
    error = await failure_of(Script(sent, End.STAY), deadline_s=SHORT_S)
    assert isinstance(error, NoReply)
    assert error.transient
    assert facts in str(error)


async def test_a_reply_that_trickles_does_not_outlive_the_deadline() -> None:
    error = await failure_of(Script(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 500_000, End.STAY, step=1), deadline_s=SHORT_S)
    assert isinstance(error, NoReply)


async def test_giving_up_hangs_up() -> None:
    async with Peer(Script(b"", End.STAY)).run() as peer, client(peer, deadline_s=SHORT_S) as transport:
        with pytest.raises(NoReply):
            await transport.exchange(READ)
        async with asyncio.timeout(10):
            await peer.gone.wait()


async def test_a_caller_that_is_cancelled_stays_cancelled_and_hangs_up() -> None:
    async with Peer(Script(b"", End.STAY)).run() as peer, client(peer) as transport:
        task = asyncio.create_task(transport.exchange(READ))
        await until(lambda: bool(peer.requests))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(10):
            await peer.gone.wait()


async def test_a_deadline_of_the_caller_is_the_callers() -> None:
    async with Peer(Script(b"", End.STAY)).run() as peer, client(peer) as transport:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(SHORT_S):
                await transport.exchange(READ)


async def test_nobody_listening_is_refused() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        port = deaf.getsockname()[1]
        with pytest.raises(Unreachable, match=f"^127.0.0.1:{port} refused the connection$"):
            await HttpTransport(Address("127.0.0.1", port)).exchange(READ)


async def test_a_connection_that_nobody_accepts_ends_at_the_deadline() -> None:
    with socket.socket() as busy, socket.socket() as first, socket.socket() as second:
        busy.bind(("127.0.0.1", 0))
        busy.listen(0)  # one may wait in line; the kernel leaves the next ones without an answer
        for waiting in (first, second):
            waiting.setblocking(False)
            waiting.connect_ex(busy.getsockname())
        with pytest.raises(Unreachable, match=r"no connection to .* within 0.1 s"):
            await HttpTransport(Address(*busy.getsockname()), deadline_s=SHORT_S).exchange(READ)


async def test_an_address_without_a_route_is_unreachable() -> None:
    # A broadcast address has no TCP route; the kernel says so at once, and nothing leaves the machine.
    with pytest.raises(Unreachable, match=r"^no route to 255\.255\.255\.255:8080$"):
        await HttpTransport(Address("255.255.255.255")).exchange(READ)


@pytest.mark.parametrize("host", ["fe80::1%no-such-interface", "x" * 64])
async def test_a_name_that_cannot_be_looked_up_is_unreachable(host: str) -> None:
    with pytest.raises(Unreachable, match="cannot be looked up"):
        await HttpTransport(Address(host)).exchange(READ)


@given(data=st.binary(max_size=300), step=st.integers(0, 3))
async def test_any_bytes_for_a_reply_give_a_value_or_an_error_of_the_family(data: bytes, step: int) -> None:
    try:
        reply = await read_from(Script(data, step=step))
    except IndevoltError:
        return
    assert isinstance(reply, Data)


@given(body=st.binary(max_size=100))
async def test_any_body_gives_a_value_or_an_error_of_the_family(body: bytes) -> None:
    try:
        reply = await read_from(Script(http_reply(body)))
    except IndevoltError:
        return
    assert isinstance(reply, Data)


# ---- connections that are kept ---------------------------------------------------------------------------------------

KEPT = Script(b"HTTP/1.1 200 OK\r\nContent-Length: 23\r\n\r\n" + BODY, End.STAY)


async def test_a_kept_connection_is_used_again() -> None:
    async with Peer(KEPT).run() as peer, client(peer, keep_alive=True) as transport:
        for _ in range(3):
            assert (await transport.exchange(READ)).values == VALUES
        assert peer.connections == 1
        assert b"Connection: keep-alive\r\n" in peer.requests[0]


async def test_a_peer_that_closes_each_time_is_believed() -> None:
    async with Peer(Script(http_reply(BODY), End.STAY)).run() as peer, client(peer, keep_alive=True) as transport:
        for _ in range(2):
            await transport.exchange(READ)
        assert peer.connections == 2


async def test_a_kept_connection_that_died_meanwhile_costs_nothing_but_a_new_one() -> None:
    promising = Script(KEPT.data, End.CLOSE)  # says nothing of closing, then closes
    async with Peer(promising).run() as peer, client(peer, keep_alive=True) as transport:
        for _ in range(3):
            assert (await transport.exchange(READ)).values == VALUES
        assert peer.connections == 3


async def test_a_kept_connection_that_dies_of_the_next_request_is_replaced() -> None:
    async with Peer(KEPT, Script(b"", End.CLOSE), KEPT).run() as peer, client(peer, keep_alive=True) as transport:
        for _ in range(2):
            assert (await transport.exchange(READ)).values == VALUES
        assert peer.connections == 2


async def test_a_kept_connection_that_dies_in_the_middle_is_an_error() -> None:
    async with Peer(KEPT, Script(KEPT.data[:-5])).run() as peer, client(peer, keep_alive=True) as transport:
        await transport.exchange(READ)
        with pytest.raises(NoReply, match="in the middle"):
            await transport.exchange(READ)
        assert peer.connections == 1


async def test_a_write_never_goes_over_a_kept_connection() -> None:
    done = Script(b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"result":true}', End.STAY)
    async with Peer(KEPT, done).run() as peer, client(peer, keep_alive=True) as transport:
        await transport.exchange(READ)
        assert await transport.exchange(SetData(47005, (4,))) == Result(result=True)
        assert peer.connections == 2


async def test_bytes_that_nobody_asked_for_end_a_kept_connection() -> None:
    async with (
        Peer(Script(KEPT.data + b"HTTP/1.1 200 OK\r\n", End.STAY), KEPT).run() as peer,
        client(peer, keep_alive=True) as transport,
    ):
        for _ in range(2):
            assert (await transport.exchange(READ)).values == VALUES
        assert peer.connections == 2


async def test_a_closed_transport_refuses_and_closes_twice() -> None:
    async with Peer(KEPT).run() as peer, client(peer, keep_alive=True) as transport:
        await transport.exchange(READ)
        await transport.close()
        async with asyncio.timeout(10):
            await peer.gone.wait()
        with pytest.raises(InvalidInput, match="closed"):
            await transport.exchange(READ)


# ---- credentials -----------------------------------------------------------------------------------------------------

PASSWORD = "qwertyui"
CHALLENGE = 'WWW-Authenticate: Digest realm="here", nonce="once", qop="auth", algorithm=MD5'


def authorization_of(request: bytes) -> str | None:
    lines = [line for line in request.decode().split("\r\n") if line.startswith("Authorization: ")]
    return lines[0].removeprefix("Authorization: ") if lines else None


def is_authorized(request: bytes, password: str) -> bool:
    method, target, _ = request.decode().split(" ", 2)
    header = authorization_of(request)
    return header is not None and verify(parse_authorization(header), method, target, password)


async def test_credentials_go_up_front() -> None:
    async with Peer(GOOD).run() as peer, client(peer, password=PASSWORD) as transport:
        assert (await transport.exchange(READ)).values == VALUES
        assert [is_authorized(request, PASSWORD) for request in peer.requests] == [True]


async def test_a_challenge_is_answered_once() -> None:
    async with Peer(Script(http_reply(b"", "401 No", CHALLENGE)), GOOD).run() as peer, client(peer, password=PASSWORD) as transport:
        assert (await transport.exchange(READ)).values == VALUES
        assert [is_authorized(request, PASSWORD) for request in peer.requests] == [True, True]
        answer = parse_authorization(authorization_of(peer.requests[1]) or "")
        assert (answer.realm, answer.nonce) == ("here", "once")


@pytest.mark.parametrize(
    "headers", [(), (CHALLENGE,), ('WWW-Authenticate: Basic realm="x"',), ("WWW-Authenticate: Basic realm=x", CHALLENGE)]
)
async def test_a_wrong_password_is_unauthorized_after_one_more_try_at_most(headers: tuple[str, ...]) -> None:
    async with Peer(Script(http_reply(b"", "401 No", *headers))).run() as peer, client(peer, password=PASSWORD) as transport:
        with pytest.raises(Unauthorized):
            await transport.exchange(READ)
        assert len(peer.requests) == (2 if CHALLENGE in headers else 1)


async def test_a_password_change_carries_its_seal_as_realm_and_nonce() -> None:
    sealed = seal("qazwsxed", "qwertyui", "123456")
    async with Peer(Script(http_reply(b'{"result":true}'))).run() as peer, client(peer, password="qazwsxed") as transport:
        assert await transport.exchange(UserSetConfig(sealed)) == Result(result=True)
    header = parse_authorization(authorization_of(peer.requests[0]) or "")
    assert (header.realm, header.nonce) == ("zwvQTjeg5rvLdBvLzqtymg==", "123456")
    assert b"config=%7B%22Password%22%3A%22TrKQZ1QC1MQ%3D%22%7D " in peer.requests[0]
    assert is_authorized(peer.requests[0], "qazwsxed")
