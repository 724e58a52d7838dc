"""Many devices behind one socket: who is called, and that nobody waits for somebody else's device."""

from __future__ import annotations

import asyncio
import ssl
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from typing import Any

import pytest
import trustme

from indevolt.errors import InvalidInput, NoReply
from indevolt.protocol.messages import AnyRequest, Data, GetData, Reply
from indevolt.server import Backend, Served, Server, Switchboard
from indevolt.server.line import Line
from wire_oracle import until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8")

ANY = "0.0.0.0"
PATIENCE_S = 10  # of a test that fails; one that succeeds never waits
FIRST, SECOND, NOBODY = "127.1.0.1", "127.1.0.2", "127.1.0.3"


def get(host: str, port: int, *headers: str, method: str = "GET", body: str = "") -> bytes:
    """Return a request as clients send it, the Host line first."""
    lines = [f'{method} /rpc/Indevolt.GetData?config={{"t":[1]}} HTTP/1.1', f"Host: {host}:{port}", "Connection: close", *headers]
    return ("\r\n".join([*lines, "", ""]) + body).encode()


def saying(number: int) -> Backend:
    reply = Data({"1": number})
    return lambda _: reply


@asynccontextmanager
async def serving(
    devices: dict[str, Served] | Callable[[str], Served | None], *, tls: ssl.SSLContext | None = None, **options: Any
) -> AsyncIterator[Server]:
    server = Server(Switchboard(devices.get if isinstance(devices, dict) else devices), **options)
    await server.start(ANY, tls=tls)
    try:
        yield server
    finally:
        await server.close()


async def talk(host: str, server: Server, data: bytes | None = None, *, tls: ssl.SSLContext | None = None) -> bytes:
    async with asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection(host, server.port, ssl=tls)
        with closing(writer):
            writer.write(get(host, server.port) if data is None else data)
            return await reader.read()


class Slow:
    """A device that answers when the test says so."""

    def __init__(self) -> None:
        self.asked = 0
        self.go = asyncio.Semaphore(0)
        self.cancelled = 0

    async def __call__(self, _: AnyRequest) -> Reply:
        self.asked += 1
        try:
            await self.go.acquire()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return Data({"1": 1})


async def test_the_address_that_was_called_tells_which_device_answers() -> None:
    async with serving({FIRST: Served(saying(1)), SECOND: Served(saying(2))}) as server:
        for _ in range(3):
            assert (await talk(FIRST, server)).endswith(b'{"1":1}')
            assert (await talk(SECOND, server)).endswith(b'{"1":2}')


async def test_who_calls_nobody_is_reset_before_anything_is_said() -> None:
    async with serving({FIRST: Served(saying(1))}) as server:
        reader, writer = await asyncio.open_connection(NOBODY, server.port)
        with closing(writer), pytest.raises(ConnectionResetError):
            await asyncio.wait_for(reader.read(), PATIENCE_S)
        assert (await talk(FIRST, server)).endswith(b'{"1":1}')


async def test_a_slow_device_holds_up_its_own_clients_and_nobody_else() -> None:
    slow = Slow()
    async with serving({FIRST: Served(slow), SECOND: Served(saying(2))}) as server:
        clients = [asyncio.create_task(talk(FIRST, server)) for _ in range(2)]
        await until(lambda: slow.asked == 1 and len(server._connections) == 2)
        assert (await talk(SECOND, server)).endswith(b'{"1":2}')
        assert slow.asked == 1, "its second client waits"
        slow.go.release()
        slow.go.release()
        assert [(await client)[-7:] for client in clients] == [b'{"1":1}'] * 2


async def test_a_silent_device_holds_up_nobody() -> None:
    def silent(_: AnyRequest) -> Reply:
        raise NoReply("silent")

    async with serving({FIRST: Served(silent), SECOND: Served(saying(2))}, lifelike=True) as server:
        _, writer = await asyncio.open_connection(FIRST, server.port)
        with closing(writer):
            writer.write(get(FIRST, server.port))
            assert (await talk(SECOND, server)).endswith(b'{"1":2}')


async def test_who_is_at_an_address_is_asked_once_and_who_is_not_each_time() -> None:
    asked: list[str] = []

    def route(address: str) -> Served | None:
        asked.append(address)
        return None if address == NOBODY else Served(saying(1))

    async with serving(route) as server:
        for host in (FIRST, SECOND, FIRST):
            await talk(host, server)
        for _ in range(2):
            with pytest.raises(ConnectionResetError):
                await talk(NOBODY, server)
    assert asked == [FIRST, SECOND, NOBODY, NOBODY]


