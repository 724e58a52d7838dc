// What interrupts: empty pages, troubles with cause and remedy, and short messages that pass by themselves.

import { html, signal } from "../lib/html.js";
import { t } from "../lib/i18n.js";
import { Icon } from "./icon.js";
import { Said } from "./said.js";

/** @typedef {import("../lib/shapes.d.ts").Drawn} Drawn */

/** @param {{ icon: string, title: string, text?: string, children?: any }} props nothing is there, and what to do about it */
export function Empty({ icon, title, text, children }) {
  return html`<section class="empty">
    <${Icon} name=${icon} size=${40} />
    <h2>${title}</h2>
    ${text && html`<p>${text}</p>`}
    ${children}
  </section>`;
}

/**
 * Whose, cause and remedy.
 * @param {{ who?: string, detail: string, remedy?: string, own?: boolean, level?: "warning" | "error" | "info", children?: any }} props
 *   own: in words of the page; else as the hub says it
 */
export function Trouble({ who, detail, remedy, own = false, level = "warning", children }) {
  const spoken = (/** @type {string} */ text) => (own ? text : html`<${Said} text=${text} />`);
  return html`<div class="trouble" data-level=${level} role="group">
    <${Icon} name=${level === "info" ? "info" : "warning"} size=${20} />
    <div>
      <p>${who && html`<b>${who}</b> `}${spoken(detail)}</p>
      ${remedy && html`<p class="remedy">${spoken(remedy)}</p>`}
      ${children}
    </div>
  </div>`;
}

/** @param {{ problem: import("../lib/api.js").Problem }} props what the hub answered to what was asked of it, or that it did not */
export function Failure({ problem }) {
  if (problem.away) return html`<${Trouble} level="error" own detail=${t("away.title")} />`;
  return html`<${Trouble} level="error" detail=${problem.message} remedy=${problem.remedy} />`;
}

const PASSING_MS = 8000;
const passing = signal(/** @type {{ id: number, text: string, action: null | { label: string, run: () => void } }[]} */ ([]));
let last = 0;

/** Say something in passing. @param {string} text @param {null | { label: string, run: () => void }} [action] */
export function say(text, action = null) {
  const id = (last += 1);
  passing.value = [...passing.value.slice(-2), { id, text, action }];
  setTimeout(() => drop(id), action ? 2 * PASSING_MS : PASSING_MS);
}

/** @param {number} id */
const drop = (id) => (passing.value = passing.value.filter((each) => each.id !== id));

export function Passing() {
  return html`<div class="passing" role="status" aria-live="polite">
    ${passing.value.map(
      ({ id, text, action }) => html`<div class="passing-message" key=${id}>
        <span>${text}</span>
        ${action && html`<button type="button" class="link" onClick=${() => (drop(id), action.run())}>${action.label}</button>`}
        <button type="button" class="bare" aria-label=${t("close")} onClick=${() => drop(id)}><${Icon} name="cross" size=${18} /></button>
      </div>`,
    )}
  </div>`;
}
