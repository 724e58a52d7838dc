// How quantities went in the last hours: asked of the hub once, and from then on added to by what is heard.

import { useEffect, useSignal } from "./html.js";
import { Problem, get } from "./api.js";
import { hubNow } from "./hubtime.js";
import { link, on } from "./live.js";

/** @typedef {Record<string, (number | null)[]>} Columns */

const STEPS = 96;

/**
 * How quantities of the house went, in means of equal steps.
 * @param {readonly string[]} names @param {number} hours
 * @returns {Columns | null} null: not known yet
 */
export function useRecent(names, hours) {
  const columns = useSignal(/** @type {Columns | null} */ (null));
  useEffect(() => {
    const abort = new AbortController();
    const step = Math.round((hours * 3600) / STEPS);
    let last = 0; // the step that is going on, counted from 1970
    /** What was heard in it. @type {Record<string, { sum: number, count: number }>} */
    let heard = {};
    const ask = async () => {
      if (link.peek() !== "live" || document.hidden) return; // before, the hub's time is not known
      last = Math.floor(hubNow() / 1000 / step);
      heard = {};
      const end = (last + 1) * step;
      const span = { start: new Date((end - STEPS * step) * 1000).toISOString(), end: new Date(end * 1000).toISOString() };
      try {
        columns.value = (await get("site/history", { names: names.join(","), step, ...span }, abort.signal)).columns;
      } catch (error) {
        if (!abort.signal.aborted && !(error instanceof Problem)) throw error;
      }
    };
    /** @param {{ at: string, values: Record<string, unknown> }} told */
    const add = ({ at, values }) => {
      const before = columns.peek();
      if (before === null || document.hidden) return;
      const current = Math.floor(Date.parse(at) / 1000 / step);
      if (current < last || current - last >= STEPS) return void ask();
      if (current > last) heard = {};
      columns.value = Object.fromEntries(
        names.map((name) => {
          const value = values[name];
          const column = [...(before[name] ?? Array(STEPS).fill(null)), ...Array(current - last).fill(null)].slice(-STEPS);
          if (typeof value === "number") {
            const { sum, count } = heard[name] ?? { sum: 0, count: 0 };
            heard[name] = { sum: sum + value, count: count + 1 };
            column[STEPS - 1] = (sum + value) / (count + 1);
          }
          return [name, column];
        }),
      );
      last = current;
    };
    const seen = () => void (document.hidden || ask());
    void ask();
    document.addEventListener("visibilitychange", seen);
    const ends = [on("site", add), on("loaded", ask), () => document.removeEventListener("visibilitychange", seen), () => abort.abort()];
    return () => ends.forEach((end) => end());
  }, [names.join(), hours]);
  return columns.value;
}
