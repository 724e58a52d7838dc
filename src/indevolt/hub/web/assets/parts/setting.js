// Changes one setting of a unit: within its range, shown beforehand as it would be written, and proven afterwards by the device itself.

import { html, useEffect, useMemo, useState } from "../lib/html.js";
import { Problem, newKey, send } from "../lib/api.js";
import { useAttempt } from "../lib/attempt.js";
import { t, word } from "../lib/i18n.js";
import { takeShown } from "../lib/store.js";
import { wording } from "./value.js";
import { Dialog } from "./dialog.js";
import { Failure } from "./notice.js";
import { Steps } from "./steps.js";

/** @typedef {import("../lib/shapes.d.ts").Setting} Setting */
/** @typedef {import("../lib/shapes.d.ts").Outcome} Outcome */
/** @typedef {import("../lib/shapes.d.ts").Preview} Preview */
/** @typedef {import("../lib/shapes.d.ts").Scalar} Scalar */

const SETTLE_MS = 350;

/** @param {{ device: string, setting: Setting, label: string, onClose: () => void }} props */
export default function SettingDialog({ device, setting, label, onClose }) {
  const [value, setValue] = useState(/** @type {Scalar} */ (initial(setting)));
  const [plan, setPlan] = useState(/** @type {Preview | Problem | null} */ (null));
  const [became, setBecame] = useState(/** @type {Outcome | null} */ (null));
  const { busy, problem, attempt } = useAttempt();
  const outcome = became ?? problem?.outcome ?? null;
  const key = useMemo(newKey, []);
  const path = `devices/${device}/settings/${setting.name}`;
  const same = value === setting.value;

  useEffect(() => {
    let current = true;
    setPlan(null);
    if (same) return undefined;
    const timer = setTimeout(() => {
      send("PUT", path, { value }, { query: { dry_run: true } }).then(
        (body) => current && setPlan(body),
        (error) => current && error instanceof Problem && setPlan(error),
      );
    }, SETTLE_MS);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [value]);

  /** @param {Event} event */
  async function submit(event) {
    event.preventDefault();
    await attempt(async () => {
      const told = await send("PUT", path, { value }, { key });
      takeShown(device, told.shown);
      setBecame(told);
    });
  }

  const done = outcome !== null || problem !== null;
  return html`<${Dialog} title=${label} onClose=${onClose}>
    <form class="form" onSubmit=${submit}>
      <p class="quiet">${
        outcome?.proven ? t("setting.became", { before: said(setting, setting.value), after: said(setting, outcome.shown[setting.name] ?? value), device }) : t("setting.now", { value: said(setting, setting.value), device })
      }</p>
      ${!done && !busy && html`<${Field} label=${label} setting=${setting} value=${value} onChange=${setValue} />`}
      ${
        !done &&
        !busy &&
        !same &&
        html`<section class="plans" aria-live="polite">
          <h3>${t("setting.preview")}</h3>
          ${
            plan === null
              ? html`<p class="quiet">${t("busy")}</p>`
              : plan instanceof Problem
                ? html`<${Failure} problem=${plan} />`
                : html`<ol>${plan.steps.map((step) => html`<li key=${step.point}>${t("setting.step", { point: String(step.point), values: step.values.join(", ") })}</li>`)}</ol>`
          }
        </section>`
      }
      <div aria-live="polite">
        ${(busy || outcome) && html`<${Steps} step=${outcome?.stage ?? "asked"} outcome=${outcome} busy=${busy} ladder=${["accepted", "confirmed"]} />`}
        ${problem && html`<${Failure} problem=${problem} />`}
      </div>
      <footer class="form-end">
        ${
          done
            ? html`<button type="button" class="button" data-kind="main" onClick=${onClose}>${t("close")}</button>`
            : html`<button type="button" class="button" onClick=${onClose}>${t("cancel")}</button>
                <button type="submit" class="button" data-kind="main" disabled=${busy || same || plan === null || plan instanceof Problem}>${busy ? t("busy") : t("setting.write")}</button>`
        }
      </footer>
    </form>
  <//>`;
}

/** @param {Setting} setting @param {Scalar | null} value */
function said({ unit }, value) {
  const it = wording({ value, unit, at: 0, quality: "live" });
  return [it.text, it.unit].filter(Boolean).join("\u00a0");
}

/** @param {Setting} setting @returns {Scalar} */
function initial({ kind, value, words, low }) {
  switch (kind) {
    case "number":
      return typeof value === "number" ? value : (low ?? 0);
    case "switch":
      return value === true;
    case "time":
      return String(value ?? "00:00").slice(0, 5);
    case "word":
      return typeof value === "string" ? value : words[0];
  }
  return String(value ?? "");
}

/** @param {{ label: string, setting: Setting, value: Scalar, onChange: (value: Scalar) => void }} props */
function Field({ label, setting, value, onChange }) {
  const { kind, low, high, unit, words, range } = setting;
  switch (kind) {
    case "number":
      return html`<label class="field">
        <span>${label}${unit && html` <span class="quiet">${unit}</span>`}</span>
        ${low !== null && high !== null && html`<input type="range" min=${low} max=${high} step=${high - low > 500 ? 10 : 1} value=${value} aria-hidden="true" tabindex="-1" onInput=${(/** @type {any} */ event) => onChange(Number(event.target.value))} />`}
        <input type="number" required inputmode="decimal" min=${low ?? undefined} max=${high ?? undefined} step="any" value=${value} aria-describedby="range" onInput=${(/** @type {any} */ event) => onChange(Number(event.target.value))} />
        <span id="range" class="quiet">${range}</span>
      </label>`;
    case "switch":
      return html`<label class="check"><input type="checkbox" role="switch" checked=${value === true} onChange=${(/** @type {any} */ event) => onChange(event.target.checked)} /><span>${t(value === true ? "word.on" : "word.off")}</span></label>`;
    case "word":
      return html`<label class="field"><span>${label}</span>
        <select value=${value} onChange=${(/** @type {any} */ event) => onChange(event.target.value)}>
          ${words.map((each) => html`<option key=${each} value=${each} selected=${each === value}>${word("word", each)}</option>`)}
        </select>
      </label>`;
    case "time":
      return html`<label class="field"><span>${label}</span><input type="time" required value=${value} onInput=${(/** @type {any} */ event) => onChange(event.target.value)} /></label>`;
  }
  return html`<label class="field"><span>${label}</span><input type="text" required value=${value} onInput=${(/** @type {any} */ event) => onChange(event.target.value)} /></label>`;
}
