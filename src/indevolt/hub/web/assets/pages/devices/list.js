// All units at once, each as a card that leads to it, and how to add another one.

import { html } from "../../lib/html.js";
import { fromNow, t, word } from "../../lib/i18n.js";
import { now } from "../../lib/hubtime.js";
import { stateOf } from "../../lib/quality.js";
import { wayOf } from "../../lib/ways.js";
import { href } from "../../lib/router.js";
import { deviceNames, devices, sample } from "../../lib/store.js";
import { Icon } from "../../parts/icon.js";
import { Ring } from "../../parts/ring.js";
import { Said } from "../../parts/said.js";
import { Value } from "../../parts/value.js";
import { Find } from "./find.js";

export const OF_LIST = ["battery_soc", "backup_soc", "battery_power", "solar_power", "ac_power", "mode", "system_state", "main_temperature"];
const SHOWN = /** @type {const} */ (["battery_power", "solar_power", "ac_power", "main_temperature"]);

export function List() {
  return html`<div class="page">
    <h1>${t("page.devices")}</h1>
    <section class="device-cards" aria-label=${t("devices.all")}>
      ${deviceNames.value.map((name) => html`<${Card} key=${name} name=${name} />`)}
    </section>
    <${Find} />
  </div>`;
}

/** @param {{ name: string }} props */
function Card({ name }) {
  const device = devices.value.get(name);
  if (!device) return null;
  const soc = sample(name, "battery_soc").value;
  const reserve = sample(name, "backup_soc").value.value;
  const state = stateOf(soc);
  const mode = sample(name, "mode").value.value;
  return html`<a class="card device-card" href=${href("devices", name)} data-simulated=${device.simulated}>
    <div class="device-card-head">
      <${Ring} soc=${typeof soc.value === "number" ? soc.value : null} reserve=${typeof reserve === "number" ? reserve : null} size=${64} width=${8} old=${state !== "live" && state !== "held"} />
      <div>
        <h2>${name}</h2>
        <p class="quiet">${device.title || t("devices.unknown")}</p>
      </div>
      <span class="device-soc"><span class="unseen">${t("soc")}: </span><${Value} of=${soc} /></span>
    </div>
    <dl class="facts">
      ${SHOWN.map((each) => html`<div key=${each}><dt>${t(`q.${each}`)}</dt><dd><${Value} of=${sample(name, each).value} size=${each !== "main_temperature"} quiet /><span class="way quiet">${wayOf(each, sample(name, each).value)}</span></dd></div>`)}
    </dl>
    <p class="badges">
      <span class="badge" data-kind=${device.link === "online" ? "good" : "bad"}><${Icon} name=${device.link === "online" ? "check" : "warning"} size=${14} />${t(`link.${device.link}`)}</span>
      ${device.link !== "online" && html`<span class="quiet">${fromNow((Date.parse(device.link_since) - now.value) / 1000)}</span>`}
      ${typeof mode === "string" && html`<span class="badge">${word("mode", mode)}</span>`}
      ${device.simulated && html`<span class="badge" data-kind="simulated">${t("simulated")}</span>`}
      ${!device.control && html`<span class="badge"><${Icon} name="lock" size=${13} />${t("devices.readonly")}</span>`}
    </p>
    ${device.trouble && html`<p class="device-trouble"><${Said} text=${device.trouble.detail} /></p>`}
  </a>`;
}
