// The house as a whole, worked out of what the store knows: what its battery keeps in reserve, where charging stops, what today brought.

import { computed } from "./html.js";
import { meta, SITE, deviceNames, number, sample, today } from "./store.js";
import { steerings } from "./steering.js";

/** @typedef {import("./shapes.d.ts").Sample} Sample */

/** What the page says of the house's power; the names are the hub's. */
export const POWERS = /** @type {const} */ ({ sun: "solar_power", grid: "grid_power", house: "house_power", battery: "battery_power" });

/** The reserve of all batteries together, in %, each weighted by its capacity; null while one is not known. */
export const reserve = computed(() => {
  let kept = 0;
  let all = 0;
  for (const name of deviceNames.value) {
    const share = sample(name, "backup_soc").value.value;
    const capacity = sample(name, "rated_capacity").value.value;
    if (typeof share !== "number" || typeof capacity !== "number") return null;
    kept += share * capacity;
    all += capacity;
  }
  return all > 0 ? kept / all : null;
});

/** Where an order to charge or discharge stops, in %; null where there is none. @param {string} device */
export function targetOf(device) {
  const command = steerings.value.get(device)?.command;
  return command?.command === "charge" || command?.command === "discharge" ? (command.soc_pct ?? null) : null;
}

/** The target, if all units that have one have the same. */
export const target = computed(() => {
  const all = deviceNames.value.map(targetOf).filter((each) => each !== null);
  return all.length > 0 && all.every((each) => each === all[0]) ? all[0] : null;
});

const LEAST_W = 25; // below it, an outlook would be days away and means nothing
const LONGEST_H = 48;

/**
 * When the battery would be where it is heading, if all stayed as it is now.
 * @returns {{ towards: "full" | "target" | "reserve" | "empty", soc: number, hours: number } | null}
 */
export function outlook() {
  const power = number(SITE, "battery_power");
  const stored = number(SITE, "stored_energy");
  const capacity = number(SITE, "capacity");
  if (power === null || stored === null || capacity === null || capacity <= 0 || Math.abs(power) < LEAST_W) return null;
  const soc = (100 * stored) / capacity;
  const stop = target.value;
  const kept = reserve.value ?? 0;
  const end = power < 0 ? (stop !== null && stop > soc ? stop : 100) : stop !== null && stop < soc ? stop : kept;
  const hours = (Math.abs(end - soc) / 100) * (capacity / Math.abs(power));
  if ((power > 0 && soc <= end) || hours > LONGEST_H) return null;
  return { towards: power < 0 ? (end === 100 ? "full" : "target") : end === stop ? "target" : kept > 0 ? "reserve" : "empty", soc: end, hours };
}

/** By how much a counter of the house grew since midnight, in Wh; null where that is not known. @param {string} name */
export function grownToday(name) {
  const from = today.value;
  const then = from?.period.values[name] ?? null;
  if (from === null || then === null) return null;
  const now = number(SITE, name);
  const base = from.base[name];
  return now === null || base === undefined ? then : then + Math.max(0, now - base);
}

/** A sum of money in the currency of the house, or null. @param {"cost" | "saved_by_battery" | "saved_by_battery_and_sun" | "export_revenue"} name */
export const moneyToday = (name) => today.value?.money?.[name] ?? null;

export const currency = computed(() => meta.value?.currency ?? "EUR");
