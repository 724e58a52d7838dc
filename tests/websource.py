"""A small HTTP server on the loopback: what a web source, or a meter, answers; and what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

PATIENCE_S = 60.0  # of a test that fails


@dataclass
class Asked:
    """One request."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass
class WebSource:
    """Answers every request with what ``answers`` makes of it; a status alone, or a body with 200."""

    answers: Callable[[Asked], bytes | str | int]
    asked: list[Asked] = field(default_factory=list)
    port: int = 0
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def until_asked(self, times: int) -> None:
        """Wait for so many requests in all; gives up loudly."""
        async with asyncio.timeout(PATIENCE_S), self._changed:
            await self._changed.wait_for(lambda: len(self.asked) >= times)

    async def _answer(self, request: web.Request) -> web.Response:
        asked = Asked(request.method, request.path, dict(request.query), dict(request.headers), await request.read())
        answer = self.answers(asked)
        async with self._changed:
            self.asked.append(asked)
            self._changed.notify_all()
        if isinstance(answer, int):
            return web.Response(status=answer)
        return web.Response(body=answer if isinstance(answer, bytes) else answer.encode())


@asynccontextmanager
async def web_source(answers: Callable[[Asked], bytes | str | int]) -> AsyncIterator[WebSource]:
    it = WebSource(answers)
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", it._answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        it.port = runner.addresses[0][1]
        yield it
    finally:
        await runner.cleanup()
