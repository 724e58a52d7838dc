// The batteries of a unit: the one inside, and those beside it; how full, how warm, how healthy, and how far cells are apart.

import { html } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { stateOf } from "../../lib/quality.js";
import { known, sample } from "../../lib/store.js";
import { quantity } from "../../lib/units.js";
import { Icon } from "../../parts/icon.js";
import { Empty } from "../../parts/notice.js";
import { Ring } from "../../parts/ring.js";
import { Value } from "../../parts/value.js";

const PACKS = ["main", "pack1", "pack2", "pack3", "pack4", "pack5"];
const FACTS = /** @type {const} */ (["temperature", "min_cell_temperature", "soh", "cycles", "voltage", "current", "dcdc_state", "heater_state", "mos_temperature", "sn"]);
const WIDE_V = 0.05; // between cells of one pack at rest; above it, one of them is weaker

/** @param {{ name: string }} props */
export function Packs({ name }) {
  void known.value;
  const installed = PACKS.filter((pack) => sample(name, `${pack}_soc`).value.value !== null);
  if (installed.length === 0) return html`<${Empty} icon="battery" title=${t("devices.packs.none")} text=${t("devices.packs.wait")} />`;
  return html`<div class="packs">
    ${installed.map((pack) => html`<${Pack} key=${pack} device=${name} pack=${pack} />`)}
  </div>`;
}

/** @param {{ device: string, pack: string }} props */
function Pack({ device, pack }) {
  const of = (/** @type {string} */ what) => sample(device, `${pack}_${what}`).value;
  const soc = of("soc");
  const state = stateOf(soc);
  const there = FACTS.filter((what) => !["not installed", "absent", "unknown"].includes(of(what).quality));
  return html`<section class="card pack">
    <div class="pack-head">
      <div class="pack-ring">
        <${Ring} soc=${typeof soc.value === "number" ? soc.value : null} size=${84} width=${9} old=${state !== "live" && state !== "held"} />
        <span class="pack-soc"><span class="unseen">${t("soc")}: </span><${Value} of=${soc} quiet /></span>
      </div>
      <div>
        <h2>${pack === "main" ? t("devices.pack.main") : t("devices.pack", { number: Number(pack.slice(4)) })}</h2>
        <p class="pack-temperature"><${Icon} name="temperature" size=${18} /><${Value} of=${of("temperature")} /></p>
        <p class="pack-health"><${Icon} name="heart" size=${18} /><${Value} of=${of("soh")} /><span class="quiet">${t("devices.health")}</span></p>
      </div>
    </div>
    <${Cells} one=${of("cell1_voltage")} other=${of("cell2_voltage")} />
    <dl class="rows">
      ${there
        .filter((what) => what !== "soh" && what !== "temperature")
        .map((what) => html`<div key=${what}><dt>${t(`q.pack.${what}`)}</dt><dd><${Value} of=${of(what)} /></dd></div>`)}
    </dl>
  </section>`;
}

/** How far apart the two cells are that the device tells of. @param {{ one: import("../../lib/shapes.d.ts").Sample, other: import("../../lib/shapes.d.ts").Sample }} props */
function Cells({ one, other }) {
  if (typeof one.value !== "number" || typeof other.value !== "number") return null;
  const apart = Math.abs(one.value - other.value);
  return html`<div class="cells" data-wide=${apart > WIDE_V}>
    <div class="cells-head"><span>${t("devices.cells")}</span><b>${quantity(one.value, "V")} · ${quantity(other.value, "V")}</b></div>
    <p class="quiet">${t(apart > WIDE_V ? "devices.cells.wide" : "devices.cells.apart", { spread: `${Math.round(apart * 1000)} mV` })}</p>
  </div>`;
}
