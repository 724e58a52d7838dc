// The page "history": how a day went, what days and months brought, where energy went and what it cost, beside another time of choice.
// The address says which: #/history/month/2026-04-01/site.

import { useAsked } from "../lib/asked.js";
import { dateOf } from "../lib/calendar.js";
import { html, useSignal } from "../lib/html.js";
import { hubNow } from "../lib/hubtime.js";
import { t, when } from "../lib/i18n.js";
import { go } from "../lib/router.js";
import { SITE, deviceNames, meta } from "../lib/store.js";
import { Icon } from "../parts/icon.js";
import { Empty, Failure } from "../parts/notice.js";
import { Bars } from "./history/bars.js";
import { Curves } from "./history/curves.js";
import { course, energies } from "./history/data.js";
import { namesOf } from "./history/kinds.js";
import { Download } from "./history/save.js";
import { PERIODS, compared, isDate, spanOf, stepped } from "./history/span.js";
import { Sums } from "./history/sums.js";
import { CourseTable, EnergyTable } from "./history/tables.js";

/** @typedef {import("./history/span.js").Period} Period */
/** @typedef {import("./history/span.js").Span} Span */

export const wish = () => ({ names: ["solar_power", "grid_power", "house_power", "battery_power", "battery_soc"] });

const COMPARED = /** @type {const} */ (["none", "before", "year"]);
const SHORTEST_S = 120; // that can be zoomed into

/** @param {{ rest: string[] }} props */
export default function History({ rest }) {
  const known = meta.value;
  const against = useSignal(/** @type {(typeof COMPARED)[number]} */ ("none"));
  const zoom = useSignal(/** @type {null | { of: string, start: number, end: number }} */ (null));
  if (!known) return html`<div class="page history"><h1>${t("page.history")}</h1></div>`;
  const zone = known.time_zone;
  const today = dateOf(hubNow(), zone);
  const period = PERIODS.find((each) => each === rest[0]) ?? "day";
  const span = spanOf(period, isDate(rest[1]) ? /** @type {string} */ (rest[1]) : today, zone);
  const of = deviceNames.value.includes(rest[2]) ? /** @type {string} */ (rest[2]) : SITE;
  const other = against.value === "none" ? null : compared(span, against.value, zone);
  const key = `${period}/${span.date}/${of}`;
  const near = zoom.value?.of === key ? zoom.value : null;
  /** @param {Period} next @param {string} date @param {string} [what] */
  const show = (next, date, what = of) => go("history", next, date, ...(what === SITE ? [] : [what]));
  const isPast = span.end <= hubNow();

  return html`<div class="page history">
    <div class="history-head">
      <h1>${t("page.history")}</h1>
      <div class="segments" role="group" aria-label=${t("history.period")}>
        ${PERIODS.map(
          (each) => html`<button type="button" key=${each} aria-pressed=${each === period} onClick=${() => show(each, span.date > today ? today : inside(span, today))}>${t(/** @type {any} */ (`history.period.${each}`))}</button>`,
        )}
      </div>
      <div class="history-step">
        <button type="button" class="bare" aria-label=${t("history.earlier")} onClick=${() => show(period, stepped(span, -1, zone).date)}><${Icon} name="back" /></button>
        <label class="history-date"><span>${title(span, zone)}</span>
          <input type="date" aria-label=${t("history.date")} value=${span.date} max=${today} onChange=${(/** @type {any} */ event) => isDate(event.target.value) && show(period, event.target.value)} />
        </label>
        <button type="button" class="bare" aria-label=${t("history.later")} disabled=${!isPast} onClick=${() => show(period, stepped(span, 1, zone).date)}><${Icon} name="forward" /></button>
        ${isPast && html`<button type="button" class="button" onClick=${() => show(period, today)}>${t("history.now")}</button>`}
      </div>
      <div class="history-choices">
        ${
          deviceNames.value.length > 0 &&
          html`<label class="choice"><span>${t("history.of")}</span>
            <select value=${of} onChange=${(/** @type {any} */ event) => show(period, span.date, event.target.value)}>
              <option value=${SITE} selected=${of === SITE}>${t("history.site")}</option>
              ${deviceNames.value.map((name) => html`<option key=${name} value=${name} selected=${of === name}>${name}</option>`)}
            </select>
          </label>`
        }
        <label class="choice"><span>${t("history.against")}</span>
          <select value=${against.value} onChange=${(/** @type {any} */ event) => (against.value = event.target.value)}>
            ${COMPARED.filter((each) => each !== "year" || period !== "year").map(
              (each) => html`<option key=${each} value=${each} selected=${each === against.value}>${t(/** @type {any} */ (each === "none" ? "history.against.none" : each === "year" ? "history.against.year" : `history.against.${period}`))}</option>`,
            )}
          </select>
        </label>
        <${Download} of=${of} span=${near ? { ...span, ...near } : span} />
      </div>
    </div>
    ${
      period === "day"
        ? html`<${Day} key=${`${key}/${against.value}`} of=${of} span=${span} other=${other} near=${near} onZoom=${(/** @type {number} */ start, /** @type {number} */ end) => {
            if (end - start >= SHORTEST_S * 1000) zoom.value = { of: key, start, end };
          }} onAll=${() => (zoom.value = null)} isOpen=${!isPast} />`
        : html`<${Longer} key=${`${key}/${against.value}`} of=${of} span=${span} other=${other} isOpen=${!isPast} onOpen=${(/** @type {number} */ start) => show(span.part === "month" ? "month" : "day", dateOf(start + 1000, zone))} />`
    }
    <${Sums} key=${`sums ${key} ${against.value}`} of=${of} span=${span} other=${other} isOpen=${!isPast} />
  </div>`;
}

