"""The command line in this process, and virtual devices behind real ports in a thread of their own.

Both share one clock that moves itself on: what waits, waits no time.
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pytest
from click.testing import CliRunner

from indevolt.cli.app import cli
from indevolt.cli.session import Environment
from indevolt.clock import ManualClock
from indevolt.simulator import Board, Simulator
from indevolt.virtual import VirtualDevice

T = TypeVar("T")
PATIENCE_S = 60.0  # of a test that fails; a hub puts back what it commanded before it ends


@dataclass(frozen=True)
class Ran:
    """How a run of the program ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Program(Protocol):
    def __call__(self, *words: str, **variables: str) -> Ran: ...


class Virtual(Protocol):
    def __call__(self, simulator: Board | None = None, **options: Any) -> str: ...


class Peer(Protocol):
    def __call__(self, answer: bytes) -> str: ...


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(auto=True)


@pytest.fixture
def indevolt(clock: ManualClock, tmp_path: Path) -> Program:
    """Run `indevolt WORDS` with these environment variables; nothing of the real environment counts."""

    def run(*words: str, **variables: str) -> Ran:
        outside = Environment(clock, discovery_port=closed_udp_port(), discovery_local_port=0)
        settings = {
            "INDEVOLT_PASSWORD": None,
            "INDEVOLT_NEW_PASSWORD": None,
            "INDEVOLT_LEASES": str(tmp_path / "leases"),
            "COLUMNS": None,
            **variables,
        }
        result = CliRunner().invoke(cli, words, prog_name="indevolt", obj=outside, env=settings)
        return Ran(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture
def virtual(clock: ManualClock) -> Iterator[Virtual]:
    """Start a virtual device and return its HOST."""
    with ExitStack() as stack:

        def start(simulator: Board | None = None, **options: Any) -> str:
            device = VirtualDevice(simulator or Simulator("powerflex2000", clock=clock), port=0, discovery_port=None, **options)
            stack.enter_context(in_background(lambda: device))
            return f"127.0.0.1:{device.port}"

        yield start


@pytest.fixture
def peer() -> Iterator[Peer]:
    """Start something that answers every connection with the same bytes, and return its HOST."""
    with ExitStack() as stack:

        def start(answer: bytes) -> str:
            port = stack.enter_context(in_background(lambda: _answering(answer)))
            return f"127.0.0.1:{port}"

        yield start


@pytest.fixture
def closed_port() -> int:
    """Return a TCP port that nobody listens on, nor on the two after it, and that no system hands out to whoever asks for any."""
    while True:
        first = random.randrange(20_000, 32_000)
        with ExitStack() as stack, suppress(OSError):
            for port in range(first, first + 3):
                stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return first


def closed_udp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def in_background(open_it: Callable[[], AbstractAsyncContextManager[T]]) -> Iterator[T]:
    """Hold an asynchronous context open on an event loop in another thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        context = open_it()
        value = asyncio.run_coroutine_threadsafe(context.__aenter__(), loop).result(timeout=PATIENCE_S)
        try:
            yield value
        finally:
            asyncio.run_coroutine_threadsafe(_leave(context), loop).result(timeout=PATIENCE_S)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=PATIENCE_S)
        loop.close()


async def _leave(context: AbstractAsyncContextManager[Any]) -> None:
    await context.__aexit__(None, None, None)


@asynccontextmanager
async def _answering(answer: bytes) -> Any:
    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        with suppress(ConnectionError):  # the client may have heard enough
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(reply, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
