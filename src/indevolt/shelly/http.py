"""The HTTP of a look-alike: framing by ``httptools``, limits, and time.

A connection is kept when the client asks for it in so many words (``Connection: keep-alive``), as the platform of real ones does,
and closed otherwise, as in the Shelly Gen2 API documentation.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from indevolt.protocol.shelly import Answer, answer
from indevolt.shelly.asked import Asked, Channel

if TYPE_CHECKING:
    from indevolt.shelly.meter import ShellyMeter

HEAD_LIMIT: Final = 4 * 1024
"""Bytes of a request's head; what a unit or a browser sends is far below."""
BODY_LIMIT: Final = 4 * 1024
"""Bytes of a request's body; a frame has some 60."""
MAX_CLIENTS: Final = 64  # at once; real ones take 6, which a house full of readers in one process would outgrow
SLOW_CLIENT_S: Final = 10.0  # for a whole request to arrive, for a reply to be taken, and between two requests
_SLICE: Final = 512  # how finely the limits are kept


class Client(asyncio.Protocol):
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
        """Begin with a client."""
        self._transport = cast("asyncio.Transport", transport)  # a stream protocol is only ever given a stream transport
        self._wind_up()
        self._meter.admit(self)

    def connection_lost(self, _why: Exception | None) -> None:
        """End with a client."""
        if self._timer is not None:
            self._timer.cancel()
        self._ending = True
        del self._parser  # it refers back to us; without a cycle nothing is left to the garbage collector
        self._meter.forget(self)

    def pause_writing(self) -> None:
        """Drop a client that asks and asks and never reads."""
        self.drop()

    def data_received(self, data: bytes) -> None:
        """Read on."""
        for start in range(0, len(data), _SLICE):
            if self._ending:
                return
            self._feed(data[start : start + _SLICE])

    # ---- what the parser calls ---------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._target = b""
        self._body.clear()
        self._in_body = self._wants_to_stay = False

    def on_url(self, data: bytes) -> None:
        """Take a part of its target."""
        self._target += data

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; one matters."""
        if name.lower() == b"connection":
            self._wants_to_stay = value.strip().lower() == b"keep-alive"

    def on_headers_complete(self) -> None:
        """Go on to the body."""
        self._in_body = True
        self._size = 0

    def on_body(self, data: bytes) -> None:
        """Take a part of it."""
        self._body += data

    def on_message_complete(self) -> None:
        """Answer."""
        self._size = 0
        self._in_body = False
        if self._ending:
            return
        method = self._parser.get_method().decode("ascii")
        keep = self._wants_to_stay and not self._parser.should_upgrade()
        meter, peer = self._meter, self._transport.get_extra_info("peername")
        look = meter.look(Asked(Channel.HTTP, peer[0] if peer else ""))
        try:
            reply = answer(method, self._target.decode("latin-1"), bytes(self._body), meter.mac, look)
        except Exception as error:  # noqa: BLE001 - whatever measuring raises ends one call, not the meter
            reply = Answer(500)
            meter.tell(error)
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
