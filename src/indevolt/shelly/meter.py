"""The look-alike itself: who it is, what it measures, and its ports."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from indevolt.clock import Clock, SystemClock
from indevolt.errors import InvalidInput
from indevolt.listener import stop_accepting
from indevolt.measurement import Measurement
from indevolt.protocol.shelly import Look, Shelly, Wanted, device_name
from indevolt.shelly.asked import Asked, Channel
from indevolt.shelly.http import MAX_CLIENTS, SLOW_CLIENT_S, Client
from indevolt.shelly.udp import Ear

_FORBIDDEN: Final = "Ports below 1024 need a permission: give this program CAP_NET_BIND_SERVICE, or choose another port."
_PROTOCOLS: Final = {Channel.HTTP: "TCP", Channel.UDP: "UDP"}


class ShellyMeter:
    """Serves what is measured while its ``async with`` lasts.

    Args:
        measures: asked anew for each request. What it raises of this package's errors means that there is nothing to show: 503, and
            no answer to a datagram.
        host: address to listen on.
        port: TCP port, 80 on a real one; 0 takes a free one, which :attr:`port` tells, and keeps it; None: not over HTTP.
        udp_port: UDP port, likewise; None: not in datagrams, which is how a real one comes.
        clock: dates what is shown.
        seed: decides the MAC address, which is one of those that belong to no vendor.
        slow_client_s: how long a client may take; then it is dropped.

    Raises:
        InvalidInput: neither port.
    """

    def __init__(
        self,
        measures: Callable[[Asked], Measurement],
        host: str = "127.0.0.1",
        port: int | None = 0,
        *,
        udp_port: int | None = None,
        clock: Clock | None = None,
        seed: int = 1,
        slow_client_s: float = SLOW_CLIENT_S,
    ) -> None:
        if port is None and udp_port is None:
            raise InvalidInput("a meter without a port can be asked by nobody", remedy="Give port, udp_port or both.")
        self.host = host
        self.mac = f"{0x02_00 << 32 | seed * 0x9E3779B1 & 0xFFFFFFFF:012X}"  # odd factor: no two seeds alike
        self.slow_client_s = slow_client_s
        self.datagrams = 0  # that came, whatever they were
        self._measures = measures
        self._port = port
        self._udp_port = udp_port
        self._clock: Clock = clock or SystemClock()
        self._started = self._clock.monotonic()
        self._online = True
        self._clients: set[Client] = set()
        self._all_gone: asyncio.Future[None] | None = None  # made by whoever waits for the last client to go
        self._listener: asyncio.Server | None = None
        self._ear: Ear | None = None

    @property
    def port(self) -> int:
        """The TCP port; 0 while a free one was asked for and none was opened yet, and where there is none."""
        return self._port or 0

    @property
    def udp_port(self) -> int:
        """The UDP port, likewise."""
        return self._udp_port or 0

    @property
    def name(self) -> str:
        """The id by which it goes."""
        return device_name(self.mac)

    @property
    def uptime_s(self) -> float:
        """Seconds since it was opened."""
        return self._clock.monotonic() - self._started

    @property
    def online(self) -> bool:
        """Whether it answers; a meter that is off, or off the Wi-Fi, breaks every connection and takes none."""
        return self._online

    @online.setter
    def online(self, online: bool) -> None:
        self._online = online
        if not online:
            self._drop_all()

    async def __aenter__(self) -> Self:
        """Open the ports.

        Raises:
            InvalidInput: the address is not this machine's, or a port is taken or not allowed.
        """
        loop = asyncio.get_running_loop()
        try:
            if self._port is not None:
                try:
                    self._listener = await loop.create_server(lambda: Client(self), self.host, self._port)
                except (OSError, OverflowError) as error:
                    raise self._cannot_listen(Channel.HTTP, self._port, error) from error
                self._port = self._listener.sockets[0].getsockname()[1]
            if self._udp_port is not None:
                try:
                    _, self._ear = await loop.create_datagram_endpoint(lambda: Ear(self), (self.host, self._udp_port))
                except (OSError, OverflowError) as error:
                    raise self._cannot_listen(Channel.UDP, self._udp_port, error) from error
                self._udp_port = self._ear.port
        except BaseException:
            await self.close()
            raise
        self._started = self._clock.monotonic()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the ports and drop every client; a second call does nothing."""
        ear, self._ear = self._ear, None
        if ear is not None:
            await ear.close()
        listener, self._listener = self._listener, None
        if listener is None:
            return
        await stop_accepting(listener)
        listener.close()
        if self._clients:
            self._all_gone = asyncio.get_running_loop().create_future()
            self._drop_all()
            await self._all_gone
        await listener.wait_closed()

    def _drop_all(self) -> None:
        for client in tuple(self._clients):
            client.drop()

    def _cannot_listen(self, channel: Channel, port: int, error: Exception) -> InvalidInput:
        return InvalidInput(
            f"cannot listen on {_PROTOCOLS[channel]} port {port} of {self.host}: {getattr(error, 'strerror', None) or error}",
            remedy=_FORBIDDEN if isinstance(error, PermissionError) else "Choose another port, or 0 for a free one.",
        )

    # ---- what a client calls -----------------------------------------------------------------------------------------

    def look(self, asked: Asked) -> Look:
        """Return what shows the meter as it is now to whoever asks."""

        def seen(wanted: Wanted) -> Shelly:
            measurement = self._measures(Asked(asked.over, asked.peer, wanted))
            return Shelly(self.mac, measurement, self._clock.now(), int(self.uptime_s))

        return seen

    def tell(self, error: Exception) -> None:
        """Tell the event loop of a measurement that failed in a way that nobody foresaw."""
        asyncio.get_running_loop().call_exception_handler({"message": f"{self.name} cannot be measured", "exception": error})

    def admit(self, client: Client) -> None:
        """Take in a client, or drop it where there is no place or nobody to answer."""
        self._clients.add(client)
        if self._listener is None or not self._online or len(self._clients) > MAX_CLIENTS:
            client.drop()

    def forget(self, client: Client) -> None:
        """Let a client go."""
        self._clients.discard(client)
        if self._all_gone is not None and not self._clients and not self._all_gone.done():
            self._all_gone.set_result(None)
