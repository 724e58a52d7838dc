// What the page says: messages by language, with plurals, and numbers, dates and money as the language writes them.

import { signal } from "./html.js";
import { fill } from "./icu.js";
import { language } from "./prefs.js";

/** @typedef {import("./messages.d.ts").Key} Key */

export const LANGUAGES = /** @type {const} */ (["en", "de", "nl", "fr"]);
/** Each in its own words. */
export const NAMES = { en: "English", de: "Deutsch", nl: "Nederlands", fr: "Français" };

/** @type {Map<string, Record<string, string>>} parts that are here, by language and part */
const loaded = new Map();
/** @type {Set<string>} */
const parts = new Set(["core"]);
/** What is shown now. */
export const shown = signal(/** @type {{ language: string, locale: string, messages: Record<string, string> }} */ ({ language: "en", locale: "en", messages: {} }));

/** @returns {{ language: string, locale: string }} the wish of the user, else of the browser */
function wished() {
  const asked = language.value === "auto" ? navigator.languages : [language.value];
  for (const locale of asked) {
    const short = locale.slice(0, 2).toLowerCase();
    if (/** @type {readonly string[]} */ (LANGUAGES).includes(short)) {
      const regional = navigator.languages.find((each) => each.toLowerCase().startsWith(`${short}-`));
      return { language: short, locale: regional ?? short };
    }
  }
  return { language: "en", locale: navigator.languages[0] ?? "en" };
}

/** Have the messages of a part of the page at hand. @param {string} part */
export async function need(part) {
  parts.add(part);
  await speak();
}

/** Show the page in the language that is wished for. */
export async function speak() {
  const { language: short, locale } = wished();
  await Promise.all(
    [...parts].map(async (part) => {
      const key = `${short}/${part}`;
      if (!loaded.has(key)) loaded.set(key, (await import(`../locales/${short}/${part}.js`)).default);
    }),
  );
  const messages = Object.assign({}, ...[...parts].map((part) => loaded.get(`${short}/${part}`)));
  document.documentElement.lang = short;
  if (shown.peek().locale !== locale) formats.clear();
  shown.value = { language: short, locale, messages };
}

/**
 * A message in the language of the page.
 * @param {Key} key
 * @param {Record<string, string | number>} [values]
 * @returns {string}
 */
export function t(key, values) {
  const text = shown.value.messages[key];
  return text === undefined ? key : text.includes("{") ? fill(text, values ?? {}, WORDS) : text;
}

/**
 * A message whose key is made of a word of the hub; the word itself where nobody translated it.
 * @param {string} prefix @param {string} word
 */
export function word(prefix, word) {
  return shown.value.messages[`${prefix}.${word}`] ?? word.replaceAll("_", " ");
}

/** Whether there is a message. @param {string} key */
export const has = (key) => key in shown.value.messages;

// ---- numbers, dates, money -----------------------------------------------------------------------------------------------------------

/** @type {Map<string, any>} */
const formats = new Map();

/** @template T @param {string} key @param {(locale: string) => T} make @returns {T} */
function format(key, make) {
  const { locale } = shown.value;
  let it = formats.get(key);
  if (!it) formats.set(key, (it = make(locale)));
  return it;
}

/** What filling in a message needs of a language. @type {import("./icu.js").Words} */
const WORDS = {
  count: (n) => count(n),
  plural: (n) => format("plural", (locale) => new Intl.PluralRules(locale)).select(n),
};

/** @param {number} value @param {number} [digits] after the point @param {boolean} [sign] */
export function count(value, digits = 0, sign = false) {
  return format(
    `n${digits}${sign}`,
    (locale) =>
      new Intl.NumberFormat(locale, {
        minimumFractionDigits: digits,
        maximumFractionDigits: digits,
        signDisplay: sign ? "exceptZero" : "negative",
      }),
  )
    .format(value)
    .replace("-", "−"); // as wide as a plus
}

/** A number with as many digits as it has, up to some. @param {number} value @param {number} most */
export function exact(value, most = 3) {
  return format(`x${most}`, (locale) => new Intl.NumberFormat(locale, { maximumFractionDigits: most, signDisplay: "negative" }))
    .format(value)
    .replace("-", "−");
}

/** @param {number} value @param {string} currency */
export function money(value, currency) {
  return format(
    `m${currency}`,
    (locale) => new Intl.NumberFormat(locale, { style: "currency", currency, currencyDisplay: "narrowSymbol", signDisplay: "negative" }),
  ).format(value);
}

const CENTS = 100;
/** Currencies whose hundredth people know by its sign. @type {Readonly<Record<string, string>>} */
const SMALL = { EUR: "ct", USD: "¢", GBP: "p", CHF: "Rp.", SEK: "öre", NOK: "øre", DKK: "øre" };

/** A price of a kWh, in hundredths where they have a name. @param {number} value @param {string} currency */
export function perEnergy(value, currency) {
  const small = SMALL[currency];
  return small ? `${count(value * CENTS, 1)}\u00a0${small}` : money(value, currency);
}

/** @param {number} share 0 to 1 */
export function percent(share) {
  return format("p", (locale) => new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 0 })).format(share);
}

/** @param {number | string | Date} at @param {Intl.DateTimeFormatOptions} options @param {string | undefined} zone */
export function when(at, options, zone) {
  return format(
    `d${zone}${JSON.stringify(options)}`,
    (locale) => new Intl.DateTimeFormat(locale, { ...options, timeZone: zone, hourCycle: options.hour ? "h23" : undefined }),
  ).format(new Date(at));
}

const SPANS = /** @type {const} */ ([
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
]);

/** How long something takes or is ago, in its largest unit: "12 s", "3 min". @param {number} seconds */
export function span(seconds) {
  const [unit, size] = SPANS.find(([, each]) => seconds >= each) ?? SPANS[3];
  return format(`s${unit}`, (locale) => new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: 0 })).format(
    Math.max(0, Math.floor(seconds / size)),
  );
}

/** From now: "in 3 minutes", "2 hours ago". @param {number} seconds negative: ago */
export function fromNow(seconds) {
  const [unit, size] = SPANS.find(([, each]) => Math.abs(seconds) >= each) ?? SPANS[3];
  return format("r", (locale) => new Intl.RelativeTimeFormat(locale, { numeric: "auto" })).format(Math.trunc(seconds / size), unit);
}
