// What is drawn, and in which colour: for the house as a whole, and for a single unit.

import { SITE } from "../../lib/store.js";

/**
 * @typedef {{ key: string, name: string, energy: string | null, colour: string, icon: string, take: (columns: Record<string, (number | null)[]>, at: number) => number | null }} Layer
 *   key: of its text; name: its quantity; energy: its counter; take: its watts at a time, 0 and more
 */

/** @param {string} name @param {1 | -1} way */
const part = (name, way) => (/** @type {Record<string, (number | null)[]>} */ columns, /** @type {number} */ at) => {
  const value = columns[name]?.[at];
  return value === null || value === undefined ? null : Math.max(0, way * value);
};

/** @type {Layer} */
const SUN = { key: "sun", name: "solar_power", energy: "energy_solar", colour: "sun", icon: "sun", take: part("solar_power", 1) };
/** @type {Layer} */
const OUT = { key: "discharge", name: "battery_power", energy: "energy_discharge", colour: "battery", icon: "battery", take: part("battery_power", 1) };
/** @type {Layer} */
const IN = { key: "charge", name: "battery_power", energy: "energy_charge", colour: "battery", icon: "battery", take: part("battery_power", -1) };
/** @type {Layer} */
const BOUGHT = { key: "import", name: "grid_power", energy: "energy_grid_import", colour: "grid", icon: "grid", take: part("grid_power", 1) };
/** @type {Layer} */
const SOLD = { key: "export", name: "grid_power", energy: "energy_grid_export", colour: "grid", icon: "grid", take: part("grid_power", -1) };
/** @type {Layer} */
const HOUSE = { key: "house", name: "house_power", energy: "energy_house", colour: "house", icon: "house", take: part("house_power", 1) };
/** @type {Layer} */
const GIVEN = { key: "ac", name: "ac_power", energy: null, colour: "house", icon: "house", take: part("ac_power", 1) };

/** What comes from somewhere, stacked upwards; what goes somewhere, downwards; and what the house takes, as a line. @param {string} of */
export function layersOf(of) {
  return of === SITE ? { above: [SUN, OUT, BOUGHT], below: [IN, SOLD], line: HOUSE } : { above: [SUN, OUT], below: [IN], line: GIVEN };
}

/** The quantities that the curves of a day need. @param {string} of */
export function namesOf(of) {
  const { above, below, line } = layersOf(of);
  return [...new Set([...above, ...below, line].map(({ name }) => name)), "battery_soc"];
}