/** @param {{ of: string, span: Span, other: Span | null, near: { start: number, end: number } | null, isOpen: boolean, onZoom: (start: number, end: number) => void, onAll: () => void }} props */
function Day({ of, span, other, near, isOpen, onZoom, onAll }) {
  const { start, end } = near ?? span;
  const now = useAsked((abort) => course(of, namesOf(of), start, end, abort), [of, start, end], isOpen);
  const shift = other ? (span.start - other.start) / 1000 : 0;
  const then = useAsked(
    (abort) => (other ? course(of, namesOf(of), start - shift * 1000, end - shift * 1000, abort) : Promise.resolve(null)),
    [of, start, end, other?.start],
    false,
  );
  const middle = (start + end) / 2;
  const length = end - start;
  const empty = now.value !== null && Object.values(now.value.columns).every((values) => values.every((each) => each === null));
  return html`<section class="card" aria-label=${t("history.curves")}>
    <div class="card-head">
      <h2>${t("history.power")}</h2>
      <div class="zoom" role="group" aria-label=${t("history.zoom")}>
        <button type="button" class="bare" aria-label=${t("history.zoom.in")} disabled=${length / 3 < SHORTEST_S * 1000} onClick=${() => onZoom(middle - length / 6, middle + length / 6)}><${Icon} name="plus" /></button>
        <button type="button" class="bare" aria-label=${t("history.zoom.out")} disabled=${!near} onClick=${() => (length * 3 >= span.end - span.start ? onAll() : onZoom(Math.max(span.start, middle - length * 1.5), Math.min(span.end, middle + length * 1.5)))}><${Icon} name="minus" /></button>
        <button type="button" class="button" disabled=${!near} onClick=${onAll}>${t("history.zoom.all")}</button>
      </div>
    </div>
    ${now.problem && html`<${Failure} problem=${now.problem} />`}
    ${empty && html`<${Empty} icon="history" title=${t("history.empty")} text=${t("history.empty.text")} />`}
    ${
      now.value && !empty
        ? html`<${Curves} of=${of} course=${now.value} other=${then.value} shift=${shift} start=${start / 1000} end=${end / 1000} onZoom=${(/** @type {number} */ from, /** @type {number} */ to) => onZoom(from * 1000, to * 1000)} />
          <p class="quiet history-note">${now.value.step === null ? t("history.raw") : t("history.step", { minutes: Math.round(now.value.step / 60) })}</p>
          <${CourseTable} of=${of} course=${now.value} />`
        : !empty && html`<div class="waiting" aria-busy="true"></div>`
    }
  </section>`;
}

/** @param {{ of: string, span: Span, other: Span | null, isOpen: boolean, onOpen: (start: number) => void }} props */
function Longer({ of, span, other, isOpen, onOpen }) {
  const now = useAsked((abort) => energies(of, span.start, span.end, span.part, abort), [of, span.start, span.end], isOpen);
  const then = useAsked((abort) => (other ? energies(of, other.start, other.end, span.part, abort) : Promise.resolve(null)), [of, other?.start], false);
  const empty = now.value !== null && now.value.every(({ values }) => Object.values(values).every((each) => each === null));
  return html`<section class="card" aria-label=${t("history.energies")}>
    <div class="card-head"><h2>${t("history.energies")}</h2></div>
    ${now.problem && html`<${Failure} problem=${now.problem} />`}
    ${empty && html`<${Empty} icon="history" title=${t("history.empty")} text=${t("history.empty.text")} />`}
    ${
      now.value && !empty
        ? html`<${Bars} of=${of} bars=${now.value} other=${then.value} part=${span.part} onOpen=${onOpen} />
          <${EnergyTable} of=${of} bars=${now.value} part=${span.part} />`
        : !empty && html`<div class="waiting" aria-busy="true"></div>`
    }
  </section>`;
}

/** A day to show when the period changes: today, if it is within what is shown. @param {Span} span @param {string} today */
const inside = (span, today) => {
  const zone = meta.peek()?.time_zone ?? "UTC";
  return span.date <= today && today < dateOf(span.end + 1000, zone) ? today : span.date;
};

/** @param {Span} span @param {string} zone */
function title(span, zone) {
  switch (span.period) {
    case "day":
      return when(span.start, { weekday: "short", day: "numeric", month: "long", year: "numeric" }, zone);
    case "week":
      return `${when(span.start, { day: "numeric", month: "short" }, zone)} – ${when(span.end - 1000, { day: "numeric", month: "short", year: "numeric" }, zone)}`;
    case "month":
      return when(span.start, { month: "long", year: "numeric" }, zone);
    case "year":
      return when(span.start, { year: "numeric" }, zone);
  }
}
