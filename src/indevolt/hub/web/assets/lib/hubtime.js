// The hub's time, as this page knows it: from the moments that the hub names, and the time since by a clock that does not jump.
// A simulated home may live many times faster than we do, so the pace is learned, too.

import { signal } from "./html.js";

const PACE_OVER_MS = 2000; // of our time, between two moments that tell a pace
const SAME = 0.25; // a pace nearer to 1 than this is 1: the rest is delay on the way

let anchor = { hub: Date.now(), own: performance.now() };
/** @type {{ hub: number, own: number } | null} */
let first = null;

/** How many times faster than ours the hub's time passes. */
export const pace = signal(1);

/** The hub's time in ms, renewed each second: for ages and whatever else moves with time alone. */
export const now = signal(Date.now());

/** The hub's time in ms, this instant. */
export function hubNow() {
  return anchor.hub + (performance.now() - anchor.own) * pace.peek();
}

/** Learn from a moment that the hub named. @param {number} hub */
export function heardMoment(hub) {
  const own = performance.now();
  if (first && own - first.own > PACE_OVER_MS) {
    const told = (hub - first.hub) / (own - first.own);
    if (told > 0) pace.value = Math.abs(told - 1) < SAME ? 1 : Math.round(told * 10) / 10;
    if (own - first.own > 15 * PACE_OVER_MS) first = { hub, own };
  }
  first ??= { hub, own };
  if (pace.peek() === 1 ? hub > anchor.hub + (own - anchor.own) || hub < hubNow() - 5000 : true) anchor = { hub, own };
}

/** Go on from a moment that was saved, as nobody names one now. @param {number} hub @param {number} savedAt by the browser's clock */
export function resumeFrom(hub, savedAt) {
  anchor = { hub: hub + Math.max(0, Date.now() - savedAt), own: performance.now() };
  now.value = hubNow();
}

setInterval(() => {
  if (!document.hidden) now.value = hubNow();
}, 1000);
document.addEventListener("visibilitychange", () => (now.value = hubNow()));
