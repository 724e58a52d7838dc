// Where the page says that power goes: nothing is made up, nothing counts twice, and the picture holds what it is given.

import assert from "node:assert/strict";
import test from "node:test";

import { allocate, along, places, ribbons, thickness } from "../../../src/indevolt/hub/web/assets/lib/flows.js";

const powers = [-2400, -35, 0, 180, 900, 2600];

function* houses() {
  for (const sun of powers) for (const battery of powers) for (const grid of powers) for (const house of powers) yield { sun, battery, grid, house };
}

const sum = (flows, key, place) => flows.filter((each) => each[key] === place).reduce((all, { power }) => all + power, 0);

test("no source gives more than it has, and no sink takes more", () => {
  for (const at of houses()) {
    const flows = allocate(at);
    assert.ok(flows.every(({ power }) => power >= 0));
    for (const place of ["sun", "battery", "grid"]) assert.ok(sum(flows, "from", place) <= Math.max(0, at[place]) + 1e-9);
    assert.ok(sum(flows, "to", "house") <= Math.max(0, at.house) + 1e-9);
    for (const place of ["battery", "grid"]) assert.ok(sum(flows, "to", place) <= Math.max(0, -at[place]) + 1e-9);
  }
});

test("as much flows as sources and sinks allow", () => {
  for (const at of houses()) {
    const given = Math.max(0, at.sun) + Math.max(0, at.battery) + Math.max(0, at.grid);
    const taken = Math.max(0, at.house) + Math.max(0, -at.battery) + Math.max(0, -at.grid);
    const flows = allocate(at);
    const moved = flows.reduce((all, { power }) => all + power, 0);
    assert.ok(Math.abs(moved - Math.min(given, taken)) < 1e-9, JSON.stringify({ at, flows }));
  }
});

test("the sun serves the house first, then the battery, then the grid", () => {
  const flows = allocate({ sun: 1500, battery: -600, grid: -300, house: 500 });
  const power = (from, to) => flows.find((each) => each.from === from && each.to === to).power;
  assert.deepEqual([power("sun", "house"), power("sun", "battery"), power("sun", "grid")], [500, 600, 300]);
});

test("what is unknown takes no part", () => {
  assert.ok(allocate({ sun: null, battery: null, grid: null, house: null }).every(({ power }) => power === 0));
  assert.equal(allocate({ sun: 800, battery: null, grid: null, house: null }).some(({ power }) => power > 0), false);
});

test("all places stand within the picture and apart from each other, on a phone and on a wall", () => {
  for (const [width, height] of [[270, 336], [328, 336], [430, 416], [740, 448], [1200, 600], [2000, 900]]) {
    const at = Object.values(places(width, height));
    for (const { x, y, r } of at) {
      assert.ok(x - r >= 0 && x + r <= width && y - r >= 0 && y + r <= height, `${width}x${height}`);
    }
    for (const one of at) {
      for (const other of at) {
        if (one !== other) assert.ok(Math.hypot(one.x - other.x, one.y - other.y) > one.r + other.r, `${width}x${height}`);
      }
    }
  }
});

test("more power is never drawn thinner, and none is not drawn", () => {
  assert.equal(thickness(0, 2000), 0);
  for (let power = 1; power < 4000; power += 1) assert.ok(thickness(power + 1, 2000) >= thickness(power, 2000));
});

test("ribbons that leave one place lie side by side", () => {
  const at = places(700, 448);
  const drawn = ribbons(allocate({ sun: 2000, battery: -700, grid: -600, house: 700 }), at, 2000);
  const begin = ({ curve }) => curve[0].x;
  const fromSun = drawn.filter(({ from, power }) => from === "sun" && power > 0).sort((one, other) => begin(one) - begin(other));
  assert.deepEqual(fromSun.map(({ to }) => to), ["grid", "battery", "house"]);
  for (let place = 1; place < fromSun.length; place += 1) {
    const apart = begin(fromSun[place]) - begin(fromSun[place - 1]);
    assert.ok(apart >= (fromSun[place].width + fromSun[place - 1].width) / 2, "they overlap");
  }
});

test("points along a curve are equally far from each other, from end to end", () => {
  const at = places(700, 448);
  for (const { curve } of ribbons(allocate({ sun: 900, battery: 0, grid: 0, house: 900 }), at, 2000)) {
    const { points, length } = along(curve, 15);
    assert.deepEqual([points[0], points[14]].map(({ x, y }) => [x.toFixed(6), y.toFixed(6)]), [curve[0], curve[3]].map(({ x, y }) => [x.toFixed(6), y.toFixed(6)]));
    for (let place = 1; place < points.length; place += 1) {
      const step = Math.hypot(points[place].x - points[place - 1].x, points[place].y - points[place - 1].y);
      assert.ok(Math.abs(step - length / 14) < 0.04 * length / 14, `${step} of ${length / 14}`);
    }
  }
});
