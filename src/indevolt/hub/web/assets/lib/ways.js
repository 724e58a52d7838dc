// Which way power flows, in a word, so that nobody has to know what its sign means.

import { t } from "./i18n.js";

const NOISE_W = 8; // below it, meters see nothing but noise
const DIRECTED = /** @type {const} */ (["battery_power", "ac_power", "meter_power", "grid_power"]);

/** @param {string} name of a quantity @param {import("./shapes.d.ts").Sample} sample @returns {string} empty: it has no direction, or none is known */
export function wayOf(name, { value }) {
  const directed = DIRECTED.find((each) => each === name);
  if (!directed || typeof value !== "number") return "";
  return t(`way.${directed}.${Math.abs(value) < NOISE_W ? "idle" : value > 0 ? "in" : "out"}`);
}
