// The page "plan": what a kWh costs and brings, what the batteries are to do slot by slot and why, what that is worth, what would be with
// another reserve, and how yesterday's plan fared. Where nothing is planned, prices alone, and how to have more.

import { get } from "../lib/api.js";
import { useAsked } from "../lib/asked.js";
import { html, useSignal } from "../lib/html.js";
import { t, when } from "../lib/i18n.js";
import { meta } from "../lib/store.js";
import { Icon } from "../parts/icon.js";
import { Empty, Failure, Trouble } from "../parts/notice.js";
import { Said } from "../parts/said.js";
import { Chart } from "./plan/chart.js";
import { Past } from "./plan/past.js";
import { Pin } from "./plan/pin.js";
import { Slots } from "./plan/slots.js";
import { slotsOfPrices } from "./plan/slotted.js";
import { Wanted } from "./plan/wanted.js";
import { WhatIf } from "./plan/whatif.js";
import { Worth } from "./plan/worth.js";

/** @typedef {import("./plan/shapes.d.ts").PlanBody} PlanBody */
/** @typedef {import("./plan/shapes.d.ts").PriceList} PriceList */
/** @typedef {import("./plan/shapes.d.ts").PlanSlot} PlanSlot */

export const wish = () => ({ names: ["battery_soc"] });

export default function PlanPage() {
  const plan = useAsked((abort) => /** @type {Promise<PlanBody>} */ (get("plan", {}, abort)), [], true);
  const prices = useAsked((abort) => /** @type {Promise<PriceList>} */ (get("prices", {}, abort)), [], true);
  const pinned = useSignal(/** @type {PlanSlot | null} */ (null));
  const it = plan.value;
  const zone = meta.value?.time_zone ?? "UTC";
  return html`<div class="page plan">
    <div class="plan-head">
      <h1>${t("page.plan")}</h1>
      ${it?.at && html`<${State} plan=${it} zone=${zone} />`}
    </div>
    ${plan.problem && html`<${Failure} problem=${plan.problem} />`}
    ${prices.value?.trouble && html`<${Trouble} detail=${prices.value.trouble.detail} remedy=${prices.value.trouble.remedy} />`}
    ${
      it && it.slots.length > 0
        ? html`<${Worth} plan=${it} />
          <section class="card" data-simulated=${it.simulated} data-dry=${!it.automatic} aria-label=${t("plan.chart")}>
            <h2>${t("plan.chart")}</h2>
            <${Chart} slots=${it.slots} currency=${it.currency} reserve=${it.reserve_pct} soc=${it.soc_pct} zone=${zone} onPin=${(/** @type {PlanSlot} */ slot) => (pinned.value = slot)} />
            ${it.notes.length > 0 && html`<ul class="quiet plan-notes">${it.notes.map((note) => html`<li key=${note}><${Said} text=${note} /></li>`)}</ul>`}
            <${Slots} slots=${it.slots} currency=${it.currency} zone=${zone} onPin=${(/** @type {PlanSlot} */ slot) => (pinned.value = slot)} />
          </section>
          <${Wanted} plan=${it} zone=${zone} onDone=${plan.renew} />
          <${WhatIf} plan=${it} />`
        : it && prices.value && html`<${Without} plan=${it} prices=${prices.value} zone=${zone} />`
    }
    ${it && html`<${Past} zone=${zone} currency=${it.currency} />`}
    ${!it && !plan.problem && html`<div class="waiting" aria-busy="true"></div>`}
    ${pinned.value && html`<${Pin} slot=${pinned.value} slots=${it?.slots ?? []} zone=${zone} onClose=${() => (pinned.value = null)} onDone=${plan.renew} />`}
  </div>`;
}

/** Whether it is carried out, and how old it is. @param {{ plan: PlanBody, zone: string }} props */
function State({ plan, zone }) {
  const at = when(/** @type {string} */ (plan.at), { hour: "2-digit", minute: "2-digit" }, zone);
  return html`<p class="plan-state">
    ${
      plan.stale
        ? html`<span class="badge" data-kind="warn"><${Icon} name="clock" size=${14} />${t("plan.stale")}</span>`
        : plan.automatic
          ? html`<span class="badge" data-kind="good"><${Icon} name="check" size=${14} />${t("plan.automatic")}</span>`
          : html`<span class="badge" data-kind="simulated">${t("plan.dry")}</span>`
    }
    ${plan.simulated && html`<span class="badge" data-kind="simulated">${t("simulated")}</span>`}
    <span class="quiet">${t("plan.made", { at })}${plan.because && html` (<${Said} text=${plan.because} />)`}</span>
  </p>`;
}

/** Nothing is planned. @param {{ plan: PlanBody, prices: PriceList, zone: string }} props */
function Without({ plan, prices, zone }) {
  const slots = slotsOfPrices(prices);
  return html`${
      slots.length > 0 &&
      html`<section class="card" data-simulated=${prices.simulated} aria-label=${t("plan.prices")}>
        <div class="card-head"><h2>${t("plan.prices")}</h2>${prices.simulated && html`<span class="badge" data-kind="simulated">${t("simulated")}</span>`}</div>
        <${Chart} slots=${slots} currency=${prices.unit.slice(0, 3)} reserve=${null} soc=${null} zone=${zone} onPin=${null} />
      </section>`
    }
    <${Empty} icon="plan" title=${t("plan.none")}>
      ${(plan.reason || prices.reason) && html`<p><${Said} text=${plan.reason || prices.reason} /></p>`}
      ${
        slots.length === 0 &&
        html`<p>${t("plan.none.prices")}</p>
          <pre class="snippet"><code>[tariff]
kind = "fixed"
import_price = 0.30
export_price = 0.08</code></pre>`
      }
    <//>`;
}
