// How the hub was set up, value by value: what the file says, what the environment adds, and what holds without anybody having said it.

import { get } from "../../lib/api.js";
import { useAsked } from "../../lib/asked.js";
import { html, useState } from "../../lib/html.js";
import { has, t, word } from "../../lib/i18n.js";
import { UNKNOWN } from "../../lib/units.js";
import { Failure } from "../../parts/notice.js";

/** @typedef {{ path: string, value: any, source: string, detail: string }} Value */
/** @typedef {{ file: string, values: Value[] }} Config */

/** What people look for first stands first. */
const ORDER = ["site", "meters", "tariff", "forecast", "control", "plan", "devices", "notify", "api", "mqtt", "influx", "store", "hub"];

export function Configuration() {
  const asked = useAsked((abort) => /** @type {Promise<Config>} */ (get("config", {}, abort)), [], false);
  const [all, setAll] = useState(false);
  const it = asked.value;
  const sections = it ? sectionsOf(it.values, all) : [];
  return html`<section class="card settings-config" aria-busy=${asked.busy}>
    <div class="card-head">
      <h2>${t("settings.config")}</h2>
      <label class="check"><input type="checkbox" checked=${all} onChange=${() => setAll(!all)} /><span>${t("settings.config.all")}</span></label>
    </div>
    ${asked.problem && html`<${Failure} problem=${asked.problem} />`}
    ${it && html`<p class="quiet">${it.file ? t("settings.config.file", { file: it.file }) : t("settings.config.nofile")}</p>`}
    <div class="settings-sections">
      ${sections.map(
        ({ name, values, hidden }) => html`<section key=${name} aria-label=${titleOf(name)}>
          <h3>${titleOf(name)} <code>[${name}]</code></h3>
          ${
            values.length > 0
              ? html`<dl class="settings-values">
                ${values.map((each) => html`<div key=${each.path}>
                  <dt><code>${each.path.slice(name.length).replace(/^\./, "") || name}</code></dt>
                  <dd>${spoken(each.value)}</dd>
                  <dd><span class="badge" data-source=${each.source}>${word("settings.source", each.source)}${each.detail && html` <span lang="en">${each.detail}</span>`}</span></dd>
                </div>`)}
              </dl>`
              : html`<p class="quiet">${t("settings.config.default", { count: hidden })}</p>`
          }
        </section>`,
      )}
    </div>
  </section>`;
}

/** @param {string} name */
const titleOf = (name) => (has(`settings.section.${name}`) ? word("settings.section", name) : name);

/** @param {Value[]} values @param {boolean} all @returns {{ name: string, values: Value[], hidden: number }[]} */
function sectionsOf(values, all) {
  /** @type {Map<string, Value[]>} */
  const found = new Map();
  for (const each of values) {
    const name = each.path.match(/^[a-z_]+/)?.[0] ?? each.path;
    found.set(name, [...(found.get(name) ?? []), each]);
  }
  const place = (/** @type {string} */ name) => (ORDER.includes(name) ? ORDER.indexOf(name) : ORDER.length);
  return [...found]
    .sort(([one], [other]) => place(one) - place(other))
    .map(([name, of]) => {
      const shown = all ? of : of.filter(({ source }) => source !== "default");
      return { name, values: shown, hidden: of.length - shown.length };
    });
}

/** @param {any} value @returns {string} */
function spoken(value) {
  if (value === null || value === "") return UNKNOWN;
  if (typeof value === "boolean") return value ? t("word.on") : t("word.off");
  if (Array.isArray(value)) return value.length === 0 ? UNKNOWN : value.map(spoken).join(", ");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
