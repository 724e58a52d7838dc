"""A hub for commands to talk to, beside the test; what it holds is the test's own."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from indevolt.clock import Clock
from indevolt.hub.app import running
from indevolt.hub.config import Config
from indevolt.hub.hub import Hub


def free_port() -> int:
    """Return a port that nothing listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def a_hub(config: Config, clock: Clock, settled: Callable[[Hub], Awaitable[None]]) -> AsyncIterator[str]:
    """Run a hub in a task of its own, as its parts want to begin and end in one; give its URL once it is settled."""
    ready, over = asyncio.Event(), asyncio.Event()

    async def run() -> None:
        async with running(config, clock=clock) as hub:
            await settled(hub)
            ready.set()
            await over.wait()

    task, waiting = asyncio.create_task(run()), asyncio.create_task(ready.wait())
    try:
        await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
        if not task.done():  # else it tells below why it could not
            yield f"http://127.0.0.1:{config.api.port}"
    finally:
        waiting.cancel()
        over.set()
        await task
