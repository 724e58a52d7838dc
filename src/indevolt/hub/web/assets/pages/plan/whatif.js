// What would be: the same plan with another reserve, beside the one that holds. Nothing is changed by asking.

import { get } from "../../lib/api.js";
import { useAsked } from "../../lib/asked.js";
import { html, useEffect, useState } from "../../lib/html.js";
import { count, money, t } from "../../lib/i18n.js";
import { UNKNOWN } from "../../lib/units.js";
import { Failure } from "../../parts/notice.js";

/** @typedef {import("./shapes.d.ts").PlanBody} PlanBody */

const SETTLE_MS = 300; // after the last move of the slider
const LEAST_PCT = 5;

/** @param {{ plan: PlanBody }} props */
export function WhatIf({ plan }) {
  const [reserve, setReserve] = useState(Math.round(plan.reserve_pct));
  const [asked, setAsked] = useState(reserve);
  useEffect(() => {
    const timer = setTimeout(() => setAsked(reserve), SETTLE_MS);
    return () => clearTimeout(timer);
  }, [reserve]);
  const same = asked === Math.round(plan.reserve_pct);
  const other = useAsked((abort) => (same ? Promise.resolve(null) : /** @type {Promise<PlanBody | null>} */ (get("plan", { reserve: asked, dry: true }, abort))), [asked, same], false);
  const now = plan.totals;
  const then = other.value?.totals ?? null;
  if (!now) return null;
  const rows = /** @type {const} */ ([
    ["planned", now.planned.total, then?.planned.total],
    ["self_use", now.self_use.total, then?.self_use.total],
    ["no_battery", now.no_battery.total, then?.no_battery.total],
    ["saving", now.saving, then?.saving],
  ]);
  const write = (/** @type {number | undefined} */ value) => (value === undefined ? UNKNOWN : money(value, plan.currency));
  return html`<section class="card whatif" aria-label=${t("plan.whatif")}>
    <div><h2>${t("plan.whatif")}</h2>
      <p class="quiet">${t("plan.whatif.text")}</p></div>
    <label class="slider">
      <span class="slider-head"><span>${t("plan.whatif.reserve")}</span><output>${count(reserve)} %</output></span>
      <input type="range" min=${LEAST_PCT} max="95" step="1" value=${reserve} aria-valuetext=${`${reserve} %`} onInput=${(/** @type {any} */ event) => setReserve(Number(event.target.value))} />
    </label>
    ${other.problem && html`<${Failure} problem=${other.problem} />`}
    <table class="sums" aria-busy=${!same && other.busy}>
      <thead><tr><th scope="col"><span class="unseen">${t("plan.whatif.what")}</span></th><th scope="col">${t("plan.whatif.now", { reserve: `${count(plan.reserve_pct)} %` })}</th><th scope="col">${t("plan.whatif.then", { reserve: `${count(asked)} %` })}</th></tr></thead>
      <tbody>
        ${rows.map(([name, one, another]) => html`<tr key=${name}><th scope="row">${t(/** @type {any} */ (`plan.whatif.${name}`))}</th><td>${write(one)}</td><td>${same ? write(one) : write(another)}</td></tr>`)}
      </tbody>
    </table>
  </section>`;
}
