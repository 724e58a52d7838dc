"""The datagrams of a look-alike: one socket, and how many are answered.

An answer is ten to twenty times as long as what it answers, so whoever forges a sender could have us flood somebody. So each
address is answered so many times a second, and so many addresses are. What is too long is not looked at.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from indevolt.protocol.shelly import answer_datagram
from indevolt.shelly.asked import Asked, Channel

if TYPE_CHECKING:
    from indevolt.shelly.meter import ShellyMeter

DATAGRAM_LIMIT: Final = 1024
"""Bytes of a request; a frame has some 60, and what does not fit into one packet is none."""
ANSWERS_PER_S: Final = 20  # to each address; units ask once or twice a second
ASKERS_PER_S: Final = 64  # addresses; as many as have a place over HTTP

Sender: TypeAlias = tuple[str, int]


class Ear(asyncio.DatagramProtocol):
    """The socket of one meter, while it is open."""

    def __init__(self, meter: ShellyMeter) -> None:
        self.closed = asyncio.get_running_loop().create_future()
        self._meter = meter
        self._transport: asyncio.DatagramTransport
        self._second = -1
        self._answered: dict[str, int] = {}  # within this second

    @property
    def port(self) -> int:
        """The port that is listened on."""
        port: int = self._transport.get_extra_info("sockname")[1]
        return port

    async def close(self) -> None:
        """Let go of the port."""
        self._transport.close()
        await self.closed

    # ---- what the event loop calls -----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to listen."""
        self._transport = cast("asyncio.DatagramTransport", transport)  # a datagram protocol is only ever given such a transport

    def connection_lost(self, _why: Exception | None) -> None:
        """Have ended."""
        if not self.closed.done():
            self.closed.set_result(None)

    def datagram_received(self, data: bytes, addr: Sender) -> None:
        """Answer, or let it go."""
        meter = self._meter
        meter.datagrams += 1
        if not meter.online or len(data) > DATAGRAM_LIMIT or not self._may_answer(addr[0]):
            return
        try:
            reply = answer_datagram(data, meter.mac, meter.look(Asked(Channel.UDP, addr[0])))
        except Exception as error:  # noqa: BLE001 - whatever measuring raises ends one call, not the meter
            meter.tell(error)
            return
        if reply is not None:
            self._transport.sendto(reply, addr)

    def error_received(self, exc: Exception) -> None:
        """Do nothing: an answer that could not be delivered is lost like any other."""

    # ---- inside ------------------------------------------------------------------------------------------------------

    def _may_answer(self, address: str) -> bool:
        second = int(self._meter.uptime_s)
        if second != self._second:
            self._second = second
            self._answered.clear()
        before = self._answered.get(address, 0)
        if before >= ANSWERS_PER_S or (not before and len(self._answered) >= ASKERS_PER_S):
            return False
        self._answered[address] = before + 1
        return True
