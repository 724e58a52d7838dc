// Something that a person has the hub do from a form: busy meanwhile, and what went wrong told there.

import { Problem } from "./api.js";
import { useState } from "./html.js";

/**
 * Return whether something is being done, what went wrong with it, and how to do it. That returns whether it was done.
 * @returns {{ busy: boolean, problem: Problem | null, attempt: (work: () => Promise<unknown>) => Promise<boolean> }}
 */
export function useAttempt() {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(/** @type {Problem | null} */ (null));
  /** @param {() => Promise<unknown>} work */
  const attempt = async (work) => {
    setBusy(true);
    setProblem(null);
    try {
      await work();
      return true;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      setProblem(error);
      return false;
    } finally {
      setBusy(false);
    }
  };
  return { busy, problem, attempt };
}
