// The clocks of the house, where they are set and where they are not.

import assert from "node:assert/strict";
import test from "node:test";

import { dateOf, instant, nextTime } from "../../../src/indevolt/hub/web/assets/lib/calendar.js";

const BERLIN = "Europe/Berlin";
const at = (text) => Date.parse(text);
const utc = (ms) => new Date(ms).toISOString().slice(0, 16) + "Z";

test("a date is that of the house, wherever the browser is", () => {
  assert.equal(dateOf(at("2026-06-21T22:30Z"), BERLIN), "2026-06-22");
  assert.equal(dateOf(at("2026-06-21T22:30Z"), "America/New_York"), "2026-06-21");
});

test("a time of day is the next one by the clocks of the house", () => {
  assert.equal(utc(nextTime("07:00", at("2026-06-21T22:30Z"), BERLIN)), "2026-06-22T05:00Z");
  assert.equal(utc(nextTime("00:15", at("2026-06-21T22:30Z"), BERLIN)), "2026-06-22T22:15Z");
  assert.equal(utc(nextTime("00:30", at("2026-06-21T22:30Z"), BERLIN)), "2026-06-22T22:30Z", "now is not next");
  assert.equal(utc(nextTime("06:00", at("2026-12-31T20:00Z"), "Pacific/Auckland")), "2027-01-01T17:00Z");
});

test("a time after clocks were set is by the new ones", () => {
  assert.equal(utc(nextTime("07:00", at("2026-03-28T20:00Z"), BERLIN)), "2026-03-29T05:00Z");
  assert.equal(utc(nextTime("07:00", at("2026-10-24T20:00Z"), BERLIN)), "2026-10-25T06:00Z");
});

test("a time that is skipped is an hour later, and one that comes twice is one of the two", () => {
  assert.equal(utc(nextTime("02:30", at("2026-03-28T20:00Z"), BERLIN)), "2026-03-29T01:30Z");
  assert.ok(["2026-10-25T00:30Z", "2026-10-25T01:30Z"].includes(utc(nextTime("02:30", at("2026-10-24T20:00Z"), BERLIN))));
});

test("days of 23 and 25 hours begin at midnight", () => {
  const hours = (one, other) => (instant(other, BERLIN) - instant(one, BERLIN)) / 3_600_000;
  assert.equal(hours("2026-03-29", "2026-03-30"), 23);
  assert.equal(hours("2026-10-25", "2026-10-26"), 25);
});
