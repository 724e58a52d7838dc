"""Whose turn it is, and what becomes of a client when the backend fails, waits or goes away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from functools import partial
from typing import Any, cast

import pytest

from indevolt.errors import (
    BadGateway,
    IndevoltError,
    InvalidInput,
    NoReply,
    ProtocolError,
    StatusError,
    Unauthorized,
    Unreachable,
)
from indevolt.protocol.messages import AnyRequest, Data, GetData, Reply, Request
from indevolt.server import Backend, Server
from indevolt.transport import Address, HttpTransport
from wire_oracle import End, Peer, Script, reset, talk, until

PATIENCE_S = 10  # of a test that fails; one that succeeds never waits
OK = b"HTTP/1.1 200 OK\r\n"


def get(*points: int) -> bytes:
    return f'GET /rpc/Indevolt.GetData?config={{"t":{list(points)}}} HTTP/1.1\r\n\r\n'.replace(", ", ",").encode()


@asynccontextmanager
async def serving(backend: Backend, **options: Any) -> AsyncIterator[Server]:
    server = Server(backend, **options)
    await server.start()
    try:
        yield server
    finally:
        await server.close()


class Slow:
    """A backend that answers when the test says so."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.answering = 0
        self.most = 0
        self.go = asyncio.Semaphore(0)
        self.cancelled = 0

    async def __call__(self, request: AnyRequest) -> Reply:
        assert isinstance(request, GetData)
        self.asked.append(request.points[0])
        self.answering += 1
        self.most = max(self.most, self.answering)
        try:
            await self.go.acquire()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.answering -= 1
        return Data(dict.fromkeys(request.keys, 1))

    async def is_asked(self, times: int) -> None:
        await until(lambda: len(self.asked) >= times)


def in_line(server: Server, count: int) -> bool:
    assert server.line is not None
    return len(server.line.waiting) == count


def raising(error: BaseException, *, later: bool) -> Backend:
    """Return a backend that raises, at once or after a while."""

    def at_once(_: AnyRequest) -> Reply:
        raise error

    async def after_a_while(_: AnyRequest) -> Reply:
        await asyncio.sleep(0)
        raise error

    return after_a_while if later else at_once


# ---- one at a time ---------------------------------------------------------------------------------------------------


async def test_clients_are_served_one_after_the_other_in_the_order_they_asked() -> None:
    slow = Slow()
    async with serving(slow) as server:
        clients = [asyncio.create_task(talk(server.port, get(0)))]
        await slow.is_asked(1)
        for number in range(1, 5):
            clients.append(asyncio.create_task(talk(server.port, get(number))))
            await until(partial(in_line, server, number))
        assert slow.asked == [0]
        for number in range(5):
            slow.go.release()
            assert b'{"%d":1}' % number in await clients[number]
    assert slow.asked == [0, 1, 2, 3, 4]
    assert slow.most == 1


async def test_a_client_that_leaves_the_line_is_not_served() -> None:
    slow = Slow()
    async with serving(slow) as server:
        first = asyncio.create_task(talk(server.port, get(1)))
        await slow.is_asked(1)
        _, impatient = await asyncio.open_connection("127.0.0.1", server.port)
        impatient.write(get(2))
        await until(partial(in_line, server, 1))
        reset(impatient)
        last = asyncio.create_task(talk(server.port, get(3)))
        await until(lambda: in_line(server, 2) and len(server._connections) == 2)
        slow.go.release()
        slow.go.release()
        assert OK in await first
        assert OK in await last
    assert slow.asked == [1, 3]


async def test_a_client_that_leaves_while_it_is_served_holds_nobody_up() -> None:
    slow = Slow()
    async with serving(slow) as server:
        _, impatient = await asyncio.open_connection("127.0.0.1", server.port)
        impatient.write(get(1))
        await slow.is_asked(1)
        reset(impatient)
        slow.go.release()
        slow.go.release()
        assert OK in await talk(server.port, get(2))


