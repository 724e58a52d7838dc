// The curves of a day: what came from where, stacked upwards, where it went, downwards, what the house took, and how full the battery was.
// Drawn by uPlot on a canvas; what is under the pointer is read out in words above, and the table below has all of it.

import { html, useEffect, useRef, useSignal } from "../../lib/html.js";
import { count, shown, t, when } from "../../lib/i18n.js";
import { theme } from "../../lib/prefs.js";
import { meta } from "../../lib/store.js";
import { UNKNOWN, quantity, tick } from "../../lib/units.js";
import { Icon } from "../../parts/icon.js";
import uPlot from "../../vendor/uplot.js";
import { layersOf } from "./kinds.js";

/** @typedef {import("./data.js").Course} Course */

const GAP_S = 90; // between two readings that are joined by a line
const POWER_PX = 300;
const LEVEL_PX = 110;
const AXIS_PX = 60;
const LEAST_W = 200; // the power axis reaches at least so far

/**
 * @param {{ of: string, course: Course, other: Course | null, shift: number, start: number, end: number, onZoom: (start: number, end: number) => void }} props
 *   other: what it is compared with, later by shift (s); start, end: what is in sight (s)
 */
export function Curves({ of, course, other, shift, start, end, onZoom }) {
  const place = useRef(/** @type {HTMLElement | null} */ (null));
  const plots = useRef(/** @type {any[]} */ ([]));
  const at = useSignal(/** @type {number | null} */ (null));
  const { above, below, line } = layersOf(of);
  const data = columnsOf(of, course, other, shift);
  const zone = meta.value?.time_zone ?? "UTC";
  const look = `${theme.value} ${shown.value.locale} ${zone} ${of} ${other !== null}`;

  useEffect(() => {
    const element = place.current;
    if (!element) return undefined;
    const build = () => {
      for (const plot of plots.current) plot.destroy();
      plots.current = drawn(element, { of, data, zone, start, end, onZoom, onPoint: (index) => (at.value = index), compared: other !== null });
    };
    build();
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", build);
    const observer = new ResizeObserver(() => {
      for (const plot of plots.current) plot.setSize({ width: element.clientWidth, height: plot.height });
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      dark.removeEventListener("change", build);
      for (const plot of plots.current) plot.destroy();
      plots.current = [];
    };
  }, [look]);
  useEffect(() => {
    plots.current.forEach((plot, index) => {
      plot.setData(index === 0 ? data.power : data.level, false);
      plot.setScale("x", { min: start, max: end });
    });
  }, [course, other, start, end]);

  const index = at.value;
  const time = index === null ? null : (data.power[0][index] ?? null);
  const keys = (/** @type {KeyboardEvent} */ event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -12, PageDown: 12 }[event.key];
    if (by === undefined || data.power[0].length === 0) return;
    event.preventDefault();
    event.stopPropagation();
    const last = data.power[0].length - 1;
    const next = Math.max(0, Math.min(last, (index ?? (by > 0 ? -1 : last + 1)) + by));
    point(plots.current, next);
    at.value = next;
  };
  return html`<div class="curves">
    <dl class="readout">
      <div class="readout-time"><dt class="unseen">${t("history.time")}</dt><dd>${
        time === null ? html`<span class="quiet">${t("history.point")}</span>` : when(time * 1000, { weekday: "short", hour: "2-digit", minute: "2-digit", second: course.step === null ? "2-digit" : undefined }, zone)
      }</dd></div>
      ${[...above, ...below, line].map(({ key, colour, icon, take }) => {
        const watts = index === null ? null : take(data.columns, index);
        const faded = watts !== null && watts < 1;
        return html`<div key=${key} data-colour=${colour} data-line=${key === line.key} data-faded=${faded}>
          <dt><${Icon} name=${icon} size=${16} />${t(/** @type {any} */ (`history.layer.${key}`))}</dt>
          <dd>${index === null ? "" : watts === null ? UNKNOWN : quantity(watts, "W")}</dd>
        </div>`;
      })}
      <div data-colour="level" data-line="true">
        <dt><${Icon} name="battery" size=${16} />${t("soc")}</dt>
        <dd>${index === null ? "" : percentOf(data.columns.battery_soc?.[index])}</dd>
      </div>
    </dl>
    <div class="plots" ref=${place} tabindex="0" role="group" aria-label=${t("history.curves")} aria-describedby="history-keys" onKeyDown=${keys}></div>
    <p id="history-keys" class="unseen">${t("history.keys")}</p>
  </div>`;
}

