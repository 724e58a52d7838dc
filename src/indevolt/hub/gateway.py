"""The gateway: an OpenData address of the hub for each device, so that other programs only change the address they ask.

A device can take one client; here fifty may ask at once. What was heard of the device not long ago is answered from memory, for the
rest there is one question for all who wait. A device that is away is said to be away (502 or 504): what was known of it is never
passed off as new. What differs from asking the device itself:

* A value is up to ``max_age_s`` old; after a write through the gateway up to 1 s for half a minute, so that clients see it at once.
  Sys.GetConfig and WiFi.GetStatus are up to 10 s old.
* Points that the hub has in quarantine are missing from the reply, and do not spoil it.
* Writing needs ``writes = true``, else it is answered with 403: the device was not asked, so ``{"result":false}`` would be a lie.
  Each write that is passed on is in the journal, with the address it came from.
* More than 30 writes a minute are answered with 429, after 10 at once: writes go before readings, and the hub would see nothing.
* A page in a browser cannot write: what has the marks of a browser, or calls the hub by a name that it does not have, gets 403.
* The password is the gateway's own and cannot be changed through it: User.SetConfig is answered with 403.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from ipaddress import ip_address
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from indevolt.beacon import EVERY_IPV4, SharedBeacon
from indevolt.errors import BadGateway, Forbidden, IndevoltError, InvalidInput, NoReply, ProtocolError, StatusError, Unauthorized
from indevolt.hub.config_values import EVERY_ADDRESS, is_loopback
from indevolt.hub.journal import Kind
from indevolt.hub.keeper import Keeper, Link
from indevolt.hub.rates import Rates
from indevolt.hub.shared import SharedQuestions
from indevolt.protocol.digest import parse_authorization, verify
from indevolt.protocol.discovery import PORT, Identification
from indevolt.protocol.messages import AnyRequest, GetData, Reply, Result, SetData, SysGetConfig, UserSetConfig, WifiGetStatus
from indevolt.server import Call, Guard, Reception, Served, Server
from indevolt.transport import Address

if TYPE_CHECKING:
    from indevolt.hub.config import GatewayConfig, TlsConfig
    from indevolt.hub.hub import Hub

CONFIG_AGE_S: Final = 10.0  # of what hardly ever changes, but has the clock of the device in it
WRITTEN_S: Final = 30.0  # after a write its effect is looked for, and shows within some seconds (protocol.md, section 7)
WRITTEN_AGE_S: Final = 1.0  # and then this is the age at most; a device is asked no more than once a second anyway
MOST_CLIENTS: Final = 64  # connections at once; without a bound they could take all files with which the hub reaches its devices
PER_MINUTE: Final = 30  # writes to one device, which takes twice as many requests: every other one is left for readings
BURST: Final = 10
RETRY_S: Final = 30.0  # for a port that is taken to become free
# Names that no stranger can have resolve to this machine.
LOCAL_NAMES: Final = (".local", ".lan", ".internal", ".home.arpa", ".localhost")


async def serve_gateway(hub: Hub, *, discovery_port: int = PORT) -> None:
    """Serve the gateways of all devices that have one, until cancelled; ``discovery_port`` is for tests."""
    gateways = {keeper.id: Gateway(hub, keeper) for keeper in hub.keepers.values() if keeper.config.gateway is not None}
    found = [gateway for gateway in gateways.values() if gateway.config.discovery]
    async with asyncio.TaskGroup() as group:
        for device, gateway in gateways.items():
            group.create_task(_keep_open(hub, device, gateway))
        if found:
            group.create_task(_keep_visible(hub, found, discovery_port))


async def _keep_open(hub: Hub, device: str, gateway: Gateway) -> None:
    """Keep one gateway open; if its port is taken, the others go on."""
    told = ""
    while True:
        try:
            async with gateway:
                text = f"the gateway listens on {gateway.address}"
                await hub.journal.note(Kind.HUB, text, device=device, address=str(gateway.address))
                await asyncio.get_running_loop().create_future()  # until cancelled
        except InvalidInput as error:
            if str(error) != told:
                told = str(error)
                await hub.journal.note(Kind.HUB, f"the gateway is closed: {error}", device=device, remedy=error.remedy)
        await hub.clock.sleep(RETRY_S)


async def _keep_visible(hub: Hub, gateways: Sequence[Gateway], port: int) -> None:
    """Answer who looks for devices; gateways that only this machine can reach are shown to this machine."""
    near = all(is_loopback(gateway.config.host) for gateway in gateways)
    shown = [gateway for gateway in gateways if near or not is_loopback(gateway.config.host)]
    told = ""
    while True:
        beacon = SharedBeacon(lambda: filter(None, (gateway.identification() for gateway in shown)), hub.clock)
        try:
            await beacon.start("127.0.0.1" if near else EVERY_IPV4, port)
            await asyncio.get_running_loop().create_future()  # until cancelled
        except InvalidInput as error:
            if str(error) != told:
                told = str(error)
                await hub.journal.note(Kind.HUB, f"gateways cannot be discovered: {error}", remedy=error.remedy)
        finally:
            await beacon.close()
        await hub.clock.sleep(RETRY_S)


class Gateway:
    """The gateway of one device, while its ``async with`` lasts.

    Args:
        hub: whose clock and journal it uses.
        keeper: owns the device; its configuration has a gateway.

    Raises:
        InvalidInput: on entering: the port is taken, or the certificate is none.
    """

    def __init__(self, hub: Hub, keeper: Keeper) -> None:
        config = keeper.config.gateway
        if config is None:
            raise InvalidInput(f"{keeper.id} has no gateway in the configuration")
        self._hub = hub
        self._keeper = keeper
        self.config: GatewayConfig = config
        self._shared = SharedQuestions(keeper, hub.clock)
        self._rates = Rates(PER_MINUTE, BURST)
        self._written_s = float("-inf")
        self._guard: Guard | None = None if config.password is None else partial(_check, config.password.reveal())
        self._server: Server | None = None

    async def __aenter__(self) -> Self:
        tls = None if self.config.tls is None else _context(self.config.tls)
        server = Server(Reception(self._greet), keep_alive=True, clock=self._hub.clock, most=MOST_CLIENTS)
        await server.start(self.config.host, self.config.port, tls=tls)
        self._server = server
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        server, self._server = self._server, None
        if server is not None:
            await server.close()
        self._shared.close()

    @property
    def address(self) -> Address:
        """Where clients find it.

        Raises:
            InvalidInput: it is not open.
        """
        if self._server is None:
            raise InvalidInput("the gateway is not open")
        return Address(self.config.host, self._server.port, tls=self.config.tls is not None)

    def identification(self) -> Identification | None:
        """Return what discovery says: what the device would, at our port; None while there is nobody to speak for."""
        keeper = self._keeper
        if keeper.link is not Link.ONLINE or not keeper.serial or self._server is None:
            return None
        ip = "" if self.config.host in EVERY_ADDRESS else self.config.host
        return Identification(keeper.serial, keeper.firmware, ip, "", self._server.port, f"{keeper.id} through the hub")

    # ---- one client ----------------------------------------------------------------------------------------------------------

    def _greet(self, peer: str) -> Served:
        return Served(partial(self._answer, peer.rpartition(":")[0]), self._guard, screen=self._screen)

    def _screen(self, request: AnyRequest, call: Call) -> None:
        """Turn away whoever must not write."""
        if request.repeatable:
            return
        if isinstance(request, UserSetConfig):
            raise Forbidden("the gateway's password stands in the hub's configuration")
        if not (self.config.writes and self._keeper.config.control):
            raise Forbidden("the owner did not allow writing through the gateway")
        if call.of_browser or not self._is_ours(call.host):
            raise Forbidden("no page in a browser may write")
        if wait_s := self._rates.take(self._keeper.id, self._hub.clock.monotonic()):
            raise StatusError(f"too many writes; wait {wait_s:.0f} s", code=HTTPStatus.TOO_MANY_REQUESTS)

    def _is_ours(self, called: str) -> bool:
        """Return whether a name is ours for sure: a page could have its own one resolve to this machine."""
        host = called.rpartition(":")[0] if called.rpartition("]")[2].count(":") else called
        name = host.strip("[]").lower().rstrip(".")
        with suppress(ValueError):
            return ip_address(name.partition("%")[0]).version > 0
        return "." not in name or name.endswith(LOCAL_NAMES) or name in (self.config.host, *self._hub.config.api.hosts)

    def _answer(self, peer: str, request: AnyRequest) -> Reply | Awaitable[Reply]:
        if self._keeper.link is not Link.ONLINE:
            raise self._away()
        if isinstance(request, GetData):
            age_s = self._age_s()
            known = self._shared.known(request.points, age_s)
            return self._translated(self._shared.read(request.points, age_s)) if known is None else known
        if request.repeatable:
            age_s = CONFIG_AGE_S if isinstance(request, SysGetConfig | WifiGetStatus) else self._age_s()
            return self._translated(self._shared.reply(request, age_s))
        return self._translated(self._write(peer, request))

    def _age_s(self) -> float:
        """Return how old an answer may be now."""
        written = self._hub.clock.monotonic() - self._written_s < WRITTEN_S
        return min(self.config.max_age_s, WRITTEN_AGE_S) if written else self.config.max_age_s

    def _away(self) -> IndevoltError:
        """Return why there is no answer; the device is not asked, as its keeper looks for it already."""
        error = self._keeper.error
        return NoReply(f"{self._keeper.id} has not been reached yet") if error is None else _of_hub(error).with_traceback(None)

    async def _translated(self, work: Awaitable[Any]) -> Reply:
        try:
            reply: Reply = await work
        except Unauthorized as error:
            raise _of_hub(error) from error
        return reply

    async def _write(self, peer: str, request: AnyRequest) -> Reply:
        note = partial(self._hub.journal.note, Kind.WRITE, device=self._keeper.id, actor=f"gateway {peer}")
        what = self._words(request)
        begun = await note(f"asked for: {what}", step="asked")
        self._written_s = self._hub.clock.monotonic()
        try:
            reply = await self._keeper.exchange(request)
        except IndevoltError as error:
            await note(f"{what}: {error}", asked=begun.number, error=str(error), step="failed")
            raise
        finally:
            self._written_s = self._hub.clock.monotonic()
        stage = "accepted" if isinstance(reply, Result) and reply.result else "refused"
        await note(f"{what}: {stage}", asked=begun.number, stage=stage, step="ended", wanted=self._named(request))
        return reply

    def _named(self, request: AnyRequest) -> dict[str, Any]:
        """Return the raw values of a write by the names that the catalogue has for them."""
        by_write = self._keeper.model.by_write if self._keeper.model else {}
        values = enumerate(request.values[:20], request.point) if isinstance(request, SetData) else ()
        return {by_write[number].name: value for number, value in values if number in by_write}

    def _words(self, request: AnyRequest) -> str:
        """Return a write in words, each value with its name where the catalogue has one."""
        if not isinstance(request, SetData):
            return f"{request.rpc} {request!r:.200}"
        by_write = self._keeper.model.by_write if self._keeper.model else {}
        parts = []
        for number, value in enumerate(request.values[:20], request.point):
            point = by_write.get(number)
            parts.append(f"{f'{point.name} ({number})' if point else number} = {value}")
        return ", ".join(parts)


def _check(password: str, request: AnyRequest, method: str, target: str, authorization: str | None) -> AnyRequest | None:
    """Return the request if its credentials fit the gateway's password; None means 401."""
    with suppress(ProtocolError):
        if authorization is not None and verify(parse_authorization(authorization), method, target, password):
            return request
    return None


def _of_hub(error: IndevoltError) -> IndevoltError:
    """Return an error as it concerns a client: what the device has against the hub is nothing that the client can help."""
    return BadGateway("the device does not let the hub in") if isinstance(error, Unauthorized) else error


def _context(tls: TlsConfig) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(tls.cert, tls.key)
    except OSError as error:
        raise InvalidInput(f"the certificate {tls.cert} cannot be used: {error.strerror or error}") from error
    return context
