// Where energy went: ribbons from sun, battery and grid to house, battery and grid, as wide as their energy.

import { html } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { quantity } from "../../lib/units.js";
import { useWidth } from "../../lib/width.js";
import { Icon } from "../../parts/icon.js";

const ROW = { gap: 16, least: 26, top: 8 };
const TALL = 210; // of all ribbons together
const SIDE = 10; // width of the bars at both sides

const FROM = /** @type {const} */ (["solar", "battery", "grid"]);
const TO = /** @type {const} */ (["house", "battery", "grid"]);
const COLOUR = { solar: "sun", battery: "battery", grid: "grid", house: "house" };

/** @param {{ flows: Record<string, number | null>, unallocated: number | null }} props flows in Wh, by names like solar_to_house */
export function Sankey({ flows }) {
  const [place, width] = useWidth();
  const links = FROM.flatMap((from) => TO.map((to) => ({ from, to, energy: flows[`${from}_to_${to}`] ?? 0 }))).filter(({ energy }) => energy > 0.5);
  const total = links.reduce((sum, { energy }) => sum + energy, 0);
  if (Object.values(flows).every((each) => each === null) || total < 1) {
    return html`<p class="quiet" ref=${place}>${t("history.flows.none")}</p>`;
  }
  const scale = TALL / total;
  const left = column(FROM, (each) => links.filter(({ from }) => from === each), scale);
  const right = column(TO, (each) => links.filter(({ to }) => to === each), scale);
  const height = Math.max(left.height, right.height) + ROW.top;
  const side = Math.min(150, width * 0.3);
  const x0 = side + SIDE;
  const x1 = width - side - SIDE;
  const out = new Map(left.places.map((each) => [each.name, each.y]));
  const into = new Map(right.places.map((each) => [each.name, each.y]));

  return html`<figure class="sankey" ref=${place} aria-label=${t("history.flows")} role="group">
    ${
      width > 0 &&
      html`<svg width=${width} height=${height} viewBox="0 0 ${width} ${height}" aria-hidden="true">
        ${links.map(({ from, to, energy }) => {
          const thick = Math.max(1.5, energy * scale);
          const y0 = (out.get(from) ?? 0) + thick / 2;
          const y1 = (into.get(to) ?? 0) + thick / 2;
          out.set(from, y0 + thick / 2);
          into.set(to, y1 + thick / 2);
          const middle = (x0 + x1) / 2;
          return html`<path key=${`${from}-${to}`} class="sankey-link" data-colour=${COLOUR[from]} stroke-width=${thick} d="M${x0},${y0}C${middle},${y0} ${middle},${y1} ${x1},${y1}">
            <title>${said({ from, to, energy })}</title>
          </path>`;
        })}
        ${left.places.map(({ name, y, tall }) => html`<rect key=${name} data-colour=${COLOUR[name]} x=${side} y=${y} width=${SIDE} height=${tall} rx="2" />`)}
        ${right.places.map(({ name, y, tall }) => html`<rect key=${name} data-colour=${COLOUR[name]} x=${width - side - SIDE} y=${y} width=${SIDE} height=${tall} rx="2" />`)}
      </svg>
      ${left.places.map((each) => html`<${Name} key=${`from-${each.name}`} ...${each} of=${`from.${each.name}`} width=${side - 8} side="left" />`)}
      ${right.places.map((each) => html`<${Name} key=${`to-${each.name}`} ...${each} of=${`to.${each.name}`} width=${side - 8} side="right" />`)}`
    }
    <ul class="unseen">
      ${links.map((each) => html`<li key=${`${each.from}-${each.to}`}>${said(each)}</li>`)}
    </ul>
  </figure>`;
}

/** @param {{ from: string, to: string, energy: number }} link */
const said = ({ from, to, energy }) => t(/** @type {any} */ (`history.flow.${from}.${to}`), { energy: quantity(energy, "Wh") });

/** @param {{ name: keyof typeof COLOUR, of: string, y: number, tall: number, energy: number, width: number, side: "left" | "right" }} props */
function Name({ name, of, y, tall, energy, width, side }) {
  const icon = { solar: "sun", battery: "battery", grid: "grid", house: "house" }[name];
  return html`<div class="sankey-name" data-side=${side} data-colour=${COLOUR[name]} style=${{ top: `${y + tall / 2}px`, width: `${width}px` }} aria-hidden="true">
    <span><${Icon} name=${icon} size=${16} />${t(/** @type {any} */ (`history.${of}`))}</span>
    <strong>${quantity(energy, "Wh")}</strong>
  </div>`;
}

/**
 * @template {string} T
 * @param {readonly T[]} names @param {(name: T) => { energy: number }[]} linksOf @param {number} scale
 */
function column(names, linksOf, scale) {
  let y = ROW.top;
  const places = names
    .map((name) => ({ name, energy: linksOf(name).reduce((sum, { energy }) => sum + energy, 0) }))
    .filter(({ energy }) => energy > 0)
    .map(({ name, energy }) => {
      const tall = Math.max(2, energy * scale);
      const room = Math.max(ROW.least + ROW.gap, tall + ROW.gap);
      const at = y + Math.max(0, (room - ROW.gap - tall) / 2);
      y += room;
      return { name, energy, y: at, tall };
    });
  return { places, height: y };
}
