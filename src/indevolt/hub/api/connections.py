"""Connections that nobody may keep for nothing: a request has to come in time, and there are only so many.

uvicorn gives a client that has connected all the time it wants. Here a connection that does not bring a whole request in time is
ended, and when there are too many, the one that has waited longest for its request. With TLS that counts from the first moment on:
uvicorn hears of a client when its handshake is over, and those that never begin one could take all files that the hub may open.
"""

from __future__ import annotations

import asyncio
import ssl
from functools import partial
from typing import Any, ClassVar, Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from indevolt.hub.api.live import ABORT
from indevolt.server.handshake import Handshake

try:
    import resource
except ImportError:  # Windows, where sockets are no files and there is no such bound
    FILES = 16_384
else:
    FILES = resource.getrlimit(resource.RLIMIT_NOFILE)[0]

REQUEST_S: Final = 15.0  # for a whole request; above the slowest honest client, and the 10 s that a body may take
RESERVED: Final = 256  # files for devices, store, gateways and the rest
MOST_CONNECTIONS: Final = max(64, min(8192, FILES - RESERVED))


class Arrivals(ServerState):
    """What uvicorn shares among connections, and those that have not brought a request yet, the oldest first."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: dict[Connection | Doorway, asyncio.TimerHandle] = {}
        self.doorways: set[Doorway] = set()

    def make_room(self, most: int) -> None:
        """Hang up on whoever has waited longest, if there are more than so many."""
        if len(self.connections) + len(self.doorways) > most and (oldest := next(iter(self.waiting), None)) is not None:
            oldest.drop()


class Connection(HttpToolsProtocol):
    """One connection of a client."""

    request_s: ClassVar[float] = REQUEST_S
    most: ClassVar[int] = MOST_CONNECTIONS

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # of a TCP server, which it is
        """Take in a connection, for a start without a request."""
        super().connection_made(transport)
        self._expect()
        cast("Arrivals", self.server_state).make_room(self.most)

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

    def drop(self) -> None:
        """Hang up at once."""
        self._arrived()
        self.transport.abort()

    @property
    def _waiting(self) -> dict[Connection | Doorway, asyncio.TimerHandle]:
        return cast("Arrivals", self.server_state).waiting

    def _expect(self) -> None:
        if self not in self._waiting:
            self._waiting[self] = self.loop.call_later(self.request_s, self.drop)

    def _arrived(self) -> None:
        timer = self._waiting.pop(self, None)
        if timer is not None:
            timer.cancel()


class Doorway(Handshake):
    """Where a client waits while its TLS handshake is under way; it becomes a connection then.

    Args:
        kind: of connection.
        tls: how to speak TLS.
        shared: what uvicorn gives to each connection.
    """

    def __init__(self, kind: type[Connection], tls: ssl.SSLContext, **shared: Any) -> None:  # noqa: ANN401 - passed on as it is
        super().__init__(tls, partial(kind, **shared))
        self._kind = kind
        self._arrivals: Arrivals = shared["server_state"]

    def opened(self) -> None:
        """Wait for it as long as for a request, and count it like a connection."""
        self._arrivals.doorways.add(self)
        self._arrivals.waiting[self] = asyncio.get_running_loop().call_later(self._kind.request_s, self.drop)
        self._arrivals.make_room(self._kind.most)

    def closed(self) -> None:
        """See Handshake."""
        self._arrivals.doorways.discard(self)
        self._arrivals.waiting.pop(self).cancel()
