// Whether all is well: devices, meter, history, alerts. Each is a mark and words.

import { html } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { link } from "../../lib/live.js";
import { stateOf } from "../../lib/quality.js";
import { SITE, alerts, devices, sample, site } from "../../lib/store.js";
import { Icon } from "../../parts/icon.js";

export function Health() {
  if (link.value !== "live") {
    return html`<section class="health" aria-label=${t("now.health")}><p class="health-mark"><${Icon} name="clock" size=${18} /><span>${t("now.health.unknown")}</span></p></section>`;
  }
  const all = [...devices.value.values()];
  const online = all.filter(({ link }) => link === "online").length;
  const grid = sample(SITE, "grid_power").value;
  const meter = stateOf(grid);
  const meterName = site.value?.meter?.name;
  const count = alerts.value.length;
  return html`<section class="health" aria-label=${t("now.health")}>
    <${Mark} good=${online === all.length} text=${t("now.health.devices", { online, all: all.length })} href="#/devices" />
    <${Mark} good=${meter === "live" || meter === "held"} text=${meter === "live" || meter === "held" ? t("now.health.meter", { name: meterName ?? "" }) : t("now.health.nometer")} href="#/devices" />
    <${Mark} good=${count === 0} text=${t("now.health.alerts", { count })} href="#/journal" />
  </section>`;
}

/** @param {{ good: boolean, text: string, href: string }} props */
function Mark({ good, text, href }) {
  return html`<a class="health-mark" data-good=${good} href=${href}><${Icon} name=${good ? "check" : "warning"} size=${18} /><span>${text}</span></a>`;
}
