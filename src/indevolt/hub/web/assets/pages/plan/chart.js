// The plan as a picture, on one axis of time: prices as bars, what is to be done as a lane, how full the battery will be as a band, and
// what is foreseen of sun and house. What is under the pointer, or under the arrow keys, is read out above.

import { html, useState } from "../../lib/html.js";
import { hubNow } from "../../lib/hubtime.js";
import { count, money, t, when, word } from "../../lib/i18n.js";
import { UNKNOWN, quantity, tick } from "../../lib/units.js";
import { useWidth } from "../../lib/width.js";
import { Icon } from "../../parts/icon.js";
import { Said } from "../../parts/said.js";
import { MODES, runsOf } from "./slotted.js";

/** @typedef {import("./shapes.d.ts").PlanSlot} PlanSlot */
/** @typedef {import("./shapes.d.ts").Band} Band */

const LEFT = 58;
const RIGHT = 8;
const PRICE = { top: 8, tall: 120 };
const LANE = { top: 146, tall: 30 };
const LEVEL = { top: 196, tall: 110 };
const POWER = { top: 330, tall: 110 };
const HOURS_PX = 46; // between two hours that are named
const LEAST_W = 500;
const PAIRS = [1, 2, 3, 6, 12];

/**
 * @param {{ slots: PlanSlot[], currency: string, reserve: number | null, soc: number | null, zone: string, onPin: ((slot: PlanSlot) => void) | null }} props
 *   soc: where the level begins
 */
export function Chart({ slots, currency, reserve, soc, zone, onPin }) {
  const [place, width] = useWidth();
  const [at, setAt] = useState(/** @type {number | null} */ (null));
  const planned = slots.some(({ mode }) => mode !== null);
  const first = Date.parse(slots[0].start);
  const last = Date.parse(slots[slots.length - 1].end);
  const x = (/** @type {number} */ time) => LEFT + ((time - first) / (last - first)) * (width - LEFT - RIGHT);
  const xOf = (/** @type {string} */ time) => x(Date.parse(time));
  const bottom = planned ? POWER.top + POWER.tall : PRICE.top + PRICE.tall;
  const height = bottom + 24;
  const chosen = at === null ? null : slots[at];
  const point = (/** @type {PointerEvent} */ event) => {
    const box = /** @type {HTMLElement} */ (event.currentTarget).getBoundingClientRect();
    const time = first + ((event.clientX - box.left - LEFT) / (width - LEFT - RIGHT)) * (last - first);
    const index = slots.findIndex((slot) => Date.parse(slot.start) <= time && time < Date.parse(slot.end));
    if (index >= 0) setAt(index);
  };
  const keys = (/** @type {KeyboardEvent} */ event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -4, PageDown: 4 }[event.key];
    if (event.key === "Enter" && chosen && onPin) return onPin(chosen);
    if (by === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    setAt(Math.max(0, Math.min(slots.length - 1, (at ?? (by > 0 ? -1 : slots.length)) + by)));
  };
  return html`<div class="plan-chart">
    <${Readout} slot=${chosen} currency=${currency} zone=${zone} planned=${planned} />
    <div class="plan-picture" ref=${place} tabindex="0" role="group" aria-label=${t("plan.chart")} aria-describedby="plan-keys"
      onKeyDown=${keys} onPointerMove=${point} onPointerDown=${point} onPointerLeave=${(/** @type {PointerEvent} */ event) => event.pointerType === "mouse" && setAt(null)}
      onDblClick=${() => chosen && onPin?.(chosen)}>
      ${
        width > 0 &&
        html`<svg width=${width} height=${height} viewBox="0 0 ${width} ${height}" aria-hidden="true">
          <defs><pattern id="guessed" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="guessed-ground" width="6" height="6" /><line class="guessed-line" x1="0" y1="0" x2="0" y2="6" /></pattern></defs>
          <${Hours} first=${first} last=${last} x=${x} bottom=${bottom} zone=${zone} width=${width} />
          <${Prices} slots=${slots} xOf=${xOf} currency=${currency} width=${width} at=${at} />
          ${
            planned &&
            html`<${Lane} slots=${slots} xOf=${xOf} />
              <${Level} slots=${slots} xOf=${xOf} reserve=${reserve} soc=${soc} width=${width} />
              <${Powers} slots=${slots} xOf=${xOf} width=${width} />`
          }
          ${hubNow() > first && hubNow() < last && html`<line class="plan-now" x1=${x(hubNow())} x2=${x(hubNow())} y1="0" y2=${bottom} />`}
          ${chosen && html`<rect class="plan-cursor" x=${xOf(chosen.start)} width=${Math.max(1, xOf(chosen.end) - xOf(chosen.start))} y="0" height=${bottom} />`}
        </svg>`
      }
    </div>
    <p id="plan-keys" class="unseen">${t("plan.keys")}</p>
  </div>`;
}

