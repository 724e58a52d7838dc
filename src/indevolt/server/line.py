"""Who is behind the socket: one device, or many told apart by the address that was called; and whose turn it is at each.

A real device serves one request at a time, so each has a line of its own, and one that is slow or silent holds up nobody else's
clients. A line is half a kilobyte, and there is none for a device that nobody has called yet.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from indevolt.protocol.messages import AnyRequest, Reply
from indevolt.server.calls import Call

if TYPE_CHECKING:
    from indevolt.server.connection import Connection

Backend: TypeAlias = Callable[[AnyRequest], Reply | Awaitable[Reply]]
"""What answers. A reply given at once is the fast way; an awaitable makes everybody else in the line wait for it. Replies are
values: who has nothing new to say may return the very same object again, and its bytes are sent again without another encoding."""

Guard: TypeAlias = Callable[[AnyRequest, str, str, str | None], AnyRequest | None]
"""Given request, method, target and Authorization header, returns the request to serve (a password change completed
from the header), or None for 401."""

Observer: TypeAlias = Callable[[str, str, str, int, float], None]
"""Told peer, method, target, status (0 when no HTTP reply was given) and seconds of each request served."""


Screen: TypeAlias = Callable[[AnyRequest, Call], None]
"""Given a request that the guard let in and the call that it came by, raises a ``StatusError`` if it must not be served."""


@dataclass(frozen=True, slots=True)
class Served:
    """One device as a server sees it: what answers, who may ask, and who is told."""

    backend: Backend
    guard: Guard | None = None
    observe: Observer | None = None
    screen: Screen | None = None


Route: TypeAlias = Callable[[str], Served | None]
"""Returns the device at an address of this machine, None where there is none."""

Greet: TypeAlias = Callable[[str], Served]
"""Returns what serves a client, given who it is (HOST:PORT)."""


class Line:
    """The clients of one device, served one at a time in the order they asked.

    ``host_line`` is what its clients alone send, where many devices share a socket.
    """

    __slots__ = ("backend", "busy", "guard", "host_line", "observe", "screen", "waiting")

    def __init__(self, served: Served, host_line: bytes = b"") -> None:
        self.backend, self.guard, self.observe, self.screen = served.backend, served.guard, served.observe, served.screen
        self.busy = False
        self.waiting: list[Connection] = []
        self.host_line = host_line

    def meaning(self, data: bytes) -> bytes:
        """Return what a request to any of the devices has in common: it without the address of this one.

        Clients put the Host line first, and only there it is left out, so that nothing else can be taken for it.
        """
        first, host, rest = data.partition(self.host_line)
        return first + b"\r\n" + rest if host and b"\n" not in first else data


class Switchboard:
    """Many devices behind one socket: the address that a client called tells which it gets.

    Args:
        route: returns the device at an address. Asked when the first client comes; a device then stays, an address without one is
            asked about again.
    """

    def __init__(self, route: Route) -> None:
        self._route = route
        self._lines: dict[str, Line] = {}

    def line_at(self, address: str, port: int) -> Line | None:
        """Return the line at an address; None where there is no device."""
        line = self._lines.get(address)
        if line is None and (served := self._route(address)) is not None:
            line = self._lines[address] = Line(served, f"\r\nHost: {address}:{port}\r\n".encode())
        return line

    def line_for(self, called: tuple[str, int], _peer: tuple[str, int]) -> Line | None:
        """Return the line that a client gets into, the same for all clients of a device; None where there is none."""
        return self.line_at(*called)


class Reception(Switchboard):
    """One device behind many lines: each client has its own, so that none waits for what another one asked.

    For what answers many at once, as a gateway does from its memory; a device does not.

    Args:
        greet: returns what serves a client.
    """

    def __init__(self, greet: Greet) -> None:
        super().__init__(lambda _: None)
        self._greet = greet

    def line_for(self, _called: tuple[str, int], peer: tuple[str, int]) -> Line:
        """Return a line for one client alone."""
        return Line(self._greet(f"{peer[0]}:{peer[1]}"))
