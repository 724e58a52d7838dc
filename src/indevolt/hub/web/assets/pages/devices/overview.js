// One unit: what it is, how it answers, what bounds it now, and what is wrong with it.

import { html } from "../../lib/html.js";
import { count, has, percent, span, t, when } from "../../lib/i18n.js";
import { wayOf } from "../../lib/ways.js";
import { steerings } from "../../lib/steering.js";
import { catalogue, nameOf } from "../../lib/catalogue.js";
import { meta, sample } from "../../lib/store.js";
import { UNKNOWN, quantity } from "../../lib/units.js";
import { Icon } from "../../parts/icon.js";
import { Said } from "../../parts/said.js";
import { Value } from "../../parts/value.js";

/** @typedef {import("../../lib/shapes.d.ts").DeviceKnown} DeviceKnown */

const MAIN = ["battery_soc", "battery_power", "solar_power", "ac_power", "meter_power", "mode", "system_state", "main_temperature", "charge_time_left", "discharge_time_left"];
const VERSIONS = ["ems_version", "inverter_version", "mppt_version", "bms_main_version", "protocol_version"];
const BOUNDS = /** @type {const} */ (["charge", "discharge", "soc_min", "soc_max"]);

/** @param {{ name: string, device: DeviceKnown }} props */
export function Overview({ name, device }) {
  return html`<div class="device-grid">
    <section class="card">
      <h2>${t("devices.now")}</h2>
      <dl class="rows">
        ${MAIN.map((each) => html`<${Fact} key=${each} device=${name} name=${each} />`)}
      </dl>
    </section>
    <${Bounds} device=${device} />
    <${Answers} device=${device} />
    <${Steered} name=${name} />
    <${Budgets} name=${name} />
    <section class="card">
      <h2>${t("devices.identity")}</h2>
      <dl class="rows">
        <div><dt>${t("devices.model")}</dt><dd>${device.model || device.title || UNKNOWN}</dd></div>
        <div><dt>${t("devices.family")}</dt><dd>${device.family || UNKNOWN}</dd></div>
        <div><dt>${t("devices.serial")}</dt><dd><code>${device.serial || UNKNOWN}</code></dd></div>
        <div><dt>${t("devices.firmware")}</dt><dd><code>${device.firmware || UNKNOWN}</code></dd></div>
        <div><dt>${t("devices.address")}</dt><dd><code>${device.address || UNKNOWN}</code></dd></div>
        ${VERSIONS.map((each) => html`<${Fact} key=${each} device=${name} name=${each} />`)}
        ${device.evidence && device.evidence.length > 0 && html`<div><dt>${t("devices.evidence")}</dt><dd lang="en">${device.evidence.join(", ")}</dd></div>`}
      </dl>
    </section>
    <${Quarantine} name=${name} device=${device} />
  </div>`;
}

/** @param {{ device: string, name: string }} props */
function Fact({ device, name }) {
  const { text, lang } = nameOf(name, catalogue(device).value?.get(name)?.about ?? name);
  const of = sample(device, name).value;
  const way = wayOf(name, of);
  return html`<div><dt lang=${lang}>${text}</dt><dd><${Value} of=${of} size=${way !== ""} words=${name === "mode" ? "mode" : "word"} />${way && html`<span class="quiet"> ${way}</span>`}</dd></div>`;
}

/** What the unit can really do now, each with its cause. @param {{ device: DeviceKnown }} props */
function Bounds({ device }) {
  const limits = device.limits;
  return html`<section class="card">
    <h2>${t("devices.limits")}</h2>
    ${
      limits
        ? html`<dl class="bounds">
            ${BOUNDS.map((each) => {
              const { value, unit, cause } = limits[each];
              return html`<div key=${each}>
                <dt>${t(`devices.limit.${each}`)}</dt>
                <dd><span class="bound">${quantity(value, unit)}</span><span class="quiet"><${Said} text=${cause} /></span></dd>
              </div>`;
            })}
          </dl>`
        : html`<p class="quiet">${t("devices.limits.unknown")}</p>`
    }
  </section>`;
}

