"""What a page says when something is not as it should be: the hub away, a device away, nothing there yet, a token that is wrong."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import as_file, files
from pathlib import Path

from aiohttp import web
from playwright.async_api import expect

from .conftest import Visit
from .looking import go, sticking_out, violations
from .scenes import TOKEN, house_of


async def test_a_hub_that_stops_is_said_and_what_it_told_is_struck_through(visit: Visit, pictures: Path) -> None:
    async with house_of(1) as scene, visit(scene.url, troubled=True) as page:
        soc = page.locator(".node[data-place=battery] .node-soc .amount")
        await expect(soc).to_have_text(re.compile(r"\d"))
        before = await soc.inner_text()
        await scene.page.aclose()
        await expect(page.get_by_text("The hub does not answer")).to_be_visible()
        await expect(soc.locator("s")).to_have_text(before)
        await expect(page.locator(".age").first).to_be_visible()
        assert await violations(page) == []
        await page.screenshot(path=pictures / "state-hub-stopped.png", full_page=True)


async def test_the_page_opens_without_the_hub_and_says_how_old_everything_is(visit: Visit, pictures: Path) -> None:
    async with house_of(1) as scene, visit(scene.url, troubled=True) as page:
        soc = page.locator(".node[data-place=battery] .node-soc .amount")
        await expect(soc).to_have_text(re.compile(r"\d"))
        await page.evaluate("navigator.serviceWorker.ready")
        await page.reload()  # now through the service worker
        await expect(soc).to_have_text(re.compile(r"\d"))
        await page.evaluate("dispatchEvent(new Event('pagehide'))")
        await scene.page.aclose()
        await page.reload()
        await expect(page.get_by_text("The hub does not answer")).to_be_visible()
        await expect(soc.locator("s")).to_have_text(re.compile(r"\d"))
        await page.screenshot(path=pictures / "state-offline.png", full_page=True)


async def test_a_device_that_falls_silent_keeps_its_last_values_struck_through(visit: Visit, pictures: Path) -> None:
    async with house_of(2) as scene, visit(scene.url) as page:
        card = page.locator(".unit-card", has_text="unit-2")
        await expect(card.locator(".amount").first).to_have_text(re.compile(r"\d"))
        await scene.devices["unit-2"].close()
        await expect(card.locator("s").first).to_have_text(re.compile(r"\d"))
        await expect(page.get_by_text("1 of 2 units")).to_be_visible()
        assert await violations(page) == []
        await page.screenshot(path=pictures / "state-device-stopped.png", full_page=True)


async def test_a_house_whose_meter_is_gone_shows_no_zero_for_it(visit: Visit, pictures: Path) -> None:
    async with house_of(1) as scene:
        scene.batteries["unit-1"].set("meter_connected", value=False)
        async with visit(scene.url) as page:
            await expect(page.locator(".node[data-place=battery] .node-soc .amount")).to_have_text(re.compile(r"\d"))
            await expect(page.locator(".node[data-place=grid] .amount")).to_have_text("–")
            await expect(page.locator(".node[data-place=house] .amount")).to_have_text("–")
            await expect(page.get_by_text("No meter is live")).to_be_visible()
            await page.screenshot(path=pictures / "state-meter-gone.png", full_page=True)


async def test_a_wrong_token_is_said_and_a_right_one_lets_in(visit: Visit, pictures: Path) -> None:
    async with house_of(1) as scene, visit(scene.url, token="owner.wrong", troubled=True) as page:
        await expect(page.get_by_text("does not know the token")).to_be_visible()
        assert await violations(page) == []
        await page.screenshot(path=pictures / "state-wrong-token.png", full_page=True)
        await page.get_by_label("Token", exact=True).fill(TOKEN)
        await page.get_by_role("button", name="Use it").click()
        await expect(page.get_by_text("Welcome, owner")).to_be_visible()
        await expect(page.locator(".node[data-place=battery] .node-soc .amount")).to_have_text(re.compile(r"\d"))


async def test_a_hub_at_its_first_start_says_what_to_do(visit: Visit, pictures: Path) -> None:
    async with house_of(0) as scene, visit(scene.url, token=None) as page:
        await expect(page.get_by_text("No battery yet")).to_be_visible()
        await expect(page.get_by_role("link", name="Find a battery")).to_be_visible()
        for name in ("now", "history", "devices", "plan", "journal", "settings"):
            await go(page, name)
            assert await violations(page) == [], name
            await page.screenshot(path=pictures / f"state-first-start-{name}.png", full_page=True)


async def test_twenty_batteries_have_room(visit: Visit, pictures: Path) -> None:
    async with house_of(20) as scene, visit(scene.url, width=360) as page:
        await expect(page.get_by_text("20 of 20 units answer")).to_be_visible()
        for name in ("now", "devices"):
            await go(page, name)
            assert await sticking_out(page) == []
            assert await violations(page) == []
            await page.screenshot(path=pictures / f"state-twenty-{name}.png", full_page=True)


async def test_a_battery_that_may_only_be_read_shows_a_lock_and_how_to_open_it(visit: Visit, pictures: Path) -> None:
    async with house_of(1, control=False) as scene, visit(scene.url) as page:
        await page.get_by_text("The hub only reads this battery").click()
        await expect(page.get_by_text("control = true")).to_be_visible()
        await page.screenshot(path=pictures / "state-read-only.png", full_page=True)


async def test_what_could_not_be_asked_of_the_hub_is_told_in_the_language_of_the_page(visit: Visit) -> None:
    async with house_of(1) as scene, visit(scene.url, locale="de-DE", troubled=True) as page:
        await page.get_by_role("button", name="Für einen Ausfall aufheben").click()
        dialog = page.get_by_role("dialog")
        keep = dialog.get_by_role("button", name=re.compile("^Aufheben bis"))
        await expect(keep).to_be_visible()
        await scene.page.aclose()
        await keep.click()
        await expect(dialog.locator(".trouble")).to_have_text("Der Hub antwortet nicht")
        await expect(dialog.locator(".trouble [lang=en]")).to_have_count(0)


async def test_an_answer_or_a_file_that_breaks_off_on_its_way_is_told_as_that(visit: Visit) -> None:
    async with breaking_off() as url, visit(url, token=None, troubled=True) as page:
        told: list[bool] = await page.evaluate(
            """async () => {
              const { Problem, download, get } = await import(new URL("assets/lib/api.js", document.baseURI));
              const asked = [get("site"), download("site/history", {}, "a.csv")];
              return Promise.all(asked.map((each) => each.catch((error) => error instanceof Problem && error.away)));
            }""",
        )
        assert told == [True, True]


@asynccontextmanager
async def breaking_off() -> AsyncIterator[str]:
    """Serve the modules of the page, and of each answer of an API the first byte of many."""

    async def begin(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        answer.content_length = 1000
        await answer.prepare(request)
        await answer.write(b"{")
        assert request.transport is not None
        request.transport.close()
        return answer

    async def nothing(_: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><title>nothing</title>", content_type="text/html")

    with as_file(files("indevolt.hub") / "web" / "assets") as assets:
        app = web.Application()
        app.add_routes([web.get("/", nothing), web.static("/assets", assets), web.get("/api/{tail:.*}", begin)])
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
        finally:
            await runner.cleanup()
