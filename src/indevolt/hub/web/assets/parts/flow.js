// The power flow: sun, grid, house and battery, joined by ribbons as wide as their power, along which points move as fast as it flows.
// Everything it shows is also said in words, and it stands still for those who want it so.

import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../lib/html.js";
import { t } from "../lib/i18n.js";
import { allocate, along, pathOf, places, ribbons } from "../lib/flows.js";
import { still } from "../lib/prefs.js";
import { stateOf } from "../lib/quality.js";
import { quantity } from "../lib/units.js";
import { wayOf } from "../lib/ways.js";
import { Icon } from "./icon.js";
import { Ring } from "./ring.js";
import { Value } from "./value.js";

/** @typedef {import("../lib/shapes.d.ts").Sample} Sample */
/** @typedef {import("../lib/flows.js").Place} Place */
/** @typedef {import("../lib/flows.js").Curve} Curve */

const TOLERANCE_W = 8; // below it, meters see noise
const SPACING = 24; // px between two points
const BASE_PX = 15; // px a second that points move at the pace of 1
const CORNERS = 15; // of the line that they follow, which is as good as the curve
const LEAST_SCALE_W = 1500; // the widest ribbon is at least so much

/** @type {readonly Place[]} */
const AROUND = ["sun", "grid", "house", "battery"];

/**
 * @param {{ powers: Record<Place, Sample>, soc: Sample, reserve: number | null, target: number | null, most?: number | null }} props
 *   battery: positive out of it; grid: positive from it; most: what flows at most, in W
 */
export function PowerFlow({ powers, soc, reserve, target, most = null }) {
  const [size, setSize] = useState({ width: 0, height: 0 });
  const figure = useRef(/** @type {HTMLElement | null} */ (null));
  useLayoutEffect(() => {
    const element = figure.current;
    if (!element) return undefined;
    const measure = () => setSize({ width: element.clientWidth, height: element.clientHeight });
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    measure();
    return () => observer.disconnect();
  }, []);

  const { width, height } = size;
  const at = useMemo(() => places(width, height), [width, height]);
  const watts = Object.fromEntries(AROUND.map((each) => [each, certain(powers[each])]));
  const flows = allocate(/** @type {any} */ (watts)).map((each) => ({ ...each, power: each.power < TOLERANCE_W ? 0 : each.power }));
  const scale = Math.max(LEAST_SCALE_W, most ?? 0, ...flows.map(({ power }) => power));
  const drawn = width > 0 ? ribbons(flows, at, scale) : [];
  const mix = mixOf(flows);

  return html`<figure ref=${figure} class="flow" role="group" aria-label=${t("now.flow")}>
    ${
      width > 0 &&
      html`<svg class="flow-lines" width=${width} height=${height} viewBox="0 0 ${width} ${height}" aria-hidden="true">
        ${drawn.map(({ from, to, curve }) => html`<path key=${`${from}-${to}`} class="flow-track" d=${pathOf(curve)} />`)}
        ${drawn.map(({ from, to, curve, width: wide, power }) => power > 0 && html`<${Ribbon} key=${`${from}-${to}`} from=${from} curve=${curve} width=${wide} />`)}
      </svg>`
    }
    ${
      !still() &&
      html`<div class="flow-points" aria-hidden="true">
        ${drawn.map(({ from, to, curve, width: wide, power }) => power > 0 && html`<${Points} key=${`${from}-${to}`} from=${from} curve=${curve} width=${wide} share=${power / scale} />`)}
      </div>`
    }
    ${width > 0 && AROUND.map((place) => html`<${Node} key=${place} place=${place} at=${at[place]} of=${powers[place]} soc=${soc} reserve=${reserve} target=${target} mix=${mix} />`)}
    <ul class="unseen">
      ${flows
        .filter(({ power }) => power > 0)
        .map(({ from, to, power }) => html`<li key=${`${from}-${to}`}>${t(/** @type {any} */ (`now.flow.${from}.${to}`), { power: quantity(power, "W") })}</li>`)}
    </ul>
  </figure>`;
}

/** @param {Sample} sample */
function certain(sample) {
  const state = stateOf(sample);
  return (state === "live" || state === "held") && typeof sample.value === "number" ? sample.value : null;
}

/** @param {{ from: Place, curve: Curve, width: number }} props */
function Ribbon({ from, curve, width }) {
  const { points } = along(curve, 3);
  const angle = (Math.atan2(points[2].y - points[0].y, points[2].x - points[0].x) * 180) / Math.PI;
  return html`<g class="ribbon" data-from=${from}>
    <path class="ribbon-body" d=${pathOf(curve)} stroke-width=${width} />
    ${still() && html`<path class="ribbon-arrow" d="M-5-6 2 0l-7 6" transform="translate(${points[1].x} ${points[1].y}) rotate(${angle})" />`}
  </g>`;
}

