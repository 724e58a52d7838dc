// A period as a file: what the hub kept, for spreadsheets and programs.

import { download } from "../../lib/api.js";
import { useAttempt } from "../../lib/attempt.js";
import { html, useSignal } from "../../lib/html.js";
import { hubNow } from "../../lib/hubtime.js";
import { t } from "../../lib/i18n.js";
import { SITE } from "../../lib/store.js";
import { Dialog } from "../../parts/dialog.js";
import { Icon } from "../../parts/icon.js";
import { Failure } from "../../parts/notice.js";
import { namesOf } from "./kinds.js";

const FORMS = /** @type {const} */ (["csv", "parquet"]);
const STEPS = /** @type {const} */ (["raw", "60", "300", "900", "3600"]);
const RAW_MOST_MS = 31 * 86_400_000; // what the hub gives reading by reading

/** @param {{ of: string, span: { start: number, end: number, date: string, period: string } }} props */
export function Download({ of, span }) {
  const open = useSignal(false);
  return html`<button type="button" class="button" onClick=${() => (open.value = true)}><${Icon} name="save" size=${18} />${t("history.save")}</button>
    ${open.value && html`<${Choose} of=${of} span=${span} onClose=${() => (open.value = false)} />`}`;
}

/** @param {{ of: string, span: { start: number, end: number, date: string, period: string }, onClose: () => void }} props */
function Choose({ of, span, onClose }) {
  const form = useSignal(/** @type {(typeof FORMS)[number]} */ ("csv"));
  const step = useSignal(/** @type {(typeof STEPS)[number]} */ ("300"));
  const { busy, problem, attempt } = useAttempt();
  const steps = STEPS.filter((each) => each !== "raw" || span.end - span.start <= RAW_MOST_MS);
  const save = async () => {
    const end = new Date(Math.min(span.end, hubNow())).toISOString();
    const query = { names: namesOf(of).join(","), start: new Date(span.start).toISOString(), end, step: step.value, format: form.value };
    const path = of === SITE ? "site/history" : `devices/${of}/history`;
    if (await attempt(() => download(path, query, `${of}-${span.period}-${span.date}.${form.value}`))) onClose();
  };
  return html`<${Dialog} title=${t("history.save")} onClose=${onClose}>
    <form class="form" onSubmit=${(/** @type {Event} */ event) => (event.preventDefault(), void save())}>
      <label class="field"><span>${t("history.save.form")}</span>
        <select value=${form.value} onChange=${(/** @type {any} */ event) => (form.value = event.target.value)}>
          <option value="csv">CSV</option>
          <option value="parquet">Parquet</option>
        </select>
      </label>
      <label class="field"><span>${t("history.save.step")}</span>
        <select value=${step.value} onChange=${(/** @type {any} */ event) => (step.value = event.target.value)}>
          ${steps.map((each) => html`<option key=${each} value=${each} selected=${each === step.value}>${each === "raw" ? t("history.save.raw") : t("history.step", { minutes: Number(each) / 60 })}</option>`)}
        </select>
      </label>
      ${problem && html`<${Failure} problem=${problem} />`}
      <div class="form-end">
        <button type="button" class="button" onClick=${onClose}>${t("cancel")}</button>
        <button type="submit" class="button" data-kind="main" disabled=${busy}>${busy ? t("busy") : t("history.save.do")}</button>
      </div>
    </form>
  <//>`;
}