async def test_what_a_request_means_is_found_out_once_for_all_devices() -> None:
    seen: list[AnyRequest] = []

    def note(request: AnyRequest) -> Reply:
        seen.append(request)
        return Data({"1": 1})

    async with serving(lambda _: Served(note)) as server:
        for host in (FIRST, SECOND, FIRST):
            await talk(host, server)
        assert len({id(request) for request in seen}) == 1
        assert len(server.known) == 1
        await talk(SECOND, server, get("elsewhere", server.port))
        assert len({id(request) for request in seen}) == 2, "a Host that is not this device's is read anew"
        assert seen[-1] == GetData((1,))


@pytest.mark.parametrize("host", ["127.1.0.1", "127.1.0.10"])
async def test_no_host_line_but_the_first_is_left_out_of_what_is_remembered(host: str) -> None:
    """Else a request with such a line in its body would be taken for a whole one without it."""
    line = Line(Served(saying(1)), b"\r\nHost: 127.1.0.1:80\r\n")
    short = b"POST / HTTP/1.1\r\nContent-Length: 24\r\n\r\n"
    assert line.meaning(short + b"\r\nHost: 127.1.0.1:80\r\n12") == short + b"\r\nHost: 127.1.0.1:80\r\n12"
    whole = b"GET / HTTP/1.1\r\nHost: %b:80\r\nX: 1\r\n\r\n" % host.encode()
    assert (line.meaning(whole) == b"GET / HTTP/1.1\r\nX: 1\r\n\r\n") == (host == "127.1.0.1")


async def test_a_body_that_looks_like_a_host_line_is_a_body() -> None:
    async with serving(lambda _: Served(saying(1))) as server:
        body = f"\r\nHost: {FIRST}:{server.port}\r\n"
        whole = get(FIRST, server.port, f"Content-Length: {len(body)}", method="POST", body=body)
        for _ in range(2):
            assert (await talk(FIRST, server, whole)).endswith(b'{"1":1}')
        reader, writer = await asyncio.open_connection(FIRST, server.port)
        with closing(writer):
            writer.write(whole.removesuffix(body.encode()) + b"\r\n")
            await until(lambda: any(each._reader is not None for each in server._connections))  # type: ignore[union-attr]  # no doorway is among them
            writer.write(b"x" * (len(body) - 2))
            assert (await asyncio.wait_for(reader.read(), PATIENCE_S)).endswith(b'{"1":1}')


async def test_each_device_has_its_own_guard_and_its_own_observer() -> None:
    told: list[str] = []

    def served(name: str, *, open_to_all: bool) -> Served:
        return Served(
            saying(1),
            lambda request, *_: request if open_to_all else None,
            lambda *answered: told.append(f"{name} {answered[1]} {answered[3]}"),
        )

    async with serving({FIRST: served("first", open_to_all=True), SECOND: served("second", open_to_all=False)}) as server:
        assert (await talk(FIRST, server)).startswith(b"HTTP/1.1 200 ")
        assert (await talk(SECOND, server)).startswith(b"HTTP/1.1 401 ")
    assert told == ["first GET 200", "second GET 401"]


def test_a_guard_for_all_devices_is_a_mistake_that_is_told() -> None:
    options: list[dict[str, Any]] = [{"guard": lambda *_: None}, {"observe": lambda *_: None}]
    for option in options:
        with pytest.raises(InvalidInput, match="each their own"):
            Server(Switchboard(lambda _: None), **option)


async def test_a_device_that_cannot_be_made_is_reset_and_told_to_the_loop() -> None:
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))

    def route(address: str) -> Served:
        if address == FIRST:
            raise ZeroDivisionError
        return Served(saying(2))

    async with serving(route) as server:
        with pytest.raises(ConnectionResetError):
            await talk(FIRST, server)
        assert (await talk(SECOND, server)).endswith(b'{"1":2}')
    assert [type(context["exception"]) for context in told] == [ZeroDivisionError]


async def test_it_is_the_same_behind_tls() -> None:
    authority, served, trusting = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert(FIRST, NOBODY).configure_cert(served)
    authority.configure_trust(trusting)
    async with serving({FIRST: Served(saying(1))}, tls=served) as server:
        assert (await talk(FIRST, server, tls=trusting)).endswith(b'{"1":1}')
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            await talk(NOBODY, server, tls=trusting)


async def test_closing_ends_what_every_device_is_answering_and_who_waits() -> None:
    devices = {FIRST: Slow(), SECOND: Slow()}
    server = Server(Switchboard(lambda address: Served(devices[address])))
    await server.start(ANY)
    clients = [asyncio.create_task(talk(host, server)) for host in (FIRST, SECOND, FIRST)]
    await until(lambda: len(server._connections) == 3 and all(device.asked for device in devices.values()))
    await server.close()
    assert [await client for client in clients] == [b"", b"", b""]
    assert [(device.asked, device.cancelled) for device in devices.values()] == [(1, 1), (1, 1)]
