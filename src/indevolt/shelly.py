"""A look-alike of a Shelly Pro 3EM on a port of its own: the meter that INDEVOLT units poll by themselves (control.md, section 0).

What it says is ``protocol.shelly``'s; here are the socket, the framing of HTTP by ``httptools``, and the limits. It has a server of
its own since nothing here is OpenData: other paths, bodies that mean something, and many may ask at once. A connection is kept when
the client asks for it in so many words (``Connection: keep-alive``), as the platform of real ones does, and closed otherwise, as in
the Shelly Gen2 API documentation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from types import TracebackType
from typing import Final, Self, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from indevolt.clock import Clock, SystemClock
from indevolt.errors import InvalidInput
from indevolt.listener import stop_accepting
from indevolt.measurement import Measurement
from indevolt.protocol.shelly import Answer, Shelly, answer, device_name

HEAD_LIMIT: Final = 4 * 1024
"""Bytes of a request's head; what a unit or a browser sends is far below."""
BODY_LIMIT: Final = 4 * 1024
"""Bytes of a request's body; a frame has some 60."""
MAX_CLIENTS: Final = 64  # at once; real ones take 6, which a house full of readers in one process would outgrow
SLOW_CLIENT_S: Final = 10.0  # for a whole request to arrive, for a reply to be taken, and between two requests
_SLICE: Final = 512  # how finely the limits are kept


class ShellyMeter:
    """Serves what is measured while its ``async with`` lasts.

    Args:
        measures: asked anew for each request. What it raises of this package's errors is answered 503: there is nothing to show.
        host: address to listen on.
        port: TCP port, 80 on a real one; 0 takes a free one, which :attr:`port` tells, and keeps it.
        clock: dates what is shown.
        seed: decides the MAC address, which is one of those that belong to no vendor.
        slow_client_s: how long a client may take; then it is dropped.
    """

    def __init__(
        self,
        measures: Callable[[], Measurement],
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        clock: Clock | None = None,
        seed: int = 1,
        slow_client_s: float = SLOW_CLIENT_S,
    ) -> None:
        self.host = host
        self.mac = f"{0x02_00 << 32 | seed * 0x9E3779B1 & 0xFFFFFFFF:012X}"  # odd factor: no two seeds alike
        self.slow_client_s = slow_client_s
        self._measures = measures
        self._port = port
        self._clock: Clock = clock or SystemClock()
        self._started = self._clock.monotonic()
        self._online = True
        self._clients: set[_Client] = set()
        self._all_gone: asyncio.Future[None] | None = None  # made by whoever waits for the last client to go
        self._listener: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The TCP port; 0 while a free one was asked for and none was opened yet."""
        return self._port

    @property
    def name(self) -> str:
        """The id by which it goes."""
        return device_name(self.mac)

    @property
    def online(self) -> bool:
        """Whether it answers; a meter that is off, or off the Wi-Fi, breaks every connection and takes none."""
        return self._online

    @online.setter
    def online(self, online: bool) -> None:
        self._online = online
        if not online:
            self._drop_all()

    async def __aenter__(self) -> Self:
        """Open the port.

        Raises:
            InvalidInput: the address is not this machine's, or the port is taken or not allowed.
        """
        try:
            self._listener = await asyncio.get_running_loop().create_server(lambda: _Client(self), self.host, self._port)
        except (OSError, OverflowError) as error:
            raise InvalidInput(
                f"cannot listen on TCP port {self._port} of {self.host}: {getattr(error, 'strerror', None) or error}",
                remedy="Choose another port, or 0 for a free one.",
            ) from error
        self._port = self._listener.sockets[0].getsockname()[1]
        self._started = self._clock.monotonic()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the port and drop every client; a second call does nothing."""
        listener, self._listener = self._listener, None
        if listener is None:
            return
        await stop_accepting(listener)
        listener.close()
        if self._clients:
            self._all_gone = asyncio.get_running_loop().create_future()
            self._drop_all()
            await self._all_gone
        await listener.wait_closed()

    def look(self) -> Shelly:
        """Return the meter as it is now."""
        uptime_s = int(self._clock.monotonic() - self._started)
        return Shelly(self.mac, self._measures(), self._clock.now(), uptime_s)

    def _drop_all(self) -> None:
        for client in tuple(self._clients):
            client.drop()

    # ---- what a client calls -----------------------------------------------------------------------------------------

    def admit(self, client: _Client) -> None:
        """Take in a client, or drop it where there is no place or nobody to answer."""
        self._clients.add(client)
        if self._listener is None or not self._online or len(self._clients) > MAX_CLIENTS:
            client.drop()

    def forget(self, client: _Client) -> None:
        """Let a client go."""
        self._clients.discard(client)
        if self._all_gone is not None and not self._clients and not self._all_gone.done():
            self._all_gone.set_result(None)


