// How quantities went in the last hours: asked of the hub once, and from then on added to by what is heard.

import { useEffect, useSignal } from "./html.js";
import { Problem, get } from "./api.js";
import { hubNow } from "./hubtime.js";
import { link, on } from "./live.js";
import { SITE } from "./store.js";

/** @typedef {Record<string, (number | null)[]>} Columns */

const STEPS = 96;

/**
 * @param {string} device @param {readonly string[]} names @param {number} hours
 * @returns {Columns | null} null: not known yet
 */
export function useRecent(device, names, hours) {
  const columns = useSignal(/** @type {Columns | null} */ (null));
  useEffect(() => {
    const abort = new AbortController();
    const step = Math.round((hours * 3600) / STEPS);
    const ask = async () => {
      const end = Math.ceil(hubNow() / 1000 / step) * step;
      const span = { start: new Date((end - hours * 3600) * 1000).toISOString(), end: new Date(end * 1000).toISOString() };
      try {
        const body = await get(device === SITE ? "site/history" : `devices/${device}/history`, { names: names.join(","), step, ...span }, abort.signal);
        columns.value = body.columns;
      } catch (error) {
        if (!abort.signal.aborted && !(error instanceof Problem)) throw error;
      }
    };
    let due = 0;
    const soon = () => {
      if (link.peek() !== "live" || document.hidden || hubNow() < due) return; // before, the hub's time is not known
      due = hubNow() + step * 1000;
      void ask();
    };
    const anew = () => {
      due = 0;
      soon();
    };
    soon();
    const ends = [on("site", soon), on("loaded", anew)];
    return () => {
      abort.abort();
      for (const end of ends) end();
    };
  }, [device, names.join(), hours]);
  return columns.value;
}
