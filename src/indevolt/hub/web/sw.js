// Keeps the page's own files, so that it opens without a hub. Data is none of its business: the page keeps its last snapshot itself.
// The hub is asked first, always: so nobody sees yesterday's page, and old and new modules are never mixed while it answers.

const KEPT = "indevolt-page";
const PATIENCE_MS = 3000; // for a hub that may be away

self.addEventListener("install", () => self.skipWaiting());
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
