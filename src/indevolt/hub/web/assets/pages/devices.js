// The page "devices": all units, and of each its values, packs, limits, how it answers, and what can be set.

import { html, useEffect } from "../lib/html.js";
import { fromNow, t } from "../lib/i18n.js";
import { now } from "../lib/hubtime.js";
import { refreshDevice } from "../lib/live.js";
import { href } from "../lib/router.js";
import { deviceNames, devices } from "../lib/store.js";
import { watchSteering } from "../lib/steering.js";
import { Icon } from "../parts/icon.js";
import { Empty, Trouble } from "../parts/notice.js";
import { List, OF_LIST } from "./devices/list.js";
import { Overview } from "./devices/overview.js";
import { Packs } from "./devices/packs.js";
import { Settings } from "./devices/settings.js";
import { Values } from "./devices/values.js";

const VIEWS = /** @type {const} */ (["overview", "values", "packs", "settings"]);
const SHOWN = { overview: Overview, values: Values, packs: Packs, settings: Settings };

/** @param {string[]} rest */
export const wish = (rest) => (rest[0] ? { devices: [rest[0]] } : { names: OF_LIST });

/** @param {{ rest: string[] }} props */
export default function Devices({ rest }) {
  const [name, view] = rest;
  return name ? html`<${Device} key=${name} name=${name} view=${VIEWS.find((each) => each === view) ?? VIEWS[0]} />` : html`<${List} />`;
}

/** @param {{ name: string, view: (typeof VIEWS)[number] }} props */
function Device({ name, view }) {
  const device = devices.value.get(name);
  const there = device !== undefined;
  useEffect(() => {
    if (!there) return undefined;
    watchSteering();
    const ask = () => void refreshDevice(name).catch(() => {});
    ask();
    const timer = setInterval(() => !document.hidden && ask(), 10_000); // health and limits are not among the events
    return () => clearInterval(timer);
  }, [name, there]);
  if (!device) {
    return deviceNames.value.length === 0
      ? null
      : html`<div class="page"><h1>${name}</h1><${Empty} icon="devices" title=${t("devices.nosuch", { name })}><a class="button" href=${href("devices")}>${t("devices.all")}</a><//></div>`;
  }
  const View = SHOWN[view];
  return html`<div class="page device">
    <a class="back" href=${href("devices")}><${Icon} name="back" size=${18} />${t("devices.all")}</a>
    <header class="device-head">
      <div>
        <h1>${name}</h1>
        <p class="quiet">${device.title || t("devices.unknown")}</p>
      </div>
      <p class="badges">
        <span class="badge" data-kind=${device.link === "online" ? "good" : "bad"}><${Icon} name=${device.link === "online" ? "check" : "warning"} size=${14} />${t(`link.${device.link}`)}</span>
        ${device.link !== "online" && html`<span class="quiet">${fromNow((Date.parse(device.link_since) - now.value) / 1000)}</span>`}
        ${device.simulated && html`<span class="badge" data-kind="simulated">${t("simulated")}</span>`}
        ${device.frozen && html`<span class="badge" data-kind="warn">${t("devices.frozen")}</span>`}
        <span class="badge">${!device.control && html`<${Icon} name="lock" size=${13} />`}${t(device.control ? "devices.control" : "devices.readonly")}</span>
      </p>
    </header>
    ${device.trouble && html`<${Trouble} detail=${device.trouble.detail} remedy=${device.trouble.remedy} level="error" />`}
    ${device.warnings?.map((warning) => html`<${Trouble} key=${warning} detail=${warning} />`)}
    <nav class="views" aria-label=${t("devices.views", { name })}>
      ${VIEWS.map((each) => html`<a key=${each} class="view" href=${href("devices", name, each)} aria-current=${each === view ? "page" : undefined}>${t(`devices.view.${each}`)}</a>`)}
    </nav>
    <${View} name=${name} device=${device} />
  </div>`;
}
