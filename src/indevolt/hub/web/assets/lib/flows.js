// Where power goes, by the hub's own rule, as nobody can see it: the sun serves the house first, then the battery, then the grid; what it
// leaves open the battery serves: the house, then the grid; what is open then comes from the grid. Pure.

/** @typedef {"sun" | "battery" | "grid" | "house"} Place */
/** @typedef {{ from: Place, to: Place, power: number }} Flow */

/** In the order of the rule. @type {readonly (readonly [Place, Place])[]} */
export const ROUTES = [
  ["sun", "house"],
  ["sun", "battery"],
  ["sun", "grid"],
  ["battery", "house"],
  ["battery", "grid"],
  ["grid", "house"],
  ["grid", "battery"],
];

/**
 * The power of each route, in W; what is unknown takes no part.
 * @param {{ sun: number | null, battery: number | null, grid: number | null, house: number | null }} powers
 *   battery: positive out of it; grid: positive from it
 * @returns {Flow[]}
 */
export function allocate({ sun, battery, grid, house }) {
  /** @type {Record<string, number>} */
  const sources = { sun: Math.max(0, sun ?? 0), battery: Math.max(0, battery ?? 0), grid: Math.max(0, grid ?? 0) };
  /** @type {Record<string, number>} */
  const sinks = { house: Math.max(0, house ?? 0), battery: Math.max(0, -(battery ?? 0)), grid: Math.max(0, -(grid ?? 0)) };
  return ROUTES.map(([from, to]) => {
    const power = Math.min(sources[from], sinks[to]);
    sources[from] -= power;
    sinks[to] -= power;
    return { from, to, power };
  });
}

// ---- the picture ---------------------------------------------------------------------------------------------------------------------

/** @typedef {{ x: number, y: number }} Point */
/** @typedef {{ x: number, y: number, r: number }} Circle */
/** A cubic Bézier curve: two ends, and what pulls at them between. @typedef {[Point, Point, Point, Point]} Curve */

const THIN = 2;
const GAP = 2;
/** Ports of each place in the order in which ribbons leave it, seen along its side: so they never cross. @type {Record<Place, Place[]>} */
const ORDER = {
  sun: ["grid", "battery", "house"], // from left to right
  battery: ["grid", "sun", "house"],
  grid: ["sun", "house", "battery"], // from top to bottom
  house: ["sun", "grid", "battery"],
};

/** Where the four places stand in a picture of some size. @param {number} width @param {number} height @returns {Record<Place, Circle>} */
export function places(width, height) {
  const r = Math.round(Math.max(38, Math.min(width * 0.145, height * 0.152, 72)));
  const large = Math.round(r * 1.24);
  const label = 26; // below the places at the sides, and below the battery
  const aside = Math.max(r + 4, width / 2 - Math.max(height * 0.55, 2.6 * r));
  const middle = (r + height - label - large) / 2 + (r - large) * 0.18;
  return {
    sun: { x: width / 2, y: r + 2, r },
    battery: { x: width / 2, y: height - large - 2 - label, r: large },
    grid: { x: aside, y: middle, r },
    house: { x: width - aside, y: middle, r },
  };
}

/** How wide a ribbon is: by the root of its power, so that small ones are seen beside large ones. @param {number} power @param {number} most */
export function thickness(power, most) {
  return power <= 0 ? 0 : THIN + 12 * Math.sqrt(Math.min(1, power / most));
}

/**
 * The ribbons of a picture: a curve for each flow, side by side where several leave one place.
 * @param {Flow[]} flows @param {Record<Place, Circle>} at @param {number} most power of the widest
 */
export function ribbons(flows, at, most) {
  const middle = { x: at.sun.x, y: at.grid.y };
  /** @param {Place} place @param {Place} other */
  const of = (place, other) => flows.find(({ from, to }) => (from === place && to === other) || (from === other && to === place));
  /** @param {Place} place @param {Place} other @returns {number} how far from the middle of its side a ribbon begins */
  const offset = (place, other) => {
    const widths = ORDER[place].map((each) => thickness(of(place, each)?.power ?? 0, most));
    const all = widths.reduce((sum, each) => sum + each, 0) + GAP * Math.max(0, widths.filter(Boolean).length - 1);
    const index = ORDER[place].indexOf(other);
    const before = widths.slice(0, index).reduce((sum, each) => sum + (each ? each + GAP : 0), 0);
    return before + widths[index] / 2 - all / 2;
  };
  /** @param {Place} place @param {number} aside */
  const port = (place, aside) => {
    const { x, y, r } = at[place];
    const edge = r - 1;
    switch (place) {
      case "sun":
        return { x: x + aside, y: y + edge };
      case "battery":
        return { x: x + aside, y: y - edge };
      case "grid":
        return { x: x + edge, y: y + aside };
      case "house":
        return { x: x - edge, y: y + aside };
    }
  };
  return flows.map((flow) => {
    const one = port(flow.from, offset(flow.from, flow.to));
    const other = port(flow.to, offset(flow.to, flow.from));
    return { ...flow, width: thickness(flow.power, most), curve: curve(one, flow.from, other, flow.to, middle) };
  });
}

/** @param {Place} place */
const upright = (place) => place === "sun" || place === "battery";

/**
 * @param {Point} one @param {Place} from @param {Point} other @param {Place} to @param {Point} middle
 * @returns {Curve}
 */
function curve(one, from, other, to, middle) {
  const bend = 0.86;
  /** @param {Point} end @param {Place} place */
  const pull = (end, place) =>
    upright(place) ? { x: end.x, y: end.y + (middle.y - end.y) * bend } : { x: end.x + (middle.x - end.x) * bend, y: end.y };
  return [one, pull(one, from), pull(other, to), other];
}

/** A curve as SVG writes it. @param {Curve} curve */
export function pathOf([one, a, b, other]) {
  const text = (/** @type {Point} */ { x, y }) => `${x.toFixed(1)},${y.toFixed(1)}`;
  return `M${text(one)}C${text(a)} ${text(b)} ${text(other)}`;
}

/** @param {Curve} curve @param {number} t 0 to 1 @returns {Point} */
function pointAt([p, q, r, s], t) {
  const u = 1 - t;
  const [a, b, c, d] = [u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t];
  return { x: a * p.x + b * q.x + c * r.x + d * s.x, y: a * p.y + b * q.y + c * r.y + d * s.y };
}

const FINE = 48; // pieces that a curve is measured by

/**
 * Points of a curve that are equally far from each other, both ends included, and how long it is.
 * @param {Curve} curve @param {number} count
 * @returns {{ points: Point[], length: number }}
 */
export function along(curve, count) {
  const fine = Array.from({ length: FINE + 1 }, (_, at) => pointAt(curve, at / FINE));
  const far = [0];
  for (let at = 1; at <= FINE; at += 1) far.push(far[at - 1] + Math.hypot(fine[at].x - fine[at - 1].x, fine[at].y - fine[at - 1].y));
  const length = far[FINE];
  let piece = 1;
  const points = Array.from({ length: count }, (_, at) => {
    const wanted = (length * at) / (count - 1);
    while (piece < FINE && far[piece] < wanted) piece += 1;
    const share = (wanted - far[piece - 1]) / (far[piece] - far[piece - 1] || 1);
    const [one, other] = [fine[piece - 1], fine[piece]];
    return { x: one.x + (other.x - one.x) * share, y: one.y + (other.y - one.y) * share };
  });
  return { points, length };
}
