"""The server itself: who is connected, whose turn it is, and what becomes of what the backend says.

Time limits of sockets run on the event loop's own time; how long a backend takes is its own affair.
"""

from __future__ import annotations

import asyncio
import math
import secrets
import ssl
from collections.abc import Awaitable, Callable
from functools import partial
from http import HTTPStatus
from typing import Final

from indevolt.clock import Clock, SystemClock
from indevolt.errors import (
    IndevoltError,
    InvalidInput,
    MethodNotAllowed,
    NoReply,
    ProtocolError,
    StatusError,
    Unauthorized,
    Unreachable,
)
from indevolt.listener import stop_accepting
from indevolt.protocol.digest import Challenge
from indevolt.protocol.messages import AnyRequest, Data, Reply
from indevolt.protocol.rpc import BadConfig, UnknownRpc, decode_request, encode_reply
from indevolt.server.calls import Call
from indevolt.server.connection import Connection
from indevolt.server.doorway import Doorway
from indevolt.server.line import Backend, Guard, Line, Observer, Served, Switchboard
from indevolt.server.replies import ok_reply, status_reply

SLOW_CLIENT_S: Final = 5.0  # above what a few lost packets cost; a client must not hold its place for long
MEMO_SIZE: Final = 256  # requests whose meaning is remembered; pollers repeat a few for ever
REALM: Final = "OpenData"  # of challenges; what a real device says there is not known (protocol.md, section 19)


