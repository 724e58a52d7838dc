// Messages with gaps, in the languages of the page; and that every language says all that English says, with the same gaps.

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import test from "node:test";

import { fill } from "../../../src/indevolt/hub/web/assets/lib/icu.js";

const LOCALES = new URL("../../../src/indevolt/hub/web/assets/locales/", import.meta.url);
const wordsOf = (locale) => {
  const rules = new Intl.PluralRules(locale);
  const numbers = new Intl.NumberFormat(locale);
  return { count: (n) => numbers.format(n), plural: (n) => rules.select(n) };
};
const english = wordsOf("en");

test("gaps are filled, numbers as the language writes them", () => {
  assert.equal(fill("{who} has {n}", { who: "cellar", n: 1234.5 }, english), "cellar has 1,234.5");
  assert.equal(fill("{n}", { n: 1234.5 }, wordsOf("de")), "1.234,5");
});

test("plurals follow the language", () => {
  const text = "{n, plural, =0 {none} one {# unit} other {# units}}";
  assert.deepEqual([0, 1, 2].map((n) => fill(text, { n }, english)), ["none", "1 unit", "2 units"]);
  assert.equal(fill("{n, plural, one {# appareil} other {# appareils}}", { n: 0 }, wordsOf("fr")), "0 appareil");
});

test("gaps may stand within forms, and choices within choices", () => {
  const text = "{all, plural, one {{on} of # answers} other {{on} of # answer}}, {x, select, a {A {n, plural, one {one} other {many}}} other {else}}";
  assert.equal(fill(text, { all: 2, on: 1, x: "a", n: 3 }, english), "1 of 2 answer, A many");
  assert.equal(fill(text, { all: 1, on: 1, x: "b", n: 3 }, english), "1 of 1 answers, else");
});

test("what is missing leaves a gap and nothing worse", () => {
  assert.equal(fill("a {b} c", {}, english), "a  c");
  assert.equal(fill("a {b", { b: 1 }, english), "a 1");
});

const gapsIn = (text) => [...new Set([...text.matchAll(/\{\s*(\w+)\s*[,}]/g)].map(([, name]) => name))].sort();

for (const language of ["de", "nl", "fr"]) {
  for (const part of readdirSync(new URL("en/", LOCALES))) {
    test(`${language}/${part} says what English says`, async () => {
      const [here, there] = await Promise.all([language, "en"].map(async (each) => (await import(new URL(`${each}/${part}`, LOCALES))).default));
      assert.deepEqual(Object.keys(here).sort(), Object.keys(there).sort());
      for (const [key, text] of Object.entries(there)) {
        assert.deepEqual(gapsIn(here[key]), gapsIn(text), key);
        assert.ok(here[key].trim(), key);
      }
    });
  }
}
