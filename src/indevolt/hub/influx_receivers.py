"""Who takes lines of InfluxDB's line protocol: over HTTP, with an answer, or by UDP, without one.

When to send what, and what becomes of lines that nobody took, is in ``influx``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

import aiohttp

from indevolt.errors import IndevoltError, NoReply, Unreachable

if TYPE_CHECKING:
    from indevolt.hub.config import InfluxConfig

DATAGRAM_BYTES: Final = 1400  # below what networks carry in one piece
ANSWER_S: Final = 10.0
KEPT_S: Final = 3600.0  # that a connection is kept: a new one means that the receiver may have started anew
_FOR_GOOD: Final = (400, 413, 422)  # the lines are at fault: sending them again would change nothing


def receiver_of(config: InfluxConfig) -> Receiver:
    """Return the receiver that a configuration asks for; nothing is opened yet."""
    return UdpReceiver(config) if config.url.startswith("udp:") else HttpReceiver(config)


class LinesRefused(IndevoltError):
    """The receiver understood, and will never take these lines."""


class Receiver(Protocol):
    """Where lines go."""

    @property
    def most_bytes(self) -> int | None:
        """Of one line; None: any."""
        ...

    async def send(self, lines: Sequence[bytes]) -> bool:
        """Send lines; True if the receiver may have started anew since the last time.

        Raises:
            LinesRefused: sending them again would change nothing.
            IndevoltError: it may take them later.
        """
        ...

    async def close(self) -> None:
        """Let go of everything."""
        ...


class HttpReceiver:
    """A receiver that answers: the write APIs of InfluxDB 1 and 2, and whoever speaks one of them."""

    most_bytes: int | None = None

    def __init__(self, config: InfluxConfig) -> None:
        parts = urlsplit(config.url)
        second = parts.path.endswith("/api/v2/write")
        given = {"org": config.org, "bucket" if second else "db": config.bucket}
        self._url = config.url
        self._parameters = [(name, value) for name, value in given.items() if value is not None]
        self._headers = {"Content-Type": "text/plain; charset=utf-8"}
        if config.token is not None:
            self._headers["Authorization"] = f"{'Token' if second else 'Bearer'} {config.token.reveal()}"
        self._session: aiohttp.ClientSession | None = None
        self._begun_anew = False
        self._closed_politely = True

    async def send(self, lines: Sequence[bytes]) -> bool:
        """Send lines in one request."""
        session = self._session = self._session or self._open()
        self._begun_anew = False
        try:
            async with session.post(
                self._url,
                params=self._parameters,
                data=b"\n".join(lines),
                headers=self._headers,
                allow_redirects=False,  # which would drop the lines: the new place is asked with a GET
            ) as answer:
                status, said = answer.status, (await answer.content.read(500)).decode("utf-8", "replace")
                polite = answer.headers.get("Connection", "").lower() == "close"
                moved = answer.headers.get("Location") if 300 <= status < 400 else None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            why = str(error) or type(error).__name__
            raise Unreachable(why, remedy="Is the receiver running, and is the url of [influx] right?") from error
        if status in _FOR_GOOD:
            raise LinesRefused(f"HTTP {status} {said}")
        if moved is not None:
            raise NoReply(f"HTTP {status} leads to {moved:.200}", remedy="Set url of [influx] to that place, if it is yours.")
        if not 200 <= status < 300:
            raise NoReply(f"HTTP {status} {said}", remedy="See what its documents say; url, token, org and bucket are in [influx].")
        begun_anew = self._begun_anew and not self._closed_politely
        self._closed_politely = polite
        return begun_anew

    async def close(self) -> None:
        """Close the connection."""
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        trace = aiohttp.TraceConfig()
        trace.on_connection_create_end.append(self._connected)
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=1, keepalive_timeout=KEPT_S),
            timeout=aiohttp.ClientTimeout(total=ANSWER_S),
            trace_configs=[trace],
            auto_decompress=False,
        )

    async def _connected(self, *_: object) -> None:
        self._begun_anew = True


class UdpReceiver:
    """A receiver that hears or does not; nobody ever knows."""

    most_bytes: int | None = DATAGRAM_BYTES

    def __init__(self, config: InfluxConfig) -> None:
        parts = urlsplit(config.url)
        self._place = parts.hostname or "", parts.port or 0
        self._transport: asyncio.DatagramTransport | None = None

    async def send(self, lines: Sequence[bytes]) -> bool:
        """Send lines, as many in a datagram as fit."""
        try:
            if self._transport is None:
                loop = asyncio.get_running_loop()
                self._transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=self._place)
        except OSError as error:
            raise Unreachable(f"{self._place[0]}: {error.strerror or error}") from error
        datagram = b""
        for each in lines:
            if datagram and len(datagram) + 1 + len(each) > DATAGRAM_BYTES:
                self._transport.sendto(datagram)
                datagram = b""
            datagram = datagram + b"\n" + each if datagram else each
        self._transport.sendto(datagram)
        return False

    async def close(self) -> None:
        """Close the socket."""
        if self._transport is not None:
            self._transport.close()
            await asyncio.sleep(0)  # for the socket to be closed
