// What a kWh costs now, and how that goes on for a day; what is only guessed is drawn so.

import { html, useEffect, useSignal } from "../../lib/html.js";
import { Problem, get } from "../../lib/api.js";
import { hubNow, now, pace } from "../../lib/hubtime.js";
import { currency } from "../../lib/house.js";
import { perEnergy, t, when } from "../../lib/i18n.js";
import { link, on } from "../../lib/live.js";
import { meta } from "../../lib/store.js";
import { UNKNOWN } from "../../lib/units.js";
import { Icon } from "../../parts/icon.js";

/** @typedef {import("../../lib/shapes.d.ts").Prices} Prices */

const WIDTH = 200;
const HEIGHT = 40;
const BEHIND_MS = 3 * 3_600_000;
const AHEAD_MS = 24 * 3_600_000;
const ANEW_MS = 15 * 60_000; // of the hub's time: prices change at quarters of an hour
const LEAST_MS = 60_000; // of our time, where the hub's goes faster

export function Price() {
  const prices = useSignal(/** @type {Prices | null} */ (null));
  useEffect(() => {
    let due = 0;
    const ask = async () => {
      if (link.peek() !== "live" || hubNow() < due || document.hidden) return; // before, the hub's time is not known
      due = hubNow() + Math.max(ANEW_MS, LEAST_MS * pace.peek());
      try {
        const at = Math.floor(hubNow() / ANEW_MS) * ANEW_MS; // so that pages ask for the same
        prices.value = await get("prices", { start: new Date(at - BEHIND_MS).toISOString(), end: new Date(at + AHEAD_MS).toISOString() });
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        due = hubNow() + LEAST_MS * pace.peek();
      }
    };
    void ask();
    const ends = [on("site", ask), on("loaded", () => void ((due = 0), ask()))];
    return () => ends.forEach((end) => end());
  }, []);
  const slots = prices.value?.slots ?? [];
  const at = now.value;
  const current = slots.find(({ start, end }) => Date.parse(start) <= at && at < Date.parse(end));
  const cheapest = slots.filter(({ end }) => Date.parse(end) > at).reduce((least, each) => (least === null || each.import_price < least.import_price ? each : least), /** @type {Prices["slots"][number] | null} */ (null));
  return html`<div class="stat" data-colour="money">
    <p class="stat-label"><${Icon} name="money" size=${18} />${t("now.price")}</p>
    <p class="stat-value">${current ? perEnergy(current.import_price, currency.value) : UNKNOWN}</p>
    <p class="stat-more">${
      current && !current.known
        ? t("now.price.guessed")
        : cheapest && cheapest !== current
          ? t("now.price.least", { time: when(cheapest.start, { hour: "2-digit", minute: "2-digit" }, meta.value?.time_zone), price: perEnergy(cheapest.import_price, currency.value) })
          : (prices.value?.reason ?? "") && t("now.noprices")
    }</p>
    ${slots.length > 1 ? html`<${Course} slots=${slots} at=${at} />` : html`<div class="spark"></div>`}
  </div>`;
}

/** @param {{ slots: Prices["slots"], at: number }} props */
function Course({ slots, at }) {
  const begin = Date.parse(slots[0].start);
  const span = Date.parse(slots[slots.length - 1].end) - begin;
  const values = slots.map((each) => each.import_price);
  const low = Math.min(0, ...values);
  const high = Math.max(...values) || 1;
  const x = (/** @type {number} */ time) => ((time - begin) / span) * WIDTH;
  const y = (/** @type {number} */ price) => HEIGHT - 2 - ((price - low) / (high - low || 1)) * (HEIGHT - 4);
  const line = (/** @type {Prices["slots"]} */ part) => part.map(({ start, end, import_price: price }, place) => `${place ? "L" : "M"}${x(Date.parse(start)).toFixed(1)},${y(price).toFixed(1)}H${x(Date.parse(end)).toFixed(1)}`).join("");
  const known = slots.filter((each) => each.known);
  const guessed = slots.filter((each) => !each.known);
  return html`<svg class="spark course" viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" aria-hidden="true">
    ${known.length > 0 && html`<path class="course-area" d=${`${line(known)}V${HEIGHT}H${x(Date.parse(known[0].start)).toFixed(1)}Z`} />`}
    <path class="course-line" d=${line(known)} />
    ${guessed.length > 0 && html`<path class="course-guess" d=${line(guessed)} />`}
    <line class="course-now" x1=${x(at)} x2=${x(at)} y1="0" y2=${HEIGHT} />
  </svg>`;
}
