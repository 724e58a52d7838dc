// Keeps the page's own files, so that it opens without a hub. Data is none of its business: the page keeps its last snapshot itself.
// The hub is asked first, always: so nobody sees yesterday's page, and old and new modules are never mixed while it answers.

const KEPT = "indevolt-page";
const PATIENCE_MS = 3000; // for a hub that may be away

// All files of the page, so that pages that were never opened open without a hub, too; `packaging/check_page.py --write` lists them.
const FILES = [
  "assets/app.js",
  "assets/lib/api.js",
  "assets/lib/asked.js",
  "assets/lib/attempt.js",
  "assets/lib/calendar.js",
  "assets/lib/catalogue.js",
  "assets/lib/flows.js",
  "assets/lib/house.js",
  "assets/lib/html.js",
  "assets/lib/hubtime.js",
  "assets/lib/i18n.js",
  "assets/lib/icu.js",
  "assets/lib/live.js",
  "assets/lib/prefs.js",
  "assets/lib/quality.js",
  "assets/lib/recent.js",
  "assets/lib/router.js",
  "assets/lib/said.js",
  "assets/lib/steering.js",
  "assets/lib/store.js",
  "assets/lib/units.js",
  "assets/lib/ways.js",
  "assets/lib/width.js",
  "assets/locales/de/core.js",
  "assets/locales/de/devices.js",
  "assets/locales/de/history.js",
  "assets/locales/de/journal.js",
  "assets/locales/de/now.js",
  "assets/locales/de/plan.js",
  "assets/locales/de/said.js",
  "assets/locales/de/settings.js",
  "assets/locales/en/core.js",
  "assets/locales/en/devices.js",
  "assets/locales/en/history.js",
  "assets/locales/en/journal.js",
  "assets/locales/en/now.js",
  "assets/locales/en/plan.js",
  "assets/locales/en/settings.js",
  "assets/locales/fr/core.js",
  "assets/locales/fr/devices.js",
  "assets/locales/fr/history.js",
  "assets/locales/fr/journal.js",
  "assets/locales/fr/now.js",
  "assets/locales/fr/plan.js",
  "assets/locales/fr/said.js",
  "assets/locales/fr/settings.js",
  "assets/locales/nl/core.js",
  "assets/locales/nl/devices.js",
  "assets/locales/nl/history.js",
  "assets/locales/nl/journal.js",
  "assets/locales/nl/now.js",
  "assets/locales/nl/plan.js",
  "assets/locales/nl/said.js",
  "assets/locales/nl/settings.js",
  "assets/pages/curves.css",
  "assets/pages/devices.css",
  "assets/pages/devices.js",
  "assets/pages/devices/find.js",
  "assets/pages/devices/list.js",
  "assets/pages/devices/overview.js",
  "assets/pages/devices/packs.js",
  "assets/pages/devices/settings.js",
  "assets/pages/devices/values.js",
  "assets/pages/history.css",
  "assets/pages/history.js",
  "assets/pages/history/bars.js",
  "assets/pages/history/curves.js",
  "assets/pages/history/data.js",
  "assets/pages/history/kinds.js",
  "assets/pages/history/sankey.js",
  "assets/pages/history/save.js",
  "assets/pages/history/span.js",
  "assets/pages/history/sums.js",
  "assets/pages/history/tables.js",
  "assets/pages/journal.css",
  "assets/pages/journal.js",
  "assets/pages/journal/facts.js",
  "assets/pages/journal/kinds.js",
  "assets/pages/now.css",
  "assets/pages/now.js",
  "assets/pages/now/events.js",
  "assets/pages/now/health.js",
  "assets/pages/now/price.js",
  "assets/pages/now/steer.js",
  "assets/pages/now/today.js",
  "assets/pages/now/units.js",
  "assets/pages/plan.css",
  "assets/pages/plan.js",
  "assets/pages/plan/chart.js",
  "assets/pages/plan/past.js",
  "assets/pages/plan/pin.js",
  "assets/pages/plan/slots.js",
  "assets/pages/plan/slotted.js",
  "assets/pages/plan/wanted.js",
  "assets/pages/plan/whatif.js",
  "assets/pages/plan/worth.js",
  "assets/pages/settings.css",
  "assets/pages/settings.js",
  "assets/pages/settings/configuration.js",
  "assets/pages/settings/state.js",
  "assets/pages/settings/tokens.js",
  "assets/parts/backup.js",
  "assets/parts/connect.js",
  "assets/parts/dialog.js",
  "assets/parts/flow.js",
  "assets/parts/help.js",
  "assets/parts/icon.js",
  "assets/parts/notice.js",
  "assets/parts/order.js",
  "assets/parts/ring.js",
  "assets/parts/said.js",
  "assets/parts/setting.js",
  "assets/parts/shell.js",
  "assets/parts/spark.js",
  "assets/parts/steps.js",
  "assets/parts/token.js",
  "assets/parts/value.js",
  "assets/style.css",
  "assets/vendor/hooks.js",
  "assets/vendor/htm.js",
  "assets/vendor/preact.js",
  "assets/vendor/signals-core.js",
  "assets/vendor/signals.js",
  "assets/vendor/uplot.css",
  "assets/vendor/uplot.js",
  "icons/icon-192.png",
  "icons/icon-512.png",
  "icons/icon-maskable-512.png",
  "icons/icon.svg",
  "manifest.webmanifest",
];

self.addEventListener("install", (event) => {
  self.skipWaiting();
  event.waitUntil(caches.open(KEPT).then((cache) => cache.addAll(["./", ...FILES])));
});
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  const path = url.pathname.slice(new URL(self.registration.scope).pathname.length);
  const ours = url.origin === self.location.origin && request.method === "GET" && /^($|index\.html|assets\/|icons\/|manifest)/.test(path);
  if (ours) event.respondWith(answer(request));
});

/** @param {Request} request */
async function answer(request) {
  const cache = await caches.open(KEPT);
  try {
    const fresh = await fetch(request, { signal: AbortSignal.timeout(PATIENCE_MS) });
    if (fresh.ok) await cache.put(request, fresh.clone());
    if (fresh.status < 500) return fresh;
  } catch {
    // away: what was kept has to do
  }
  return (await cache.match(request)) ?? Response.error();
}