class _Client(asyncio.Protocol):
    """One connection: framing, limits, time."""

    def __init__(self, meter: ShellyMeter) -> None:
        self._meter = meter
        self._transport: asyncio.Transport
        self._parser = HttpRequestParser(self)
        self._target = b""
        self._body = bytearray()
        self._size = 0  # of the head, then of the body, of the request that is being read
        self._in_body = False
        self._wants_to_stay = False
        self._ending = False  # nothing that it may still send matters
        self._timer: asyncio.TimerHandle | None = None

    def drop(self) -> None:
        """Break the connection, whatever is under way."""
        self._ending = True
        self._transport.abort()

    # ---- what the event loop calls -----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # a stream protocol is only ever given a stream transport
        self._wind_up()
        self._meter.admit(self)

    def connection_lost(self, _why: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._ending = True
        del self._parser  # it refers back to us; without a cycle nothing is left to the garbage collector
        self._meter.forget(self)

    def pause_writing(self) -> None:
        """Drop a client that asks and asks and never reads."""
        self.drop()

    def data_received(self, data: bytes) -> None:
        for start in range(0, len(data), _SLICE):
            if self._ending:
                return
            self._feed(data[start : start + _SLICE])

    # ---- what the parser calls ---------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._target = b""
        self._body.clear()
        self._in_body = self._wants_to_stay = False

    def on_url(self, data: bytes) -> None:
        self._target += data

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"connection":
            self._wants_to_stay = value.strip().lower() == b"keep-alive"

    def on_headers_complete(self) -> None:
        self._in_body = True
        self._size = 0

    def on_body(self, data: bytes) -> None:
        self._body += data

    def on_message_complete(self) -> None:
        self._size = 0
        self._in_body = False
        if self._ending:
            return
        method = self._parser.get_method().decode("ascii")
        keep = self._wants_to_stay and not self._parser.should_upgrade()
        try:
            reply = answer(method, self._target.decode("latin-1"), bytes(self._body), self._meter.look)
        except Exception as error:  # noqa: BLE001 - whatever measuring raises ends one call, not the meter
            reply = Answer(500)
            asyncio.get_running_loop().call_exception_handler(
                {"message": f"{self._meter.name} cannot be measured", "exception": error, "protocol": self}
            )
        self._transport.write(_framed(reply, keep=keep))
        self._wind_up()
        if not keep:
            self._ending = True
            self._transport.close()

    # ---- inside ------------------------------------------------------------------------------------------------------

    def _feed(self, data: bytes) -> None:
        self._size += len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            pass  # an offer to speak something else; HTTP/1.1 it stays
        except HttpParserError:
            self._turn_away()
        if self._size > (BODY_LIMIT if self._in_body else HEAD_LIMIT):
            self._turn_away()

    def _turn_away(self) -> None:
        """Say 400, and wait for the client to leave: closing on unread bytes would reset the connection and lose the reply."""
        if self._ending:
            return
        self._ending = True
        self._transport.write(_framed(Answer(400), keep=False))
        if not self._transport.is_closing():  # writing may have dropped it
            with suppress(OSError):  # the client left at this moment
                self._transport.write_eof()

    def _wind_up(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(self._meter.slow_client_s, self.drop)


def _framed(reply: Answer, *, keep: bool) -> bytes:
    """Return the bytes of a reply, with the three headers that the documentation shows."""
    end = "keep-alive" if keep else "close"
    allow = "Allow: GET, POST\r\n" if reply.status == HTTPStatus.METHOD_NOT_ALLOWED else ""
    head = (
        f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(reply.body)}\r\n{allow}Connection: {end}\r\n\r\n"
    )
    return head.encode("ascii") + reply.body
