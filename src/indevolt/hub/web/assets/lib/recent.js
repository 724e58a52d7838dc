// How quantities went in the last hours: asked of the hub once, and from then on added to by what is heard, each by the time it stands for.

import { useEffect, useSignal } from "./html.js";
import { Problem, get } from "./api.js";
import { hubNow } from "./hubtime.js";
import { link, on } from "./live.js";

/** @typedef {Record<string, (number | null)[]>} Columns */

const STEPS = 96;
const PAUSE_MS = 10_000; // between two questions, where the first brought nothing

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
    let last = 0; // the step that is going on, counted from 1970 ...
    let heard = 0; // ... and until when its means are known, in s since 1970
    let asking = false;
    let pausedUntil = 0; // no question before, in ms of performance.now()
    const ask = async () => {
      if (asking || link.peek() !== "live" || document.hidden) return; // before, the hub's time is not known
      asking = true;
      const now = hubNow() / 1000;
      const current = Math.floor(now / step);
      const end = (current + 1) * step;
      const span = { start: new Date((end - STEPS * step) * 1000).toISOString(), end: new Date(end * 1000).toISOString() };
      try {
        columns.value = (await get("site/history", { names: names.join(","), step, ...span }, abort.signal)).columns;
        [last, heard] = [current, now];
      } catch (error) {
        if (!abort.signal.aborted && !(error instanceof Problem)) throw error;
      } finally {
        asking = false;
        pausedUntil = performance.now() + PAUSE_MS;
      }
    };
    /** @param {{ at: string, values: Record<string, unknown> }} told */
    const add = ({ at, values }) => {
      if (asking || document.hidden) return;
      const before = columns.peek();
      const now = Date.parse(at) / 1000;
      const current = Math.floor(now / step);
      if (before === null || current < last || current - last >= STEPS) return void (performance.now() < pausedUntil || ask());
      const began = Math.max(heard, current * step); // what is told counts from then on
      const share = now > began ? (now - began) / (now - current * step) : 0;
      columns.value = Object.fromEntries(
        names.map((name) => {
          const value = values[name];
          const column = [...(before[name] ?? Array(STEPS).fill(null)), ...Array(current - last).fill(null)].slice(-STEPS);
          const mean = column[STEPS - 1];
          if (typeof value === "number") column[STEPS - 1] = mean === null ? value : mean + (value - mean) * share;
          return [name, column];
        }),
      );
      [last, heard] = [current, Math.max(heard, now)];
    };
    const seen = () => void ask();
    void ask();
    document.addEventListener("visibilitychange", seen);
    const ends = [on("site", add), on("loaded", ask), () => document.removeEventListener("visibilitychange", seen), () => abort.abort()];
    return () => ends.forEach((end) => end());
  }, [names.join(), hours]);
  return columns.value;
}
