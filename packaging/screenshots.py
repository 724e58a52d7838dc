"""Takes the pictures of the page that README and documents show: a real Chromium looks at the demo house, morning to evening.

    python packaging/screenshots.py            # some seven minutes; writes docs/pictures

Everything in them is simulated, and says so.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playwright.async_api import Browser, async_playwright

FOLDER = Path(__file__).parent.parent / "docs" / "pictures"
SPEED = 120  # a demo day from six in the morning to seven in the evening takes six and a half minutes, and is steered
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync")
SETTLE_MS = 2500  # of a page, once it shows what it has


@dataclass(frozen=True)
class Picture:
    """What is taken, and when."""

    name: str
    page: str
    at: float  # hour of the demo's day
    width: int = 1280
    height: int = 800
    theme: Literal["light", "dark"] = "light"


PICTURES = (
    Picture("now", "now", 12.6),
    Picture("now-phone", "now", 12.8, 390, 844, "dark"),
    Picture("devices", "devices/cellar", 13.2),
    Picture("history", "history", 19.0, height=1000),
    Picture("plan", "plan", 19.1, height=1000),
    Picture("journal-phone", "journal", 19.2, 390, 844, "light"),
)


async def main() -> None:
    """Run the demo, and take each picture at its hour."""
    FOLDER.mkdir(exist_ok=True)
    words = ["demo", "--no-open", "--no-discovery", "--speed", str(SPEED)]
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "indevolt", *words, stdout=asyncio.subprocess.PIPE)
    lines = process.stdout or asyncio.StreamReader()
    try:
        url = ""
        while not url:
            if not (line := await lines.readline()):
                raise SystemExit("the demo ended before it said where its page is")
            found = re.search(r"https?://\S+", line.decode())
            url = found[0] if found else ""
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(QUIET))
            for picture in sorted(PICTURES, key=lambda each: each.at):
                await hour_comes(lines, picture.at)
                await take(browser, url, picture)
                print(f"{picture.name}: {(FOLDER / picture.name).with_suffix('.png').stat().st_size // 1000} kB")
            await browser.close()
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def hour_comes(lines: asyncio.StreamReader, hour: float) -> None:
    """Wait until the demo, which says its time with each line, is so far."""
    while line := (await lines.readline()).decode():
        found = re.match(r"\d{4}-\d\d-\d\d (\d\d):(\d\d):", line)
        if found and int(found[1]) + int(found[2]) / 60 >= hour:
            return
    raise SystemExit("the demo has ended")


async def take(browser: Browser, url: str, picture: Picture) -> None:
    """Take one picture."""
    context = await browser.new_context(
        viewport={"width": picture.width, "height": picture.height}, color_scheme=picture.theme, locale="en-GB"
    )
    page = await context.new_page()
    await page.goto(url)
    await page.wait_for_selector("main[aria-busy=false] .node")
    await page.evaluate("page => { location.hash = `#/${page}` }", picture.page)
    await page.wait_for_selector(f"main[data-page={picture.page.partition('/')[0]}][aria-busy=false]")
    await page.wait_for_selector("main [aria-busy=true]", state="detached")
    await page.wait_for_timeout(SETTLE_MS)
    await page.screenshot(path=(FOLDER / picture.name).with_suffix(".png"))
    await context.close()


if __name__ == "__main__":
    asyncio.run(main())