async def test_who_sends_ahead_is_served_in_order_while_others_get_their_turn() -> None:
    slow = Slow()
    async with serving(slow, keep_alive=True) as server:
        ahead = asyncio.create_task(
            talk(server.port, get(1) + get(2) + get(3).replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        )
        await slow.is_asked(1)
        other = asyncio.create_task(talk(server.port, get(9).replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")))
        await until(partial(in_line, server, 1))
        for _ in range(4):
            slow.go.release()
        received = await ahead
        assert OK in await other
    assert slow.asked == [1, 9, 2, 3]
    assert [received.index(b'{"%d":1}' % number) for number in (1, 2, 3)] == sorted(
        received.index(b'{"%d":1}' % n) for n in (1, 2, 3)
    )


async def test_a_flood_sent_ahead_waits_outside_and_is_served_in_the_end() -> None:
    slow = Slow()
    async with serving(slow, keep_alive=True) as server:
        flood = get(1) * 6_000 + get(2).replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")  # more than one piece of network
        client = asyncio.create_task(talk(server.port, flood))
        for _ in range(6_001):
            slow.go.release()
        assert (await client).count(OK) == 6_001


# ---- what the backend raises -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize(
    ("error", "status"),
    [
        (StatusError(code=409), "409 Conflict"),
        (StatusError(code=599), "599 Unlisted"),
        (Unauthorized(), "401 Unauthorized"),
        (BadGateway(), "502 Bad Gateway"),
        (InvalidInput("no"), "400 Bad Request"),
        (NoReply("silent"), "504 Gateway Timeout"),
        (Unreachable("off"), "502 Bad Gateway"),
        (ProtocolError("nonsense", raw=b"nonsense"), "502 Bad Gateway"),
        (IndevoltError("other"), "502 Bad Gateway"),
    ],
)
async def test_a_gateway_reports_what_happened_behind_it(error: IndevoltError, status: str, later: bool) -> None:
    async with serving(raising(error, later=later)) as server:
        received = await talk(server.port, get(1))
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: 0\r\n".encode())
    assert body == b""
    assert (b"WWW-Authenticate: Digest " in head) == (status[:3] == "401")


async def test_a_real_device_can_stand_behind_it() -> None:
    async with Peer(
        Script(b'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"1": 17}'), Script(b"nonsense"), Script(end=End.RESET)
    ).run() as device:
        transport = HttpTransport(Address("127.0.0.1", device.port))

        async def forward(request: AnyRequest) -> Reply:
            reply: Reply = await transport.exchange(cast("Request[Any]", request))
            return reply

        async with serving(forward) as server:
            assert (await talk(server.port, get(1))).endswith(b'\r\n\r\n{"1":17}')
            assert (await talk(server.port, get(1))).startswith(b"HTTP/1.1 502 ")
            assert (await talk(server.port, get(1))).startswith(b"HTTP/1.1 504 ")


@pytest.mark.parametrize("later", [False, True])
async def test_a_virtual_device_sends_garbage_when_it_is_told_to(later: bool) -> None:
    async with serving(
        raising(ProtocolError("x", raw=b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"), later=later), lifelike=True
    ) as server:
        assert await talk(server.port, get(1)) == b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"


@pytest.mark.parametrize("later", [False, True])
async def test_a_virtual_device_resets_a_connection_when_it_is_told_to(later: bool) -> None:
    async with serving(raising(Unreachable("x"), later=later), lifelike=True) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        with closing(writer):
            writer.write(get(1))
            with pytest.raises(ConnectionResetError):
                await asyncio.wait_for(reader.read(), PATIENCE_S)


async def test_a_virtual_device_stays_silent_until_the_client_leaves_and_serves_others_meanwhile() -> None:
    fates: list[Reply | IndevoltError] = [NoReply("silent"), Data({"2": 2})]

    def backend(_: AnyRequest) -> Reply:
        fate = fates.pop(0)
        if isinstance(fate, IndevoltError):
            raise fate
        return fate

    async with serving(backend, lifelike=True) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        with closing(writer):
            writer.write(get(1))
            assert b'{"2":2}' in await talk(server.port, get(2))
            assert len(server._connections) == 1
            writer.write_eof()
            async with asyncio.timeout(PATIENCE_S):
                assert await reader.read() == b""


@pytest.mark.parametrize(
    ("error", "status"), [(StatusError(code=503), b"503"), (IndevoltError("other"), b"502"), (InvalidInput("no"), b"400")]
)
async def test_a_virtual_device_answers_what_cannot_be_acted_out(error: IndevoltError, status: bytes) -> None:
    async with serving(raising(error, later=False), lifelike=True) as server:
        assert (await talk(server.port, get(1))).startswith(b"HTTP/1.1 " + status)


async def test_a_virtual_device_does_not_act_out_mistakes_of_the_client() -> None:
    async with serving(raising(NoReply("x"), later=False), lifelike=True) as server:
        assert (await talk(server.port, b"GET /rpc/Sys.Explode HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 404 ")
        assert (await talk(server.port, b"GET /rpc/Indevolt.GetData HTTP/1.1\r\n\r\n")).endswith(b"{}")


@pytest.mark.parametrize("later", [False, True])
async def test_a_defect_of_the_backend_costs_one_request_and_is_told_to_the_loop(later: bool) -> None:
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    defects: list[BaseException] = [ZeroDivisionError("oops")]

    def backend(request: AnyRequest) -> Any:
        return raising(defects.pop(), later=later)(request) if defects else Data({"1": 1})

    async with serving(backend) as server:
        assert (await talk(server.port, get(1))).startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
        assert b'{"1":1}' in await talk(server.port, get(1))
    assert [type(context["exception"]) for context in told] == [ZeroDivisionError]


@pytest.mark.parametrize("later", [False, True])
async def test_a_reply_that_no_device_could_say_is_a_defect(later: bool) -> None:
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    impossible = Data({"1": 1 << 70})

    async def after_a_while(_: AnyRequest) -> Reply:
        return impossible

    async with serving(after_a_while if later else lambda _: impossible) as server:
        for _ in range(2):
            assert (await talk(server.port, get(1))).startswith(b"HTTP/1.1 500 ")
    assert len(told) == 2


async def test_an_observer_that_fails_does_not_stop_the_line() -> None:
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))

    def observe(*_: Any) -> None:
        raise BrokenPipeError

    async with serving(lambda _: Data({"1": 1}), observe=observe) as server:
        for _ in range(2):
            assert b'{"1":1}' in await talk(server.port, get(1))
    assert told


# ---- closing ---------------------------------------------------------------------------------------------------------


async def test_closing_ends_what_is_being_answered_and_who_waits() -> None:
    slow = Slow()
    server = Server(slow)
    await server.start()
    clients = [asyncio.create_task(talk(server.port, get(number))) for number in range(3)]
    await slow.is_asked(1)
    await until(partial(in_line, server, 2))
    await server.close()
    assert [await client for client in clients] == [b"", b"", b""]
    assert (slow.asked, slow.cancelled) == ([0], 1)


async def test_closing_leaves_no_idle_client_behind() -> None:
    server = Server(lambda _: Data({}), keep_alive=True)
    await server.start()
    clients = [asyncio.create_task(talk(server.port, data)) for data in (b"", b"GET /rpc", get(1))]
    await until(lambda: len(server._connections) == 3)
    await server.close()
    assert [OK in await client for client in clients[:2]] == [False, False]
    await clients[2]
    assert not server._connections
