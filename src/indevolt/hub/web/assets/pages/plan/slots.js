// The plan in words: what is to be done from when to when, and why; the table that those need who do not see the picture.

import { html } from "../../lib/html.js";
import { count, money, t, when, word } from "../../lib/i18n.js";
import { mayControl } from "../../lib/store.js";
import { UNKNOWN, quantity } from "../../lib/units.js";
import { Icon } from "../../parts/icon.js";
import { Said } from "../../parts/said.js";
import { MODES, runsOf, sameReason } from "./slotted.js";

/** @typedef {import("./shapes.d.ts").PlanSlot} PlanSlot */

/** @param {{ slots: PlanSlot[], currency: string, zone: string, onPin: (slot: PlanSlot) => void }} props */
export function Slots({ slots, currency, zone, onPin }) {
  const clock = (/** @type {string} */ at) => when(at, { weekday: "short", hour: "2-digit", minute: "2-digit" }, zone);
  return html`<div class="plan-slots" tabindex="0" role="region" aria-label=${t("plan.slots")}>
    <table>
      <thead><tr>
        <th scope="col">${t("plan.time")}</th><th scope="col">${t("plan.mode")}</th><th scope="col">${t("plan.buy")}</th><th scope="col">${t("soc")}</th>
        <th scope="col">${t("plan.gain")}</th><th scope="col">${t("plan.why")}</th>${mayControl.value && html`<th scope="col"><span class="unseen">${t("plan.pin")}</span></th>`}
      </tr></thead>
      <tbody>
        ${runsOf(slots, sameReason).map((run) => {
          const [first] = run;
          const last = run[run.length - 1];
          const prices = run.map(({ import_price }) => import_price);
          const low = money(Math.min(...prices), currency);
          const high = money(Math.max(...prices), currency);
          const mode = first.mode ?? "self_use";
          return html`<tr key=${first.start} data-colour=${MODES[mode].colour}>
            <th scope="row">${clock(first.start)}<br /><span class="quiet">${t("plan.to", { at: when(last.end, { hour: "2-digit", minute: "2-digit" }, zone) })}</span></th>
            <td><span class="plan-mode"><${Icon} name=${MODES[mode].icon} size=${18} />${word("plan.mode", mode)}</span>${first.power_w > 0 && html` <small>${quantity(first.power_w, "W")}</small>`}${first.pinned && html` <span class="badge">${t("plan.pinned")}</span>`}</td>
            <td>${low === high ? low : `${low} – ${high}`}${run.some(({ known }) => !known) && html` <small class="quiet">${t("plan.guessed")}</small>`}</td>
            <td>${last.soc_pct ? `${count(last.soc_pct.p50, 0)} %` : UNKNOWN}</td>
            <td>${money(run.reduce((sum, { gain }) => sum + gain, 0), currency)}</td>
            <td class="plan-reason"><${Said} text=${first.reason} /></td>
            ${mayControl.value && html`<td><button type="button" class="bare" aria-label=${t("plan.pin.of", { at: clock(first.start) })} onClick=${() => onPin(first)}><${Icon} name="edit" size=${18} /></button></td>`}
          </tr>`;
        })}
      </tbody>
    </table>
  </div>`;
}
