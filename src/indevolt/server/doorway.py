"""Where a client of the server waits while its TLS handshake is under way.

The event loop's own server could do the handshake as well, but it hands nobody the connection before the handshake has ended: one
that never ends would outlive the server.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING

from indevolt.server.connection import Connection
from indevolt.server.handshake import Handshake

if TYPE_CHECKING:
    from indevolt.server.service import Server


class Doorway(Handshake):
    """One client on its way in."""

    def __init__(self, server: Server, tls: ssl.SSLContext) -> None:
        super().__init__(tls, lambda: Connection(server))
        self._server = server
        self.expires_at = asyncio.get_running_loop().time() + server.slow_client_s

    def opened(self) -> None:
        """See Handshake."""
        self._server.opened(self)

    def closed(self) -> None:
        """See Handshake."""
        self._server.closed(self)
