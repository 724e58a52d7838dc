"""Every byte the server sends, seen with plain sockets and with HTTP clients that others wrote."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
import trustme
from yarl import URL

from indevolt.clock import ManualClock
from indevolt.errors import InvalidInput, StatusError
from indevolt.protocol.digest import authorize, parse_authorization, parse_challenge, verify
from indevolt.protocol.messages import (
    AnyRequest,
    Data,
    GetData,
    P1GetData,
    Raw,
    Reply,
    Result,
    SetData,
    SysConfig,
    SysGetConfig,
    Text,
)
from indevolt.server import Backend, Server
from wire_oracle import ask, talk

STATE: dict[str, Raw] = {"1664": 100, "1665": 251, "606": "1000", "11008": [4638, 1, 2]}
READ = '/rpc/Indevolt.GetData?config={"t":[1664,1665]}'
WRITE = '/rpc/Indevolt.SetData?config={"f":16,"t":47005,"v":[4]}'
SYSTEM = "/rpc/Sys.GetConfig"


def battery(request: AnyRequest) -> Reply:
    match request:
        case GetData(keys=keys):
            return Data({key: STATE[key] for key in keys if key in STATE})
        case SetData():
            return Result(result=True)
        case SysGetConfig():
            return SysConfig({"type": "CMS-SF2000", "sn": "süß"})
        case P1GetData():
            return Text("{/ISK5\r\n\r\n!AF31}")
        case _:
            raise StatusError(code=404)


@asynccontextmanager
async def serving(
    backend: Backend = battery, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1", **options: Any
) -> AsyncIterator[int]:
    """Run a server and return its port."""
    server = Server(backend, **options)
    await server.start(host, tls=tls)
    try:
        yield server.port
    finally:
        await server.close()


def get(target: str, *headers: str, method: str = "GET", version: str = "1.1") -> bytes:
    return "\r\n".join([f"{method} {target} HTTP/{version}", *headers, "", ""]).encode("latin-1")


def reply(body: bytes, status: str = "200 OK", connection: str = "close", extra: bytes = b"") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n".encode()
    return head + extra + f"Connection: {connection}\r\n\r\n".encode() + body


# ---- the shape of replies --------------------------------------------------------------------------------------------


async def test_an_accepted_write_is_answered_with_the_105_bytes_of_a_real_device() -> None:
    async with serving() as port:
        received = await talk(port, get(WRITE, method="POST"))
    assert received == (
        b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\nConnection: close\r\n\r\n{"result":true}'
    )
    assert len(received) == 105


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("spell", [str, lambda target: quote(target, safe="/?="), lambda target: quote(target, safe="/?={}:,")])
async def test_get_and_post_raw_and_encoded_are_all_answered_alike(method: str, version: str, spell: Callable[[str], str]) -> None:
    async with serving() as port:
        assert await talk(port, get(spell(READ), method=method, version=version)) == reply(b'{"1664":100,"1665":251}')


@pytest.mark.parametrize(
    ("target", "received"),
    [
        pytest.param(SYSTEM, reply('{"device":{"type":"CMS-SF2000","sn":"süß"}}'.encode()), id="nested"),
        pytest.param("/rpc/P1.GetData", reply(b"{/ISK5\r\n\r\n!AF31}"), id="telegram"),
        pytest.param(
            '/rpc/Indevolt.GetData?config={"t":[606,11008,5]}', reply(b'{"606":"1000","11008":[4638,1,2]}'), id="kinds of values"
        ),
        pytest.param("http://battery:8080" + SYSTEM, reply(b"", "404 Not Found"), id="absolute target"),
        pytest.param("/", reply(b"", "404 Not Found"), id="root"),
        pytest.param("/rpc/Sys.Explode", reply(b"", "404 Not Found"), id="unknown RPC"),
        pytest.param("/rpc/WiFi.GetStatus", reply(b"", "404 Not Found"), id="RPC this device does not have"),
        pytest.param("*", reply(b"", "404 Not Found"), id="asterisk"),
    ],
)
async def test_each_reply_has_three_headers_and_nothing_else(target: str, received: bytes) -> None:
    async with serving() as port:
        assert await talk(port, get(target)) == received


BAD_CONFIGS = [
    "config=all",
    "config=",
    "",
    "config=%7B%22t%22:%20[1664]%7D",
    'config={"t":1664}',
    'config={"t":["1664"]}',
    "config=%FF",
]


@pytest.mark.parametrize("query", BAD_CONFIGS)
async def test_an_unusable_config_gives_an_empty_object_as_observed_or_400_as_documented(query: str) -> None:
    async with serving() as port:
        assert await talk(port, get("/rpc/Indevolt.GetData?" + query)) == reply(b"{}")
    async with serving(strict=True) as port:
        assert await talk(port, get("/rpc/Indevolt.GetData?" + query)) == reply(b"", "400 Bad Request")


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
async def test_other_methods_are_not_allowed_even_after_the_same_target_was_read(method: str) -> None:
    async with serving() as port:
        await talk(port, get(READ))
        received = await talk(port, get(READ, method=method))
        assert received == reply(b"", "405 Method Not Allowed", extra=b"Allow: GET, POST\r\n")


async def test_connect_is_not_allowed_either() -> None:
    async with serving() as port:
        assert (await talk(port, get("battery:443", method="CONNECT"))).startswith(b"HTTP/1.1 405 ")


async def test_an_offer_to_speak_http2_or_websocket_is_ignored() -> None:
    async with serving(keep_alive=True) as port:
        upgrade = get(READ, "Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABk")
        assert await talk(port, upgrade) == reply(b'{"1664":100,"1665":251}')


# ---- what the request may carry --------------------------------------------------------------------------------------


async def test_a_request_body_is_read_and_ignored() -> None:
    async with serving() as port:
        answer = await ask(port, READ, "POST", body=b'{"t":[1]}' * 100, headers={"Content-Type": "application/json"})
        assert (answer.status, answer.body) == (200, b'{"1664":100,"1665":251}')
        chunked = get(READ, "Transfer-Encoding: chunked", method="POST") + b"3\r\nabc\r\n0\r\n\r\n"
        assert await talk(port, chunked) == reply(b'{"1664":100,"1665":251}')


async def test_http_client_reads_it(tmp_path: Any) -> None:
    async with serving() as port:
        answer = await ask(port, READ, "POST")
    assert answer == (
        200,
        {"Content-Type": "application/json", "Content-Length": "23", "Connection": "close"},
        b'{"1664":100,"1665":251}',
    )


@pytest.mark.parametrize("encoded", [True, False])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_aiohttp_reads_it_whether_it_encodes_or_not(method: str, encoded: bool) -> None:
    async with serving() as port, aiohttp.ClientSession() as session:
        url = URL(f"http://127.0.0.1:{port}{READ}", encoded=encoded)
        async with session.request(method, url, headers={"Connection": "close"}) as answer:
            assert await answer.json() == {"1664": 100, "1665": 251}


async def test_a_client_that_has_finished_sending_still_gets_its_reply() -> None:
    async with serving() as port:
        assert await talk(port, get(READ), half_close=True) == reply(b'{"1664":100,"1665":251}')


async def test_ipv6_is_served() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    async with serving(host="::1") as port:
        assert (await ask(port, READ, host="::1")).status == 200


async def test_tls_is_served() -> None:
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with serving(tls=tls) as port:
        answer = await ask(port, READ, tls=trusting)
        assert (answer.status, answer.body) == (200, b'{"1664":100,"1665":251}')
        assert b"HTTP" not in await talk(port, get(READ)), "plain HTTP is not"
        assert await talk(port, get(READ), tls=trusting) == reply(b'{"1664":100,"1665":251}')
        assert await talk(port, b"nonsense", tls=trusting) == reply(b"", "400 Bad Request")


# ---- connections that are kept ---------------------------------------------------------------------------------------


async def test_by_default_a_connection_serves_once_whatever_the_client_would_like() -> None:
    async with serving() as port:
        twice = get(READ, "Connection: keep-alive") + get(SYSTEM)
        assert await talk(port, twice) == reply(b'{"1664":100,"1665":251}')


async def test_a_kept_connection_serves_in_order_until_the_client_has_enough() -> None:
    async with serving(keep_alive=True) as port:
        requests = (
            get(READ)
            + get("/")
            + get(READ, method="PUT")
            + get(WRITE, method="POST")
            + get(SYSTEM, "Connection: close")
            + get(READ)
        )
        assert await talk(port, requests) == (
            reply(b'{"1664":100,"1665":251}', connection="keep-alive")
            + reply(b"", "404 Not Found", connection="keep-alive")
            + reply(b"", "405 Method Not Allowed", connection="keep-alive", extra=b"Allow: GET, POST\r\n")
            + reply(b'{"result":true}', connection="keep-alive")
            + reply('{"device":{"type":"CMS-SF2000","sn":"süß"}}'.encode())
        )


async def test_http_1_0_is_kept_only_on_request() -> None:
    async with serving(keep_alive=True) as port:
        assert await talk(port, get(READ, version="1.0")) == reply(b'{"1664":100,"1665":251}')
        kept = get(READ, "Connection: keep-alive", version="1.0") + get(READ, version="1.0")
        assert (await talk(port, kept)).count(b"200 OK") == 2


async def test_thousands_of_requests_in_one_go_are_all_answered() -> None:
    async with serving(keep_alive=True) as port:
        requests = get(READ) * 3000 + get(READ, "Connection: close")
        assert (await talk(port, requests)).count(b'{"1664":100,"1665":251}') == 3001


async def test_nonsense_behind_good_requests_does_not_spoil_them() -> None:
    async with serving(keep_alive=True) as port:
        received = await talk(port, get(READ) + get(READ) + b"\x00nonsense\r\n\r\n")
    good = reply(b'{"1664":100,"1665":251}', connection="keep-alive")
    assert received == good + good + reply(b"", "400 Bad Request")


# ---- the same request again ------------------------------------------------------------------------------------------


async def test_the_same_bytes_get_the_values_of_their_own_time() -> None:
    counter = iter(range(10))
    async with serving(lambda _: Data({"1": next(counter)})) as port:
        assert [await talk(port, get(READ)) for _ in range(3)] == [reply(b'{"1":%d}' % n) for n in range(3)]


async def test_a_reply_given_twice_is_sent_twice() -> None:
    constant = Data({"1": 1})
    async with serving(lambda _: constant) as port:
        assert [await talk(port, get(READ)) for _ in range(3)] == [reply(b'{"1":1}')] * 3


async def test_more_different_requests_than_are_remembered_are_all_answered() -> None:
    async with serving(keep_alive=True) as port:
        requests = b"".join(get(f'/rpc/Indevolt.GetData?config={{"t":[{n},1664]}}') for n in range(2000, 2600))
        received = await talk(port, requests + get(READ, "Connection: close"))
    assert received.count(b'{"1664":100}') == 600


# ---- who may ask -----------------------------------------------------------------------------------------------------


PASSWORD = "secret"


def guard(request: AnyRequest, method: str, target: str, authorization: str | None) -> AnyRequest | None:
    if authorization is None or not verify(parse_authorization(authorization), method, target, PASSWORD):
        return None
    return request


def credentials(target: str, password: str = PASSWORD) -> str:
    return f"Authorization: {authorize('GET', target, password, realm='r', nonce='n', cnonce='c').header()}"


async def test_the_guard_sees_credentials_and_refusal_brings_a_fresh_challenge() -> None:
    async with serving(guard=guard) as port:
        assert await talk(port, get(READ, credentials(READ))) == reply(b'{"1664":100,"1665":251}')
        assert await talk(port, get(READ, credentials(READ).replace("Authorization", "AUTHORIZATION"))) == reply(
            b'{"1664":100,"1665":251}'
        )
        challenges = set()
        for request in (get(READ), get(READ, credentials(READ, "wrong")), get(READ, credentials(SYSTEM))):
            received = await talk(port, request)
            head, header, body = received.split(b"\r\n")[0], received.split(b"\r\n")[3].decode(), received.split(b"\r\n\r\n")[1]
            assert (head, body) == (b"HTTP/1.1 401 Unauthorized", b"")
            challenge = parse_challenge(header.removeprefix("WWW-Authenticate: "))
            assert challenge.usable
            challenges.add(challenge.nonce)
        assert len(challenges) == 3


async def test_credentials_of_one_request_do_not_open_the_next_on_a_kept_connection() -> None:
    async with serving(guard=guard, keep_alive=True) as port:
        received = await talk(port, get(READ, credentials(READ)) + get(READ, "Connection: close"))
    assert received.count(b"200 OK") == 1
    assert received.count(b"401 Unauthorized") == 1


async def test_the_guard_may_complete_a_request() -> None:
    async with serving(guard=lambda *_: GetData((1664,))) as port:
        assert await talk(port, get(READ)) == reply(b'{"1664":100}')


async def test_without_a_guard_credentials_are_ignored() -> None:
    async with serving() as port:
        assert await talk(port, get(READ, credentials(READ, "wrong"))) == reply(b'{"1664":100,"1665":251}')


# ---- who looks on ----------------------------------------------------------------------------------------------------


async def test_an_observer_is_told_of_everything_that_was_answered() -> None:
    clock = ManualClock()
    seen: list[tuple[str, str, str, int, float]] = []

    async def slow(request: AnyRequest) -> Reply:
        clock.tick(0.25)
        await asyncio.sleep(0)
        return battery(request)

    async with serving(slow, observe=lambda *facts: seen.append(facts), clock=clock) as port:
        for request in (
            get(READ),
            get(WRITE, method="POST"),
            get("/", method="POST"),
            get(READ, method="PUT"),
            get("/rpc/Indevolt.GetData"),
        ):
            await talk(port, request)
    assert all(peer.startswith("127.0.0.1:") for peer, *_ in seen)
    assert [facts[1:] for facts in seen] == [
        ("GET", READ, 200, 0.25),
        ("POST", WRITE, 200, 0.25),
        ("POST", "/", 404, 0.0),
        ("PUT", READ, 405, 0.0),
        ("GET", "/rpc/Indevolt.GetData", 200, 0.0),
    ]


# ---- life ------------------------------------------------------------------------------------------------------------


async def test_a_port_that_is_taken_is_named_with_a_way_out() -> None:
    async with serving() as port:
        with pytest.raises(InvalidInput, match=rf"cannot listen on TCP port {port} of 127.0.0.1: .*in use") as caught:
            await Server(battery).start(port=port)
        assert "another port" in caught.value.remedy


@pytest.mark.parametrize(("host", "port"), [("192.0.2.1", 0), ("127.0.0.1", 65536), ("127.0.0.1", -1)])
async def test_an_address_that_is_not_ours_and_a_port_that_is_none_are_invalid(host: str, port: int) -> None:
    with pytest.raises(InvalidInput, match="cannot listen"):
        await Server(battery).start(host, port)


async def test_a_server_that_does_not_run_has_no_port_and_closes_quietly() -> None:
    server = Server(battery)
    with pytest.raises(InvalidInput, match="not running"):
        _ = server.port
    await server.close()
    await server.start()
    await server.close()
    await server.close()
    with pytest.raises(InvalidInput, match="not running"):
        _ = server.port


async def test_the_port_is_free_again_at_once() -> None:
    async with serving() as port:
        await talk(port, get(READ))
    server = Server(battery)
    await server.start(port=port)
    assert await talk(port, get(READ)) == reply(b'{"1664":100,"1665":251}')
    await server.close()
