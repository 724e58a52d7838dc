// The page "settings": so far what this browser remembers; what the hub was set up with is not built yet, and it says so.

import { html } from "../lib/html.js";
import { LANGUAGES, NAMES, t } from "../lib/i18n.js";
import { language, motion, theme, token } from "../lib/prefs.js";
import { meta } from "../lib/store.js";
import { open } from "../parts/dialog.js";
import { Empty } from "../parts/notice.js";

export default function Settings() {
  return html`<div class="page">
    <h1>${t("page.settings")}</h1>
    <section class="card">
      <h2>${t("settings.here")}</h2>
      <div class="form">
        <${Choice} label=${t("settings.language")} of=${language} choices=${["auto", ...LANGUAGES]} name=${(/** @type {any} */ each) => (each === "auto" ? t("settings.auto") : NAMES[/** @type {"en"} */ (each)])} />
        <${Choice} label=${t("settings.theme")} of=${theme} choices=${["auto", "light", "dark"]} name=${(/** @type {any} */ each) => t(/** @type {any} */ (`theme.${each}`))} />
        <${Choice} label=${t("settings.motion")} of=${motion} choices=${["auto", "off"]} name=${(/** @type {any} */ each) => t(/** @type {any} */ (`motion.${each}`))} />
        <div class="field">
          <span>${t("token.field")}</span>
          <p class="quiet">${token.value ? t("settings.token", { name: meta.value?.caller.name ?? "", role: t(`role.${meta.value?.caller.role ?? "read"}`) }) : t("settings.notoken")}</p>
          <button type="button" class="button" onClick=${() => open("token", { why: "role" })}>${t("token.give")}</button>
        </div>
      </div>
    </section>
    <${Empty} icon="settings" title=${t("pages.unbuilt")} text=${t("pages.settings")} />
  </div>`;
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
