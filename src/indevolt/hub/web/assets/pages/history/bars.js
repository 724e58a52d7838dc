// Energies of days or months as bars: what came from where upwards, where it went downwards, and beside it what it is compared with.

import { html, useState } from "../../lib/html.js";
import { t, when } from "../../lib/i18n.js";
import { meta } from "../../lib/store.js";
import { UNKNOWN, quantity, tick } from "../../lib/units.js";
import { useWidth } from "../../lib/width.js";
import { Icon } from "../../parts/icon.js";
import { layersOf } from "./kinds.js";

/** @typedef {import("./data.js").Energies} Energies */

const HEIGHT = 320;
const LEFT = 56;
const BOTTOM = 26;
const TOP = 10;
const WIDEST = 44;
const LEAST_WH = 500;

/** @param {{ of: string, bars: Energies[], other: Energies[] | null, part: "day" | "month", onOpen: (start: number) => void }} props */
export function Bars({ of, bars, other, part, onOpen }) {
  const [place, width] = useWidth();
  const [at, setAt] = useState(/** @type {number | null} */ (null));
  const zone = meta.value?.time_zone ?? "UTC";
  const { above, below, line } = layersOf(of);
  const up = above.filter(({ energy }) => energy);
  const down = below.filter(({ energy }) => energy);
  const sumOf = (/** @type {Energies | undefined} */ each, /** @type {typeof up} */ layers) =>
    layers.reduce((sum, { energy }) => sum + (each?.values[/** @type {string} */ (energy)] ?? 0), 0);
  const all = [...bars, ...(other ?? [])];
  const high = nice(Math.max(LEAST_WH, ...all.map((each) => sumOf(each, up)), ...all.map((each) => each.values[line.energy ?? ""] ?? 0)));
  const low = nice(Math.max(0, ...all.map((each) => sumOf(each, down))));
  const scale = (HEIGHT - TOP - BOTTOM) / (high + low || 1);
  const zero = TOP + high * scale;
  const slot = bars.length ? (width - LEFT) / bars.length : 0;
  const wide = Math.min(WIDEST, slot * 0.68);
  const every = Math.ceil((part === "day" ? 34 : 38) / Math.max(1, slot));
  const label = (/** @type {number} */ start, long = false) =>
    when(start, part === "month" ? { month: long ? "long" : "short", year: long ? "numeric" : undefined } : long ? { weekday: "long", day: "numeric", month: "long" } : bars.length <= 7 ? { weekday: "short", day: "numeric" } : { day: "numeric" }, zone);
  const chosen = at === null ? null : bars[at];

  return html`<div class="curves">
    <dl class="readout">
      <div class="readout-time"><dt class="unseen">${t("history.time")}</dt><dd>${chosen ? label(chosen.start, true) : html`<span class="quiet">${t("history.point")}</span>`}</dd></div>
      ${[...up, ...down, ...(line.energy ? [line] : [])].map(
        ({ key, colour, icon, energy }) => html`<div key=${key} data-colour=${colour} data-line=${key === line.key}>
          <dt><${Icon} name=${icon} size=${16} />${t(/** @type {any} */ (`history.layer.${key}`))}</dt>
          <dd>${chosen ? quantity(chosen.values[/** @type {string} */ (energy)], "Wh") : ""}</dd>
        </div>`,
      )}
    </dl>
    <div class="bars" ref=${place} onPointerLeave=${() => setAt(null)}>
      ${
        width > 0 &&
        html`<svg width=${width} height=${HEIGHT} viewBox="0 0 ${width} ${HEIGHT}" aria-hidden="true">
          ${ticks(low, high).map((value) => {
            const y = zero - value * scale;
            return html`<g key=${value} class="bars-tick">
              <line x1=${LEFT} x2=${width} y1=${y} y2=${y} data-zero=${value === 0} />
              <text x=${LEFT - 8} y=${y + 4} text-anchor="end">${tick(value, "Wh")}</text>
            </g>`;
          })}
          ${bars.map((each, index) => {
            const x = LEFT + slot * (index + 0.5) - wide / 2;
            const ghost = other?.[index];
            const house = line.energy ? (each.values[line.energy] ?? null) : null;
            return html`<g key=${each.start} class="bar" data-chosen=${at === index}>
              ${ghost && html`<rect class="bar-ghost" x=${x - 3} width=${wide + 6} y=${zero - sumOf(ghost, up) * scale} height=${(sumOf(ghost, up) + sumOf(ghost, down)) * scale} rx="3" />`}
              ${pieces(each, up, zero, scale, 1).map(({ key, colour, y, height }) => html`<rect key=${key} data-colour=${colour} data-key=${key} x=${x} y=${y} width=${wide} height=${height} />`)}
              ${pieces(each, down, zero, scale, -1).map(({ key, colour, y, height }) => html`<rect key=${key} data-colour=${colour} data-key=${key} x=${x} y=${y} width=${wide} height=${height} />`)}
              ${house !== null && html`<line class="bar-house" x1=${x - 2} x2=${x + wide + 2} y1=${zero - house * scale} y2=${zero - house * scale} />`}
              ${index % every === 0 && html`<text class="bar-label" x=${x + wide / 2} y=${HEIGHT - 6} text-anchor="middle">${label(each.start)}</text>`}
            </g>`;
          })}
        </svg>`
      }
      <ul class="bars-touch">
        ${bars.map(
          (each, index) => html`<li key=${each.start}>
            <button type="button" tabindex=${index === (at ?? 0) ? 0 : -1} aria-label=${`${label(each.start, true)}: ${spoken(each, [...up, ...down])}`}
              onPointerEnter=${() => setAt(index)} onFocus=${() => setAt(index)} onClick=${() => onOpen(each.start)}
              onKeyDown=${(/** @type {any} */ event) => along(event, index)}></button>
          </li>`,
        )}
      </ul>
    </div>
  </div>`;
}

