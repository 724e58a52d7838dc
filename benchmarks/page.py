"""What the hub's page costs: its first view over the wire and in time, a hundred open pages at the hub, one left open for an hour.

A real Chromium looks at the demo house, which runs in a process of its own. Two cores cannot draw a hundred pages without
starving the house, so the crowd are a few real pages, and many visitors who do what was seen of a real one: they listen to
the same events and ask the same questions as often, each over connections of its own. Needs the dependencies' group ``test``
and a Chromium, as the tests of the page do.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import re
import shutil
import statistics
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
from playwright.async_api import Browser, BrowserContext, CDPSession, Page, Request, async_playwright
from side_by_side import Cores, machine, pinned, show_table, verdict

MOST_BYTES, MOST_READY_S = 90_000, 1.0  # the goals of the project: of the first view ...
MOST_SHARE = 0.05  # ... of a core, for a hundred open pages ...
MOST_GROWTH = 0.20  # ... and of the heap of a page that is left open
FIRST_VIEWS = 5
SETTLE_S = 20.0  # after a page was opened, until it only goes on
WARM_S = 300.0  # before the heap does: until what runs is compiled, and the first simulated days have filled what is bounded
HABITS_S = 120.0  # of a page, in which everything that it asks now and then was asked
WATCHED_S = 40.0  # for each figure of a crowd, in turns: the house has busier and quieter hours of its own
TURNS = 5
REAL = 5  # pages of the crowd that are drawn
BEGUN_S = 90.0  # of the demo at 60 times real time, until its battery goes by a plan
PATIENCE_MS = 60_000.0
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
async def demo_house(speed: float, core: int | None = None) -> AsyncIterator[Demo]:
    """Run ``indevolt demo``, on a core of its own."""
    words = ["demo", "--no-open", "--no-discovery", "--speed", f"{speed:g}"]
    with pinned(core):
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


@dataclass(frozen=True)
class Question:
    """What a page asked, and when in the time that it was watched."""

    after_s: float
    url: str


@dataclass(frozen=True)
class Habits:
    """What a page that is left open does."""

    stream: str
    headers: Mapping[str, str]
    questions: Sequence[Question]


async def habits(browser: Browser, demo: Demo) -> Habits:
    """Watch what a real page listens to and asks."""
    context = await _context(browser)
    page = await context.new_page()
    seen: list[tuple[float, Request]] = []
    page.on("request", lambda request: seen.append((time.perf_counter(), request)))
    await page.goto(demo.url, wait_until="commit")
    await page.wait_for_function(READY)
    await asyncio.sleep(SETTLE_S)
    began = time.perf_counter()
    await asyncio.sleep(HABITS_S)
    streams = [request for _, request in seen if urlsplit(request.url).path.endswith("/events")]
    told = await streams[-1].all_headers()
    kept: dict[str, str] = {name: told[name] for name in ("authorization", "accept-encoding") if name in told}
    questions = [
        Question(at - began, request.url)
        for at, request in seen
        if at >= began and request not in streams and "/api/" in request.url and request.method == "GET"
    ]
    await context.close()
    return Habits(streams[-1].url, kept, questions)


async def visit(its: Habits) -> None:
    """Do what a page does, over and over, until cancelled.

    Raises:
        ExceptionGroup: the hub does not answer as it does to a page, so that nothing is measured.
    """
    session = aiohttp.ClientSession(headers=dict(its.headers), raise_for_status=True)
    async with session, asyncio.TaskGroup() as group:
        group.create_task(_hear(session, its.stream))
        tags: dict[str, str] = {}  # as a browser's cache has them
        began = time.perf_counter() - random.uniform(0.0, HABITS_S)
        while True:
            for question in its.questions:
                await asyncio.sleep(max(0.0, began + question.after_s - time.perf_counter()))
                known = {"If-None-Match": tags[question.url]} if question.url in tags else {}
                async with session.get(question.url, headers=known) as answer:
                    await answer.read()
                    tags[question.url] = answer.headers.get("etag", "")
            began += HABITS_S
            await asyncio.sleep(max(0.0, began - time.perf_counter()))


async def _hear(session: aiohttp.ClientSession, url: str) -> None:
    async with session.get(url, timeout=aiohttp.ClientTimeout(total=None)) as answer:
        async for _ in answer.content.iter_any():
            pass
    raise ConnectionError("the hub ended the stream of a visitor")


@dataclass(frozen=True)
class Crowd:
    """The share of a core that the demo takes with nobody looking, and what some real pages and many visitors add to that."""

    habits: Habits
    alone: Sequence[float]  # before, between and after the turns
    drawn: Sequence[float]  # in each turn, beyond the mean of alone before and after it
    visited: Sequence[float]


async def crowd(browser: Browser, demo: Demo, pages: int) -> Crowd:
    """Measure what a crowd costs."""
    await asyncio.sleep(BEGUN_S)
    its = await habits(browser, demo)
    alone, drawn, visited = [await _share(demo)], [], []
    for _ in range(TURNS):
        contexts = [await _context(browser) for _ in range(REAL)]
        for context in contexts:
            await _open(context, demo)
        await asyncio.sleep(SETTLE_S)
        drawn.append(await _share(demo))
        for context in contexts:
            await context.close()
        async with asyncio.TaskGroup() as group:  # which ends all of it where one visitor fails: fewer would cost less
            visitors = [group.create_task(visit(its)) for _ in range(pages)]
            await asyncio.sleep(SETTLE_S)
            visited.append(await _share(demo))
            for visitor in visitors:
                visitor.cancel()
        await asyncio.sleep(SETTLE_S / 4)
        alone.append(await _share(demo))
    quiet = [(before + after) / 2 for before, after in pairwise(alone)]
    return Crowd(
        its,
        alone,
        drawn=[share - base for share, base in zip(drawn, quiet, strict=True)],
        visited=[share - base for share, base in zip(visited, quiet, strict=True)],
    )


async def _share(demo: Demo) -> float:
    before, began = demo.cpu_s(), time.perf_counter()
    await asyncio.sleep(WATCHED_S)
    return (demo.cpu_s() - before) / (time.perf_counter() - began)


def show_crowd(found: Crowd, pages: int) -> None:
    """Print it."""
    rows = [
        ["nobody looks", "", *_spread(found.alone), ""],
        [f"{REAL} real pages", "+", *_spread(found.drawn), f"{statistics.median(found.drawn) / REAL:.3%}"],
        [f"{pages} visitors", "+", *_spread(found.visited), f"{statistics.median(found.visited) / pages:.3%}"],
    ]
    print(f"A page asks {len(found.habits.questions) / HABITS_S * 60:.1f} questions a minute, and listens.")
    show_table(["demo house at 60 times real time, of a core", "", "least", "median", "most", "each"], rows)
    cost = statistics.median(found.visited)
    print(f"{pages} pages cost {cost:.1%} of a core, of {MOST_SHARE:.0%}: {verdict(met=cost <= MOST_SHARE)}")


def _spread(shares: Sequence[float]) -> list[str]:
    return [f"{share:.1%}" for share in (min(shares), statistics.median(shares), max(shares))]


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


def _program(*, alone: bool = False) -> str | None:
    """Return the Chromium to look with; alone: the one without windows, where it is, which costs half."""
    return (shutil.which("chromium-headless-shell") if alone else None) or shutil.which("chromium")


async def _context(browser: Browser) -> BrowserContext:
    return await browser.new_context(viewport={"width": 390, "height": 844}, reduced_motion="reduce", locale="en-GB")


async def _open(context: BrowserContext, demo: Demo) -> Page:
    page = await context.new_page()
    await page.goto(demo.url, wait_until="commit", timeout=PATIENCE_MS)
    await page.wait_for_function(READY, timeout=PATIENCE_MS)
    return page


async def measure(asked: argparse.Namespace) -> None:
    """Measure what was asked for, and print it."""
    cores = Cores.share()
    print(f"{machine()}; the crowd: {cores.describe()}")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=_program(), args=list(QUIET))
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
            with pinned(cores.client):  # with all visitors, so that the house on the other core waits for nobody
                onlookers = await playwright.chromium.launch(executable_path=_program(alone=True), args=list(QUIET))
                async with demo_house(60, cores.server) as demo:
                    found = await crowd(onlookers, demo, asked.pages)
                await onlookers.close()
            show_crowd(found, asked.pages)
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
