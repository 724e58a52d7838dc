"""From the bytes of one client to calls: framing by ``httptools``, and limits on size. No I/O."""

from __future__ import annotations

from typing import Final

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from indevolt.protocol.messages import AnyRequest, Reply

HEAD_LIMIT: Final = 8 * 1024
"""Bytes of a request's head; a GetData of 1000 points has about 7 KiB, and what real devices take is far below that."""
BODY_LIMIT: Final = 16 * 1024
"""Bytes of a request's body. It means nothing here; this is enough for a client that repeats its config in one."""
_SLICE: Final = 1024  # how finely the limits are kept


class Call:
    """One request as it came over the wire, and what has been found out about it since: what it means, what it was last answered.

    Pollers send the same bytes for ever, so a call outlives the connection it came by.
    """

    __slots__ = ("authorization", "host", "keep", "method", "of_browser", "reply", "reply_bytes", "request", "target")

    def __init__(
        self, method: bytes, target: bytes, authorization: str | None, *, keep: bool, host: str = "", of_browser: bool = False
    ) -> None:
        self.method = method
        self.target = target
        self.authorization = authorization
        self.host = host  # which name it was called by; a page of somebody else may have it resolve to this machine
        self.of_browser = of_browser  # it has a mark that pages cannot keep a browser from sending
        self.keep = keep  # whether the connection can serve another one afterwards
        self.request: AnyRequest | None = None
        self.reply: Reply | None = None
        self.reply_bytes = b""


class CallReader:
    """Reads the calls of one connection."""

    def __init__(self, *, keep_alive: bool) -> None:
        self.calls: list[Call] = []
        self.broken = False  # what came after the last call is not HTTP, or too much of it
        self.between = True  # no call is half read
        self._keep_alive = keep_alive
        self._parser = HttpRequestParser(self)
        self._target = b""
        self._authorization: str | None = None
        self._host = ""
        self._of_browser = False
        self._in_body = False
        self._size = 0

    def feed(self, data: bytes) -> None:
        """Take bytes; ``calls``, ``broken`` and ``between`` tell what they came to."""
        for start in range(0, len(data), _SLICE):
            if self.broken:
                return
            self._feed_slice(data[start : start + _SLICE])

    def close(self) -> None:
        """Let go of the parser: it refers back to us, and without a cycle nothing is left to the garbage collector."""
        del self._parser

    def _feed_slice(self, data: bytes) -> None:
        self._size += len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            pass  # an offer to speak something else; HTTP/1.1 it stays
        except HttpParserError:
            self.broken = True
        if not self.between and self._size > (BODY_LIMIT if self._in_body else HEAD_LIMIT):
            self.broken = True

    # ---- what the parser calls --------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Start a call."""
        self.between = self._in_body = False
        self._target, self._authorization = b"", None
        self._host, self._of_browser = "", False

    def on_url(self, data: bytes) -> None:
        """Take a piece of the target."""
        self._target += data

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep the credentials, and what tells who asks."""
        match name.lower():
            case b"authorization":
                self._authorization = value.decode("latin-1")
            case b"host":
                self._host = value.decode("latin-1")
            case b"origin" | b"sec-fetch-site":
                self._of_browser = True
            case b"user-agent" if value.startswith(b"Mozilla/"):
                self._of_browser = True

    def on_headers_complete(self) -> None:
        """Count anew for the body."""
        self._in_body = True
        self._size = 0

    def on_message_complete(self) -> None:
        """Note a whole call."""
        parser = self._parser
        keep = self._keep_alive and parser.should_keep_alive() and not parser.should_upgrade()
        self.calls.append(
            Call(
                parser.get_method(),
                self._target,
                self._authorization,
                keep=keep,
                host=self._host,
                of_browser=self._of_browser,
            )
        )
        self.between = True
        self._size = 0
