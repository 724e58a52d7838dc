// What the page asks the hub for: how powers went, energies per part of a period, and what they cost.

import { get } from "../../lib/api.js";
import { hubNow } from "../../lib/hubtime.js";
import { SITE } from "../../lib/store.js";

/** @typedef {import("./span.js").Span} Span */
/** @typedef {{ times: number[], columns: Record<string, (number | null)[]>, step: number | null }} Course times in s */
/**
 * @typedef {{ start: number, values: Record<string, number | null>, flows: Record<string, number | null> | null,
 *   selfSufficiency: number | null, selfConsumption: number | null }} Energies
 */
/** @typedef {{ start: number, cost: number | null, import_cost: number | null, export_revenue: number | null,
 *   saved_by_battery: number | null, saved_by_battery_and_sun: number | null }} Money */

const DAY_STEP_S = 300;
const RAW_BELOW_S = 2 * 3600; // a span so short is shown reading by reading

/** @param {string} of */
const path = (of) => (of === SITE ? "site" : `devices/${encodeURIComponent(of)}`);

/** @param {number} ms */
const iso = (ms) => new Date(ms).toISOString();

/** How quantities went. @param {string} of @param {readonly string[]} names @param {number} start @param {number} end @param {AbortSignal} abort @returns {Promise<Course>} */
export async function course(of, names, start, end, abort) {
  const length = (end - start) / 1000;
  const step = length <= RAW_BELOW_S ? "raw" : length <= 26 * 3600 ? (length > 8 * 3600 ? DAY_STEP_S : 60) : "auto";
  /** @type {import("../../lib/shapes.d.ts").HistoryBody} */
  const body = await get(`${path(of)}/history`, { names: names.join(","), start: iso(start), end: iso(Math.min(end, hubNow() + 60_000)), step }, abort);
  const columns = /** @type {Course["columns"]} */ (
    Object.fromEntries(names.map((name) => [name, (body.columns[name] ?? []).map((each) => (typeof each === "number" ? each : null))]))
  );
  return { times: body.times.map((each) => Date.parse(each) / 1000), columns, step: body.step_s };
}

/** @param {string} of @param {number} start @param {number} end @param {string} period @param {AbortSignal} abort @returns {Promise<Energies[]>} */
export async function energies(of, start, end, period, abort) {
  const body = await get(`${path(of)}/energies`, { start: iso(start), end: iso(end - 1), period }, abort);
  return body.energies.map((/** @type {any} */ each) => ({
    start: Date.parse(each.start),
    values: each.values,
    flows: each.flows ?? null,
    selfSufficiency: each.self_sufficiency ?? null,
    selfConsumption: each.self_consumption ?? null,
  }));
}

/** @param {number} start @param {number} end @param {string} period @param {AbortSignal} abort @returns {Promise<{ periods: Money[], reason: string, currency: string }>} */
export async function money(start, end, period, abort) {
  const body = await get("site/money", { start: iso(start), end: iso(end - 1), period }, abort);
  return { ...body, periods: body.periods.map((/** @type {any} */ each) => ({ ...each, start: Date.parse(each.start) })) };
}
