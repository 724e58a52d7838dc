// Asks for a backup hold: how long everything is kept for an outage, and whether the batteries are charged for it first.

import { html, useState } from "../lib/html.js";
import { useAttempt } from "../lib/attempt.js";
import { hubNow } from "../lib/hubtime.js";
import { count, span, t, when } from "../lib/i18n.js";
import { keep } from "../lib/steering.js";
import { meta } from "../lib/store.js";
import { Dialog } from "./dialog.js";
import { Failure } from "./notice.js";

const SPANS_H = [6, 12, 24, 48, 72, 168]; // the last is the longest that the hub takes

/** @param {{ onClose: () => void }} props */
export default function BackupDialog({ onClose }) {
  const [hours, setHours] = useState(24);
  const [charged, setCharged] = useState(false);
  const [soc, setSoc] = useState(100);
  const { busy, problem, attempt } = useAttempt();
  const until = when(hubNow() + hours * 3_600_000, { weekday: "short", hour: "2-digit", minute: "2-digit" }, meta.value?.time_zone);

  /** @param {Event} event */
  async function submit(event) {
    event.preventDefault();
    if (await attempt(() => keep({ minutes: hours * 60, ...(charged ? { charge_pct: soc } : {}) }))) onClose();
  }

  return html`<${Dialog} title=${t("backup.title")} onClose=${onClose}>
    <form class="form" onSubmit=${submit}>
      <p>${t("backup.text")}</p>
      <fieldset class="chips">
        <legend>${t("order.until")}</legend>
        ${SPANS_H.map(
          (each) => html`<label key=${each} class="chip">
            <input type="radio" name="hours" checked=${hours === each} onChange=${() => setHours(each)} />
            <span>${span(each * 3600)}</span>
          </label>`,
        )}
      </fieldset>
      <label class="check">
        <input type="checkbox" checked=${charged} onChange=${(/** @type {any} */ event) => setCharged(event.target.checked)} />
        <span>${t("backup.charge")}</span>
      </label>
      ${
        charged &&
        html`<label class="slider">
          <span class="slider-head"><span>${t("order.upto")}</span><output>${count(soc)} %</output></span>
          <input type="range" min="5" max="100" step="5" value=${soc} aria-valuetext=${`${soc} %`} onInput=${(/** @type {any} */ event) => setSoc(Number(event.target.value))} />
        </label>`
      }
      ${problem && html`<${Failure} problem=${problem} />`}
      <footer class="form-end">
        <button type="button" class="button" onClick=${onClose}>${t("cancel")}</button>
        <button type="submit" class="button" data-kind="main" disabled=${busy}>${busy ? t("busy") : t("backup.go", { until })}</button>
      </footer>
    </form>
  <//>`;
}
