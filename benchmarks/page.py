"""What the hub's page costs: its first view over the wire and in time, a hundred open pages at the hub, one left open for an hour.

A real Chromium looks at the demo house, which runs in a process of its own; its CPU with nobody looking is taken off. Needs the
dependencies' group ``test`` and a Chromium, as the tests of the page do.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shutil
import statistics
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Browser, BrowserContext, CDPSession, Page, async_playwright
from side_by_side import machine, show_table, verdict

MOST_BYTES, MOST_READY_S = 90_000, 1.0  # the goals of the project: of the first view ...
MOST_SHARE = 0.05  # ... of a core, for a hundred open pages ...
MOST_GROWTH = 0.20  # ... and of the heap of a page that is left open
FIRST_VIEWS = 5
SETTLE_S = 20.0  # before a crowd counts
WARM_S = 300.0  # before the heap does: until what runs is compiled, and the first simulated days have filled what is bounded
WATCHED_S = 60.0
BEGUN_S = 90.0  # of the demo at 60 times real time, until its battery goes by a plan
PATIENCE_MS = 300_000.0  # for a page of a crowd: two cores draw a hundred of them slowly
READY = """() => document.querySelector(".node[data-place=battery] .amount")?.textContent.match(/[0-9]/) !== null
  && document.querySelector("main")?.ariaBusy === "false" """
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync")
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Demo:
    """The demo house, and where its page is."""

    url: str
    pid: int

    def cpu_s(self) -> float:
        """Return the CPU seconds that its process has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS


@asynccontextmanager
async def demo_house(speed: float) -> AsyncIterator[Demo]:
    """Run ``indevolt demo``."""
    words = ["demo", "--no-open", "--no-discovery", "--speed", f"{speed:g}"]
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "indevolt", *words, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        url = ""
        while not url:
            if not (line := await process.stdout.readline()):
                raise SystemExit("the demo ended before it said where its page is")
            found = re.search(r"https?://\S+", line.decode())
            url = found[0] if found else ""
        draining = asyncio.create_task(_drain(process.stdout))
        yield Demo(url, process.pid)
        draining.cancel()
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _drain(stream: asyncio.StreamReader) -> None:
    while await stream.readline():
        pass


# ---- the first view --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FirstView:
    """What came over the wire until the house was shown, and how long that took."""

    sent: int
    requests: int
    ready_s: float


async def first_view(browser: Browser, demo: Demo) -> FirstView:
    """Open the page as somebody who was never here."""
    context = await _context(browser)
    page = await context.new_page()
    session = await context.new_cdp_session(page)
    sizes: list[int] = []
    session.on("Network.loadingFinished", lambda event: sizes.append(int(event["encodedDataLength"])))
    await session.send("Network.enable")
    began = time.perf_counter()
    await page.goto(demo.url, wait_until="commit")
    await page.wait_for_function(READY, polling=20)
    ready_s = time.perf_counter() - began
    found = FirstView(sum(sizes), len(sizes), ready_s)
    await context.close()
    return found


# ---- a crowd ---------------------------------------------------------------------------------------------------------------------


async def crowd(browser: Browser, demo: Demo, pages: int) -> tuple[float, float]:
    """Return the share of a core that the demo takes with nobody looking (before and after), and with so many pages open."""
    await asyncio.sleep(BEGUN_S)
    before = await _share(demo)
    contexts = [await _context(browser) for _ in range(pages)]
    for context in contexts:
        await _open(context, demo)
    await asyncio.sleep(SETTLE_S)
    watched = await _share(demo)
    for context in contexts:
        await context.close()
    await asyncio.sleep(SETTLE_S)
    return (before + await _share(demo)) / 2, watched


async def _share(demo: Demo) -> float:
    before, began = demo.cpu_s(), time.perf_counter()
    await asyncio.sleep(WATCHED_S)
    return (demo.cpu_s() - before) / (time.perf_counter() - began)


# ---- left open -------------------------------------------------------------------------------------------------------------------


