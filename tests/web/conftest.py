"""One Chromium for all tests of the page; each visit gets a context of its own, which forgets everything.

All of them run in one loop, in which the hubs run as well: a browser is a process, and outlives the loop of a single test.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import pytest
import pytest_asyncio
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright, expect

from conftest import lacking

from .chromium import QUIET, executable
from .scenes import TOKEN, Scene, demo_house

Theme: TypeAlias = Literal["light", "dark"]
Visit: TypeAlias = Callable[..., AbstractAsyncContextManager[Page]]

HEIGHT: Final = {320: 640, 360: 780, 768: 1024, 1440: 900}
PATIENCE_MS: Final = 20_000  # of a test that fails; one that succeeds never waits
AT_ONCE_MS: Final = 7_000  # for what the page is told of; what it is not, it asks for every ten seconds
SAID_BY_ITSELF: Final = (
    "Failed to load resource",
    "has been blocked by CORS policy",
    "Framing ",
)  # of an answer that is an error, or refused
expect.set_options(timeout=PATIENCE_MS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run every test of this folder that waits for something in the loop of the session."""
    for item in items:
        if Path(__file__).parent in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.fixture(scope="session")
def pictures() -> Path:
    """Return the folder for screenshots, which is not committed."""
    folder = Path(__file__).parent / "screenshots"
    folder.mkdir(exist_ok=True)
    return folder


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Start Chromium."""
    path = executable()
    if path is None:
        lacking("no Chromium here; `make test` installs one where it may")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=list(QUIET))
        yield browser
        await browser.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def house() -> AsyncIterator[Scene]:
    """Run the demo house, for tests that only look at it."""
    async with demo_house() as scene:
        yield scene


@pytest.fixture
def visit(browser: Browser) -> Visit:
    """Return how a page is visited: ``async with visit(url, width=360) as page``. What the console complains of fails the test."""

    @asynccontextmanager
    async def visiting(
        url: str,
        *,
        width: int = 1440,
        theme: Theme = "light",
        locale: str = "en-GB",
        token: str | None = TOKEN,
        troubled: bool = False,
        **more: Any,
    ) -> AsyncIterator[Page]:
        context = await browser.new_context(
            viewport={"width": width, "height": HEIGHT[width]},
            color_scheme=theme,
            locale=locale,
            timezone_id="Europe/Berlin",
            **more,
        )
        context.set_default_timeout(PATIENCE_MS)
        if token is not None:
            await context.add_init_script(f"localStorage.setItem('indevolt.token', '{token}')")
        page = await context.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.extend(_complaint(message, troubled=troubled)))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        try:
            await page.goto(url)
            yield page
        finally:
            await context.close()
        assert complaints == []

    return visiting


def _complaint(message: ConsoleMessage, *, troubled: bool) -> list[str]:
    if message.type not in ("error", "warning") or (troubled and any(each in message.text for each in SAID_BY_ITSELF)):
        return []
    return [f"{message.type}: {message.text}"]
