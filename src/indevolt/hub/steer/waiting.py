"""Waiting for time to pass or for something to happen, whichever is first."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


async def soon(waiting: Coroutine[Any, Any, None], event: asyncio.Event) -> None:
    """Wait for the first of a coroutine and an event."""
    tasks: set[asyncio.Task[Any]] = {asyncio.create_task(waiting), asyncio.create_task(event.wait())}
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
