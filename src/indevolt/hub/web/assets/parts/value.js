// A value as everybody shows it: number, unit, and what it is worth. Old ones carry their age, unknown ones are "–" and say why.

import { html } from "../lib/html.js";
import { span, t, when, word } from "../lib/i18n.js";
import { ageOf, doubt, stateOf } from "../lib/quality.js";
import { meta } from "../lib/store.js";
import { UNKNOWN, written } from "../lib/units.js";
import { Icon } from "./icon.js";

/** @typedef {import("../lib/shapes.d.ts").Sample} Sample */

/**
 * @param {{ of: Sample, sign?: boolean, size?: boolean, quiet?: boolean, words?: string }} props
 *   sign: plus and minus; size: the amount alone, as the place says the direction; quiet: no age beside it; words: whose translations
 */
export function Value({ of, sign = false, size = false, quiet = false, words = "word" }) {
  const state = stateOf(of);
  const why = doubt(of);
  const { text, unit } = wording(of, { sign, size, words });
  const old = state === "stale" || state === "offline";
  return html`<span class="value" data-state=${state} title=${why || undefined}>
    <span class="amount">${old ? html`<s class=${state === "stale" ? "kept" : ""}>${text}</s>` : text}</span
    >${unit && html`<span class="unit">${unit}</span>`}${
      state === "error" && html`<${Icon} name="warning" size=${14} />`
    }${old && !quiet && html`<span class="age"><${Icon} name="clock" size=${12} />${span(ageOf(of))}</span>`}${
      why && html`<span class="unseen">${why}</span>`
    }
  </span>`;
}

/**
 * A value in words.
 * @param {Sample} sample
 * @param {{ sign?: boolean, size?: boolean, words?: string }} [how]
 * @returns {{ text: string, unit: string }}
 */
export function wording({ value, unit }, { sign = false, size = false, words = "word" } = {}) {
  switch (typeof value) {
    case "number":
      return unit === "s" ? { text: span(value), unit: "" } : written(size ? Math.abs(value) : value, unit, { sign });
    case "boolean":
      return { text: value ? t("word.on") : t("word.off"), unit: "" };
    case "string":
      if (/^\d\d:\d\d(:00)?$/.test(value)) return { text: value.slice(0, 5), unit: "" };
      if (/^\d{4}-\d\d-\d\dT/.test(value)) return { text: when(value, { dateStyle: "medium", timeStyle: "medium" }, meta.value?.time_zone), unit: "" };
      return { text: value === "" ? UNKNOWN : /^[a-z][a-z0-9_]*$/.test(value) ? word(words, value) : value, unit: "" };
  }
  return { text: UNKNOWN, unit: "" };
}
