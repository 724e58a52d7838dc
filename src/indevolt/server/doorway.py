"""Where a client waits while its TLS handshake is under way.

The event loop's own server could do the handshake as well, but it hands nobody the connection before the handshake has ended: one
that never ends would outlive the server.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING

from indevolt.server.connection import Connection

if TYPE_CHECKING:
    from indevolt.server.service import Server


class Doorway(asyncio.Protocol):
    """One client on its way in."""

    def __init__(self, server: Server, tls: ssl.SSLContext) -> None:
        self._server = server
        self._tls = tls
        self._socket: socket.socket
        self._begun = False  # from then on the socket is the event loop's to close
        self._task: asyncio.Task[None]
        self.expires_at = asyncio.get_running_loop().time() + server.slow_client_s

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection away from its transport, before anything is read from it, and begin the handshake."""
        accepted = transport.get_extra_info("socket")
        try:
            self._socket = socket.fromfd(accepted.fileno(), accepted.family, accepted.type)
        except OSError:  # no more files may be open: then this one client goes
            transport.close()
            return
        transport.close()
        self._task = asyncio.get_running_loop().create_task(self._let_in())
        self._task.add_done_callback(self._ended)
        self._server.opened(self)

    def drop(self) -> None:
        """Send the client away."""
        self._task.cancel()

    async def _let_in(self) -> None:
        self._begun = True
        with suppress(OSError):  # a handshake that fails is the client's affair; it sees an alert, or the end
            await asyncio.get_running_loop().connect_accepted_socket(lambda: Connection(self._server), self._socket, ssl=self._tls)

    def _ended(self, _: asyncio.Task[None]) -> None:
        if not self._begun:
            self._socket.close()
        self._server.closed(self)
