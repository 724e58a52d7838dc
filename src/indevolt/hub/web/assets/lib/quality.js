// What a value is worth, in the few states that the page shows, each with its look and its words.

import { has, span, t } from "./i18n.js";
import { now } from "./hubtime.js";

/** @typedef {import("./shapes.d.ts").Sample} Sample */
/** @typedef {"live" | "held" | "stale" | "offline" | "missing" | "error" | "unknown"} State */

/** @type {Readonly<Record<Sample["quality"], State>>} */
const STATES = {
  live: "live",
  held: "held",
  stale: "stale",
  offline: "offline",
  "not available": "missing",
  "not installed": "missing",
  absent: "missing",
  unreadable: "error",
  quarantined: "error",
  unanswered: "error",
  unknown: "unknown",
};
/** From the best to the worst, to judge a sum by its parts. */
const RANKS = /** @type {readonly Sample["quality"][]} */ (["live", "held", "stale", "offline"]);

/** @param {Sample} sample @returns {State} */
export function stateOf(sample) {
  const state = STATES[sample.quality] ?? "unknown";
  return sample.value === null && (state === "live" || state === "held" || state === "stale" || state === "offline") ? "unknown" : state;
}

/** The worst of some qualities that have values. @param {Sample["quality"][]} qualities @returns {Sample["quality"]} */
export function worst(qualities) {
  return RANKS[Math.max(0, ...qualities.map((each) => RANKS.indexOf(each)))];
}

/** How long ago a sample was read, in seconds of the hub. @param {Sample} sample */
export const ageOf = (sample) => Math.max(0, (now.value - sample.at) / 1000);

/** A sentence about a value that is not simply live; empty for those that are. @param {Sample} sample */
export function doubt(sample) {
  const state = stateOf(sample);
  if (state === "live") return "";
  const key = `quality.${sample.quality}`;
  return has(key) ? t(/** @type {any} */ (key), { age: span(ageOf(sample)) }) : sample.quality;
}