/** @param {number | null | undefined} value */
const percentOf = (value) => (value === null || value === undefined ? UNKNOWN : `${count(value, 0)} %`);

/** Show a time as if the pointer were there. @param {any[]} plots @param {number} index */
function point(plots, index) {
  const [plot] = plots;
  if (!plot) return;
  plot.setCursor({ left: plot.valToPos(plot.data[0][index], "x"), top: 0 });
}

// ---- numbers ---------------------------------------------------------------------------------------------------------------------------

/**
 * What uPlot draws, and the columns that are read out.
 * @param {string} of @param {Course} raw @param {Course | null} other @param {number} shift
 * @returns {{ power: import("uplot").AlignedData, level: import("uplot").AlignedData, columns: Course["columns"] }}
 */
function columnsOf(of, raw, other, shift) {
  const { times, columns } = withGaps(raw);
  const { above, below, line } = layersOf(of);
  const indices = times.map((_, index) => index);
  /** @param {import("./kinds.js").Layer[]} layers @param {1 | -1} way */
  const stacked = (layers, way) => {
    const sums = indices.map(() => /** @type {number | null} */ (0));
    return layers.map(({ take }) =>
      indices.map((index) => {
        const value = take(columns, index);
        const sum = sums[index];
        sums[index] = value === null || sum === null ? null : sum + value;
        const total = sums[index];
        return total === null ? null : way * total;
      }),
    );
  };
  const up = stacked(above, 1);
  const down = stacked(below, -1);
  const zero = indices.map((index) => (up[0]?.[index] === null ? null : 0));
  const then = other ? resampled(withGaps(other), times, shift) : null;
  const compared = then ? indices.map((index) => line.take(then, index)) : [];
  const power = [times, zero, ...up, ...down, indices.map((index) => line.take(columns, index)), ...(then ? [compared] : [])];
  const level = [times, columns.battery_soc ?? [], ...(then ? [then.battery_soc ?? []] : [])];
  return { power: /** @type {any} */ (power), level: /** @type {any} */ (level), columns };
}

/** A time without values where readings are too far apart, so that no line is drawn over what nobody knows. @param {Course} course @returns {Course} */
function withGaps(course) {
  if (course.step !== null) return course;
  /** @type {number[]} */
  const times = [];
  /** @type {number[]} */
  const from = [];
  course.times.forEach((time, index) => {
    if (index > 0 && time - course.times[index - 1] > GAP_S) (times.push(course.times[index - 1] + 1), from.push(-1));
    (times.push(time), from.push(index));
  });
  const columns = Object.fromEntries(Object.entries(course.columns).map(([name, values]) => [name, from.map((each) => (each < 0 ? null : values[each]))]));
  return { times, columns, step: null };
}

/** The values of another time at these times. @param {Course} other @param {number[]} times @param {number} shift */
function resampled(other, times, shift) {
  const reach = Math.max(GAP_S, other.step ?? 0);
  let at = 0;
  const from = times.map((time) => {
    while (at + 1 < other.times.length && other.times[at + 1] + shift <= time) at += 1;
    const found = other.times[at];
    return found !== undefined && Math.abs(found + shift - time) <= reach ? at : -1;
  });
  return Object.fromEntries(Object.entries(other.columns).map(([name, values]) => [name, from.map((each) => (each < 0 ? null : values[each]))]));
}

// ---- drawing ---------------------------------------------------------------------------------------------------------------------------

/**
 * @param {HTMLElement} element
 * @param {{ of: string, data: ReturnType<typeof columnsOf>, zone: string, start: number, end: number, compared: boolean,
 *   onZoom: (start: number, end: number) => void, onPoint: (index: number | null) => void }} what
 */
