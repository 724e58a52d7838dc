"""Connections that nobody may keep for nothing: a request has to come in time, and there are only so many.

uvicorn gives a client that has connected all the time it wants. Here a connection that does not bring a whole request in time is
ended, and when there are too many, the one that has waited longest for its request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, ClassVar, Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

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


class Connection(HttpToolsProtocol):
    """One connection of a client."""

    request_s: ClassVar[float] = REQUEST_S
    most: ClassVar[int] = MOST_CONNECTIONS

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - uvicorn's own
        super().__init__(*args, **options)
        self._expiry: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take in a connection, for a start without a request."""
        super().connection_made(transport)
        self._expect()
        if len(self.connections) > self.most:
            idle = [each for each in self.connections if isinstance(each, Connection) and each._expiry is not None]  # noqa: SLF001
            min(idle, key=_due).transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._arrived()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._expect()
        extensions: dict[str, Callable[[], None]] = {ABORT: self.transport.abort}
        cast("dict[str, Any]", self.scope)["extensions"] = extensions

    def on_message_complete(self) -> None:
        """Have a whole request."""
        self._arrived()
        super().on_message_complete()

    def _expect(self) -> None:
        if self._expiry is None:
            self._expiry = self.loop.call_later(self.request_s, self._expire)

    def _arrived(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None

    def _expire(self) -> None:
        self._expiry = None
        self.transport.abort()


def _due(connection: Connection) -> float:
    return connection._expiry.when() if connection._expiry else 0.0  # noqa: SLF001