class Server:
    """Serves one device, or many, on one TCP port.

    Args:
        backend: answers requests; a switchboard instead has a device at each of many addresses, a reception a line for each client.
        guard: decides who may ask; None serves everybody and ignores credentials, as a device in HTTP mode does.
        strict: answer 400 to an unusable ``config`` instead of ``200 {}``.
        lifelike: act out what the backend raises instead of reporting it: a virtual device, not a gateway.
        keep_alive: leave connections open for clients that want it; real devices do not.
        observe: told what was answered.
        clock: measures what ``observe`` is told.
        slow_client_s: for a whole request to arrive; kept to a quarter of itself.
        most: connections at once; one more, and the oldest that nothing is being answered on is dropped. None: any number.
        tokens: source of nonces for challenges.

    Raises:
        InvalidInput: a guard or an observer beside a switchboard, whose devices have each their own.
    """

    def __init__(
        self,
        backend: Backend | Switchboard,
        *,
        guard: Guard | None = None,
        strict: bool = False,
        lifelike: bool = False,
        keep_alive: bool = False,
        observe: Observer | None = None,
        clock: Clock | None = None,
        slow_client_s: float = SLOW_CLIENT_S,
        most: int | None = None,
        tokens: Callable[[], str] = secrets.token_hex,
    ) -> None:
        if isinstance(backend, Switchboard) and (guard is not None or observe is not None):
            raise InvalidInput("guard, observe: the devices of a switchboard have each their own", remedy="Give them in Served.")
        self.keep_alive = keep_alive
        self.slow_client_s = slow_client_s
        self.known: dict[bytes, Call] = {}
        self._switchboard = backend if isinstance(backend, Switchboard) else None
        self.line = None if isinstance(backend, Switchboard) else Line(Served(backend, guard, observe))  # of the only device
        self._strict = strict
        self._lifelike = lifelike
        self._clock = SystemClock() if clock is None else clock
        self._tokens = tokens
        self._underway: set[asyncio.Future[Reply]] = set()
        self._most = most
        self._connections: dict[Connection | Doorway, None] = {}  # the oldest first
        self._emptied: asyncio.Future[None] | None = None  # made by whoever waits for the last connection to go
        self._sweeper: asyncio.TimerHandle | None = None
        self._listener: asyncio.Server | None = None
        self._closing = False

    # ---- life -------------------------------------------------------------------------------------------------------

    async def start(self, host: str = "127.0.0.1", port: int = 0, *, tls: ssl.SSLContext | None = None) -> None:
        """Listen; port 0 takes a free one, which :attr:`port` tells.

        Raises:
            InvalidInput: the address is not this machine's, or the port is taken or not allowed.
        """
        loop = asyncio.get_running_loop()
        try:
            self._listener = await loop.create_server(
                lambda: Connection(self) if tls is None else Doorway(self, tls),
                host,
                port,
                backlog=1024,  # above the connections that a load test opens at once; the kernel has its own limit
            )
        except (OSError, OverflowError) as error:
            raise InvalidInput(
                f"cannot listen on TCP port {port} of {host}: {getattr(error, 'strerror', None) or error}",
                remedy="Choose another port; another program, perhaps another virtual device, may have this one.",
            ) from error

    @property
    def port(self) -> int:
        """The TCP port that is listened on.

        Raises:
            InvalidInput: not started, or closed.
        """
        if self._listener is None or not self._listener.sockets:
            raise InvalidInput("the server is not running")
        port: int = self._listener.sockets[0].getsockname()[1]
        return port

    async def close(self) -> None:
        """Stop listening, end what is being answered, drop every connection; a second call does nothing."""
        self._closing = True
        if self._listener is not None:
            await stop_accepting(self._listener)
            self._listener.close()
        if self._sweeper is not None:
            self._sweeper.cancel()
        for connection in tuple(self._connections):
            connection.drop()  # whoever waits in a line is passed over
        for answer in self._underway:
            answer.cancel()
        if self._underway:
            await asyncio.wait(self._underway)
        if self._connections:
            self._emptied = asyncio.get_running_loop().create_future()
            await self._emptied
        if self._listener is not None:
            await self._listener.wait_closed()
            self._listener = None

    # ---- connections ------------------------------------------------------------------------------------------------

    def opened(self, connection: Connection | Doorway) -> None:
        """Keep an eye on a connection."""
        self._connections[connection] = None
        if self._closing:  # it was accepted at the last moment
            connection.drop()
        elif self._most is not None and len(self._connections) > self._most:
            next((each for each in self._connections if each.expires_at < math.inf), connection).drop()
        elif self._sweeper is None:
            self._sweeper = asyncio.get_running_loop().call_later(self.slow_client_s / 4, self._sweep)

    def find_line(self, transport: asyncio.BaseTransport) -> Line | None:
        """Return the line of the device that a client called; None where there is no device."""
        called, peer = transport.get_extra_info("sockname"), transport.get_extra_info("peername")
        try:
            return self._switchboard.line_for(called[:2], peer[:2]) if self._switchboard is not None and called and peer else None
        except Exception as error:  # noqa: BLE001 - a device that cannot be had is none, for this client
            asyncio.get_running_loop().call_exception_handler({"message": f"no device at {called}", "exception": error})
            return None

    def closed(self, connection: Connection | Doorway) -> None:
        """Forget a connection."""
        self._connections.pop(connection, None)
        if self._emptied is not None and not self._connections and not self._emptied.done():
            self._emptied.set_result(None)

    def remember(self, data: bytes, call: Call) -> None:
        """Remember what a whole request means, for when the same bytes come again."""
        if len(self.known) >= MEMO_SIZE:
            self.known.clear()
        self.known[data] = call

    def _sweep(self) -> None:
        # One timer for all connections: arming one for each would cost as much as answering.
        loop = asyncio.get_running_loop()
        now = loop.time()
        for connection in [each for each in self._connections if each.expires_at <= now]:
            connection.drop()
        self._sweeper = None
        if self._connections:
            self._sweeper = loop.call_later(self.slow_client_s / 4, self._sweep)

    # ---- one at a time ----------------------------------------------------------------------------------------------

    def enqueue(self, connection: Connection) -> None:
        """Serve a connection's next call when its turn comes, which is now unless its device is serving another one."""
        line = connection.line
        if line.observe is not None:
            connection.asked_at = self._clock.monotonic()
        if line.busy:
            line.waiting.append(connection)
        else:
            self._serve_line(line, connection)

    def _serve_line(self, line: Line, first: Connection | None) -> None:
        line.busy = True
        pending = False
        try:
            connection = first
            while connection is not None:
                pending = connection.open and not self._serve(line, connection)
                connection = line.waiting.pop(0) if line.waiting and not pending else None
        finally:
            line.busy = pending  # then it goes on in _settle

    def _serve(self, line: Line, connection: Connection) -> bool:
        """Answer a call; False if the backend needs time."""
        call = connection.take_call()
        try:
            request = call.request or self._decode(call)
            if line.guard is not None:
                request = self._admit(line.guard, request, call)
            if line.screen is not None:
                line.screen(request, call)
            reply = line.backend(request)
            if type(reply) is not Data and isinstance(reply, Awaitable):
                answer = asyncio.ensure_future(reply)
                self._underway.add(answer)
                answer.add_done_callback(partial(self._settle, connection, call))
                return False
            self._deliver(connection, call, reply)
        except Exception as error:  # noqa: BLE001 - whatever the backend raises ends one call, not the server
            self._turn_down(connection, call, error)
        return True

    def _settle(self, connection: Connection, call: Call, answer: asyncio.Future[Reply]) -> None:
        self._underway.discard(answer)
        try:
            self._deliver(connection, call, answer.result())
        except asyncio.CancelledError:
            connection.drop()
        except Exception as error:  # noqa: BLE001 - whatever the backend raises ends one call, not the server
            self._turn_down(connection, call, error)
        finally:
            line = connection.line
            self._serve_line(line, line.waiting.pop(0) if line.waiting else None)

    def _decode(self, call: Call) -> AnyRequest:
        if call.method not in (b"GET", b"POST"):
            raise MethodNotAllowed
        call.request = decode_request(call.method.decode("ascii"), call.target)
        return call.request

    def _admit(self, guard: Guard, request: AnyRequest, call: Call) -> AnyRequest:
        admitted = guard(request, call.method.decode("ascii"), call.target.decode("latin-1"), call.authorization)
        if admitted is None:
            raise Unauthorized
        return admitted

    # ---- what becomes of it -----------------------------------------------------------------------------------------

    def _deliver(self, connection: Connection, call: Call, reply: Reply) -> None:
        if reply is not call.reply:
            try:
                body = encode_reply(reply)
            except InvalidInput as error:
                raise TypeError(f"no device says {reply!r:.200}") from error
            call.reply, call.reply_bytes = reply, ok_reply(body, keep=call.keep)
        connection.reply(call.reply_bytes, keep=call.keep)
        if connection.line.observe is not None:
            self._tell(connection.line.observe, connection, call, HTTPStatus.OK)

    def _turn_down(self, connection: Connection, call: Call, error: Exception) -> None:
        status = _status_of(error, strict=self._strict)
        if self._lifelike and _act_out(error, connection):
            status = 0
        elif status == HTTPStatus.OK:
            connection.reply(ok_reply(b"{}", keep=call.keep), keep=call.keep)
        else:
            connection.reply(status_reply(status, keep=call.keep, extra=self._extra(status)), keep=call.keep)
        if not isinstance(error, IndevoltError):
            asyncio.get_running_loop().call_exception_handler(
                {"message": f"the backend failed at {call.target[:200]!r}", "exception": error, "protocol": connection}
            )
        if connection.line.observe is not None:
            self._tell(connection.line.observe, connection, call, status)

    def _extra(self, status: int) -> str:
        if status == HTTPStatus.UNAUTHORIZED:
            return f"WWW-Authenticate: {Challenge(REALM, self._tokens()).header()}\r\n"
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            return "Allow: GET, POST\r\n"
        return ""

    def _tell(self, observe: Observer, connection: Connection, call: Call, status: int) -> None:
        elapsed_s = self._clock.monotonic() - connection.asked_at
        observe(connection.peer, call.method.decode("ascii"), call.target.decode("latin-1"), status, elapsed_s)


def _status_of(error: Exception, *, strict: bool) -> int:
    match error:
        case BadConfig():
            return HTTPStatus.BAD_REQUEST if strict else HTTPStatus.OK
        case UnknownRpc():
            return HTTPStatus.NOT_FOUND
        case StatusError(code=code):
            return code
        case InvalidInput():
            return HTTPStatus.BAD_REQUEST
        case NoReply():
            return HTTPStatus.GATEWAY_TIMEOUT
        case IndevoltError():
            return HTTPStatus.BAD_GATEWAY
        case _:
            return HTTPStatus.INTERNAL_SERVER_ERROR


def _act_out(error: Exception, connection: Connection) -> bool:
    """Do to the client what the error says; False if there is nothing to do but to report it."""
    match error:
        case BadConfig() | UnknownRpc():
            return False  # what the client did wrong, not what the device does
        case NoReply():
            connection.stay_silent()
        case Unreachable():
            connection.reset()
        case ProtocolError(raw=raw):
            connection.reply(raw, keep=False)
        case _:
            return False
    return True
