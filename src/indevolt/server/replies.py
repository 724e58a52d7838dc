"""The bytes of replies: the shape of protocol.md, section 3.7, with three headers and nothing that a device does not send."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

_OK: Final = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: {}\r\n\r\n%b"
_OK_CLOSE: Final = _OK.format("close").encode()
_OK_KEEP: Final = _OK.format("keep-alive").encode()


def ok_reply(body: bytes, *, keep: bool) -> bytes:
    """Return a 200 with this body."""
    return (_OK_KEEP if keep else _OK_CLOSE) % (len(body), body)


def status_reply(status: int, *, keep: bool, extra: str = "") -> bytes:
    """Return a reply without a body; ``extra`` are more header lines, each with its line end."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Unlisted"
    end = "keep-alive" if keep else "close"
    head = f"HTTP/1.1 {status} {phrase}\r\nContent-Type: application/json\r\nContent-Length: 0\r\n{extra}Connection: {end}\r\n\r\n"
    return head.encode("latin-1")
