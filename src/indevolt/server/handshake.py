"""A client whose TLS handshake is under way, seen from its first moment on.

Event loops tell of a client with TLS when its handshake is over. Those that never begin one would be neither counted nor timed, and
could take all files that a process may open. Who counts and times them is a subclass's business.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress


class Handshake(asyncio.Protocol):
    """Takes a connection away from its transport and has the handshake done; it becomes another protocol then.

    Args:
        tls: how to speak TLS.
        inside: makes the protocol that the client gets afterwards.
    """

    def __init__(self, tls: ssl.SSLContext, inside: Callable[[], asyncio.Protocol]) -> None:
        self._tls = tls
        self._inside = inside
        self._socket: socket.socket
        self._begun = False  # from then on the socket is the event loop's to close
        self.task: asyncio.Task[None]

    def opened(self) -> None:
        """Begin to count and to time it."""
        raise NotImplementedError

    def closed(self) -> None:
        """Forget it: it is inside, or gone."""
        raise NotImplementedError

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, before anything is read from it, and begin the handshake."""
        accepted = transport.get_extra_info("socket")
        try:
            self._socket = socket.fromfd(accepted.fileno(), accepted.family, accepted.type)
        except OSError:  # no more files may be open: then this one client goes
            transport.close()
            return
        transport.close()
        self.task = asyncio.get_running_loop().create_task(self._let_in())
        self.task.add_done_callback(self._ended)
        self.opened()

    def drop(self) -> None:
        """Send the client away, at once."""
        self.task.cancel()

    async def _let_in(self) -> None:
        self._begun = True
        with suppress(OSError):  # a handshake that fails is the client's affair; it sees an alert, or the end
            await asyncio.get_running_loop().connect_accepted_socket(self._inside, self._socket, ssl=self._tls)

    def _ended(self, _: asyncio.Task[None]) -> None:
        if not self._begun:
            self._socket.close()
        self.closed()
