"""One client of the server: its calls go into the line of a device, and what it is told goes out as it is.

Limits on time are kept here, by ``expires_at``, which the server looks at now and then.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING, Final, cast

from indevolt.server.calls import Call, CallReader
from indevolt.server.replies import status_reply

if TYPE_CHECKING:
    from indevolt.server.line import Line
    from indevolt.server.service import Server

IDLE_S: Final = 75.0  # between requests of a kept connection; above the 60 s of the slowest client (protocol.md, section 7)
SILENCE_S: Final = 120.0  # of a connection that gets no reply on purpose; above the longest time-out in use, 60 s (same section)
LINGER_S: Final = 1.0  # for a client to read why it was turned away while it is still sending
MEMO_BYTES: Final = 2048  # longer requests are read anew each time; one for 100 points has about 900
_FOREVER: Final = float("inf")


class Connection(asyncio.Protocol):
    """One client."""

    __slots__ = (
        "_calls",
        "_ending",
        "_paused",
        "_queued",
        "_reader",
        "_server",
        "_transport",
        "asked_at",
        "expires_at",
        "line",
        "open",
    )

    def __init__(self, server: Server) -> None:
        self._server = server
        self._transport: asyncio.Transport
        self.line: Line  # of the device that was called
        self._reader: CallReader | None = None  # there while something is half read
        self._calls: list[Call] = []
        self._ending = False  # nothing that it may still send matters
        self._paused = False
        self._queued = False  # a call of ours is in the line, or being answered
        self.open = True  # whether a reply can be given
        self.asked_at = 0.0  # on the server's clock
        self.expires_at = _FOREVER  # on the event loop's time

    @property
    def peer(self) -> str:
        """Who it is, for people to read."""
        name = self._transport.get_extra_info("peername")
        return f"{name[0]}:{name[1]}" if name else "?"

    # ---- what the event loop calls ----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet a client."""
        self._transport = cast("asyncio.Transport", transport)  # a stream protocol is only ever given a stream transport
        self.expires_at = _now() + self._server.slow_client_s
        self._server.opened(self)
        line = self._server.line or self._server.find_line(transport)
        if line is None:
            self.reset()
        else:
            self.line = line

    def connection_lost(self, _why: Exception | None) -> None:
        """Forget a client."""
        self.open = False
        if self._reader is not None:
            self._reader.close()
        self._server.closed(self)

    def data_received(self, data: bytes) -> None:
        """Take a piece of a request, a whole one, or several."""
        if self._ending:
            return
        # Pollers send the same bytes for ever, and reading those costs more than answering: what they mean is remembered.
        line = self.line
        known_by = line.meaning(data) if line.host_line else data
        if self._reader is None and (call := self._server.known.get(known_by)) is not None:
            self._calls.append(call)
        else:
            self._read(data, known_by)
        if self._queued:
            if self._calls and not self._paused:  # sent ahead of its turn: let the kernel hold what follows
                self._transport.pause_reading()
                self._paused = True
        elif self._calls:
            self._ask()

    def eof_received(self) -> bool:
        """Keep the way back open for a client that has only finished sending."""
        return self._queued and self._transport.can_write_eof()  # TLS has no such half-closed state

    # ---- what the server calls --------------------------------------------------------------------------------------

    def take_call(self) -> Call:
        """Return the call that is to be answered next."""
        return self._calls.pop(0)

    def reply(self, data: bytes, *, keep: bool) -> None:
        """Send a reply, then wait for the next call or close."""
        if not self.open:
            return
        self._queued = False
        self._transport.write(data)
        if not keep:
            self._ending = True
            self.open = False
            if self.expires_at == _FOREVER:
                self.expires_at = _now() + self._server.slow_client_s  # to take the reply
            self._transport.close()
            return
        self.expires_at = _now() + IDLE_S
        if self._paused and not self._calls:
            self._paused = False
            self._transport.resume_reading()
        if self._calls:
            self._ask()
        elif self._reader is not None and self._reader.broken:
            self._turn_away()

    def stay_silent(self) -> None:
        """Never reply; the client may leave when it likes."""
        self._queued = self.open = False
        self._ending = True
        self.expires_at = _now() + SILENCE_S

    def reset(self) -> None:
        """Break the connection so that the client sees a reset."""
        # Lingering for no time makes the kernel send RST instead of FIN.
        self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.drop()

    def drop(self) -> None:
        """Close at once, whatever is under way."""
        self._queued = self.open = False
        self._ending = True
        self._transport.abort()

    # ---- inside -----------------------------------------------------------------------------------------------------

    def _read(self, data: bytes, known_by: bytes) -> None:
        fresh = self._reader is None
        reader = self._reader or CallReader(keep_alive=self._server.keep_alive)
        self._reader = reader
        reader.feed(data)
        self._calls += reader.calls
        if not self._calls:
            if reader.broken:
                self._turn_away()
            return
        if fresh and reader.between and not reader.broken and len(reader.calls) == 1 and len(data) <= MEMO_BYTES:
            self._server.remember(known_by, reader.calls[0])
        reader.calls.clear()
        self._ending = reader.broken or not self._calls[-1].keep
        if reader.between and not reader.broken:
            reader.close()
            self._reader = None

    def _ask(self) -> None:
        self._queued = True
        self._server.enqueue(self)
        if self._queued:  # has to wait, for as long as it takes
            self.expires_at = _FOREVER

    def _turn_away(self) -> None:
        """Say 400, and go on reading for a moment: closing on unread bytes would reset the connection and lose the reply."""
        self._transport.write(status_reply(400, keep=False))
        self._ending = True
        self.open = False
        self.expires_at = _now() + LINGER_S
        if self._transport.can_write_eof():
            self._transport.write_eof()
        else:
            self._transport.close()


def _now() -> float:
    return asyncio.get_running_loop().time()
