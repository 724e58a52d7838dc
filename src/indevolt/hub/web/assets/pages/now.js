// The page "now": the house at a glance. What flows, who decides and why, what today brought, and whether all is well.

import { html, useEffect } from "../lib/html.js";
import { POWERS, reserve, target } from "../lib/house.js";
import { t } from "../lib/i18n.js";
import { link } from "../lib/live.js";
import { watchSteering } from "../lib/steering.js";
import { SITE, alerts, deviceNames, devices, meta, sample } from "../lib/store.js";
import { PowerFlow } from "../parts/flow.js";
import { Empty, Trouble } from "../parts/notice.js";
import { Events } from "./now/events.js";
import { Health } from "./now/health.js";
import { Steer } from "./now/steer.js";
import { Today } from "./now/today.js";
import { Units } from "./now/units.js";

const OF_UNITS = ["mode", "battery_power", "battery_soc", "solar_power", "ac_power", "system_state", "meter_connected"];
const OF_SITE = ["solar_power", "grid_power", "house_power", "battery_power", "battery_soc", "stored_energy", "capacity", "self_sufficiency"];
const COUNTED = ["energy_solar", "energy_house", "energy_grid_import", "energy_grid_export", "energy_charge", "energy_discharge"];

export const wish = () => ({ names: [...OF_UNITS, ...OF_SITE, ...COUNTED] });

export default function Now() {
  useEffect(watchSteering, []);
  if (link.value === "live" && deviceNames.value.length === 0) return html`<${FirstStart} />`;
  const powers = /** @type {any} */ (Object.fromEntries(Object.entries(POWERS).map(([place, name]) => [place, sample(SITE, name).value])));
  return html`<div class="page now">
    <h1 class="unseen">${t("page.now")}</h1>
    <${Alerts} />
    <section class="card now-flow" data-simulated=${meta.value?.simulated}>
      <${PowerFlow} powers=${powers} soc=${sample(SITE, "battery_soc").value} reserve=${reserve.value} target=${target.value} />
    </section>
    <${Steer} />
    <${Today} />
    <${Units} />
    <${Health} />
    <${Events} />
  </div>`;
}

/** What needs attention now, each with its device. */
function Alerts() {
  if (alerts.value.length === 0) return null;
  return html`<section class="now-alerts" aria-label=${t("now.alerts")}>
    ${alerts.value.map(
      ({ device, what, text }) => html`<${Trouble} key=${device + what} who=${device} detail=${text} remedy=${devices.value.get(device)?.trouble?.remedy ?? ""} />`,
    )}
  </section>`;
}

/** A hub that keeps nothing yet. */
function FirstStart() {
  return html`<div class="page">
    <h1 class="unseen">${t("page.now")}</h1>
    <${Empty} icon="battery" title=${t("now.first.title")} text=${t("now.first.text")}>
      <a class="button" href="#/devices">${t("now.first.find")}</a>
    <//>
  </div>`;
}
