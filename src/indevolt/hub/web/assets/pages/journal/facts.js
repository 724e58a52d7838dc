// What stands behind an entry: of a write what was before, wanted and shown; of anything else its facts, as the hub wrote them down.

import { html } from "../../lib/html.js";
import { exact, t, word } from "../../lib/i18n.js";
import { UNKNOWN } from "../../lib/units.js";

/** @typedef {import("../../lib/shapes.d.ts").Entry} Entry */

const TOLD_ABOVE = new Set(["wanted", "before", "shown", "step"]);

/** @param {{ entry: Entry }} props */
export function Facts({ entry }) {
  const { wanted, before, shown } = entry.data;
  const names = wanted && typeof wanted === "object" ? Object.keys(wanted) : [];
  const rest = Object.entries(entry.data).filter(([name, value]) => !(names.length && TOLD_ABOVE.has(name)) && !isEmpty(value));
  return html`<div class="entry-facts">
    ${
      names.length > 0 &&
      html`<table>
        <thead><tr><th scope="col">${t("journal.quantity")}</th><th scope="col">${t("journal.before")}</th><th scope="col">${t("journal.wanted")}</th><th scope="col">${t("journal.shown")}</th></tr></thead>
        <tbody>
          ${names.map((name) => html`<tr key=${name}><th scope="row"><code>${name}</code></th><td>${spoken(before?.[name])}</td><td>${spoken(wanted[name])}</td><td>${spoken(shown?.[name])}</td></tr>`)}
        </tbody>
      </table>`
    }
    ${
      rest.length > 0 &&
      html`<dl>
        ${rest.map(([name, value]) => html`<div key=${name}><dt>${word("journal.fact", name)}</dt><dd lang="en">${spoken(value)}</dd></div>`)}
      </dl>`
    }
  </div>`;
}

/** @param {unknown} value @returns {string} */
function spoken(value) {
  switch (typeof value) {
    case "number":
      return exact(value, 3);
    case "boolean":
      return value ? t("word.on") : t("word.off");
    case "string":
      return value;
  }
  if (value === null || value === undefined) return UNKNOWN;
  if (Array.isArray(value)) return value.map(spoken).join("; ");
  return Object.entries(value)
    .map(([name, each]) => `${name} ${spoken(each)}`)
    .join(", ");
}

/** @param {unknown} value */
const isEmpty = (value) => value === "" || value === null || (Array.isArray(value) && value.length === 0);
