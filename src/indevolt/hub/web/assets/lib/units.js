// How quantities are written: the unit that suits the size, and as many digits as are worth reading. Unknown is "–", never 0.

import { count, exact } from "./i18n.js";

export const UNKNOWN = "–";

/** @typedef {{ text: string, unit: string }} Written */

/** @type {Readonly<Record<string, (value: number, sign: boolean) => Written>>} */
const WRITERS = {
  W: (value, sign) => scaled(value, "W", sign),
  Wh: (value, sign) => scaled(value, "Wh", sign),
  "%": (value, sign) => ({ text: count(value, Number.isInteger(value) || Math.abs(value) >= 99.95 ? 0 : 1, sign), unit: "%" }),
  "°C": (value, sign) => ({ text: count(value, 1, sign), unit: "°C" }),
  V: (value, sign) => ({ text: count(value, Math.abs(value) < 10 ? 2 : 1, sign), unit: "V" }),
  A: (value, sign) => ({ text: count(value, 2, sign), unit: "A" }),
  Hz: (value, sign) => ({ text: count(value, 2, sign), unit: "Hz" }),
};

/** 999 W, 1.24 kW, 12.4 kW; the same for Wh. @param {number} value @param {string} unit @param {boolean} sign @returns {Written} */
function scaled(value, unit, sign) {
  const size = Math.abs(Math.round(value));
  if (size < 1000) return { text: count(Math.round(value), 0, sign), unit };
  const [scale, prefix] = size < 999_500 ? [1000, "k"] : [1_000_000, "M"];
  const digits = size / scale < 9.995 ? 2 : size / scale < 99.95 ? 1 : 0;
  return { text: count(value / scale, digits, sign), unit: prefix + unit };
}

/**
 * @param {number | null | undefined} value
 * @param {string} unit of the value
 * @param {{ sign?: boolean }} [more] sign: a plus where it is positive
 * @returns {Written}
 */
export function written(value, unit, { sign = false } = {}) {
  if (value === null || value === undefined || Number.isNaN(value)) return { text: UNKNOWN, unit: "" };
  return WRITERS[unit]?.(value, sign) ?? { text: exact(value), unit };
}

/** In one text, for sentences and screen readers. @param {number | null | undefined} value @param {string} unit */
export function quantity(value, unit) {
  const it = written(value, unit);
  return it.unit ? `${it.text}\u00a0${it.unit}` : it.text;
}

/** At an axis, where round numbers stand: 500 W, 2 kW, 2.5 kW. @param {number} value @param {string} unit */
export function tick(value, unit) {
  if (value === 0) return "0";
  const large = Math.abs(value) >= 1000;
  return `${exact(large ? value / 1000 : value, 1)} ${large ? "k" : ""}${unit}`;
}
