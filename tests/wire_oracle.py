"""The other end of the wire: plain sockets, ``http.client`` and ``ssl``, and nothing that knows what we send.

:class:`Peer` is a TCP server that sends what a test says, whatever HTTP thinks of it. :func:`talk` sends bytes to a server and
returns all that comes back. :func:`ask` is ``http.client``, an HTTP client that others wrote.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from enum import Enum, auto
from http.client import HTTPConnection, HTTPSConnection
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable

PATIENCE_S = 60.0  # of a test that fails; one that succeeds never waits


class End(Enum):
    """What becomes of a connection when everything was sent."""

    CLOSE = auto()
    RESET = auto()
    STAY = auto()


@dataclass(frozen=True)
class Script:
    """What to send on a connection, and then.

    ``step`` cuts it into pieces of that many bytes, each sent by itself; ``first`` sends it before anything was asked.
    """

    data: bytes = b""
    end: End = End.CLOSE
    step: int = 0
    first: bool = False


class Peer:
    """Plays one script for each request; when they run out, the last one again."""

    def __init__(self, *scripts: Script) -> None:
        self.scripts = list(scripts)
        self.requests: list[bytes] = []
        self.connections = 0
        self.port = 0
        self.gone = asyncio.Event()  # set when a client has left
        self._tasks: set[asyncio.Task[None]] = set()

    def _next(self) -> Script:
        return self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with closing(writer), suppress(ConnectionError):
            while True:
                script = self._next()
                if script.first:
                    await self._send(writer, script)
                with suppress(asyncio.IncompleteReadError):
                    self.requests.append(await reader.readuntil(b"\r\n\r\n"))
                if reader.at_eof():
                    self.gone.set()
                    return
                if not script.first:
                    await self._send(writer, script)
                if script.end is not End.STAY:
                    break
            if script.end is End.RESET:
                reset(writer)

    async def _send(self, writer: asyncio.StreamWriter, script: Script) -> None:
        step = script.step or len(script.data) or 1
        for start in range(0, len(script.data), step):
            writer.write(script.data[start : start + step])
            await writer.drain()
            await asyncio.sleep(0)  # lets the other end, on the same loop, see this piece before the next one

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)

    @asynccontextmanager
    async def run(self, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> AsyncIterator[Peer]:
        server = await asyncio.start_server(self._accepted, host, 0, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await server.wait_closed()


async def until(condition: Callable[[], bool]) -> None:
    """Let everybody else run until something has happened."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - what is waited for knows nothing of events
            await asyncio.sleep(0)


def reset(writer: asyncio.StreamWriter) -> None:
    """Break a connection, so that the other end sees a reset and not an end."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def talk(port: int, data: bytes, *, half_close: bool = False, tls: ssl.SSLContext | None = None) -> bytes:
    """Send bytes to a server and return every byte that comes back until it closes; a reset loses nothing that came before."""
    async with asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
        received = bytearray()
        with closing(writer), suppress(ConnectionError):
            writer.write(data)
            if half_close:
                writer.write_eof()
            while piece := await reader.read(65536):
                received += piece
        return bytes(received)


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


async def ask(
    port: int,
    target: str,
    method: str = "GET",
    *,
    headers: dict[str, str] | None = None,
    body: bytes | None = None,
    host: str = "127.0.0.1",
    tls: ssl.SSLContext | None = None,
) -> Answer:
    """Ask a server with ``http.client``."""

    def blocking() -> Answer:
        connection = (
            HTTPConnection(host, port, timeout=PATIENCE_S)
            if tls is None
            else HTTPSConnection(host, port, timeout=PATIENCE_S, context=tls)
        )
        with closing(connection):
            connection.request(method, target, body=body, headers=headers or {})
            reply = connection.getresponse()
            return Answer(reply.status, dict(reply.getheaders()), reply.read())

    return await asyncio.to_thread(blocking)


def http_reply(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    """Return a plain reply with a length."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body