/** What a bar says. @param {Energies} each @param {import("./kinds.js").Layer[]} layers */
const spoken = (each, layers) =>
  layers.map(({ key, energy }) => `${t(/** @type {any} */ (`history.layer.${key}`))} ${quantity(each.values[/** @type {string} */ (energy)], "Wh").replace(UNKNOWN, "?")}`).join(", ");

/** @param {Energies} each @param {import("./kinds.js").Layer[]} layers @param {number} zero @param {number} scale @param {1 | -1} way */
function pieces(each, layers, zero, scale, way) {
  let sum = 0;
  return layers.map(({ key, colour, energy }) => {
    const height = (each.values[/** @type {string} */ (energy)] ?? 0) * scale;
    const y = way === 1 ? zero - sum - height : zero + sum;
    sum += height;
    return { key, colour, y, height };
  });
}

/** @param {KeyboardEvent} event @param {number} index */
function along(event, index) {
  const by = { ArrowLeft: -1, ArrowRight: 1, Home: -index, End: Infinity }[event.key];
  if (by === undefined) return;
  event.preventDefault();
  event.stopPropagation();
  const all = /** @type {HTMLElement} */ (event.currentTarget).closest("ul")?.querySelectorAll("button") ?? [];
  /** @type {HTMLElement | undefined} */ (all[Math.max(0, Math.min(all.length - 1, index + by))])?.focus();
}

/** The next number above that reads well. @param {number} value */
function nice(value) {
  if (value <= 0) return 0;
  const step = stepOf(value);
  return Math.ceil(value / step) * step;
}

/** @param {number} most */
function stepOf(most) {
  const size = 10 ** Math.floor(Math.log10(most / 3));
  return [1, 2, 5, 10].map((each) => each * size).find((each) => most / each <= 4) ?? 10 * size;
}

/** @param {number} low @param {number} high */
function ticks(low, high) {
  const step = stepOf(Math.max(low, high));
  const first = -Math.floor(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, index) => (first + index) * step);
}
