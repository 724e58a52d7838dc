"""A meter that broadcasts what it measures: frames of the vendor's and IGEN's accessories by UDP (protocol.md, section 6)."""

from __future__ import annotations

import asyncio
import socket
import sys
from types import TracebackType
from typing import Final, Self

from indevolt.errors import InvalidInput, ProtocolError
from indevolt.hub.meters import accessory
from indevolt.hub.meters.told import Told
from indevolt.protocol.push import Push, decode

WAITING: Final = 64  # frames that may wait: many seconds of one sender


class PushSource:
    """Listens for the broadcasts of one sender; of the first that is heard, where none is named."""

    every_s: float | None = None

    def __init__(self, listen: str, port: int, serial: str | None) -> None:
        self._place = (listen, port)
        self._serial = serial
        self._heard: asyncio.Queue[bytes] = asyncio.Queue(WAITING)
        self._transport: asyncio.DatagramTransport | None = None
        self.port = port

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        try:
            self._transport, _ = await loop.create_datagram_endpoint(lambda: _Ear(self._heard), sock=_bound(*self._place))
        except (OSError, OverflowError) as error:
            facts = f"cannot listen on UDP port {self._place[1]} of {self._place[0]}: {getattr(error, 'strerror', None) or error}"
            raise InvalidInput(facts, remedy="Set listen and port of the meter.") from error
        self.port = self._transport.get_extra_info("sockname")[1]
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._transport is not None:
            self._transport.close()
            await asyncio.sleep(0)  # for the socket to be closed

    async def next(self) -> Told:
        """Wait for the next frame of the sender; what is no frame, or somebody else's, is passed over.

        Raises:
            ProtocolError: it tells nothing that is a meter's.
        """
        while True:
            try:
                push = decode(await self._heard.get())
            except ProtocolError:  # whoever sends there: anybody may
                continue
            if self._serial in (None, push.sn):
                self._serial = push.sn
                return _told(push)


def _told(push: Push) -> Told:
    """Return what a frame tells. Its time is of whole seconds, and frames come several times a second, so it dates nothing."""
    return accessory.told(push.data)


def _bound(host: str, port: int) -> socket.socket:
    """Return a socket at an address that other programs may listen at, too: broadcasts reach all of them."""
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if sys.platform == "darwin":
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.bind((host, port))
    except BaseException:
        made.close()
        raise
    return made


class _Ear(asyncio.DatagramProtocol):
    def __init__(self, heard: asyncio.Queue[bytes]) -> None:
        self._heard = heard

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:  # noqa: ARG002 - a sender is known by its serial number
        if self._heard.full():
            self._heard.get_nowait()
        self._heard.put_nowait(data)
