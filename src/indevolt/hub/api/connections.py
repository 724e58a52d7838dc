"""Connections that nobody may keep for nothing: a request has to come in time, and there are only so many.

uvicorn gives a client that has connected all the time it wants. Here a connection that does not bring a whole request in time is
ended, and when there are too many, the one that has waited longest for its request.
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar, Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from indevolt.hub.api.live import ABORT

try:
    import resource
except ImportError:  # Windows, where sockets are no files and there is no such bound
    FILES = 16_384
else:
    FILES = resource.getrlimit(resource.RLIMIT_NOFILE)[0]

REQUEST_S: Final = 15.0  # for a whole request; above the slowest honest client, and the 10 s that a body may take
RESERVED: Final = 128  # files for devices, store and the rest
MOST_CONNECTIONS: Final = max(64, min(8192, FILES - RESERVED))


class Arrivals(ServerState):
    """What uvicorn shares among connections, and those that have not brought a request yet, the oldest first."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: dict[Connection, asyncio.TimerHandle] = {}


class Connection(HttpToolsProtocol):
    """One connection of a client."""

    request_s: ClassVar[float] = REQUEST_S
    most: ClassVar[int] = MOST_CONNECTIONS

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # of a TCP server, which it is
        """Take in a connection, for a start without a request."""
        super().connection_made(transport)
        self._expect()
        if len(self.connections) > self.most and (oldest := next(iter(self._waiting), None)) is not None:
            oldest.end()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._arrived()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._expect()
        cast("dict[str, Any]", self.scope)["extensions"] = {ABORT: self.transport.abort}

    def on_message_complete(self) -> None:
        """Have a whole request."""
        self._arrived()
        super().on_message_complete()

    def end(self) -> None:
        """Hang up at once."""
        self._arrived()
        self.transport.abort()

    @property
    def _waiting(self) -> dict[Connection, asyncio.TimerHandle]:
        return cast("Arrivals", self.server_state).waiting

    def _expect(self) -> None:
        if self not in self._waiting:
            self._waiting[self] = self.loop.call_later(self.request_s, self.end)

    def _arrived(self) -> None:
        timer = self._waiting.pop(self, None)
        if timer is not None:
            timer.cancel()
