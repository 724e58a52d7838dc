// What the pictures show, as tables: for those who do not see them, and for those who want the numbers.

import { html, useSignal } from "../../lib/html.js";
import { count, t, when } from "../../lib/i18n.js";
import { meta } from "../../lib/store.js";
import { UNKNOWN, quantity } from "../../lib/units.js";
import { layersOf } from "./kinds.js";

/** @typedef {import("./data.js").Course} Course */
/** @typedef {import("./data.js").Energies} Energies */

const MOST_ROWS = 49; // half hours of a day; of more, each so many is shown

/** @param {{ of: string, course: Course }} props */
export function CourseTable({ of, course }) {
  const { above, below, line } = layersOf(of);
  const layers = [...above, ...below, line];
  const zone = meta.value?.time_zone ?? "UTC";
  return html`<${Folded} rows=${() => {
    const every = Math.max(1, Math.ceil(course.times.length / MOST_ROWS));
    return course.times
      .map((time, index) => ({ time, index }))
      .filter(({ index }) => index % every === 0)
      .map(({ time, index }) => [
        when(time * 1000, { hour: "2-digit", minute: "2-digit", second: course.step === null ? "2-digit" : undefined }, zone),
        ...layers.map(({ take }) => quantity(take(course.columns, index), "W")),
        percentOf(course.columns.battery_soc?.[index]),
      ]);
  }} heads=${[t("history.time"), ...layers.map(({ key }) => t(/** @type {any} */ (`history.layer.${key}`))), t("soc")]} />`;
}

/** @param {{ of: string, bars: Energies[], part: "day" | "month" }} props */
export function EnergyTable({ of, bars, part }) {
  const { above, below, line } = layersOf(of);
  const layers = [...above, ...below, line].filter(({ energy }) => energy);
  const zone = meta.value?.time_zone ?? "UTC";
  return html`<${Folded} rows=${() =>
    bars.map(({ start, values }) => [
      when(start, part === "month" ? { month: "long", year: "numeric" } : { weekday: "short", day: "numeric", month: "short" }, zone),
      ...layers.map(({ energy }) => quantity(values[/** @type {string} */ (energy)], "Wh")),
    ])} heads=${[t("history.time"), ...layers.map(({ key }) => t(/** @type {any} */ (`history.layer.${key}`)))]} />`;
}

/** A table that is made when it is opened. @param {{ heads: string[], rows: () => string[][] }} props */
function Folded({ heads, rows }) {
  const open = useSignal(false);
  return html`<details class="folded" onToggle=${(/** @type {any} */ event) => (open.value = event.target.open)}>
    <summary>${t("history.table")}</summary>
    ${
      open.value &&
      html`<div class="scrolled" tabindex="0" role="region" aria-label=${t("history.table")}>
        <table>
          <thead><tr>${heads.map((head) => html`<th scope="col" key=${head}>${head}</th>`)}</tr></thead>
          <tbody>
            ${rows().map(([first, ...cells]) => html`<tr key=${first}><th scope="row">${first}</th>${cells.map((cell, index) => html`<td key=${index}>${cell}</td>`)}</tr>`)}
          </tbody>
        </table>
      </div>`
    }
  </details>`;
}

/** @param {number | null | undefined} value */
const percentOf = (value) => (value === null || value === undefined ? UNKNOWN : `${count(value, 0)} %`);
