// What the hub says in whole sentences, in the language of the page. The hub speaks English; a sentence is known by its English form,
// with what differs taken out, translated for itself, and put into the other language's form.

import { effect, signal } from "./html.js";
import { count, shown } from "./i18n.js";

/** @typedef {{ pattern: RegExp, form: string }} Known */

const MOST = 400; // sentences that are remembered
const CLAUSE = "; ";
const NUMBER = /^([+-]?\d+)\.(\d+)((?:\s\S{1,4})?)$/; // with a unit or without

/** What is known in the language of the page, the most particular first. */
const phrases = signal(/** @type {Known[]} */ ([]));
/** @type {Map<string, string | null>} */
const remembered = new Map();

effect(() => {
  const { language } = shown.value;
  remembered.clear();
  phrases.value = [];
  if (language === "en") return;
  import(`../locales/${language}/said.js`).then((part) => {
    if (shown.peek().language === language) phrases.value = compiled(part.default);
  });
});

/** @param {Record<string, string>} forms */
function compiled(forms) {
  return Object.entries(forms)
    .sort(([one], [other]) => literal(other) - literal(one))
    .map(([english, form]) => {
      const gap = english.includes(CLAUSE) ? "(.*?)" : `((?:(?!${CLAUSE}).)*?)`; // a form of one clause takes in no other
      return { pattern: new RegExp(`^${english.split(/\{\d\}/).map(escaped).join(gap)}$`, "s"), form };
    });
}

/** How much of a form stands fast. @param {string} english */
const literal = (english) => english.replace(/\{\d\}/g, "").length;
/** @param {string} text */
const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/**
 * A sentence of the hub in the language of the page; null: nobody translated it.
 * @param {string} text
 * @returns {string | null}
 */
export function said(text) {
  const known = phrases.value;
  if (shown.value.language === "en" || text === "") return text;
  const before = remembered.get(text);
  if (before !== undefined) return before;
  if (remembered.size >= MOST) remembered.clear();
  const found = translated(text, known);
  if (known.length > 0) remembered.set(text, found);
  return found;
}

/** @param {string} text @param {Known[]} known @returns {string | null} */
function translated(text, known) {
  for (const { pattern, form } of known) {
    const parts = pattern.exec(text);
    if (parts) return form.replace(/\{(\d)\}/g, (_, place) => part(parts[Number(place) + 1], known));
  }
  const end = text.indexOf(CLAUSE);
  if (end < 0) return null;
  const first = translated(text.slice(0, end), known);
  const rest = translated(text.slice(end + CLAUSE.length), known);
  return first !== null && rest !== null ? first + CLAUSE + rest : null;
}

/** Part of a sentence: another one, a number, or a name. @param {string} text @param {Known[]} known */
function part(text, known) {
  const number = NUMBER.exec(text);
  if (number) return `${count(Number(`${number[1]}.${number[2]}`), number[2].length)}${number[3]}`;
  return translated(text, known) ?? text;
}
