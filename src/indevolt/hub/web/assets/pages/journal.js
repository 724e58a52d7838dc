// The page "journal": every write, decision, alarm and outage, the newest first, with its facts; by kind, device and time, and as a file.

import { Problem, download, get } from "../lib/api.js";
import { batch, html, useComputed, useEffect, useSignal } from "../lib/html.js";
import { t, when, word } from "../lib/i18n.js";
import { on } from "../lib/live.js";
import { deviceNames, meta } from "../lib/store.js";
import { Icon } from "../parts/icon.js";
import { Empty, Failure } from "../parts/notice.js";
import { Said } from "../parts/said.js";
import { Facts } from "./journal/facts.js";
import { KINDS, iconOf, levelOf } from "./journal/kinds.js";

/** @typedef {import("../lib/shapes.d.ts").Entry} Entry */
/** @typedef {{ kinds: string[], device: string, start: string, end: string }} Wanted */

const PAGE = 100;
const MOST = 500; // that stay while new ones come; older ones can be asked for again
const ALL = "*";

export const wish = () => ({ names: [] });

export default function Journal() {
  const wanted = useSignal(/** @type {Wanted} */ ({ kinds: [], device: ALL, start: "", end: "" }));
  const entries = useSignal(/** @type {Entry[]} */ ([]));
  const older = useSignal(/** @type {number | null} */ (null));
  const state = useSignal(/** @type {"busy" | "ready"} */ ("busy"));
  const problem = useSignal(/** @type {Problem | null} */ (null));
  const text = useSignal("");
  const key = JSON.stringify(wanted.value);

  /** @param {number | null} before @param {AbortSignal} [abort] */
  const load = async (before, abort) => {
    state.value = "busy";
    try {
      const body = await get(addressOf("journal", wanted.value), { order: "newest", limit: PAGE, before: before ?? undefined, ...spanOf(wanted.value) }, abort);
      batch(() => {
        entries.value = before === null ? body.entries : [...entries.peek(), ...body.entries];
        older.value = body.next_before ?? null;
        problem.value = null;
        state.value = "ready";
      });
    } catch (error) {
      if (abort?.aborted) return;
      if (!(error instanceof Problem)) throw error;
      problem.value = error;
      state.value = "ready";
    }
  };
  useEffect(() => {
    const abort = new AbortController();
    entries.value = [];
    void load(null, abort.signal);
    const off = on("journal", (/** @type {Entry} */ entry) => {
      if (fits(entry, wanted.peek()) && !entries.peek().some(({ number }) => number !== 0 && number === entry.number)) {
        const kept = entries.peek().slice(0, MOST - 1);
        if (kept.length < entries.peek().length) older.value = kept.findLast(({ number }) => number !== 0)?.number ?? older.peek(); // 0: not stored
        entries.value = [entry, ...kept];
      }
    });
    return () => (abort.abort(), off());
  }, [key]);

  const found = useComputed(() => {
    const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    return words.length === 0 ? entries.value : entries.value.filter((each) => words.every((it) => `${each.text} ${each.actor} ${each.device}`.toLowerCase().includes(it)));
  });
  const zone = meta.value?.time_zone ?? "UTC";
  return html`<div class="page journal">
    <h1>${t("page.journal")}</h1>
    <${Filter} wanted=${wanted} text=${text} />
    ${problem.value && html`<${Failure} problem=${problem.value} />`}
    ${daysOf(found.value, zone).map(
      ({ day, of }) => html`<section key=${day} class="card journal-day" aria-label=${day}>
        <h2>${day}</h2>
        <ol class="entries">
          ${of.map((entry) => html`<${Line} key=${entry.number || `${entry.at} ${entry.text}`} entry=${entry} zone=${zone} />`)}
        </ol>
      </section>`,
    )}
    ${
      found.value.length === 0 &&
      state.value === "ready" &&
      !problem.value &&
      html`<${Empty} icon="journal" title=${t("journal.empty")} text=${t(key === NOTHING && !text.value ? "journal.empty.text" : "journal.empty.filter")} />`
    }
    ${entries.value.length === 0 && state.value === "busy" && html`<div class="waiting" aria-busy="true"></div>`}
    <div class="journal-end" aria-busy=${state.value === "busy"}>
      ${older.value !== null && html`<button type="button" class="button" disabled=${state.value === "busy"} onClick=${() => load(older.peek())}>${state.value === "busy" ? t("busy") : t("journal.older")}</button>`}
      ${older.value === null && found.value.length > 0 && html`<p class="quiet">${t("journal.begin")}</p>`}
    </div>
  </div>`;
}

const NOTHING = JSON.stringify({ kinds: [], device: ALL, start: "", end: "" });

