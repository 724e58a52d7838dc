import { html } from "../lib/html.js";
import { t } from "../lib/i18n.js";
import { deviceNames, sample } from "../lib/store.js";
import { Value } from "../parts/value.js";
export const wish = () => ({ names: ["battery_soc", "battery_power", "house_power"] });
export default function Page() {
  return html`<div class="page"><h1>${t("page.devices")}</h1>${deviceNames.value.map((name) => html`<div class="card">${name}: <${Value} of=${sample(name, "battery_power").value} /></div>`)}</div>`;
}
