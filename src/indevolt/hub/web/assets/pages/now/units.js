// A card for each unit: how full it is, what it does, and whether it answers.

import { html } from "../../lib/html.js";
import { span, t } from "../../lib/i18n.js";
import { now } from "../../lib/hubtime.js";
import { targetOf } from "../../lib/house.js";
import { stateOf } from "../../lib/quality.js";
import { wayOf } from "../../lib/ways.js";
import { href } from "../../lib/router.js";
import { deviceNames, devices, sample } from "../../lib/store.js";
import { Icon } from "../../parts/icon.js";
import { Ring } from "../../parts/ring.js";
import { Value } from "../../parts/value.js";

const MANY = 6; // units; more of them get one line each

export function Units() {
  const many = deviceNames.value.length > MANY;
  return html`<section class="units" data-many=${many} aria-label=${t("now.units")}>
    ${deviceNames.value.map((name) => html`<${Unit} key=${name} name=${name} brief=${many} />`)}
  </section>`;
}

/** @param {{ name: string, brief: boolean }} props brief: one line, as there are many */
function Unit({ name, brief }) {
  const device = devices.value.get(name);
  if (!device) return null;
  const soc = sample(name, "battery_soc").value;
  const reserve = sample(name, "backup_soc").value.value;
  const state = stateOf(soc);
  return html`<a class="card unit-card" href=${href("devices", name)} data-simulated=${device.simulated} data-link=${device.link}>
    <div class="unit-head">
      <${Ring} soc=${typeof soc.value === "number" ? soc.value : null} reserve=${typeof reserve === "number" ? reserve : null} target=${targetOf(name)}
        size=${brief ? 36 : 52} width=${brief ? 5 : 7} old=${state !== "live" && state !== "held"} />
      <div class="unit-name">
        <h2>${name}</h2>
        <p class="quiet">${
          brief
            ? html`<${Value} of=${sample(name, "battery_power").value} size quiet /> ${wayOf("battery_power", sample(name, "battery_power").value)}`
            : device.title || t("now.unit.unknown")
        }</p>
      </div>
      <span class="unit-soc"><span class="unseen">${t("soc")}: </span><${Value} of=${soc} /></span>
    </div>
    ${!brief && html`<dl class="unit-facts">
      <div><dt>${t("now.place.battery")}</dt><dd><${Value} of=${sample(name, "battery_power").value} size quiet /> <span class="quiet">${wayOf("battery_power", sample(name, "battery_power").value)}</span></dd></div>
      <div><dt>${t("now.place.sun")}</dt><dd><${Value} of=${sample(name, "solar_power").value} quiet /></dd></div>
      <div><dt>${t("now.ac")}</dt><dd><${Value} of=${sample(name, "ac_power").value} size quiet /> <span class="quiet">${wayOf("ac_power", sample(name, "ac_power").value)}</span></dd></div>
    </dl>`}
    ${
      device.link !== "online"
        ? html`<p class="unit-trouble"><${Icon} name="warning" size=${16} />${t("link.for", { state: t(`link.${device.link}`), span: span((now.value - Date.parse(device.link_since)) / 1000) })}</p>`
        : device.frozen
          ? html`<p class="unit-trouble"><${Icon} name="warning" size=${16} />${t("now.frozen")}</p>`
          : null
    }
  </a>`;
}
