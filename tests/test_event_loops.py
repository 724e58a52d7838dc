"""Client, server and beacon on each event loop there is: what a loop may do differently, in one conversation."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import socket
import ssl
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeAlias

import pytest
import trustme

from indevolt.beacon import Beacon, Broadcast
from indevolt.clock import SystemClock
from indevolt.errors import IndevoltError, InvalidInput, NoReply, ProtocolError, Unreachable
from indevolt.protocol.discovery import Identification
from indevolt.protocol.messages import AnyRequest, Data, GetData, Reply
from indevolt.server import Server
from indevolt.transport import Address, HttpTransport
from wire_oracle import talk

NewLoop: TypeAlias = Callable[[], asyncio.AbstractEventLoop]
Run: TypeAlias = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]


def loops() -> dict[str, NewLoop]:
    found: dict[str, NewLoop] = {"asyncio": asyncio.new_event_loop}
    try:
        import uvloop
    except ImportError:
        return found
    return {**found, "uvloop": uvloop.new_event_loop}


@pytest.fixture(params=sorted(loops()))
def run(request: pytest.FixtureRequest) -> Run:
    def run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        with asyncio.Runner(loop_factory=loops()[request.param]) as runner:
            runner.run(work())
        gc.collect()  # what was left open says so now, and warnings are errors

    return run


READ = GetData((1,))
FATES: dict[int, IndevoltError] = {
    2: NoReply("silent"),
    3: Unreachable("reset"),
    4: ProtocolError("", raw=b"nonsense"),
    5: ProtocolError("", raw=b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"),
}


def battery(request: AnyRequest) -> Reply:
    assert isinstance(request, GetData)
    if request.points[0] in FATES:
        raise FATES[request.points[0]]
    return Data(dict.fromkeys(request.keys, 7))


async def fate_of(transport: HttpTransport, point: int) -> str:
    with pytest.raises(IndevoltError) as caught:
        await transport.exchange(GetData((point,)))
    return f"{type(caught.value).__name__}: {caught.value}"


def test_a_conversation_in_plain_http(run: Run) -> None:
    async def work() -> None:
        server = Server(battery, lifelike=True, slow_client_s=0.1)
        await server.start()
        address = Address("127.0.0.1", server.port)
        transport = HttpTransport(address, deadline_s=0.2)
        assert (await transport.exchange(READ)).values == {"1": 7}
        assert len(await asyncio.gather(*(transport.exchange(READ) for _ in range(50)))) == 50
        peer = f"127.0.0.1:{server.port}"
        assert await fate_of(transport, 2) == f"NoReply: {peer} took the request and stayed silent for 0.2 s"
        assert (await fate_of(transport, 3)).startswith(f"NoReply: {peer} ")
        assert (await fate_of(transport, 4)).startswith(f"ProtocolError: {peer} answered with something that is not HTTP")
        assert await fate_of(transport, 5) == f"NoReply: {peer} closed the connection after 40 bytes, in the middle of its reply"
        assert await talk(server.port, b"GET /rpc") == b"", "too slow"
        assert (await talk(server.port, b"GET /" + b"x" * 1_000_000)).startswith(b"HTTP/1.1 400 ")
        with pytest.raises(InvalidInput, match="in use"):
            await Server(battery).start(port=server.port)
        await server.close()
        assert await fate_of(transport, 1) == f"Unreachable: {peer} refused the connection"
        await transport.close()

    run(work)


def test_a_conversation_over_kept_connections(run: Run) -> None:
    async def work() -> None:
        seen: list[tuple[str, str, str, int, float]] = []
        server = Server(battery, keep_alive=True, observe=lambda *facts: seen.append(facts))
        await server.start()
        transport = HttpTransport(Address("127.0.0.1", server.port), keep_alive=True)
        for _ in range(3):
            assert (await transport.exchange(READ)).values == {"1": 7}
        assert len({peer for peer, *_ in seen}) == 1
        await server.close()
        assert "refused" in await fate_of(transport, 1)
        await transport.close()

    run(work)


def test_a_conversation_over_tls(run: Run) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(tls)
    der = ssl.PEM_cert_to_DER_cert(certificate.cert_chain_pems[0].bytes().decode())

    async def work() -> None:
        server = Server(battery, lifelike=True, slow_client_s=0.5)
        await server.start(tls=tls)
        address = Address("127.0.0.1", server.port, tls=True)
        transport = HttpTransport(address, fingerprint=hashlib.sha256(der).hexdigest(), deadline_s=2)
        for _ in range(3):
            assert (await transport.exchange(READ)).values == {"1": 7}
        assert (await fate_of(transport, 3)).startswith("NoReply: ")
        assert (await fate_of(transport, 4)).startswith("ProtocolError: ")
        other = HttpTransport(address, fingerprint="00" * 32)
        assert "fingerprint" in await fate_of(other, 1)
        strict = HttpTransport(address)
        assert "not trusted" in await fate_of(strict, 1)
        await talk(server.port, b"GET / HTTP/1.1\r\n\r\n")
        waiting = asyncio.create_task(talk(server.port, b""))
        await asyncio.sleep(0.01)
        await server.close()
        await waiting
        for each in (transport, other, strict):
            await each.close()

    run(work)


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("turns", range(6))
def test_clients_that_come_while_the_server_closes_are_not_left_behind(run: Run, turns: int, secure: bool) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if secure else None

    async def work() -> None:
        server = Server(battery)
        await server.start(tls=tls)
        clients = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(3)]  # the kernel has taken them
        for _ in range(turns):
            await asyncio.sleep(0)
        await server.close()
        for _ in range(10):
            await asyncio.sleep(0)
        for client in clients:
            client.settimeout(10)
            with suppress(ConnectionError):
                assert client.recv(1) == b""
            client.close()

    run(work)


def test_a_beacon(run: Run) -> None:
    async def work() -> None:
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
            asker.setblocking(False)
            asker.bind(("127.0.0.1", 0))
            deaf = Broadcast(lambda: b"x", ("127.0.0.1", 9), 0.001)
            beacon = Beacon(lambda: Identification("1", "2", "3", "4"), SystemClock(), repeats=2, broadcasts=[deaf])
            await beacon.start("127.0.0.1", 0)
            asker.sendto(b"AT+IGDEVICEIP", ("127.0.0.1", beacon.port))
            for _ in range(2):
                async with asyncio.timeout(10):
                    assert await loop.sock_recv(asker, 1000) == b'{"sn":"1","fw":"2","ip":"3","opendata_ver":"4"}'
            await beacon.close()

    run(work)
