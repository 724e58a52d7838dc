"""A P1 reader that the hub poses as: it sends a frame every half second, as real ones do (protocol.md, section 6).

Its document is that of the virtual one (``simulator.accessory``). A real one broadcasts; ours sends to its unit alone unless the
owner says otherwise, as what it shows is meant for that unit and would mislead everybody else.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from indevolt.clock import Clock
from indevolt.errors import IndevoltError, InvalidInput
from indevolt.measurement import Measurement
from indevolt.protocol import push
from indevolt.simulator import Accessory, Sort

PERIOD_S: Final = 0.5


class Sender:
    """Sends what is measured to one place while its ``async with`` lasts.

    Args:
        measures: asked anew for each frame. What it raises of this package's errors means that there is nothing to show, so that
            none is sent.
        serial: of the reader; None makes one of ``seed``.
        to: address or name, and UDP port.
        clock: dates the frames.
        seed: decides the serial number.
    """

    def __init__(
        self, measures: Callable[[], Measurement], to: tuple[str, int], *, serial: str | None, clock: Clock, seed: int
    ) -> None:
        self._reader = Accessory(Sort.P1, measures=measures, clock=clock, seed=seed, serial=serial)
        self._to = to
        self._transport: asyncio.DatagramTransport | None = None
        self.refused = False  # nothing listens there, as its machine said of the last frame; it says so a moment later

    @property
    def serial(self) -> str:
        """Under which units know it."""
        return self._reader.serial

    async def __aenter__(self) -> Self:
        """Open a socket.

        Raises:
            InvalidInput: there is no such address, or nothing can be sent to it.
        """
        try:
            self._transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: _Outcome(self), sock=await _connected(*self._to)
            )
        except (OSError, OverflowError) as error:
            facts = f"cannot send to UDP port {self._to[1]} of {self._to[0]}: {getattr(error, 'strerror', None) or error}"
            raise InvalidInput(facts, remedy="Set push_to to the address of the battery.") from error
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._transport is not None:
            self._transport.close()
            await asyncio.sleep(0)  # for the socket to be closed

    def send(self) -> bool:
        """Send a frame; returns whether there was anything to show."""
        try:
            frame = push.encode(self._reader.push())
        except IndevoltError:
            return False
        if self._transport is not None:
            self.refused = False
            self._transport.sendto(frame)
        return True


async def _connected(host: str, port: int) -> socket.socket:
    """Return a socket that sends to one place, and is told when nothing listens there; asyncio connects none that may broadcast."""
    loop = asyncio.get_running_loop()
    family, kind, protocol, _, address = (await loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM))[0]
    made = socket.socket(family, kind, protocol)
    try:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        await loop.sock_connect(made, address)
    except BaseException:
        made.close()
        raise
    return made


class _Outcome(asyncio.DatagramProtocol):
    """Hears what became of frames: usually nothing."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def error_received(self, exc: Exception) -> None:
        self._sender.refused = isinstance(exc, ConnectionRefusedError)
