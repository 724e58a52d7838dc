// Live data: one stream of events, resumed where it broke, watched by its heartbeat; and the questions that fill in what events do not tell.

import { effect, signal } from "./html.js";
import { Problem, address, answered, authorization, get } from "./api.js";
import { heardNow, resumeFrom } from "./hubtime.js";
import { recall, remember, token } from "./prefs.js";
import * as store from "./store.js";

/** @typedef {import("./shapes.d.ts").Wish} Wish */

const SILENCE_MS = 45_000; // three heartbeats of the hub
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 20_000;
const HIDDEN_MS = 60_000; // a page that nobody sees stops listening after so long
const SAVE_MS = 20_000;
const OVERDUE = 3; // cycles of a device that may fail to come before the hub is asked why

/** How the hub is reached. `live`: events come; `away`: it does not answer; `closed`: a token is needed. */
export const link = signal(/** @type {"connecting" | "live" | "away" | "closed"} */ ("connecting"));
/** What went wrong, while it does not answer. */
export const trouble = signal(/** @type {Problem | null} */ (null));
/** When it is tried again, in ms of performance.now(); null while it is tried. */
export const nextTry = signal(/** @type {number | null} */ (null));

/** @type {Wish} */
let wish = {};
let lastId = "";
let failures = 0;
/** @type {AbortController | null} */
let running = null;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let hideTimer;
/** @type {Map<string, Set<(data: any) => void>>} */
const listeners = new Map();

/** What the frame around every page shows. */
const ALWAYS = ["battery_soc", "backup_soc", "rated_capacity"];

/** Say what the page that is shown wants to hear of. @param {Wish} asked */
export function want(asked) {
  const next = asked.names ? { ...asked, names: [...new Set([...ALWAYS, ...asked.names])] } : asked;
  if (JSON.stringify(next) === JSON.stringify(wish) && running) return;
  wish = next;
  connect();
}

/** Hear of a kind of event that the store does not keep; "loaded" is when all was asked for anew. @param {string} kind @param {(data: any) => void} take */
export function on(kind, take) {
  if (!listeners.has(kind)) listeners.set(kind, new Set());
  listeners.get(kind)?.add(take);
  return () => listeners.get(kind)?.delete(take);
}

/** Begin anew, at once. */
export function connect() {
  clearTimeout(timer);
  running?.abort();
  running = new AbortController();
  nextTry.value = null;
  void listen(running.signal);
}

/** @param {AbortSignal} abort */
async function listen(abort) {
  try {
    await stream(abort);
    if (!abort.aborted) pause(null); // the hub ended it: it stops, or we were too slow
  } catch (error) {
    if (abort.aborted) return;
    if (error instanceof Problem && (error.status === 401 || error.status === 429)) {
      link.value = "closed";
      trouble.value = error;
      if (error.status === 429) pause(error);
      return;
    }
    if (!(error instanceof Problem)) console.error(error); // a defect of the page: it goes on, but nobody should overlook it
    pause(error instanceof Problem ? error : new Problem({ status: 0, detail: String(error) }));
  }
}

/** Wait, longer each time and never in step with others. @param {Problem | null} problem */
function pause(problem) {
  running = null;
  failures += 1;
  if (failures > 1 || problem) {
    link.value = link.peek() === "closed" ? "closed" : "away";
    trouble.value = problem;
    store.devalueAll();
  }
  const most = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(failures, 10));
  const wait = most * (0.5 + Math.random() / 2);
  nextTry.value = performance.now() + wait;
  timer = setTimeout(connect, wait);
}

/** @param {AbortSignal} abort */
async function stream(abort) {
  const watch = new AbortController();
  let watchdog = setTimeout(() => watch.abort(), SILENCE_MS);
  const alive = () => {
    clearTimeout(watchdog);
    watchdog = setTimeout(() => watch.abort(), SILENCE_MS);
  };
  const both = AbortSignal.any([abort, watch.signal]);
  try {
    /** @type {Record<string, string>} */
    const headers = { ...authorization(), Accept: "text/event-stream", ...(lastId ? { "Last-Event-ID": lastId } : {}) };
    const url = address("events", { devices: wish.devices && [...wish.devices, store.SITE].join(","), names: wish.names?.join(",") });
    const answer = await fetch(url, { headers, signal: both, cache: "no-store" }).catch((error) => {
      throw new Problem({ status: 0, detail: String(error) });
    });
    if (!answer.ok || !answer.body) await answered(answer);
    const loaded = load(both); // after the stream has begun, so that nothing falls between
    const reader = /** @type {ReadableStream<Uint8Array>} */ (answer.body).getReader();
    const decoder = new TextDecoder();
    let rest = "";
    const reading = (async () => {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        alive();
        const frames = (rest + decoder.decode(value, { stream: true })).split("\n\n");
        rest = /** @type {string} */ (frames.pop());
        frames.forEach(frame);
      }
    })();
    reading.catch(() => {}); // it is awaited below; until then its end is nobody's surprise
    await loaded;
    failures = 0;
    link.value = "live";
    trouble.value = null;
    store.remembered.value = false;
    tell("loaded", null);
    await reading;
  } finally {
    clearTimeout(watchdog);
    watch.abort();
  }
}