/**
 * Points that move along a ribbon. Each is a layer that the browser moves by itself, so that nothing is drawn anew while they do.
 * @param {{ from: Place, curve: Curve, width: number, share: number }} props share: of the most that flows
 */
function Points({ from, curve, width, share }) {
  const all = useRef(/** @type {HTMLElement | null} */ (null));
  const moving = useRef(/** @type {Animation[]} */ ([]));
  const { points, length } = along(curve, CORNERS);
  const count = Math.max(2, Math.round(length / SPACING));
  const pace = 0.5 + 2.5 * Math.sqrt(Math.min(1, share));
  const frames = points.map(({ x, y }) => ({ transform: `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px)` }));
  useEffect(() => {
    const duration = (1000 * length) / BASE_PX;
    moving.current = [...(all.current?.children ?? [])].map((each, at) => each.animate(frames, { duration, iterations: Infinity, delay: (-duration * at) / count }));
    return () => moving.current.forEach((each) => each.cancel());
  }, [count]);
  useEffect(() => {
    for (const each of moving.current) {
      /** @type {KeyframeEffect} */ (each.effect).setKeyframes(frames);
      each.updatePlaybackRate(pace); // changes its pace without a jump
    }
  }, [frames.map(({ transform }) => transform).join(), pace]);
  const size = `${Math.max(3, Math.min(6, width * 0.45))}px`;
  return html`<div ref=${all} class="points-of" data-from=${from}>${Array.from({ length: count }, (_, at) => html`<i key=${at} style=${{ width: size, height: size }}></i>`)}</div>`;
}

/**
 * @param {{ place: Place, at: { x: number, y: number, r: number }, of: Sample, soc: Sample, reserve: number | null, target: number | null,
 *   mix: { from: Place, share: number }[] }} props
 */
function Node({ place, at, of, soc, reserve, target, mix }) {
  const { x, y, r } = at;
  const watts = certain(of);
  const idle = watts !== null && Math.abs(watts) < TOLERANCE_W;
  const known = typeof soc.value === "number" ? soc.value : null;
  const old = stateOf(soc) !== "live" && stateOf(soc) !== "held";
  const place2 = { left: `${x}px`, top: `${y}px`, width: `${2 * r}px`, height: `${2 * r}px` };
  return html`<div class="node" data-place=${place} data-idle=${idle} data-unknown=${watts === null} style=${place2}>
    ${
      place === "battery"
        ? html`<${Ring} soc=${known} reserve=${reserve} target=${target} size=${2 * r} width=${Math.round(r * 0.15)} old=${old} />`
        : html`<${Border} r=${r} mix=${place === "house" ? mix : []} />`
    }
    <div class="node-inside">
      <${Icon} name=${place} size=${Math.round(r * (place === "battery" ? 0.3 : 0.42))} />
      ${place === "battery" && html`<span class="node-soc"><span class="unseen">${t("soc")}: </span><${Value} of=${soc} quiet /></span>`}
      <span class=${place === "battery" ? "node-power" : "node-value"}><span class="unseen">${t(/** @type {any} */ (`now.place.${place}`))}: </span><${Value} of=${of} size /></span>
    </div>
    <span class="node-label">${label(place, of, watts !== null)}</span>
  </div>`;
}

/** What a place does, in a word or two. @param {Place} place @param {Sample} sample @param {boolean} known */
function label(place, sample, known) {
  const way = !known ? "" : place === "battery" ? wayOf("battery_power", sample) : place === "grid" ? wayOf("grid_power", sample) : "";
  return way || t(`now.place.${place}`);
}

/** A circle; for the house, of the colours of what it lives on. @param {{ r: number, mix: { from: Place, share: number }[] }} props */
function Border({ r, mix }) {
  const radius = r - 2;
  const around = 2 * Math.PI * radius;
  let begin = 0;
  return html`<svg class="node-border" width=${2 * r} height=${2 * r} viewBox="0 0 ${2 * r} ${2 * r}" aria-hidden="true">
    <circle class="node-disc" cx=${r} cy=${r} r=${radius} />
    ${mix.map(({ from, share }) => {
      const arc = html`<circle key=${from} class="node-arc" data-from=${from} cx=${r} cy=${r} r=${radius}
        stroke-dasharray="${Math.max(0, around * share - 3)} ${around}" stroke-dashoffset=${-around * begin} transform="rotate(-90 ${r} ${r})" />`;
      begin += share;
      return arc;
    })}
  </svg>`;
}

/** What the house lives on. @param {{ from: Place, to: Place, power: number }[]} flows */
function mixOf(flows) {
  const into = flows.filter(({ to, power }) => to === "house" && power > 0);
  const all = into.reduce((sum, { power }) => sum + power, 0);
  return into.map(({ from, power }) => ({ from, share: power / all }));
}
