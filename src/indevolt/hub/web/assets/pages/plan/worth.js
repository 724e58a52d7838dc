// What the plan is worth: against no battery, against the battery left to itself, and what one more stored kWh would bring.

import { html } from "../../lib/html.js";
import { count, money, t, when } from "../../lib/i18n.js";
import { UNKNOWN } from "../../lib/units.js";
import { Icon } from "../../parts/icon.js";

/** @param {{ plan: import("./shapes.d.ts").PlanBody }} props */
export function Worth({ plan }) {
  const { totals, currency, slots } = plan;
  if (!totals) return null;
  const until = when(slots[slots.length - 1].end, { weekday: "short", hour: "2-digit", minute: "2-digit" }, plan.time_zone);
  const value = plan.stored_value.reduce((best, each) => (plan.soc_pct !== null && Math.abs(each.soc_pct - plan.soc_pct) < Math.abs((best?.soc_pct ?? Infinity) - plan.soc_pct) ? each : best), plan.stored_value[0]);
  return html`<section class="card plan-worth" aria-label=${t("plan.worth")} data-dry=${!plan.automatic} data-simulated=${plan.simulated}>
    <${Figure} icon="money" label=${t("plan.worth.saving")} value=${money(totals.saving, currency)} more=${t("plan.worth.until", { until })} />
    <${Figure} icon="house" label=${t("plan.worth.gain")} value=${money(totals.gain_over_self_use, currency)} more=${t("plan.worth.gain.more")} />
    <${Figure} icon="money" label=${t("plan.worth.cost")} value=${money(totals.planned.total, currency)} more=${t("plan.worth.cost.more", { without: money(totals.no_battery.total, currency) })} />
    <${Figure} icon="battery" label=${t("plan.worth.stored")} value=${value ? money(value.per_kwh, currency) : UNKNOWN} more=${plan.soc_pct === null ? "" : t("plan.worth.stored.more", { soc: `${count(plan.soc_pct)} %` })} />
  </section>`;
}

/** @param {{ icon: string, label: string, value: string, more: string }} props */
function Figure({ icon, label, value, more }) {
  return html`<div class="figure">
    <p class="figure-label"><${Icon} name=${icon} size=${18} />${label}</p>
    <p class="figure-value">${value}</p>
    <p class="figure-more">${more}</p>
  </div>`;
}
