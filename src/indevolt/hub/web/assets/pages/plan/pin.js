// Pinning: the owner wants something of a stretch of the plan, whatever it costs; the rest is planned around it.

import { send } from "../../lib/api.js";
import { useAttempt } from "../../lib/attempt.js";
import { html, useState } from "../../lib/html.js";
import { t, when, word } from "../../lib/i18n.js";
import { Dialog } from "../../parts/dialog.js";
import { Failure } from "../../parts/notice.js";
import { MODES } from "./slotted.js";

/** @typedef {import("./shapes.d.ts").PlanSlot} PlanSlot */
/** @typedef {import("./shapes.d.ts").Mode} Mode */

const MOST_ENDS = 48; // twelve hours of quarters

/** @param {{ slot: PlanSlot, slots: PlanSlot[], zone: string, onClose: () => void, onDone: () => void }} props */
export function Pin({ slot, slots, zone, onClose, onDone }) {
  const [mode, setMode] = useState(/** @type {Mode | ""} */ (slot.pinned ? (slot.mode ?? "") : ""));
  const from = slots.findIndex(({ start }) => start === slot.start);
  const ends = slots.slice(from, from + MOST_ENDS).map(({ end }) => end);
  const [end, setEnd] = useState(ends[Math.min(3, ends.length - 1)] ?? slot.end);
  const { busy, problem, attempt } = useAttempt();
  const clock = (/** @type {string} */ at) => when(at, { weekday: "short", hour: "2-digit", minute: "2-digit" }, zone);
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (!(await attempt(() => send("POST", "plan/pin", { slot: slot.start, end, mode: mode || null })))) return;
    onDone();
    onClose();
  };
  return html`<${Dialog} title=${t("plan.pin.of", { at: clock(slot.start) })} onClose=${onClose}>
    <form class="form" onSubmit=${submit}>
      <label class="field"><span>${t("plan.pin.mode")}</span>
        <select value=${mode} onChange=${(/** @type {any} */ event) => setMode(event.target.value)}>
          <option value="" selected=${mode === ""}>${t("plan.pin.free")}</option>
          ${Object.keys(MODES).map((each) => html`<option key=${each} value=${each} selected=${each === mode}>${word("plan.mode", each)}</option>`)}
        </select>
      </label>
      <label class="field"><span>${t("plan.pin.until")}</span>
        <select value=${end} onChange=${(/** @type {any} */ event) => setEnd(event.target.value)}>
          ${ends.map((each) => html`<option key=${each} value=${each} selected=${each === end}>${clock(each)}</option>`)}
        </select>
      </label>
      <p class="quiet">${t("plan.pin.note")}</p>
      ${problem && html`<${Failure} problem=${problem} />`}
      <div class="form-end">
        <button type="button" class="button" onClick=${onClose}>${t("cancel")}</button>
        <button type="submit" class="button" data-kind="main" disabled=${busy}>${busy ? t("busy") : t("plan.pin.do")}</button>
      </div>
    </form>
  <//>`;
}
