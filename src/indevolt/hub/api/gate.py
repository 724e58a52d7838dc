"""What every request passes before any route: is it for us, from whom, small and quick enough; and what every answer is given.

Defends a hub in a home network against pages in a browser that talk to it behind its owner's back (Host and Origin), against
strangers (tokens), and against bodies without end. Which role a route needs is said by the route.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from indevolt.hub.api.auth import Tokens
from indevolt.hub.api.problems import Declined
from indevolt.hub.config import ApiConfig
from indevolt.hub.config_values import is_loopback

MOST_BODY: Final = 64 * 1024  # bytes; the largest honest body is a setting of some hundred
BODY_S: Final = 10.0  # for a body to come whole
ANSWER_S: Final = 120.0  # for an answer to begin: above a command of three steps that are each waited for (3 x 30 s)
ALIVE: Final = "/healthz"
EVENTS: Final = "/api/v1/events"
_SAFE: Final = ("GET", "HEAD", "OPTIONS")
_BODIES: Final = ("POST", "PUT", "PATCH")
_RELAYED: Final = ("forwarded", "x-forwarded-for", "x-real-ip", "via")  # headers of reverse proxies
_NAMED_SO: Final = ("localhost",)
_HEADERS: Final = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "private, no-cache",
}


class Gate:
    """Lets requests in.

    Args:
        app: what is behind it.
        config: names, origins and tokens.
        tokens: tells callers.
        names: further names of this machine.
        public: paths that need no token, for the files of a page; below those that end in a slash, too, but for ``/``.
        answer_s: how long an answer may take to begin.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        config: ApiConfig,
        tokens: Tokens,
        names: Iterable[str] = (),
        public: tuple[str, ...] = (),
        answer_s: float = ANSWER_S,
    ) -> None:
        self._app = app
        self._tokens = tokens
        self._names = {name.lower().rstrip(".") for name in (*_NAMED_SO, *config.hosts, config.host, *names)}
        self._origins = {origin.lower().rstrip("/") for origin in config.origins}
        self._public = public
        self._answer_s = answer_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008, "reason": "no websockets here"})
            return
        answer = _Answer(send)
        limit = asyncio.timeout(self._answer_s)
        try:
            async with limit:
                answer.limit = limit
                try:
                    body = await self._admit(scope, receive)
                    await self._app(scope, _replayed(body, receive), answer.send)
                finally:
                    answer.limit = None
        except TimeoutError:
            if not limit.expired() or answer.begun:
                raise
            remedy = "A write goes on all the same; the journal tells its end." if scope["method"] not in _SAFE else "Ask for less."
            late = Declined(504, f"no answer within {self._answer_s:g} s", remedy=remedy, transient=True)
            await late.response()(scope, receive, answer.send)
        except Declined as error:
            if answer.begun:
                raise
            await error.response()(scope, receive, answer.send)

    async def _admit(self, scope: Scope, receive: Receive) -> bytes:
        """Return the body of a request that may come in."""
        headers = Headers(scope=scope)
        method, path = scope["method"], scope["path"]
        host = headers.get("host", "")
        self._check_host(headers.getlist("host"), host)
        if method not in _SAFE or path == EVENTS:
            self._check_origin(headers, f"{scope['scheme']}://{host}".lower())
        if path != ALIVE and not self._is_public(path):
            peer = scope["client"][0] if scope.get("client") else ""
            nearby = is_loopback(peer.removeprefix("::ffff:")) and not any(name in headers for name in _RELAYED)
            scope["caller"] = await self._tokens.caller(headers.get("authorization"), peer, nearby=nearby)
        return await self._body(method, headers, receive)

    def _check_host(self, given: list[str], host: str) -> None:
        """Refuse names that are not ours: a page that rebinds its name to our address sends that name."""
        if len(given) == 1:
            name = _host_alone(host)
            if name in self._names or _is_address(name):
                return
        known = ", ".join(sorted(self._names))
        remedy = f"Use one of {known} or an IP address, or add the name to `hosts` of [api] in the hub's configuration."
        raise Declined(421, f"this hub is not called {host!r:.80}", remedy=remedy)

    def _check_origin(self, headers: Headers, own: str) -> None:
        """Refuse what a page of another server sends; programs send no Origin."""
        origin = headers.get("origin")
        if origin is None:
            if headers.get("sec-fetch-site") in ("cross-site", "same-site"):
                raise Declined(403, "a page of another server sent this", kind="foreign-origin")
            return
        if origin.lower() not in (own, *self._origins):
            remedy = "If that page is yours, add its address to `origins` of [api] in the hub's configuration."
            raise Declined(403, f"a page of {origin!r:.80} may not do this", kind="foreign-origin", remedy=remedy)

    def _is_public(self, path: str) -> bool:
        return any(path == each or (each != "/" and each.endswith("/") and path.startswith(each)) for each in self._public)

    async def _body(self, method: str, headers: Headers, receive: Receive) -> bytes:
        """Read the body, not too much of it and not for too long."""
        length = headers.get("content-length", "0")
        if "transfer-encoding" not in headers and length in ("", "0"):
            return b""
        if length.isdigit() and int(length) > MOST_BODY:
            raise _too_large()
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if method in _BODIES and kind != "application/json":
            raise Declined(415, f"Content-Type is {kind!r:.60}", remedy="Send JSON, with `Content-Type: application/json`.")
        body = bytearray()
        try:
            async with asyncio.timeout(BODY_S):
                while True:
                    message = await receive()
                    body += message.get("body", b"")
                    if len(body) > MOST_BODY:
                        raise _too_large()
                    if message["type"] != "http.request" or not message.get("more_body"):
                        return bytes(body)
        except TimeoutError:
            raise Declined(408, f"the body did not come within {BODY_S:g} s", headers={"connection": "close"}) from None


class _Answer:
    """Passes an answer on, with the headers that each gets, and ends the time limit when it begins."""

    def __init__(self, send: Send) -> None:
        self.begun = False
        self.limit: asyncio.Timeout | None = None
        self._send = send

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            if self.limit is not None and not self.limit.expired():
                self.limit.reschedule(None)
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await self._send(message)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Return a receive that gives the body once, and then waits for the end of the connection."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _too_large() -> Declined:
    remedy = "No operation takes so much."
    return Declined(413, f"the body has more than {MOST_BODY} bytes", remedy=remedy, headers={"connection": "close"})


def _host_alone(host: str) -> str:
    """Return the name in a Host header, without port, brackets and a final dot."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower().rstrip(".")


def _is_address(name: str) -> bool:
    try:
        ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True
