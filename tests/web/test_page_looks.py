"""Every page, in light and dark, on a phone, a tablet and a desk: nothing sticks out, nothing is nameless, axe is content."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Theme, Visit
from .looking import PAGES, go, sticking_out, too_small, violations
from .scenes import Scene


@pytest.mark.parametrize("width", [360, 768, 1440])
@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_each_page_can_be_seen_read_and_touched(house: Scene, visit: Visit, pictures: Path, theme: Theme, width: int) -> None:
    async with visit(house.url, width=width, theme=theme) as page:
        for name in PAGES:
            await go(page, name)
            await page.screenshot(path=pictures / f"{name}-{theme}-{width}.png", full_page=True)
            assert await sticking_out(page) == [], name
            assert await too_small(page) == [], name
            assert await violations(page) == [], name


@pytest.mark.parametrize("locale", ["de-DE", "nl-NL", "fr-FR"])
async def test_each_page_speaks_the_language_of_the_browser(house: Scene, visit: Visit, pictures: Path, locale: str) -> None:
    async with visit(house.url, width=360, locale=locale) as page:
        for name in PAGES:
            await go(page, name)
            await page.screenshot(path=pictures / f"{name}-{locale[:2]}-360.png", full_page=True)
            assert await page.locator("html").get_attribute("lang") == locale[:2]
            assert await page.locator(".steer-said [lang=en], .plan-reason [lang=en]").all_inner_texts() == [], name
            assert await sticking_out(page) == [], name


async def test_a_very_narrow_screen_is_enough(house: Scene, visit: Visit, pictures: Path) -> None:
    async with visit(house.url, width=320) as page:
        for name in PAGES:
            await go(page, name)
            await page.screenshot(path=pictures / f"{name}-light-320.png", full_page=True)
            assert await sticking_out(page) == [], name
