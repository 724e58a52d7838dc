// The page "settings": what this browser remembers, how the hub is, how it was set up and from where, and who has a token.

import { html } from "../lib/html.js";
import { LANGUAGES, NAMES, t } from "../lib/i18n.js";
import { language, motion, theme, token } from "../lib/prefs.js";
import { meta } from "../lib/store.js";
import { open } from "../parts/dialog.js";
import { Configuration } from "./settings/configuration.js";
import { State } from "./settings/state.js";
import { Tokens } from "./settings/tokens.js";

export const wish = () => ({ names: ["battery_soc"] });

export default function Settings() {
  const isAdmin = meta.value?.caller.role === "admin";
  return html`<div class="page settings">
    <h1>${t("page.settings")}</h1>
    <div class="settings-two">
      <${Browser} />
      <${State} />
    </div>
    ${
      isAdmin
        ? html`<${Configuration} /><${Tokens} />`
        : html`<section class="card">
          <h2>${t("settings.config")}</h2>
          <p class="quiet">${t("settings.admin")}</p>
          <button type="button" class="button" onClick=${() => open("token", { why: "role" })}>${t("token.give")}</button>
        </section>`
    }
  </div>`;
}

function Browser() {
  const caller = meta.value?.caller;
  return html`<section class="card">
    <h2>${t("settings.here")}</h2>
    <div class="form">
      <${Choice} label=${t("settings.language")} of=${language} choices=${["auto", ...LANGUAGES]} name=${(/** @type {any} */ each) => (each === "auto" ? t("settings.auto") : NAMES[/** @type {"en"} */ (each)])} />
      <${Choice} label=${t("settings.theme")} of=${theme} choices=${["auto", "light", "dark"]} name=${(/** @type {any} */ each) => t(/** @type {any} */ (`theme.${each}`))} />
      <${Choice} label=${t("settings.motion")} of=${motion} choices=${["auto", "off"]} name=${(/** @type {any} */ each) => t(/** @type {any} */ (`motion.${each}`))} />
      <div class="field">
        <span>${t("token.field")}</span>
        <p class="quiet">${token.value ? t("settings.token", { name: caller?.name ?? "", role: t(`role.${caller?.role ?? "read"}`) }) : t("settings.notoken")}</p>
        <button type="button" class="button" onClick=${() => open("token", { why: "role" })}>${t("token.give")}</button>
      </div>
    </div>
  </section>`;
}

/** @param {{ label: string, of: import("../lib/shapes.d.ts").Signal<any>, choices: string[], name: (each: string) => string }} props */
function Choice({ label, of, choices, name }) {
  return html`<label class="field">
    <span>${label}</span>
    <select value=${of.value} onChange=${(/** @type {any} */ event) => (of.value = event.target.value)}>
      ${choices.map((each) => html`<option key=${each} value=${each} selected=${of.value === each}>${name(each)}</option>`)}
    </select>
  </label>`;
}
