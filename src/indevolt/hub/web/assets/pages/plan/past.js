// How yesterday's plan fared: what was planned beside what came, quarter by quarter, and what either cost.

import { get } from "../../lib/api.js";
import { useAsked } from "../../lib/asked.js";
import { html, useSignal } from "../../lib/html.js";
import { count, money, t, when, word } from "../../lib/i18n.js";
import { UNKNOWN, quantity } from "../../lib/units.js";
import { useWidth } from "../../lib/width.js";

/** @typedef {import("./shapes.d.ts").PlanDay} PlanDay */

const TALL = 120;
const LEFT = 58;

/** @param {{ zone: string, currency: string }} props */
export function Past({ zone, currency }) {
  const day = useSignal(/** @type {"today" | "yesterday"} */ ("yesterday"));
  const asked = useAsked((abort) => /** @type {Promise<PlanDay>} */ (get(`plan/days/${day.value}`, {}, abort)), [day.value], true);
  const it = asked.value;
  const write = (/** @type {number | null} */ value) => (value === null ? UNKNOWN : money(value, currency));
  return html`<section class="card plan-past" aria-label=${t("plan.past")}>
    <div class="card-head">
      <h2>${t("plan.past")}</h2>
      <div class="plan-days" role="group" aria-label=${t("plan.past.day")}>
        ${(/** @type {const} */ (["yesterday", "today"])).map((each) => html`<button type="button" class="button" key=${each} aria-pressed=${day.value === each} onClick=${() => (day.value = each)}>${t(/** @type {any} */ (`plan.past.${each}`))}</button>`)}
      </div>
    </div>
    ${
      it && it.slots.length > 0
        ? html`<p>${t("plan.past.cost", { planned: write(it.planned_cost), actual: write(it.actual_cost) })}</p>
          <${Levels} day=${it} />
          <details class="folded"><summary>${t("plan.table")}</summary>
            <div class="scrolled" tabindex="0" role="region" aria-label=${t("plan.table")}>
              <table>
                <thead><tr><th scope="col">${t("plan.time")}</th><th scope="col">${t("plan.mode")}</th><th scope="col">${t("plan.past.grid.planned")}</th><th scope="col">${t("plan.past.grid.actual")}</th><th scope="col">${t("plan.past.planned")}</th><th scope="col">${t("plan.past.actual")}</th></tr></thead>
                <tbody>
                  ${it.slots.map(
                    (slot) => html`<tr key=${slot.start}>
                      <th scope="row">${when(slot.start, { hour: "2-digit", minute: "2-digit" }, zone)}</th><td>${word("plan.mode", slot.mode)}</td>
                      <td>${quantity(slot.planned.grid_w, "W")}</td><td>${quantity(slot.actual.grid_w, "W")}</td><td>${write(slot.planned_cost)}</td><td>${write(slot.actual_cost)}</td>
                    </tr>`,
                  )}
                </tbody>
              </table>
            </div>
          </details>`
        : it && html`<p class="quiet">${t("plan.past.none")}</p>`
    }
  </section>`;
}

/** How full the battery was to be, and was. @param {{ day: PlanDay }} props */
function Levels({ day }) {
  const [place, width] = useWidth();
  const x = (/** @type {number} */ index) => LEFT + ((width - LEFT - 8) * (index + 1)) / day.slots.length;
  const y = (/** @type {number} */ value) => 6 + TALL * (1 - value / 100);
  const path = (/** @type {(number | null | undefined)[]} */ values) => {
    let line = "";
    let broken = true;
    values.forEach((value, index) => {
      if (value === null || value === undefined) return (broken = true);
      line += `${broken ? "M" : "L"}${x(index)},${y(value)}`;
      return (broken = false);
    });
    return line;
  };
  return html`<figure class="plan-levels" ref=${place} aria-hidden="true">
    ${
      width > 0 &&
      html`<svg width=${width} height=${TALL + 12} viewBox="0 0 ${width} ${TALL + 12}">
        ${[0, 50, 100].map((value) => html`<g key=${value} class="plan-tick"><line x1=${LEFT} x2=${width - 8} y1=${y(value)} y2=${y(value)} data-zero=${value === 0} /><text x=${LEFT - 8} y=${y(value) + 4} text-anchor="end">${count(value)} %</text></g>`)}
        <path class="plan-line" data-colour="battery" stroke-dasharray="5 4" d=${path(day.slots.map(({ planned }) => planned.soc_pct))} />
        <path class="plan-line" data-colour="battery" d=${path(day.slots.map(({ actual }) => actual.soc_pct))} />
      </svg>`
    }
    <figcaption class="quiet">${t("plan.past.lines")}</figcaption>
  </figure>`;
}