/** @param {{ wanted: import("../lib/shapes.d.ts").Signal<Wanted>, text: import("../lib/shapes.d.ts").Signal<string> }} props */
function Filter({ wanted, text }) {
  const { kinds, device, start, end } = wanted.value;
  const busy = useSignal(false);
  const change = (/** @type {Partial<Wanted>} */ next) => (wanted.value = { ...wanted.peek(), ...next });
  const save = async (/** @type {string} */ form) => {
    busy.value = true;
    try {
      await download(addressOf("journal/export", wanted.peek()), { order: "newest", format: form, ...spanOf(wanted.peek()) }, `journal.${form}`);
    } finally {
      busy.value = false;
    }
  };
  return html`<section class="card journal-filter" aria-label=${t("journal.filter")}>
    <div class="kinds" role="group" aria-label=${t("journal.kinds")}>
      <button type="button" class="kind" aria-pressed=${kinds.length === 0} onClick=${() => change({ kinds: [] })}>${t("journal.all")}</button>
      ${KINDS.map(({ kind, icon }) => {
        const chosen = kinds.includes(kind);
        return html`<button type="button" class="kind" key=${kind} aria-pressed=${chosen} onClick=${() => change({ kinds: chosen ? kinds.filter((each) => each !== kind) : [...kinds, kind] })}>
          <${Icon} name=${icon} size=${18} />${word("journal.kind", kind)}
        </button>`;
      })}
    </div>
    <div class="journal-fields">
      <label class="choice journal-search"><span>${t("search")}</span><input type="search" value=${text.value} onInput=${(/** @type {any} */ event) => (text.value = event.target.value)} /></label>
      <label class="choice journal-device"><span>${t("journal.device")}</span>
        <select value=${device} onChange=${(/** @type {any} */ event) => change({ device: event.target.value })}>
          <option value=${ALL} selected=${device === ALL}>${t("journal.device.all")}</option>
          <option value="" selected=${device === ""}>${t("journal.device.hub")}</option>
          ${deviceNames.value.map((name) => html`<option key=${name} value=${name} selected=${device === name}>${name}</option>`)}
        </select>
      </label>
      <label class="choice"><span>${t("journal.from")}</span><input type="date" value=${start} max=${end || undefined} onChange=${(/** @type {any} */ event) => change({ start: event.target.value })} /></label>
      <label class="choice"><span>${t("journal.to")}</span><input type="date" value=${end} min=${start || undefined} onChange=${(/** @type {any} */ event) => change({ end: event.target.value })} /></label>
      <div class="journal-save" role="group" aria-label=${t("journal.save")}>
        ${["csv", "jsonl"].map((form) => html`<button type="button" key=${form} class="button" disabled=${busy.value} onClick=${() => save(form)}><${Icon} name="save" size=${18} />${form === "csv" ? "CSV" : "JSON"}</button>`)}
      </div>
    </div>
  </section>`;
}

/** @param {{ entry: Entry, zone: string }} props */
function Line({ entry, zone }) {
  const open = useSignal(false);
  const facts = Object.keys(entry.data).length > 0;
  const inside = html`
    <span class="entry-icon" data-level=${levelOf(entry)}><${Icon} name=${iconOf(entry)} size=${20} /></span>
    <span class="entry-text">
      <span class="entry-said">${entry.device && html`<b>${entry.device}</b> `}<${Said} text=${entry.text} /></span>
      <span class="entry-by">${[word("journal.kind", entry.kind), entry.actor === "hub" ? "" : entry.actor].filter(Boolean).join(" · ")}</span>
    </span>
    <time class="entry-time" dateTime=${entry.at}>${when(entry.at, { hour: "2-digit", minute: "2-digit", second: "2-digit" }, zone)}</time>`;
  if (!facts) return html`<li class="entry">${inside}<span class="entry-more"></span></li>`;
  return html`<li>
    <details onToggle=${(/** @type {any} */ event) => (open.value = event.target.open)}>
      <summary class="entry">${inside}<span class="entry-more"><${Icon} name="down" size=${18} /></span></summary>
      ${open.value && html`<${Facts} entry=${entry} />`}
    </details>
  </li>`;
}

/** Several kinds are several parameters of one name. @param {string} path @param {Wanted} wanted */
function addressOf(path, { kinds, device }) {
  const query = new URLSearchParams(kinds.map((each) => ["kind", each]));
  if (device !== ALL) query.append("device", device);
  return query.size ? `${path}?${query}` : path;
}

/** Whole days of the browser's own calendar. @param {Wanted} wanted @returns {Record<string, string>} */
function spanOf({ start, end }) {
  return {
    ...(start ? { start: new Date(`${start}T00:00`).toISOString() } : {}),
    ...(end ? { end: new Date(new Date(`${end}T00:00`).getTime() + 86_400_000).toISOString() } : {}),
  };
}

/** @param {Entry} entry @param {Wanted} wanted */
function fits(entry, { kinds, device, start, end }) {
  const { start: from, end: to } = /** @type {any} */ (spanOf({ kinds, device, start, end }));
  const at = Date.parse(entry.at);
  return (
    (kinds.length === 0 || kinds.includes(entry.kind)) &&
    (device === ALL || device === entry.device) &&
    (!from || at >= Date.parse(from)) &&
    (!to || at < Date.parse(to))
  );
}

/** @param {Entry[]} entries @param {string} zone @returns {{ day: string, of: Entry[] }[]} */
function daysOf(entries, zone) {
  /** @type {{ day: string, of: Entry[] }[]} */
  const days = [];
  for (const entry of entries) {
    const day = when(entry.at, { weekday: "long", day: "numeric", month: "long", year: "numeric" }, zone);
    if (days.at(-1)?.day !== day) days.push({ day, of: [] });
    days.at(-1)?.of.push(entry);
  }
  return days;
}
