// How far an order got: asked, accepted, confirmed by the device's own settings, effective as the power moved. Done is only what is shown.

import { html } from "../lib/html.js";
import { count, t } from "../lib/i18n.js";
import { Icon } from "./icon.js";
import { Said } from "./said.js";

const LADDER = /** @type {const} */ (["accepted", "confirmed", "effective"]);

/**
 * @param {{ step: string, outcome?: import("../lib/shapes.d.ts").Outcome | null, busy?: boolean, ladder?: readonly (typeof LADDER)[number][] }} props
 *   ladder: as far as it can get; settings move no power, so theirs ends at confirmed
 */
export function Steps({ step, outcome = null, busy = false, ladder = LADDER }) {
  const failed = step === "failed" || step === "refused" || step === "interrupted";
  const reached = ladder.indexOf(/** @type {any} */ (outcome && failed ? outcome.stage : step));
  return html`<div class="steps-box">
    <ol class="steps" data-failed=${failed}>
      ${ladder.map((each, place) => {
        const state = place <= reached ? "done" : failed ? "failed" : place === reached + 1 && (busy || step !== "ended") ? "next" : "open";
        return html`<li key=${each} class="step" data-state=${state}>
          <span class="step-mark"><${Icon} name=${state === "done" ? "check" : state === "failed" ? "cross" : "clock"} size=${14} /></span>
          <span>${t(`step.${each}`)}<span class="unseen">: ${t(`step.is.${state}`)}</span></span>
        </li>`;
      })}
    </ol>
    ${outcome && outcome.took_s > 0 && reached >= 1 && html`<p class="quiet steps-note">${t("step.took", { seconds: count(outcome.took_s, 1) })}</p>`}
    ${outcome?.notes.map((note) => html`<p key=${note} class="quiet steps-note"><${Said} text=${note} /></p>`)}
  </div>`;
}
