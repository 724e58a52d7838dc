"""Orders from the page: from a click to what the device shows, and back; by keyboard alone; never from a page of somebody else."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from playwright.async_api import Request, Route, expect

from indevolt import Hold

from .conftest import AT_ONCE_MS, PATIENCE_MS, Visit
from .looking import go, violations
from .scenes import TOKEN, Scene, demo_house, house_of


def mode(scene: Scene) -> object:
    """Return the mode that the device itself is in."""
    return scene.batteries["unit-1"].get("mode")


async def test_charging_is_previewed_proven_step_by_step_and_undone(visit: Visit, pictures: Path) -> None:
    async with house_of(1) as scene, visit(scene.url) as page:
        assert mode(scene) == "self_use"
        await page.get_by_role("button", name="Charge now").click()
        dialog = page.get_by_role("dialog")
        await expect(dialog.locator(".plan")).to_contain_text("Real-time control")  # what would be written
        assert mode(scene) == "self_use"
        assert await violations(page) == []
        await page.screenshot(path=pictures / "order-preview.png")
        await dialog.get_by_role("button", name=re.compile("^Charge")).click()
        await expect(dialog.locator(".step[data-state=done]", has_text="effective")).to_be_visible()
        assert mode(scene) == "realtime"
        assert float(str(scene.batteries["unit-1"].get("battery_power"))) < 0
        await page.screenshot(path=pictures / "order-effective.png")
        await dialog.get_by_role("button", name="Undo").click()
        await expect(page.locator(".pill", has_text="Self-consumption")).to_be_visible()
        async with asyncio.timeout(PATIENCE_MS / 1000):
            while mode(scene) != "self_use":  # noqa: ASYNC110 - a simulator sets no event
                await asyncio.sleep(0.05)


async def test_an_order_ends_at_the_time_of_day_that_its_giver_names(visit: Visit) -> None:
    async with house_of(1) as scene, visit(scene.url) as page:
        await page.get_by_role("button", name="Hold").click()
        dialog = page.get_by_role("dialog")
        wanted = (scene.hub.clock.now() + timedelta(hours=22)).replace(second=0, microsecond=0)  # most likely tomorrow
        await dialog.get_by_label("until").fill(f"{wanted:%H:%M}")
        await dialog.get_by_role("button", name=f"Hold until {wanted:%H:%M}").click()
        await expect(dialog.locator(".step[data-state=done]", has_text="confirmed")).to_be_visible()
        unit = scene.hub.keepers["unit-1"].steering
        assert unit is not None
        assert unit.override is not None
        assert unit.override.until == wanted


async def test_what_somebody_else_asks_for_and_takes_back_at_once_is_shown_so(visit: Visit) -> None:
    async with house_of(1) as scene, visit(scene.url) as page:
        unit = scene.hub.keepers["unit-1"].steering
        assert unit is not None
        owner = page.locator(".steer-owner")
        await expect(owner).to_contain_text("by the device itself")
        await unit.ask(Hold(), scene.hub.clock.now() + timedelta(hours=1), actor="mqtt")
        await expect(owner).to_contain_text("asked for by mqtt", timeout=AT_ONCE_MS)
        await unit.release(actor="mqtt")
        await expect(owner).to_contain_text("by the device itself", timeout=AT_ONCE_MS)


async def test_an_answer_that_comes_late_undoes_none_that_was_asked_for_after_it(visit: Visit) -> None:
    async with house_of(1) as scene, visit(scene.url) as page:
        unit = scene.hub.keepers["unit-1"].steering
        assert unit is not None
        owner = page.locator(".steer-owner")
        await expect(owner).to_contain_text("by the device itself")
        caught: asyncio.Future[Request] = asyncio.get_running_loop().create_future()
        late = asyncio.Event()

        async def hold_back(route: Route) -> None:
            answer = await route.fetch()
            caught.set_result(route.request)
            await late.wait()
            await route.fulfill(response=answer)

        await page.route("**/devices/unit-1/steering", hold_back, times=1)
        until = scene.hub.clock.now() + timedelta(hours=1)
        await unit.ask(Hold(), until, actor="mqtt")
        held = await caught
        await unit.ask(Hold(), until, actor="matter")
        await expect(owner).to_contain_text("asked for by matter")
        async with page.expect_event("requestfinished", lambda request: request == held):
            late.set()
        await page.evaluate("new Promise((done) => setTimeout(done))")
        assert "asked for by matter" in await owner.inner_text()


async def test_a_charge_that_is_wanted_by_a_time_is_planned_for_and_dropped_again(visit: Visit, pictures: Path) -> None:
    async with demo_house() as scene, visit(scene.url) as page:
        await go(page, "plan")
        wanted = page.locator(".wanted")
        await expect(wanted).to_contain_text("No charge is wanted by a time.")
        await wanted.get_by_label("By").fill("05:30")
        await wanted.get_by_role("button", name="Plan for it").click()
        await expect(wanted.locator("li")).to_contain_text("80 % by")
        await expect(page.locator(".plan-slots")).to_contain_text("to be at 80 % by 05:30")  # the reason of a slot
        assert await violations(page) == []
        await page.screenshot(path=pictures / "plan-wanted.png", full_page=True)
        target = scene.hub.planner.target
        assert target is not None
        assert f"{target.by.astimezone(scene.hub.config.site.zone):%H:%M}" == "05:30"
        await wanted.get_by_role("button", name="Want it no more").click()
        await expect(wanted).to_contain_text("No charge is wanted by a time.")
        assert scene.hub.planner.target is None


async def test_everything_is_kept_for_an_outage_until_its_end_or_until_somebody_ends_it(visit: Visit, pictures: Path) -> None:
    async with house_of(1) as scene, visit(scene.url) as page:
        steer = page.locator(".steer")
        await page.get_by_role("button", name="Keep for an outage").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("2 days").check()
        await dialog.get_by_label("Charge first, also from the grid").check()
        await dialog.get_by_role("slider").fill("90")
        assert await violations(page) == []
        await page.screenshot(path=pictures / "backup-dialog.png")
        await dialog.get_by_role("button", name=re.compile("^Keep until")).click()
        told = re.compile(r"Kept for an outage until \w+.* asked for by you\. Charged to 90 % first\.")
        await expect(steer).to_contain_text(told)
        await expect(steer.locator(".steer-owner")).to_contain_text("as the owner wants it")
        kept = scene.hub.backup.current(scene.hub)
        assert kept is not None
        assert (kept.by, kept.charge_pct) == ("api owner", 90)
        assert timedelta(hours=47) < kept.until - scene.hub.clock.now() <= timedelta(hours=48)
        await expect(page.locator(".pill", has_text="Charging")).to_be_visible()
        assert await violations(page) == []
        await page.screenshot(path=pictures / "backup-kept.png")
        await steer.get_by_role("button", name="End").click()
        await expect(page.get_by_role("button", name="Keep for an outage")).to_be_visible()
        await expect(steer.locator(".steer-owner")).to_contain_text("by the device itself")
        assert scene.hub.backup.current(scene.hub) is None


async def test_a_backup_hold_of_somebody_else_is_shown_at_once_and_so_is_its_end(visit: Visit) -> None:
    async with house_of(2) as scene, visit(scene.url) as page:
        steer = page.locator(".steer")
        await expect(steer.locator(".steer-owner").first).to_contain_text("by the device itself")
        await scene.hub.backup.ask(scene.hub, scene.hub.clock.now() + timedelta(hours=30), actor="api anna")
        await expect(steer).to_contain_text("asked for by anna.", timeout=AT_ONCE_MS)
        await scene.hub.backup.end(scene.hub, actor="api anna")
        await expect(page.get_by_role("button", name="Keep for an outage")).to_be_visible(timeout=AT_ONCE_MS)


async def test_everything_can_be_done_with_the_keyboard(visit: Visit) -> None:
    async with house_of(1) as scene, visit(scene.url) as page:
        await expect(page.get_by_role("button", name="Hold")).to_be_enabled()
        await page.keyboard.press("3")
        await expect(page.locator("main")).to_have_attribute("data-page", "devices")
        await page.keyboard.press("1")
        await expect(page.locator("main")).to_have_attribute("data-page", "now")
        await page.keyboard.press("?")
        await expect(page.get_by_role("dialog")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).not_to_be_visible()
        for _ in range(40):
            await page.keyboard.press("Tab")
            if "Hold" in await page.evaluate("document.activeElement.textContent"):
                break
        assert await page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("dialog")).to_be_visible()
        for _ in range(40):
            if re.match("Hold", await page.evaluate("document.activeElement.textContent")):
                break
            await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(page.locator(".step[data-state=done]", has_text="confirmed").first).to_be_visible()
        assert mode(scene) == "realtime"


async def test_a_key_is_heard_as_soon_as_anything_is_drawn(house: Scene, visit: Visit) -> None:
    async with visit(house.url) as page:
        await page.add_init_script(
            """new MutationObserver((_, watch) => {
              if (!document.querySelector("main[data-page]")) return;
              watch.disconnect();
              document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "3", bubbles: true }));
            }).observe(document, { childList: true, subtree: true })"""
        )
        await page.reload()
        await expect(page.locator("main")).to_have_attribute("data-page", "devices")


async def test_a_page_of_somebody_else_in_the_same_browser_commands_nothing(visit: Visit) -> None:
    async with house_of(1) as scene, elsewhere() as url, visit(url, token=None, troubled=True) as page:
        told: list[str] = await page.evaluate(
            """async ([hub, token]) => {
              const told = [];
              const json = { "Content-Type": "application/json" };
              const body = JSON.stringify({ command: "charge", power_w: 500, minutes: 30 });
              const path = `${hub}/api/v1/devices/unit-1/overrides`;
              const ways = [
                ["plain", { method: "POST", mode: "no-cors", body }],
                ["json", { method: "POST", headers: json, body }],
                ["token", { method: "POST", headers: { ...json, Authorization: `Bearer ${token}` }, body }],
                ["read", { method: "GET", headers: {} }],
              ];
              for (const [name, how] of ways) {
                try {
                  const answer = await fetch(name === "read" ? `${hub}/api/v1/site` : path, how);
                  told.push(`${name}: ${answer.type} ${answer.status}`);
                } catch (error) {
                  told.push(`${name}: refused`);
                }
              }
              const form = document.createElement("form");
              Object.assign(form, { method: "POST", action: path, target: "frame", enctype: "text/plain" });
              const frame = document.createElement("iframe");
              frame.name = "frame";
              document.body.append(frame, form);
              const loaded = new Promise((done) => (frame.onload = done));
              form.submit();
              await Promise.race([loaded, new Promise((done) => setTimeout(done, 2000))]);
              return told;
            }""",
            [scene.url.rstrip("/"), TOKEN],
        )
        assert [each for each in told if "200" in each or "202" in each] == []
        assert mode(scene) == "self_use"
        assert [entry for entry in await scene.hub.store.entries(limit=1000) if entry.kind == "write"] == []


@asynccontextmanager
async def elsewhere() -> AsyncIterator[str]:
    """Serve a page of somebody else, which a browser holds for another origin than the hub's."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n\r\n<!doctype html><title>else</title><body>"
        )
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
