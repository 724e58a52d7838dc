// The hub's time, as this page knows it: from the moments that the hub names, and the time since by a clock that does not jump.
// A simulated home may live many times faster than we do, so the pace is learned, too.

import { signal } from "./html.js";

const LEAST_MS = 6000; // of our time, between two moments that tell a pace
const MOST_MS = 60_000; // and at most, so that a change of pace is noticed
const JUMP_MS = 60_000; // of the hub's time at the pace of 1: no delay on the way is as long
const SAME = 0.25; // a pace nearer to 1 than this is 1: the rest is delay on the way

let anchor = { hub: Date.now(), own: performance.now() };
/** Moments that the hub named, the oldest first. @type {{ hub: number, own: number }[]} */
let heard = [];

/** How many times faster than ours the hub's time passes. */
export const pace = signal(1);

/** The hub's time in ms, renewed each second: for ages and whatever else moves with time alone. */
export const now = signal(Date.now());

/** The hub's time in ms, this instant. */
export function hubNow() {
  return anchor.hub + (performance.now() - anchor.own) * pace.peek();
}

/** Learn from what the hub says its time is. @param {number} hub */
export function heardNow(hub) {
  const own = performance.now();
  if (Math.abs(hub - hubNow()) > JUMP_MS * pace.peek()) heard = []; // another run of the hub, or its clock was set
  const last = heard.at(-1);
  if (!last || own - last.own > LEAST_MS / 4) heard.push({ hub, own });
  while (heard.length > 2 && own - heard[0].own > MOST_MS) heard.shift();
  if (own - heard[0].own >= LEAST_MS) {
    const told = (hub - heard[0].hub) / (own - heard[0].own);
    if (told > 0) pace.value = Math.abs(told - 1) < SAME ? 1 : told > 10 ? Math.round(told) : Math.round(told * 10) / 10;
  }
  anchor = { hub, own };
}

/** Learn from the time of something that happened: it is not later than now. @param {number} hub */
export function heardMoment(hub) {
  if (hub > hubNow()) anchor = { hub, own: performance.now() };
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
