"""A wire between a client and a simulator at which a test listens, and at whose ends things can happen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from indevolt.protocol.messages import GetData, Request, SetData

if TYPE_CHECKING:
    from collections.abc import Callable

    from indevolt.transport import ReplyT, Transport


class Wiretap:
    """Satisfies Transport.

    ``before`` is called with each request before the device gets it, ``after`` when the device has answered; what either raises is
    what the client sees.
    """

    def __init__(
        self,
        device: Transport,
        *,
        before: Callable[[Request[Any]], None] = lambda _: None,
        after: Callable[[Request[Any]], None] = lambda _: None,
    ) -> None:
        self.device = device
        self.before = before
        self.after = after
        self.requests: list[Request[Any]] = []
        self.closed = False

    async def exchange(self, request: Request[ReplyT]) -> ReplyT:
        self.requests.append(request)
        self.before(request)
        reply = await self.device.exchange(request)
        self.after(request)
        return reply

    async def close(self) -> None:
        self.closed = True

    @property
    def reads(self) -> list[tuple[int, ...]]:
        """The points of each GetData so far."""
        return [request.points for request in self.requests if isinstance(request, GetData)]

    @property
    def writes(self) -> list[tuple[int, tuple[int | float, ...]]]:
        """Point and values of each SetData so far."""
        return [(request.point, request.values) for request in self.requests if isinstance(request, SetData)]


def at_the_write(act: Callable[[], None]) -> Callable[[Request[Any]], None]:
    """Return what a wiretap calls, so that something happens at the first write only."""
    done: list[bool] = []

    def strike(request: Request[Any]) -> None:
        if isinstance(request, SetData) and not done:
            done.append(True)
            act()

    return strike
