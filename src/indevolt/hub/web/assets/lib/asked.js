// Questions of a page to the hub: asked when the page opens or the question changes, and again while the answer can still change.

import { Problem } from "./api.js";
import { useEffect, useRef, useSignal } from "./html.js";

const RENEW_MS = 20_000;
const SOON_MS = [0, 1500, 5000]; // after something was changed that the hub takes a moment to heed

/**
 * What was asked for, and what came of it.
 * @template T
 * @param {(abort: AbortSignal) => Promise<T>} ask
 * @param {readonly unknown[]} by what it depends on
 * @param {boolean} open whether it can still change
 * @returns {{ value: T | null, problem: Problem | null, busy: boolean, renew: () => void }} renew: ask again, soon and a little later
 */
export function useAsked(ask, by, open) {
  const state = useSignal(/** @type {{ value: T | null, problem: Problem | null, busy: boolean }} */ ({ value: null, problem: null, busy: true }));
  const again = useRef(() => {});
  useEffect(() => {
    const abort = new AbortController();
    state.value = { value: null, problem: null, busy: true };
    const run = async () => {
      if (document.hidden && state.peek().value !== null) return;
      try {
        state.value = { value: await ask(abort.signal), problem: null, busy: false };
      } catch (error) {
        if (abort.signal.aborted) return;
        if (!(error instanceof Problem)) throw error;
        state.value = { value: state.peek().value, problem: error, busy: false };
      }
    };
    void run();
    const timer = open ? setInterval(run, RENEW_MS) : undefined;
    again.current = () => SOON_MS.forEach((wait) => setTimeout(() => abort.signal.aborted || void run(), wait));
    return () => (abort.abort(), clearInterval(timer));
  }, [...by, open]);
  return { ...state.value, renew: again.current };
}