/** @param {string} text one event as it came */
function frame(text) {
  let kind = "message";
  let data = "";
  for (const line of text.split("\n")) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon);
    const value = line.slice(colon + 1).replace(/^ /, "");
    if (name === "id") lastId = value;
    else if (name === "event") kind = value;
    else if (name === "data") data += value;
  }
  if (data) take(kind, JSON.parse(data));
}

/** @param {string} kind @param {any} data */
function take(kind, data) {
  switch (kind) {
    case "site":
      store.takeReading(data);
      break;
    case "reading":
      store.takeReading(data);
      punctual(data.device, data.tier);
      break;
    case "link":
      store.changeDevice(data.device, { link: data.link, link_since: data.at });
      if (data.link !== "online") store.devalue(data.device, "offline");
      void refreshDevice(data.device);
      break;
    case "alert":
      store.alerts.value = [
        ...store.alerts.peek().filter((each) => each.device !== data.device || each.what !== data.what),
        ...(data.active ? [{ device: data.device, what: data.what, text: data.text, since: data.since }] : []),
      ];
      break;
    case "journal":
      store.takeEntries([data]);
      break;
    case "heartbeat":
      heardNow(Date.parse(data.at));
      break;
    case "reset":
      load().then(() => tell("loaded", null), connect);
      break;
  }
  tell(kind, data);
}

/** @param {string} kind @param {any} data */
function tell(kind, data) {
  for (const take of listeners.get(kind) ?? []) take(data);
}

/** What a first view needs, asked for before anything is drawn; taken once. @type {Promise<import("./shapes.d.ts").Summary> | null} */
let early = null;

/** Ask for what a first view needs, while modules and messages are still on their way. */
export function begin() {
  early = get("summary");
  early.then(
    (summary) => {
      if (link.peek() !== "connecting") return;
      store.takeSummary(summary);
      lastId = summary.last_event_id; // so the stream goes on from here
    },
    () => (early = null), // whoever needs it asks again, and says what is wrong
  );
}

/** Ask for what the stream does not repeat. @param {AbortSignal} [abort] */
async function load(abort) {
  const asked = { names: wish.names?.join(","), devices: wish.devices?.filter((each) => each !== store.SITE).join(",") || undefined };
  const [summary, readings] = await Promise.all([early ?? get("summary", {}, abort), get("readings", asked, abort)]);
  if (store.meta.peek() && store.meta.peek()?.started !== summary.meta.started) store.forget();
  if (early === null) store.takeSummary(summary);
  early = null;
  store.takeReadings(readings.readings);
}

/** Ask how one device is, with its health and limits. @param {string} name */
export async function refreshDevice(name) {
  const detail = await get(`devices/${name}`);
  store.changeDevice(name, detail);
  return detail;
}

/** @param {string} device */
export async function refreshReadings(device) {
  const { readings } = await get("readings", { devices: device, names: wish.names?.join(",") });
  store.takeReadings(readings);
}

// ---- devices that should have been read by now ---------------------------------------------------------------------------------------

/** @type {Map<string, { at: number, period: number, timer: ReturnType<typeof setTimeout> | undefined }>} */
const rhythm = new Map();

/** The hub alone says what is stale; it is asked when a device's power is overdue. @param {string} device @param {string} tier */
function punctual(device, tier) {
  if (tier !== "power") return;
  const own = performance.now();
  const was = rhythm.get(device);
  clearTimeout(was?.timer);
  const spacing = was ? own - was.at : 10_000;
  const period = was ? was.period + (Math.min(spacing, 60_000) - was.period) / 4 : spacing;
  const ask = () => {
    if (link.peek() !== "live") return;
    void refreshReadings(device).catch(() => {});
    void refreshDevice(device).catch(() => {});
    const it = rhythm.get(device);
    if (it) it.timer = setTimeout(ask, Math.max(5000, OVERDUE * period));
  };
  rhythm.set(device, { at: own, period, timer: setTimeout(ask, Math.max(2000, OVERDUE * period)) });
}

// ---- when nobody looks, and when nobody answers ----------------------------------------------------------------------------------------

document.addEventListener("visibilitychange", () => {
  clearTimeout(hideTimer);
  if (document.hidden) {
    save();
    hideTimer = setTimeout(() => {
      running?.abort();
      running = null;
      clearTimeout(timer);
    }, HIDDEN_MS);
  } else if (!running) connect();
});
window.addEventListener("online", () => link.peek() !== "live" && connect());
effect(() => {
  void token.value;
  if (running || link.peek() === "closed") connect();
});

const snapshotName = `snapshot:${new URL("./", document.baseURI).pathname}`;

function save() {
  if (link.peek() === "live") remember(snapshotName, JSON.stringify(store.snapshot()));
}
setInterval(save, SAVE_MS);
window.addEventListener("pagehide", save);

/** Show what was known at the last visit, until the hub answers. */
export function restore() {
  try {
    const saved = JSON.parse(recall(snapshotName) ?? "null");
    if (!saved?.meta) return;
    resumeFrom(saved.at, saved.savedAt);
    store.restore(saved);
  } catch {
    remember(snapshotName, null);
  }
}
