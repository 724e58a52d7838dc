// Days, weeks, months and years by the calendar of the house. Dates are texts like 2026-04-18.

import { instant, parts, written } from "../../lib/calendar.js";

/** @typedef {"day" | "week" | "month" | "year"} Period */
/** @typedef {{ period: Period, date: string, start: number, end: number, part: "day" | "month" }} Span in ms; part: what a bar stands for */

export const PERIODS = /** @type {const} */ (["day", "week", "month", "year"]);
const DAY_MS = 86_400_000;

/** @param {Period} period @param {string} date any day of it @param {string} zone @returns {Span} */
export function spanOf(period, date, zone) {
  const [first, next] = edges(period, date);
  return { period, date: first, start: instant(first, zone), end: instant(next, zone), part: period === "year" ? "month" : "day" };
}

/** The one that is so many before or after. @param {Span} span @param {number} by @param {string} zone */
export function stepped({ period, date }, by, zone) {
  const [year, month, day] = parts(date);
  switch (period) {
    case "day":
      return spanOf(period, written(Date.UTC(year, month - 1, day + by)), zone);
    case "week":
      return spanOf(period, written(Date.UTC(year, month - 1, day + 7 * by)), zone);
    case "month":
      return spanOf(period, written(Date.UTC(year, month - 1 + by, 1)), zone);
    case "year":
      return spanOf(period, written(Date.UTC(year + by, 0, 1)), zone);
  }
}

/** What it is compared with: the one before, or the same of the year before. @param {Span} span @param {"before" | "year"} with_ @param {string} zone */
export function compared(span, with_, zone) {
  if (with_ === "before" || span.period === "year") return stepped(span, -1, zone);
  const [year, month, day] = parts(span.date);
  const back = span.period === "week" ? Date.UTC(year, month - 1, day - 52 * 7) : Date.UTC(year - 1, month - 1, day);
  return spanOf(span.period, written(back), zone);
}

/** Whether a text is a date. @param {string | undefined} text */
export const isDate = (text) => /^\d{4}-\d\d-\d\d$/.test(text ?? "") && !Number.isNaN(Date.parse(/** @type {string} */ (text)));

/** The first day, and the first one after it. @param {Period} period @param {string} date @returns {[string, string]} */
function edges(period, date) {
  const [year, month, day] = parts(date);
  switch (period) {
    case "day":
      return [date, written(Date.UTC(year, month - 1, day + 1))];
    case "week": {
      const monday = Date.UTC(year, month - 1, day) - ((new Date(date).getUTCDay() + 6) % 7) * DAY_MS;
      return [written(monday), written(monday + 7 * DAY_MS)];
    }
    case "month":
      return [written(Date.UTC(year, month - 1, 1)), written(Date.UTC(year, month, 1))];
    case "year":
      return [written(Date.UTC(year, 0, 1)), written(Date.UTC(year + 1, 0, 1))];
  }
}
