// Begins: what was known at the last visit is drawn at once, then the hub is asked, and from then on events keep it true.

import { effect, html, render } from "./lib/html.js";
import { speak } from "./lib/i18n.js";
import { begin, restore, want } from "./lib/live.js";
import { keepToken, language } from "./lib/prefs.js";
import { route, start } from "./lib/router.js";
import { Shell } from "./parts/shell.js";

takeToken();
begin();
const first = start(); // the page's modules come while messages do
await speak();
restore();
render(html`<${Shell} />`, /** @type {Element} */ (document.getElementById("app")));

effect(() => {
  void language.value;
  void speak();
});
effect(() => {
  const { module, rest } = route.value;
  if (module) want(module.wish?.(rest) ?? { names: [] });
});
await first;

if ("serviceWorker" in navigator) navigator.serviceWorker.register("sw.js").catch(() => {}); // only a convenience

/** A link may bring a token behind its #, which no server sees; it is kept for this tab, and gone from the address at once. */
function takeToken() {
  const given = /^#token=([\w.~-]{1,200})$/.exec(location.hash);
  if (!given) return;
  keepToken(given[1], false);
  history.replaceState(null, "", "#/now");
}
