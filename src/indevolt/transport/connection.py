"""One TCP or TLS connection of the client: bytes of a request out, one whole HTTP reply in.

``httptools`` does the framing: Content-Length, chunks, and interim ``1xx`` replies. What it cannot do is end a reply that lasts
until the peer closes; that is done here. Only two of its callbacks are used, because each one costs on every poll; the rare reply
whose headers matter (a ``401``, or one without a length) is read a second time from the bytes kept.

Opening connections, deadlines and what to send belong to ``http``.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TypeAlias, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from indevolt.errors import IndevoltError, NoReply, ProtocolError

Answer: TypeAlias = tuple[int, bytes, str | None]
"""Status, body, and the ``WWW-Authenticate`` header of a 401; a plain tuple, as there is one for every poll."""


class Connection(asyncio.Protocol):
    """Sends one request at a time and hands out its :data:`Answer`.

    Every way in which this can go wrong arrives at the awaiting side as an error of the family: :class:`NoReply` when the answer
    does not come whole, :class:`ProtocolError` when it is not HTTP or larger than ``max_bytes``, head included.
    """

    __slots__ = ("_answer", "_body", "_max_bytes", "_parser", "_peer", "_received", "_transport", "reusable")

    def __init__(self, peer: str, max_bytes: int) -> None:
        self._peer = peer
        self._max_bytes = max_bytes
        self._transport: asyncio.Transport | None = None
        self._expect()

    def _expect(self) -> None:
        self.reusable = False
        self._received = bytearray()
        self._body: list[bytes] = []
        self._parser = HttpResponseParser(self)
        self._answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def ask(self, request: bytes) -> asyncio.Future[Answer]:
        """Send a request; the future brings its answer."""
        if self._transport is not None:
            self._transport.write(request)
        return self._answer

    def renew(self) -> None:
        """Make ready for another request on the same connection; allowed while :attr:`reusable` holds."""
        self._expect()

    def close(self) -> None:
        """Hang up, at once and whatever is under way."""
        self.reusable = False
        if self._transport is not None:
            self._transport.abort()
        self._answer.cancel()

    @property
    def connected(self) -> bool:
        """Whether the connection, with its TLS, was ever up."""
        return self._transport is not None

    @property
    def received(self) -> int:
        """How many bytes of the answer have come."""
        return len(self._received)

    # ---- what the event loop calls ----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection."""
        self._transport = cast("asyncio.Transport", transport)  # a stream protocol is only ever given a stream transport

    def data_received(self, data: bytes) -> None:
        """Take a piece of the answer."""
        if self._answer.done():
            self.reusable = False  # bytes after the reply belong to no request of ours
            return
        self._received += data
        if len(self._received) > self._max_bytes:
            self._fail(ProtocolError(f"{self._peer} sent more than {self._max_bytes} bytes", raw=self._excerpt()))
            return
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            # After a whole reply, an error is about bytes that came behind it.
            self.reusable = False
            self._fail(self._not_http(error))

    def connection_lost(self, exc: Exception | None) -> None:
        """Judge whether what has come is a whole answer."""
        self.reusable = False
        if not self._answer.done():
            self._judge_end(exc)
        del self._parser  # it refers back to us: without a cycle, nothing is left to the garbage collector

    def _judge_end(self, exc: Exception | None) -> None:
        if exc is not None:
            self._fail(NoReply(f"{self._peer} broke the connection ({exc}) {self._progress()}"))
            return
        headers = _headers_of(self._received)
        if headers is None or b"content-length" in headers or b"transfer-encoding" in headers:
            self._fail(NoReply(f"{self._peer} closed the connection {self._progress()}"))
        else:
            self._complete()

    # ---- what the parser calls --------------------------------------------------------------------------------------

    def on_body(self, data: bytes) -> None:
        """Take a piece of the body."""
        self._body.append(data)

    def on_message_complete(self) -> None:
        """Deliver the reply, unless it is an interim one that announces the real one."""
        if self._parser.get_status_code() < 200:
            return
        self.reusable = self._parser.should_keep_alive()
        self._complete()

    # ---- the outcome ------------------------------------------------------------------------------------------------

    def _complete(self) -> None:
        if self._answer.done():
            return
        status = self._parser.get_status_code()
        challenge = self._challenge() if status == 401 else None
        self._answer.set_result((status, b"".join(self._body), challenge))

    def _challenge(self) -> str | None:
        value = (_headers_of(self._received) or {}).get(b"www-authenticate")
        return None if value is None else value.decode("latin-1")

    def _fail(self, error: IndevoltError) -> None:
        if self._answer.done():
            return
        self._answer.set_exception(error)
        self._answer.exception()  # counts as seen: on an idle connection nobody is there to see it, and that is no news
        if self._transport is not None:
            self._transport.abort()

    def _not_http(self, error: Exception) -> ProtocolError:
        start = bytes(self._received[:40])
        if isinstance(error, HttpParserUpgrade):
            return ProtocolError(f"{self._peer} wants to switch protocols: {start!r}", raw=self._excerpt())
        hint = "; that is TLS, try https://" if start.startswith((b"\x15\x03", b"\x16\x03")) else ""
        return ProtocolError(
            f"{self._peer} answered with something that is not HTTP ({error}): {start!r}{hint}", raw=self._excerpt()
        )

    def _progress(self) -> str:
        count = len(self._received)
        return f"after {count} bytes, in the middle of its reply" if count else "before it sent anything"

    def _excerpt(self) -> bytes:
        return bytes(self._received[:4096])  # enough for a report to show what answered


class KeptConnection(Connection):
    """One that may serve again, which takes a closer look at where a reply ends."""

    __slots__ = ()

    def on_message_begin(self) -> None:
        """Notice a second reply to one request: nobody could tell whose the next one would be."""
        if self._answer.done():
            self.reusable = False


class _HeadReader:
    """Collects the headers of the last reply in a run of bytes."""

    def __init__(self) -> None:
        self.headers: dict[bytes, bytes] = {}
        self.complete = False

    def on_message_begin(self) -> None:
        self.headers = {}
        self.complete = False

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        # Several headers of one name are one header, joined by commas (RFC 9110, section 5.3).
        self.headers[name] = self.headers[name] + b", " + value if name in self.headers else value

    def on_headers_complete(self) -> None:
        self.complete = True


def _headers_of(received: bytes | bytearray) -> dict[bytes, bytes] | None:
    """Return the headers by lower-case name, or None while the head is not whole."""
    reader = _HeadReader()
    with suppress(HttpParserError, HttpParserUpgrade):
        HttpResponseParser(reader).feed_data(received)
    return reader.headers if reader.complete else None
