"""A page that is left open for weeks forgets what it drew before."""

from __future__ import annotations

from playwright.async_api import Page

from .conftest import Visit
from .scenes import Scene

DRAWN = 30
# A component within an element that is drawn once, as a page is within its frame; its two parts change at different times.
DRAW_AGAIN_AND_AGAIN = """async times => {
  const { h, render, Component } = await import(new URL("assets/vendor/preact.js", document.baseURI));
  const host = document.createElement("div");
  const drawn = [];
  let turn = 0;
  let again;
  class Part extends Component {
    shouldComponentUpdate() { return (turn + this.props.offset) % 3 === 0; }
    render() { return h("section", null, String(turn)); }
  }
  class Whole extends Component {
    componentDidMount() { again = () => new Promise(done => this.setState({}, done)); }
    render() {
      const box = h("div", null, [0, 1].map(offset => h(Part, { offset })));
      drawn.push(new WeakRef(box));
      return box;
    }
  }
  render(h("main", null, h(Whole)), host);
  for (turn = 1; turn < times; turn += 1) await again();
  window.drawnForTest = { drawn, host };
}"""


async def kept(page: Page) -> int:
    """Return how many of the drawn nodes are still held by something."""
    session = await page.context.new_cdp_session(page)
    await session.send("HeapProfiler.collectGarbage")
    found: int = await page.evaluate("() => drawnForTest.drawn.filter(each => each.deref()).length")
    return found


async def test_nodes_that_were_drawn_before_are_let_go(house: Scene, visit: Visit) -> None:
    async with visit(house.url) as page:
        await page.evaluate(DRAW_AGAIN_AND_AGAIN, DRAWN)
        assert await page.evaluate("() => drawnForTest.drawn.length") == DRAWN
        assert await kept(page) <= 3  # the first and the last, and one that is being compared
