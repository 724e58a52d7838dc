"""A virtual fleet on loopback: many simulators behind one HTTP port and one discovery port, each at an address of its own.

What ``virtual`` is for one device. Nothing here is kept for a device but what the fleet itself keeps, so one that nobody asks costs
nothing: no socket, no task, no timer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Self, TypeAlias

from indevolt.beacon import EVERY_IPV4, FleetBeacon
from indevolt.clock import Clock, SystemClock
from indevolt.protocol import discovery
from indevolt.protocol.discovery import API_PORT, Identification
from indevolt.server import Observer, Served, Server, Switchboard
from indevolt.simulator.device import Simulator
from indevolt.simulator.fleet import Fleet
from indevolt.transport import Address

FleetObserver: TypeAlias = Callable[[Simulator], Observer]
"""Given a device that is called (``ip`` is its address, ``serial`` its number), returns who is told what is served there."""


class VirtualFleet:
    """Serves a fleet while its ``async with`` lasts.

    Both ports listen on every address of this machine, because only so one socket has all of 127.0.0.0/8. Who calls another address
    than that of a device is dropped at once, so nothing is served to other machines.

    Args:
        fleet: the devices.
        port: TCP port of the API, at every device; 0 takes a free one, which :attr:`port` tells.
        strict: answer 400 to an unusable ``config`` instead of ``200 {}``.
        keep_alive: leave connections open for clients that want it; real devices do not.
        discovery_port: UDP port of discovery, 0 for a free one; None answers nobody.
        discovery_clock: what measures the pauses between answers of many devices; real time unless a test wants another one.
        observe: told what was answered.
    """

    def __init__(
        self,
        fleet: Fleet,
        port: int = API_PORT,
        *,
        strict: bool = False,
        keep_alive: bool = False,
        discovery_port: int | None = discovery.PORT,
        discovery_clock: Clock | None = None,
        observe: FleetObserver | None = None,
    ) -> None:
        self.fleet = fleet
        self._port = port
        self._observe = observe
        self._server = Server(Switchboard(self._route), strict=strict, lifelike=True, keep_alive=keep_alive)
        self._discovery_port = discovery_port
        self._beacon = FleetBeacon(self._identify, fleet.addresses, discovery_clock or SystemClock())

    async def __aenter__(self) -> Self:
        """Open the ports; once only.

        Raises:
            InvalidInput: a port is taken or not allowed, or discovery is wanted where the system cannot do it.
        """
        try:
            await self._server.start(EVERY_IPV4, self._port)
            self._port = self._server.port
            if self._discovery_port is not None:
                await self._beacon.start(self._discovery_port)
                self._discovery_port = self._beacon.port
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the ports and end what is under way; a second call does nothing."""
        await self._server.close()
        await self._beacon.close()

    @property
    def port(self) -> int:
        """The TCP port of the API; 0 while a free one was asked for and none was opened yet."""
        return self._port

    @property
    def discovery_port(self) -> int | None:
        """The UDP port of discovery, None without discovery."""
        return self._discovery_port

    def address_of(self, index: int) -> Address:
        """Return where clients find a device.

        Raises:
            InvalidInput: the fleet has no such device.
        """
        return Address(self.fleet.address_of(index), self._port)

    def _route(self, address: str) -> Served | None:
        index = self.fleet.index_of(address)
        if index is None:
            return None
        device = self.fleet.device(index)
        return Served(device.serve, device.guard, None if self._observe is None else self._observe(device))

    def _identify(self, address: str) -> Identification | None:
        index = self.fleet.index_of(address)
        identification = None if index is None else self.fleet.identification(index)
        # Real devices are always at the one port and never say so; clients know this field from elsewhere.
        return None if identification is None else replace(identification, port=self._port)
