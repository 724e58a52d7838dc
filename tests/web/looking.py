"""What is looked for on every page: nothing sticks out, nothing is nameless, and no rule of accessibility is broken."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any, Final

from playwright.async_api import Page, expect

PAGES: Final = ("now", "history", "devices", "plan", "journal", "settings")
RULES: Final = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]},
    "resultTypes": ["violations"],
    "preload": False,  # of style sheets: it would write styles into the page, which the page does not allow
}
_NAMED: Final = "each => `${each.tagName}.${each.className?.baseVal ?? each.className} ${each.textContent.trim().slice(0, 30)}`"
_STICKING_OUT: Final = """() => [...document.querySelectorAll("body *")].filter((each) => {
  const box = each.getBoundingClientRect();
  if (box.width === 0 || box.right <= document.documentElement.clientWidth + 1) return false;
  for (let at = each.parentElement; at; at = at.parentElement) {
    if (["auto", "scroll", "hidden", "clip"].includes(getComputedStyle(at).overflowX)) return false;
  }
  return true;
})"""
_TOUCHED: Final = "button, a[href], input, select, textarea, summary, [role=tab]"
_TOO_SMALL: Final = """() => [...document.querySelectorAll(touched)].filter((each) => {
  if (each.tagName === "A" && each.closest("p, li, td, dd, figcaption")) return false;  // part of a sentence
  if (!each.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true })) return false;
  const label = ["checkbox", "radio"].includes(each.type) ? each.closest("label") : null;
  const box = (label ?? each).getBoundingClientRect();
  return box.width > 0 && (box.height < 43.5 || box.width < 43.5);
})"""


async def go(page: Page, name: str) -> None:
    """Go to a page of the dashboard, and wait until it shows what it has to show."""
    await page.evaluate("name => { location.hash = `#/${name}` }", name)
    await expect(page.locator("main")).to_have_attribute("data-page", name)
    await expect(page.locator("main")).to_have_attribute("aria-busy", "false")
    await expect(page.locator("main [aria-busy=true]")).to_have_count(0)


async def sticking_out(page: Page) -> list[str]:
    """Return what is wider than the screen and cannot be scrolled within a box of its own."""
    found: list[str] = await page.evaluate(f"() => ({_STICKING_OUT})().map({_NAMED}).slice(0, 5)")
    return found


async def too_small(page: Page) -> list[str]:
    """Return what is to be touched and is smaller than a finger (44 px)."""
    found: list[str] = await page.evaluate(f"touched => ({_TOO_SMALL})().map({_NAMED}).slice(0, 8)", _TOUCHED)
    return found


async def violations(page: Page) -> list[str]:
    """Return what axe objects to, with the first element of each."""
    if not await page.evaluate("typeof axe === 'object'"):
        await page.evaluate(_axe())
    results: dict[str, Any] = await page.evaluate("rules => axe.run(document, rules)", RULES)
    return [f"{each['id']}: {each['help']}: {each['nodes'][0]['html'][:160]}" for each in results["violations"]]


@cache
def _axe() -> str:
    """Return axe-core, as a package for Python carries it."""
    return files("axe_playwright_python").joinpath("axe.min.js").read_text()