async def left_open(browser: Browser, demo: Demo, minutes: float) -> list[tuple[float, float]]:
    """Return how large the heap of a page was after so many minutes, in MB, once what it no longer needs is gone."""
    context = await _context(browser)
    page = await _open(context, demo)
    session = await context.new_cdp_session(page)
    await session.send("Performance.enable")
    began = time.perf_counter()
    await asyncio.sleep(SETTLE_S)
    found = [(SETTLE_S / 60, await _heap_mb(session))]
    await asyncio.sleep(WARM_S - SETTLE_S)
    while (spent_s := time.perf_counter() - began) < minutes * 60:
        found.append((spent_s / 60, await _heap_mb(session)))
        await asyncio.sleep(min(60.0, max(5.0, minutes * 60 / 12)))
    found.append(((time.perf_counter() - began) / 60, await _heap_mb(session)))
    await context.close()
    return found


async def _heap_mb(session: CDPSession) -> float:
    await session.send("HeapProfiler.collectGarbage")
    metrics = (await session.send("Performance.getMetrics"))["metrics"]
    return float(next(each["value"] for each in metrics if each["name"] == "JSHeapUsedSize")) / 1e6


# ---- the report ------------------------------------------------------------------------------------------------------------------


def _program(only: str | None) -> str | None:
    """Return the Chromium to look with: for a crowd alone the one without windows, where it is, which costs half."""
    return (shutil.which("chromium-headless-shell") if only == "crowd" else None) or shutil.which("chromium")


async def _context(browser: Browser) -> BrowserContext:
    return await browser.new_context(viewport={"width": 390, "height": 844}, reduced_motion="reduce", locale="en-GB")


async def _open(context: BrowserContext, demo: Demo) -> Page:
    page = await context.new_page()
    await page.goto(demo.url, wait_until="commit", timeout=PATIENCE_MS)
    await page.wait_for_function(READY, timeout=PATIENCE_MS)
    return page


async def measure(asked: argparse.Namespace) -> None:
    """Measure what was asked for, and print it."""
    print(machine())
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=_program(asked.only), args=list(QUIET))
        if not asked.only or asked.only == "first":
            async with demo_house(60) as demo:
                views = [await first_view(browser, demo) for _ in range(FIRST_VIEWS)]
            sent = statistics.median(view.sent for view in views)
            ready_s = statistics.median(view.ready_s for view in views)
            requests = statistics.median(view.requests for view in views)
            show_table(
                ["first view", "median"], [["bytes", f"{sent:,.0f}"], ["requests", f"{requests:.0f}"], ["s", f"{ready_s:.2f}"]]
            )
            print(f"at most {MOST_BYTES:,} bytes: {verdict(met=sent <= MOST_BYTES)}")
            print(f"the house is shown within {MOST_READY_S:g} s: {verdict(met=ready_s <= MOST_READY_S)}")
        if not asked.only or asked.only == "crowd":
            async with demo_house(60) as demo:
                alone, watched = await crowd(browser, demo, asked.pages)
            cost = watched - alone
            rows = [["nobody looks", f"{alone:.1%}"], [f"{asked.pages} pages", f"{watched:.1%}"], ["the pages", f"{cost:.1%}"]]
            show_table(["demo house at 60 times real time", "share of a core"], rows)
            print(f"{asked.pages} pages under {MOST_SHARE:.0%} of a core: {verdict(met=cost <= MOST_SHARE)}")
        if not asked.only or asked.only == "open":
            async with demo_house(asked.speed) as demo:
                heap = await left_open(browser, demo, asked.minutes)
            show_table(["minutes open", "heap MB"], [[f"{at:.0f}", f"{size:.2f}"] for at, size in heap])
            growth = heap[-1][1] / heap[1][1] - 1  # since it was warm; the first look is told, too
            days = asked.minutes * asked.speed / 1440
            story = f"{growth:+.0%} in {asked.minutes:g} minutes, {days:.0f} simulated days"
            print(f"{story}; at most {MOST_GROWTH:+.0%}: {verdict(met=growth <= MOST_GROWTH)}")
        await browser.close()


def main() -> None:
    """Measure, and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=["first", "crowd", "open"], help="one part alone")
    parser.add_argument("--pages", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=60.0, help="that a page is left open")
    parser.add_argument("--speed", type=float, default=600.0, help="of the house that it shows")
    asked = parser.parse_args()
    if asked.minutes * 60 <= WARM_S:
        parser.error(f"--minutes {asked.minutes:g} is too short: the page is warm after {WARM_S / 60:g}")
    asyncio.run(measure(asked))


if __name__ == "__main__":
    main()