/** @param {{ slot: PlanSlot | null, currency: string, zone: string, planned: boolean }} props */
function Readout({ slot, currency, zone, planned }) {
  const clock = (/** @type {string} */ time, /** @type {Intl.DateTimeFormatOptions} */ more = {}) => when(time, { hour: "2-digit", minute: "2-digit", ...more }, zone);
  const mean = (/** @type {Band | null | undefined} */ band, /** @type {string} */ unit) => (band ? quantity(band.p50, unit) : UNKNOWN);
  return html`<dl class="readout plan-readout">
    <div class="readout-time"><dt class="unseen">${t("plan.time")}</dt><dd>${slot ? `${clock(slot.start, { weekday: "short" })}–${clock(slot.end)}` : html`<span class="quiet">${t("plan.point")}</span>`}</dd></div>
    <div data-colour="price"><dt><${Icon} name="money" size=${16} />${t("plan.buy")}</dt><dd>${slot ? money(slot.import_price, currency) : ""}${slot && !slot.known ? html` <small class="quiet">${t("plan.guessed")}</small>` : ""}</dd></div>
    <div data-colour="price" data-line="true"><dt><${Icon} name="money" size=${16} />${t("plan.sell")}</dt><dd>${slot ? money(slot.export_price, currency) : ""}</dd></div>
    ${
      planned &&
      html`<div><dt><${Icon} name=${slot?.mode ? MODES[slot.mode].icon : "automation"} size=${16} />${t("plan.mode")}</dt><dd>${slot?.mode ? word("plan.mode", slot.mode) : ""}${slot?.power_w ? html` <small>${quantity(slot.power_w, "W")}</small>` : ""}</dd></div>
        <div data-colour="battery" data-line="true"><dt><${Icon} name="battery" size=${16} />${t("soc")}</dt><dd>${slot?.soc_pct ? `${count(slot.soc_pct.p50, 0)} %` : ""}${slot?.soc_pct ? html` <small class="quiet">${count(slot.soc_pct.p10, 0)}–${count(slot.soc_pct.p90, 0)}</small>` : ""}</dd></div>
        <div data-colour="sun"><dt><${Icon} name="sun" size=${16} />${t("plan.sun")}</dt><dd>${slot ? mean(slot.pv_w, "W") : ""}</dd></div>
        <div data-colour="house" data-line="true"><dt><${Icon} name="house" size=${16} />${t("plan.house")}</dt><dd>${slot ? mean(slot.load_w, "W") : ""}</dd></div>
        <div class="plan-why"><dt class="unseen">${t("plan.why")}</dt><dd><${Said} text=${slot?.reason ?? ""} /></dd></div>`
    }
  </dl>`;
}

/** @param {{ first: number, last: number, x: (time: number) => number, bottom: number, zone: string, width: number }} props */
function Hours({ first, last, x, bottom, zone, width }) {
  const hours = (last - first) / 3_600_000;
  const every = PAIRS.find((each) => (width / hours) * each >= HOURS_PX) ?? 24;
  const marks = [];
  for (let time = Math.ceil(first / 3_600_000) * 3_600_000; time < last; time += 3_600_000) {
    const hour = Number(when(time, { hour: "2-digit" }, zone).replace(/\D/g, ""));
    if (hour % every === 0) marks.push({ time, hour });
  }
  return html`<g class="plan-hours">
    ${marks.map(
      ({ time, hour }) => html`<g key=${time} data-midnight=${hour === 0}>
        <line x1=${x(time)} x2=${x(time)} y1="0" y2=${bottom} />
        <text x=${x(time)} y=${bottom + 17} text-anchor="middle">${hour === 0 ? when(time, { weekday: "short" }, zone) : count(hour)}</text>
      </g>`,
    )}
  </g>`;
}

/** @param {{ slots: PlanSlot[], xOf: (time: string) => number, currency: string, width: number, at: number | null }} props */
function Prices({ slots, xOf, currency, width, at }) {
  const most = Math.max(0.01, ...slots.map(({ import_price }) => import_price));
  const least = Math.min(0, ...slots.map(({ import_price, export_price }) => Math.min(import_price, export_price)));
  const scale = PRICE.tall / (most - least);
  const zero = PRICE.top + most * scale;
  const steps = ticksOf(least, most);
  let line = "";
  for (const slot of slots) line += `${line ? "L" : "M"}${xOf(slot.start)},${zero - slot.export_price * scale}L${xOf(slot.end)},${zero - slot.export_price * scale}`;
  return html`<g>
    ${steps.map((value) => html`<g key=${value} class="plan-tick"><line x1=${LEFT} x2=${width - RIGHT} y1=${zero - value * scale} y2=${zero - value * scale} data-zero=${value === 0} /><text x=${LEFT - 8} y=${zero - value * scale + 4} text-anchor="end">${money(value, currency)}</text></g>`)}
    ${slots.map((slot, index) => {
      const tall = Math.abs(slot.import_price) * scale;
      return html`<rect key=${slot.start} class="plan-price" data-known=${slot.known} data-chosen=${index === at} x=${xOf(slot.start)} width=${Math.max(0.6, xOf(slot.end) - xOf(slot.start) - 0.75)} y=${slot.import_price >= 0 ? zero - tall : zero} height=${Math.max(0.5, tall)} />`;
    })}
    <path class="plan-sell" d=${line} />
  </g>`;
}

