// What a period brought in all: energies, shares and money, beside another period, and the diagram of where energy went.

import { useAsked } from "../../lib/asked.js";
import { html } from "../../lib/html.js";
import { count, money as written, t } from "../../lib/i18n.js";
import { SITE, meta } from "../../lib/store.js";
import { UNKNOWN, quantity } from "../../lib/units.js";
import { Icon } from "../../parts/icon.js";
import { energies, money } from "./data.js";
import { layersOf } from "./kinds.js";
import { Sankey } from "./sankey.js";

/** @typedef {import("./data.js").Energies} Energies */
/** @typedef {import("./data.js").Money} Money */
/** @typedef {import("./span.js").Span} Span */

const MONEY = /** @type {const} */ (["import_cost", "export_revenue", "cost", "saved_by_battery", "saved_by_battery_and_sun"]);

/** @param {{ of: string, span: Span, other: Span | null, isOpen: boolean }} props */
export function Sums({ of, span, other, isOpen }) {
  const now = useAsked((abort) => energies(of, span.start, span.end, span.period, abort), [of, span.start], isOpen);
  const then = useAsked((abort) => (other ? energies(of, other.start, other.end, span.period, abort) : Promise.resolve(null)), [of, other?.start], false);
  const isSite = of === SITE;
  const paid = useAsked((abort) => (isSite ? money(span.start, span.end, span.period, abort) : Promise.resolve(null)), [of, span.start], isOpen);
  const paidThen = useAsked((abort) => (isSite && other ? money(other.start, other.end, span.period, abort) : Promise.resolve(null)), [of, other?.start], false);
  const { above, below, line } = layersOf(of);
  const layers = [line, ...above, ...below].filter(({ energy }) => energy);
  const here = now.value?.[0] ?? null;
  const there = then.value?.[0] ?? null;
  return html`<div class="history-sums">
    ${
      isSite &&
      html`<section class="card">
        <h2>${t("history.flows")}</h2>
        ${here?.flows ? html`<${Sankey} flows=${here.flows} />` : html`<p class="quiet">${t("history.flows.none")}</p>`}
        <p class="quiet history-note">${t("history.flows.rule")}</p>
      </section>`
    }
    <section class="card">
      <h2>${t("history.sums")}</h2>
      <table class="sums">
        <thead><tr><th scope="col"><span class="unseen">${t("history.what")}</span></th><th scope="col">${t("history.this")}</th>${other && html`<th scope="col">${t("history.then")}</th><th scope="col">${t("history.change")}</th>`}</tr></thead>
        <tbody>
          ${layers.map(({ key, colour, icon, energy }) => html`<${Row} key=${key} colour=${colour} icon=${icon} label=${t(/** @type {any} */ (`history.layer.${key}`))}
            now=${valueOf(here, energy)} then=${valueOf(there, energy)} write=${(/** @type {number} */ each) => quantity(each, "Wh")} wide=${other !== null} />`)}
          ${
            isSite &&
            html`<${Row} icon="house" label=${t("history.autarky")} now=${here?.selfSufficiency ?? null} then=${there?.selfSufficiency ?? null} write=${share} points wide=${other !== null} />
              <${Row} icon="sun" label=${t("history.selfuse")} now=${here?.selfConsumption ?? null} then=${there?.selfConsumption ?? null} write=${share} points wide=${other !== null} />`
          }
        </tbody>
      </table>
    </section>
    ${isSite && html`<${Paid} now=${paid.value?.periods[0] ?? null} then=${paidThen.value?.periods[0] ?? null} reason=${paid.value?.reason ?? ""} wide=${other !== null} />`}
  </div>`;
}

/** @param {{ now: Money | null, then: Money | null, reason: string, wide: boolean }} props */
function Paid({ now, then, reason, wide }) {
  const currency = meta.value?.currency ?? "EUR";
  const write = (/** @type {number} */ each) => written(each, currency);
  if (now?.cost === null && reason) {
    return html`<section class="card">
      <h2>${t("history.money")}</h2>
      <p class="quiet">${t("history.money.none")}</p>
      <p class="quiet history-note" lang="en">${reason}</p>
    </section>`;
  }
  return html`<section class="card">
    <h2>${t("history.money")}</h2>
    <table class="sums">
      <thead><tr><th scope="col"><span class="unseen">${t("history.what")}</span></th><th scope="col">${t("history.this")}</th>${wide && html`<th scope="col">${t("history.then")}</th><th scope="col">${t("history.change")}</th>`}</tr></thead>
      <tbody>
        ${MONEY.map((each) => html`<${Row} key=${each} icon="money" label=${t(/** @type {any} */ (`history.money.${each}`))} now=${now?.[each] ?? null} then=${then?.[each] ?? null} write=${write} wide=${wide} />`)}
      </tbody>
    </table>
    <p class="quiet history-note">${t("history.money.note")}</p>
  </section>`;
}

/**
 * @param {{ label: string, now: number | null, then: number | null, write: (value: number) => string, wide: boolean, icon: string, colour?: string, points?: boolean }} props
 *   points: of percent, so that the change is told in points and not in percent of percent
 */
function Row({ label, now, then, write, wide, icon, colour = "", points = false }) {
  return html`<tr data-colour=${colour}>
    <th scope="row"><span><${Icon} name=${icon} size=${16} />${label}</span></th>
    <td>${now === null ? UNKNOWN : write(now)}</td>
    ${wide && html`<td>${then === null ? UNKNOWN : write(then)}</td><td>${change(now, then, points)}</td>`}
  </tr>`;
}

/** @param {number | null} now @param {number | null} then @param {boolean} points */
function change(now, then, points) {
  if (now === null || then === null) return UNKNOWN;
  if (points) return t("history.points", { points: count(now - then, 0, true) });
  return Math.abs(then) < 1e-9 ? UNKNOWN : `${count(((now - then) / Math.abs(then)) * 100, 0, true)} %`;
}

/** @param {number} value */
const share = (value) => `${count(value, 0)} %`;

/** @param {Energies | null} period @param {string | null} name */
const valueOf = (period, name) => (period && name ? (period.values[name] ?? null) : null);
