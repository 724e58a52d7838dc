"""A battery nearby is found, tried and connected from the page, by a person who knows its password; a wrong one is told."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import expect

from indevolt.discovery import Found
from indevolt.simulator import INSTANT, Simulator
from indevolt.virtual import VirtualDevice

from .conftest import Visit
from .looking import go, violations
from .scenes import HOST, house_of

PASSWORD = "correct horse"
SERIAL = "3800000042"


@asynccontextmanager
async def locked_battery() -> AsyncIterator[VirtualDevice]:
    battery = Simulator("powerflex2000", serial=SERIAL, api="digest", password=PASSWORD, factory_default=False, response=INSTANT)
    async with VirtualDevice(battery, HOST, 0, discovery_port=None) as device:
        yield device


async def test_a_battery_with_a_password_is_found_tried_and_connected(visit: Visit, pictures: Path) -> None:
    async with locked_battery() as device:
        nearby = (Found(device.host, device.port, sn=SERIAL),)
        async with house_of(1, nearby=nearby) as scene, visit(scene.url, troubled=True) as page:
            await go(page, "devices")
            await page.get_by_role("button", name="Look for batteries").click()
            sighting = page.locator(".sighting", has_text=SERIAL)
            await expect(sighting).to_be_visible()
            await page.screenshot(path=pictures / "connect-found.png")
            await sighting.get_by_role("button", name="Connect").click()
            dialog = page.get_by_role("dialog")
            await dialog.get_by_label("Name").fill("garage")
            wanted = dialog.get_by_label("It wants a password")
            await wanted.uncheck()
            await dialog.get_by_role("button", name="Try").click()
            await expect(dialog.locator(".trouble")).to_contain_text("It wants a password")
            await wanted.check()
            await expect(dialog.locator(".trouble")).to_have_count(0)  # none was tried so far
            await dialog.get_by_label("Password of the battery").fill("a guess")
            await dialog.get_by_role("button", name="Try").click()
            await expect(dialog.locator(".trouble")).to_contain_text("The battery does not take this password")
            await expect(dialog.locator(".trouble")).not_to_contain_text("--password")
            assert await violations(page) == []
            await page.screenshot(path=pictures / "connect-wrong.png")

            await dialog.get_by_label("Password of the battery").fill(PASSWORD)
            await dialog.get_by_role("button", name="Try").click()
            await expect(dialog.locator(".good-news")).to_contain_text(SERIAL)
            assert "garage" not in scene.hub.keepers  # tried, and nothing more
            await dialog.get_by_label("Name").fill("attic")
            await expect(dialog.locator(".good-news")).to_have_count(0)  # with this name it was not tried
            await dialog.get_by_label("Name").fill("garage")
            await expect(dialog.locator(".good-news")).to_contain_text(SERIAL)
            await dialog.get_by_role("button", name="Connect").click()
            await expect(dialog.locator("pre")).to_contain_text('name = "garage"')
            assert PASSWORD not in await dialog.inner_text()
            await page.screenshot(path=pictures / "connect-done.png")
            await dialog.get_by_role("button", name=re.compile("garage")).click()
            await expect(page.locator("main")).to_contain_text("garage")
            await expect(page.locator("main")).to_contain_text(SERIAL)
            assert scene.hub.keepers["garage"].config.control is False
