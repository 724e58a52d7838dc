// Who may do what here: tokens with their roles and when they were last used. They are made at the hub, never in a browser.

import { get } from "../../lib/api.js";
import { useAsked } from "../../lib/asked.js";
import { html } from "../../lib/html.js";
import { hubNow } from "../../lib/hubtime.js";
import { fromNow, t } from "../../lib/i18n.js";
import { meta } from "../../lib/store.js";
import { Failure } from "../../parts/notice.js";

/** @typedef {{ tokens: { name: string, role: "read" | "control" | "admin", last_used: string | null }[], how_to: string }} TokenList */

export function Tokens() {
  const asked = useAsked((abort) => /** @type {Promise<TokenList>} */ (get("tokens", {}, abort)), [], true);
  const it = asked.value;
  return html`<section class="card" aria-busy=${asked.busy}>
    <h2>${t("settings.tokens")}</h2>
    ${asked.problem && html`<${Failure} problem=${asked.problem} />`}
    ${
      it && it.tokens.length > 0
        ? html`<table>
          <thead><tr><th scope="col">${t("settings.tokens.name")}</th><th scope="col">${t("settings.tokens.role")}</th><th scope="col">${t("settings.tokens.used")}</th></tr></thead>
          <tbody>
            ${it.tokens.map(({ name, role, last_used }) => html`<tr key=${name}>
              <th scope="row">${name}${name === meta.value?.caller.name && html` <span class="badge">${t("settings.tokens.you")}</span>`}</th>
              <td>${t(`role.${role}`)}</td>
              <td>${last_used ? fromNow((Date.parse(last_used) - hubNow()) / 1000) : t("settings.tokens.never")}</td>
            </tr>`)}
          </tbody>
        </table>`
        : it && html`<p class="quiet">${t("settings.tokens.none")}</p>`
    }
    <p class="quiet settings-howto">${t("settings.tokens.how")}</p>
    <pre class="settings-snippet"><code>indevolt hub token NAME --role control</code></pre>
  </section>`;
}
