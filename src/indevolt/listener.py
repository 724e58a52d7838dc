"""How a listening socket stops: what both servers of ours, for devices and for meters, have to know about asyncio. Nothing else."""

from __future__ import annotations

import asyncio
from contextlib import suppress


async def stop_accepting(listener: asyncio.Server) -> None:
    """Let nobody else in, and let arrive who is in: Python 3.11 would lose a client between the two when its listener closes."""
    loop = asyncio.get_running_loop()
    with suppress(NotImplementedError):  # some loops accept in another way
        for each in listener.sockets:
            loop.remove_reader(each)
    for _ in range(2):  # from accepting to connection_made
        await asyncio.sleep(0)