function drawn(element, { of, data, zone, start, end, onZoom, onPoint, compared }) {
  const style = getComputedStyle(element);
  const colour = (/** @type {string} */ name) => computed(name, element);
  const { above, below, line } = layersOf(of);
  const ink = colour("--quiet");
  const common = {
    width: element.clientWidth,
    tzDate: (/** @type {number} */ ts) => uPlot.tzDate(new Date(ts * 1000), zone),
    legend: { show: false },
    cursor: { sync: { key: "history" }, drag: { x: true, y: false, setScale: false }, points: { show: false }, y: false },
    select: { show: true, left: 0, top: 0, width: 0, height: 0 },
  };
  const axis = { stroke: ink, font: `12px ${style.fontFamily}`, grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
  const hours = {
    ...axis,
    values: (/** @type {any} */ _, /** @type {number[]} */ splits) => splits.map((split) => when(split * 1000, { hour: "2-digit", minute: "2-digit" }, zone)),
  };
  const scales = { x: { time: true, min: start, max: end } };
  const layers = [...above, ...below];
  const first = 2; // series 0 is time, 1 the zero line
  const hooks = {
    setSelect: [
      (/** @type {any} */ plot) => {
        const { left, width } = plot.select;
        if (width < 8) return;
        plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        onZoom(plot.posToVal(left, "x"), plot.posToVal(left + width, "x"));
      },
    ],
    setCursor: [(/** @type {any} */ plot) => onPoint(plot.cursor.idx ?? null)],
    ready: [touched],
  };
  const power = new uPlot(
    {
      ...common,
      height: POWER_PX,
      scales: { ...scales, y: { range: (/** @type {any} */ _, /** @type {number} */ least, /** @type {number} */ most) => room(least, most) } },
      axes: [{ ...hours, values: () => [], size: 8 }, { ...axis, size: AXIS_PX, values: (/** @type {any} */ _, /** @type {number[]} */ splits) => splits.map((split) => tick(split, "W")) }],
      series: [
        {},
        { stroke: "transparent", points: { show: false } },
        ...layers.map(({ colour: name }) => ({ stroke: colour(`--${name}`), width: 1, points: { show: false } })),
        { stroke: colour(`--${line.colour}-ink`), width: 2.25, points: { show: false } },
        ...(compared ? [{ stroke: colour(`--${line.colour}-ink`), width: 1.25, dash: [5, 4], points: { show: false } }] : []),
      ],
      bands: layers.map(({ key, colour: name }, index) => ({
        series: index === 0 || index === above.length ? [first + index, 1] : [first + index, first + index - 1],
        fill: filled(colour(`--${name}`), key === "charge" || key === "discharge" ? 0.5 : key === "export" ? 0.35 : 0.45),
        dir: index < above.length ? -1 : 1,
      })),
      hooks,
    },
    data.power,
    element,
  );
  const level = new uPlot(
    {
      ...common,
      height: LEVEL_PX,
      scales: { ...scales, y: { range: [0, 100] } },
      axes: [hours, { ...axis, size: AXIS_PX, splits: [0, 50, 100], values: (/** @type {any} */ _, /** @type {number[]} */ splits) => splits.map((split) => `${split} %`) }],
      series: [
        {},
        { stroke: colour("--battery-ink"), width: 2, fill: filled(colour("--battery"), 0.16), points: { show: false } },
        ...(compared ? [{ stroke: colour("--battery-ink"), width: 1.25, dash: [5, 4], points: { show: false } }] : []),
      ],
      hooks,
    },
    data.level,
    element,
  );
  return [power, level];
}

/** @param {number | null} least @param {number | null} most @returns {[number, number]} */
function room(least, most) {
  const low = Math.min(0, least ?? 0);
  const high = Math.max(LEAST_W, most ?? 0);
  return [low * 1.08, high * 1.08];
}

/** A variable of the style sheet as a colour that a canvas takes. @param {string} name @param {HTMLElement} element */
function computed(name, element) {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  element.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

/** @param {string} colour as the browser computes it @param {number} share */
const filled = (colour, share) => colour.replace(/^rgb\((.*)\)$/, (_, inner) => `rgb(${inner.replaceAll(",", " ")} / ${share})`);

/** Let a finger point: uPlot knows mice only. @param {any} plot */
function touched(plot) {
  const over = /** @type {HTMLElement} */ (plot.over);
  over.style.touchAction = "pan-y";
  const move = (/** @type {PointerEvent} */ event) => {
    if (event.pointerType === "mouse") return;
    const box = over.getBoundingClientRect();
    plot.setCursor({ left: event.clientX - box.left, top: event.clientY - box.top });
  };
  over.addEventListener("pointerdown", move);
  over.addEventListener("pointermove", move);
}
