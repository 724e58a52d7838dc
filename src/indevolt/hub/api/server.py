"""The API on a port of this machine, in the hub's own event loop, for as long as the hub runs."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import Final, cast

import uvicorn
from fastapi import APIRouter, FastAPI

from indevolt.errors import InvalidInput
from indevolt.hub.api.app import create_app
from indevolt.hub.api.connections import Arrivals, Connection, Doorway
from indevolt.hub.config import ApiConfig, TlsConfig
from indevolt.hub.hub import Hub
from indevolt.hub.metrics import metrics_route

LEAVE_S: Final = 2  # for requests under way when the hub stops
BACKLOG: Final = 1024
UNREAD_MS: Final = 30_000  # that a client may leave what was sent to it unread, before the system ends its connection


async def serve_api(hub: Hub, extra_routers: Iterable[APIRouter] = ()) -> None:
    """Serve the API, and /metrics, until cancelled.

    Raises:
        InvalidInput: address or port cannot be had, or the certificate cannot be used.
    """
    async with served(hub, create_app(hub, (metrics_route(hub), *extra_routers))):
        await asyncio.get_running_loop().create_future()


@asynccontextmanager
async def served(hub: Hub, app: FastAPI, *, connection: type[Connection] = Connection) -> AsyncIterator[str]:
    """Serve an application while this lasts; gives its address.

    Args:
        hub: whose address, port and certificate it gets.
        app: what :func:`~indevolt.hub.api.app.create_app` made.
        connection: bounds how long, and how many, clients may stay without a request.

    Raises:
        InvalidInput: address or port cannot be had, or the certificate cannot be used.
    """
    config = hub.config.api
    context = _context(config.tls) if config.tls else None
    listener = _listener(config)
    server = _Server(
        uvicorn.Config(
            app,
            http=connection if context is None else cast("type[asyncio.Protocol]", partial(Doorway, connection, context)),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,  # who is nearby is told by the connection alone
            server_header=False,
            backlog=BACKLOG,
        )
    )
    feed, desk = app.state.feed, app.state.desk
    with listener:
        async with asyncio.TaskGroup() as group:
            feeding = group.create_task(feed.run())
            serving = group.create_task(server.serve(sockets=[listener]))
            try:
                await server.open.wait()
                yield _address(listener, tls=context is not None)
            finally:
                feed.close()
                server.stop()
                await desk.close()
                await asyncio.wait([serving])
                feeding.cancel()


class _Server(uvicorn.Server):
    """uvicorn that leaves signals to the hub, and says when it is open."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.server_state: Arrivals = Arrivals()
        self.open = asyncio.Event()
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """Have it end."""
        self.should_exit = True
        self._stop.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open the port."""
        await super().startup(sockets)
        self.open.set()

    async def main_loop(self) -> None:
        """Keep the time that answers carry, until it is to end; uvicorn itself looks ten times a second."""
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), 1.0)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002 - whoever opened them closes them
        """Let no more in, wait a moment for requests under way, and hang up on everybody."""
        for server in self.servers:
            server.close()
        if doorways := tuple(self.server_state.doorways):
            for doorway in doorways:
                doorway.drop()
            await asyncio.wait([doorway.task for doorway in doorways])
        connections, tasks = self.server_state.connections, self.server_state.tasks
        for connection in tuple(connections):
            connection.shutdown()
        if tasks:
            _, late = await asyncio.wait(tuple(tasks), timeout=LEAVE_S)
            for task in late:
                task.cancel()
        for connection in tuple(connections):
            connection.transport.abort()


def _listener(config: ApiConfig) -> socket.socket:
    """Return the socket that clients connect to."""
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    try:
        listener = socket.create_server((config.host, config.port), family=family, backlog=BACKLOG)
    except (OSError, OverflowError, UnicodeError) as error:
        facts = f"api: cannot listen on {config.host} port {config.port}: {error}"
        remedy = "Stop what listens there, or set another `port` or `host` of [api] in the hub's configuration."
        raise InvalidInput(facts, remedy=remedy) from error
    # Connections inherit it. Without it, an answer whose head and body are two packets waits 40 ms for the client's delayed
    # acknowledgement; asyncio sets it only on sockets that name their protocol, which those of create_server do not.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_MS)
    return listener


def _context(config: TlsConfig) -> ssl.SSLContext:
    """Return how to speak TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(config.cert, config.key)
    except (OSError, ssl.SSLError) as error:
        facts = f"api.tls: {config.cert} cannot be used: {error}"
        raise InvalidInput(facts, remedy="It has to be PEM, with the private key in it or in `key`.") from error
    return context


def _address(listener: socket.socket, *, tls: bool) -> str:
    host, port = listener.getsockname()[:2]
    return f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"