/** How it answers, and how much of its one request a second is used. @param {{ device: DeviceKnown }} props */
function Answers({ device }) {
  const health = device.health;
  if (!health) return null;
  const { budget_used: used, latency_last_s: last, latency_p50_s: middle, latency_p99_s: slow, requests, failures, blips, writes } = health;
  /** @param {number | null} seconds */
  const latency = (seconds) => (seconds === null ? UNKNOWN : `${count(seconds * 1000)} ms`);
  return html`<section class="card">
    <h2>${t("devices.answers")}</h2>
    <${Gauge} label=${t("devices.budget")} share=${used} text=${percent(used)} />
    <dl class="rows">
      <div><dt>${t("devices.latency")}</dt><dd>${latency(last)}</dd></div>
      <div><dt>${t("devices.latency.usual")}</dt><dd>${latency(middle)} <span class="quiet">${t("devices.latency.slow", { latency: latency(slow) })}</span></dd></div>
      <div><dt>${t("devices.requests")}</dt><dd>${count(requests)} <span class="quiet">${t("devices.failures", { failures })}</span></dd></div>
      <div><dt>${t("devices.blips")}</dt><dd>${count(blips)}</dd></div>
      <div><dt>${t("devices.writes")}</dt><dd>${count(writes)}</dd></div>
      <div><dt>${t("devices.since")}</dt><dd>${meta.value ? when(meta.value.started, { dateStyle: "medium", timeStyle: "short" }, meta.value.time_zone) : UNKNOWN}</dd></div>
    </dl>
  </section>`;
}

/** @param {{ label: string, share: number, text: string }} props */
function Gauge({ label, share, text }) {
  return html`<div class="gauge">
    <div class="gauge-head"><span>${label}</span><b>${text}</b></div>
    <div class="gauge-track" role="meter" aria-label=${label} aria-valuemin="0" aria-valuemax="100" aria-valuenow=${Math.round(share * 100)} aria-valuetext=${text}>
      <div class="gauge-fill" data-high=${share > 0.8} style=${{ width: `${Math.min(100, share * 100)}%` }}></div>
    </div>
  </div>`;
}

/** How it is made to do what it should: the highest of three ways that works. @param {{ name: string }} props */
function Steered({ name }) {
  const steering = steerings.value.get(name);
  if (!steering) return null;
  const { tier, posed } = steering;
  return html`<section class="card">
    <h2>${t("devices.steered")}</h2>
    <p>${tier === null ? t("devices.tier.none") : t(`devices.tier.${tier}`)}</p>
    ${
      posed &&
      html`<dl class="rows">
        <div><dt>${t("devices.posed")}</dt><dd>${posed.places.length > 0 ? posed.places.map((place) => html`<code key=${place}>${place}</code> `) : UNKNOWN}</dd></div>
        <div><dt>${t("devices.posed.shown")}</dt><dd>${posed.shown_w === null ? UNKNOWN : quantity(posed.shown_w, "W")}</dd></div>
        <div><dt>${t("devices.posed.follows")}</dt><dd>${t(posed.follows ? "devices.posed.yes" : "devices.posed.no")}${posed.over && html` <span class="quiet">${posed.over}</span>`}</dd></div>
      </dl>
      ${posed.why && html`<p class="quiet"><${Said} text=${posed.why} /></p>`}`
    }
  </section>`;
}

/** How often the hub may still write, so that no device wears out. @param {{ name: string }} props */
function Budgets({ name }) {
  const counted = steerings.value.get(name)?.budgets ?? [];
  const budgets = counted.filter(({ name: budget, used }) => budget !== "direction_changes" || used > 0); // no budget, but wears as well
  if (budgets.length === 0) return null;
  return html`<section class="card">
    <h2>${t("devices.budgets")}</h2>
    ${budgets.map(
      ({ name: budget, used, most, window_s: window }) => html`<${Gauge} key=${budget} label=${has(`devices.budget.${budget}`) ? t(/** @type {any} */ (`devices.budget.${budget}`)) : budget}
        share=${used / most} text=${t("devices.budget.used", { used, most, span: span(window) })} />`,
    )}
  </section>`;
}

/** Points that are left out, as they spoil whole replies. @param {{ name: string, device: DeviceKnown }} props */
function Quarantine({ name, device }) {
  const bad = Object.entries(device.quarantined ?? {});
  return html`<section class="card">
    <h2>${t("devices.quarantine")}</h2>
    ${
      bad.length === 0
        ? html`<p class="all-good"><${Icon} name="check" size=${18} />${t("devices.quarantine.none")}</p>`
        : html`<dl class="rows">
            ${bad.map(([point, why]) => {
              const { text, lang } = nameOf(point, catalogue(name).value?.get(point)?.about ?? point);
              return html`<div key=${point}><dt lang=${lang}>${text}</dt><dd lang="en">${why}</dd></div>`;
            })}
          </dl>`
    }
  </section>`;
}