/** @param {{ slots: PlanSlot[], xOf: (time: string) => number }} props */
function Lane({ slots, xOf }) {
  return html`<g>
    ${runsOf(slots).map((run) => {
      const [slot] = run;
      const mode = slot.mode ?? "self_use";
      const x = xOf(slot.start);
      const width = xOf(run[run.length - 1].end) - x;
      return html`<g key=${slot.start} class="plan-run" data-mode=${mode} data-colour=${MODES[mode].colour}>
        <rect x=${x + 0.5} y=${LANE.top} width=${Math.max(1, width - 1)} height=${LANE.tall} rx="4" />
        ${width > 22 && html`<g transform="translate(${x + width / 2 - 9} ${LANE.top + LANE.tall / 2 - 9})"><${Icon} name=${MODES[mode].icon} size=${18} /></g>`}
        ${slot.pinned && html`<circle class="plan-pinned" cx=${x + width / 2} cy=${LANE.top - 5} r="3" />`}
      </g>`;
    })}
  </g>`;
}

/** @param {{ slots: PlanSlot[], xOf: (time: string) => number, reserve: number | null, soc: number | null, width: number }} props */
function Level({ slots, xOf, reserve, soc, width }) {
  const y = (/** @type {number} */ value) => LEVEL.top + LEVEL.tall * (1 - value / 100);
  const known = slots.filter(({ soc_pct }) => soc_pct !== null);
  if (known.length === 0) return null;
  const begin = soc === null ? "" : `${xOf(known[0].start)},${y(soc)}L`;
  const path = (/** @type {"p10" | "p50" | "p90"} */ of) => known.map((slot) => `${xOf(slot.end)},${y(/** @type {Band} */ (slot.soc_pct)[of])}`);
  return html`<g>
    ${[0, 50, 100].map((value) => html`<g key=${value} class="plan-tick"><line x1=${LEFT} x2=${width - RIGHT} y1=${y(value)} y2=${y(value)} data-zero=${value === 0} /><text x=${LEFT - 8} y=${y(value) + 4} text-anchor="end">${value} %</text></g>`)}
    <path class="plan-band" data-colour="battery" d="M${begin}${path("p90").join("L")}L${path("p10").reverse().join("L")}Z" />
    <path class="plan-line" data-colour="battery" d="M${begin}${path("p50").join("L")}" />
    ${reserve !== null && html`<line class="plan-reserve" x1=${LEFT} x2=${width - RIGHT} y1=${y(reserve)} y2=${y(reserve)} />`}
  </g>`;
}

/** @param {{ slots: PlanSlot[], xOf: (time: string) => number, width: number }} props */
function Powers({ slots, xOf, width }) {
  const most = Math.max(LEAST_W, ...slots.map(({ pv_w, load_w }) => Math.max(pv_w?.p90 ?? 0, load_w?.p90 ?? 0)));
  const y = (/** @type {number} */ value) => POWER.top + POWER.tall * (1 - value / most);
  const steps = ticksOf(0, most);
  const middle = (/** @type {PlanSlot} */ slot) => (xOf(slot.start) + xOf(slot.end)) / 2;
  const path = (/** @type {"pv_w" | "load_w"} */ what, /** @type {"p10" | "p50" | "p90"} */ of) =>
    slots.filter((slot) => slot[what]).map((slot) => `${middle(slot)},${y(/** @type {Band} */ (slot[what])[of])}`);
  return html`<g>
    ${steps.map((value) => html`<g key=${value} class="plan-tick"><line x1=${LEFT} x2=${width - RIGHT} y1=${y(value)} y2=${y(value)} data-zero=${value === 0} /><text x=${LEFT - 8} y=${y(value) + 4} text-anchor="end">${tick(value, "W")}</text></g>`)}
    ${(/** @type {const} */ (["pv_w", "load_w"])).map((what) => {
      const colour = what === "pv_w" ? "sun" : "house";
      const up = path(what, "p90");
      if (up.length < 2) return null;
      return html`<g key=${what}>
        <path class="plan-band" data-colour=${colour} d="M${up.join("L")}L${path(what, "p10").reverse().join("L")}Z" />
        <path class="plan-line" data-colour=${colour} d="M${path(what, "p50").join("L")}" />
      </g>`;
    })}
  </g>`;
}

/** About four round numbers. @param {number} least @param {number} most */
function ticksOf(least, most) {
  const size = 10 ** Math.floor(Math.log10((most - least) / 3));
  const step = [1, 2, 5, 10].map((each) => each * size).find((each) => (most - least) / each <= 4.5) ?? 10 * size;
  const from = Math.ceil(least / step - 1e-9);
  return Array.from({ length: Math.floor(most / step + 1e-9) - from + 1 }, (_, index) => Math.round((from + index) * step * 1e6) / 1e6);
}
