"""Makes the page's icons as pixels from `icons/icon.svg`, by the browser that the tests drive.

Run `python packaging/icons.py` after the drawing was changed.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

FOLDER = Path(__file__).parent.parent / "src" / "indevolt" / "hub" / "web" / "icons"
SIZES = {"icon-192.png": 192, "icon-512.png": 512}
MASKABLE = "icon-maskable-512.png"
SAFE = 0.8  # of a maskable icon that no platform cuts off
GROUND = "#17212b"  # of the drawing
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def main() -> int:
    """Draw."""
    browser_path = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if browser_path is None:
        print("there is no Chromium here", file=sys.stderr)
        return 1
    drawing = (FOLDER / "icon.svg").read_text("utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        for name, size in SIZES.items():
            _draw(page, drawing, size, FOLDER / name, ground="transparent", share=1.0)
        _draw(page, drawing, 512, FOLDER / MASKABLE, ground=GROUND, share=SAFE)
        browser.close()
    return 0


def _draw(page: Page, drawing: str, size: int, to: Path, *, ground: str, share: float) -> None:
    inner = round(size * share)
    page.set_viewport_size({"width": size, "height": size})
    page.set_content(
        f"<style>html,body{{margin:0;height:100%;background:{ground}}}body{{display:grid;place-items:center}}"
        f"svg{{width:{inner}px;height:{inner}px;display:block}}</style>{drawing}"
    )
    page.screenshot(path=to, omit_background=True)


if __name__ == "__main__":
    sys.exit(main())
