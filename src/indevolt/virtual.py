"""A virtual device on the network: a simulator behind a real HTTP port, and a beacon that makes it findable.

The only place that knows both sides. What the device answers is the simulator's, how bytes travel is the server's.
"""

from __future__ import annotations

import ssl as tls
from collections.abc import Iterator
from dataclasses import replace
from types import TracebackType
from typing import Final, Self

from indevolt.beacon import Beacon, Broadcast
from indevolt.errors import InvalidInput
from indevolt.protocol import discovery, push
from indevolt.protocol.discovery import API_PORT, Identification
from indevolt.server import Observer, Server
from indevolt.simulator import Accessory, Api, Board
from indevolt.transport import Address

EVERYBODY: Final = "255.255.255.255"


class VirtualDevice:
    """Serves a simulator while its ``async with`` lasts.

    Args:
        simulator: the battery or accessory; its API setting decides whether the port is open and discovery answers.
        host: address to listen on, for HTTP and discovery.
        port: TCP port of the API; 0 takes a free one, which :attr:`port` tells, and keeps it.
        ssl: speak TLS with this; the setting ``https`` needs it.
        strict: answer 400 to an unusable ``config`` instead of ``200 {}``.
        keep_alive: leave connections open for clients that want it; real devices do not.
        discovery_port: UDP port of discovery, 0 for a free one; None answers nobody.
        discovery_delay_s: from the question to the answer; real devices take 0.4 to 1.1 s (protocol.md, section 5).
        discovery_repeats: how often each answer is sent; one real device did so three times.
        announce_s: broadcast an announcement so often.
        push_s: broadcast a report of the accessory so often; real ones take 0.15 to 0.5 s (protocol.md, section 6).
        destination: where broadcasts go.
        announce_port: and to which UDP port, announcements.
        push_port: and reports.
        observe: told peer, method, target, status and seconds of each request served.

    Raises:
        InvalidInput: the device is of a sort that has nothing to push.
    """

    def __init__(
        self,
        simulator: Board,
        host: str = "127.0.0.1",
        port: int = API_PORT,
        *,
        ssl: tls.SSLContext | None = None,
        strict: bool = False,
        keep_alive: bool = False,
        discovery_port: int | None = discovery.PORT,
        discovery_delay_s: float = 0.0,
        discovery_repeats: int = 1,
        announce_s: float | None = None,
        push_s: float | None = None,
        destination: str = EVERYBODY,
        announce_port: int = discovery.PORT,
        push_port: int = push.PORT,
        observe: Observer | None = None,
    ) -> None:
        if push_s is not None and not isinstance(simulator, Accessory):
            raise InvalidInput("only accessories push; storage units are not documented as senders")
        self.simulator = simulator
        self.host = host
        self._port = port
        self._ssl = ssl
        self._strict = strict
        self._keep_alive = keep_alive
        self._observe = observe
        self._asked_discovery_port = discovery_port
        self._discovery_delay_s = discovery_delay_s
        self._discovery_repeats = discovery_repeats
        self._announce = None if announce_s is None else Broadcast(self._announcement, (destination, announce_port), announce_s)
        self._push = None if push_s is None else Broadcast(self._report, (destination, push_port), push_s)
        self._server: Server | None = None
        self._beacon: Beacon | None = None

    async def __aenter__(self) -> Self:
        """Open the ports.

        Raises:
            InvalidInput: a port is taken, or HTTPS without a certificate.
        """
        self._require_certificate(self.simulator.access.api)
        try:
            if self.simulator.access.api is not Api.OFF:
                await self._open()
            await self._light_beacon()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    @property
    def port(self) -> int:
        """The TCP port of the API; 0 while a free one was asked for and none was opened yet."""
        return self._port

    @property
    def address(self) -> Address:
        """Where clients find it."""
        return Address(self.host, self._port, tls=self._ssl is not None)

    @property
    def discovery_port(self) -> int | None:
        """The UDP port of discovery, None without discovery."""
        if self._asked_discovery_port is None or self._beacon is None:
            return self._asked_discovery_port
        return self._beacon.port

    async def set_api(self, api: Api | str) -> None:
        """Change the setting of the local API as the app does: off closes the port and silences discovery.

        Raises:
            InvalidInput: no such setting, HTTPS without a certificate, or the port was taken meanwhile.
        """
        wanted = Api.parse(api)
        self._require_certificate(wanted)
        self.simulator.access.api = wanted
        if wanted is Api.OFF:
            await self._shut()
        elif self._server is None:
            await self._open()

    async def close(self) -> None:
        """Close the ports and end what is under way; a second call does nothing."""
        await self._shut()
        beacon, self._beacon = self._beacon, None
        if beacon is not None:
            await beacon.close()

    async def _open(self) -> None:
        server = Server(
            self.simulator.serve,
            guard=self.simulator.guard,
            strict=self._strict,
            lifelike=True,
            keep_alive=self._keep_alive,
            observe=self._observe,
        )
        await server.start(self.host, self._port, tls=self._ssl)
        self._server, self._port = server, server.port

    async def _shut(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            await server.close()

    async def _light_beacon(self) -> None:
        broadcasts = tuple(self._broadcasts())
        if self._asked_discovery_port is None and not broadcasts:
            return
        beacon = Beacon(
            self._identify,
            self.simulator.clock,
            delay_s=self._discovery_delay_s,
            repeats=self._discovery_repeats,
            broadcasts=broadcasts,
        )
        await beacon.start(self.host, self._asked_discovery_port or 0)
        self._beacon = beacon

    def _broadcasts(self) -> Iterator[Broadcast]:
        if self._announce is not None:
            yield self._announce
        if self._push is not None:
            yield self._push

    def _identify(self) -> Identification | None:
        if self._asked_discovery_port is None:
            return None  # the socket is there for broadcasts only
        identification = self.simulator.identification()
        # Real devices are always at the one port and never say so; clients know this field from elsewhere.
        return None if identification is None else replace(identification, port=self._port)

    def _announcement(self) -> bytes | None:
        identification = self.simulator.identification()
        return None if identification is None else discovery.encode_announcement(identification.sn)

    def _report(self) -> bytes | None:
        if not isinstance(self.simulator, Accessory) or self.simulator.identification() is None:
            return None
        return push.encode(self.simulator.push())

    def _require_certificate(self, api: Api) -> None:
        if api is Api.HTTPS and self._ssl is None:
            raise InvalidInput("HTTPS needs a certificate: there is no SSL context")
