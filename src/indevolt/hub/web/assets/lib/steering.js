// Who decides what each battery does, and orders of people: asked for, followed step by step, undone.

import { computed, signal } from "./html.js";
import { Problem, get, send } from "./api.js";
import { link, on } from "./live.js";
import { devices, meta } from "./store.js";

/** @typedef {import("./shapes.d.ts").Steering} Steering */
/** @typedef {import("./shapes.d.ts").Order} Order */
/** @typedef {import("./shapes.d.ts").Preview} Preview */
/** @typedef {import("./shapes.d.ts").OverrideAnswer} OverrideAnswer */

const SETTLE_MS = 150; // events of one change come together
const SPACING_MS = 10_000; // between two questions about what is decided without people, however often that changes

/** By device; what is not there has not been asked for, or the hub cannot steer. */
export const steerings = signal(/** @type {ReadonlyMap<string, Steering>} */ (new Map()));
/** Until when everything that decides by itself is paused; null: it is not. */
export const pausedUntil = computed(() => [...steerings.value.values()].map((each) => each.paused_until).find(Boolean) ?? null);
/** What is kept for an outage; null: nothing. */
export const backup = computed(() => [...steerings.value.values()].map((each) => each.backup).find(Boolean) ?? null);
/** Units that the owner lets the hub write to. */
export const controllable = computed(() => [...devices.value.values()].filter((each) => each.control));

let watched = false;
/** When a unit is asked about next. @type {Map<string, { due: number, timer: ReturnType<typeof setTimeout> }>} */
const soon = new Map();
/** When a unit was asked about last. @type {Map<string, number>} */
const asked = new Map();
/** When that was asked whose answer is shown. @type {Map<string, number>} */
const answered = new Map();

/** Know how units are steered from now on. */
export function watchSteering() {
  if (link.peek() === "live") ask(); // else it is asked when the rest is
  if (watched) return;
  watched = true;
  on("steering", ({ device, step, outcome, override }) => {
    const was = steerings.peek().get(device);
    if (was?.override && was.override.id === override && step !== "ended" && step !== "restored" && step !== "changed") {
      put(device, { ...was, override: { ...was.override, step, outcome: outcome ?? was.override.outcome } });
    }
    const person = override || step === "asked" || step === "ended"; // of a backup hold as well, which is no override
    const spaced = person ? 0 : (asked.get(device) ?? -SPACING_MS) + SPACING_MS;
    refreshAt(device, Math.max(performance.now() + SETTLE_MS, spaced));
  });
  on("loaded", ask);
}

function ask() {
  for (const { name } of controllable.peek()) void refresh(name);
}

/** Ask about a unit then, if it is not asked about before: what people asked for is not put off by what is decided next. @param {string} device @param {number} due */
function refreshAt(device, due) {
  const next = soon.get(device);
  if (next && next.due <= due) return;
  clearTimeout(next?.timer);
  const timer = setTimeout(() => (soon.delete(device), void refresh(device)), due - performance.now());
  soon.set(device, { due, timer });
}

/** @param {string} device */
export async function refresh(device) {
  const at = performance.now();
  asked.set(device, at);
  try {
    take(device, at, await get(`devices/${device}/steering`));
  } catch (error) {
    if (!(error instanceof Problem)) throw error; // it is as it was; the page says elsewhere that the hub does not answer
  }
}

/** Take in what was answered to what was asked then; one that comes late undoes none to a later question. @param {string} device @param {number} at @param {Steering} steering */
function take(device, at, steering) {
  if (at < (answered.get(device) ?? 0)) return;
  answered.set(device, at);
  put(device, steering);
}

/** @param {string} device @param {Steering} steering */
function put(device, steering) {
  steerings.value = new Map([...steerings.peek(), [device, steering]]);
}

/** What would be written. @param {string} device @param {Order} order @returns {Promise<Preview>} */
export const preview = (device, order) => send("POST", `devices/${device}/overrides`, order, { query: { dry_run: true } });

/** @param {string} device @param {Order} order @param {string} key @returns {Promise<OverrideAnswer>} */
export async function give(device, order, key) {
  try {
    return await send("POST", `devices/${device}/overrides`, order, { key });
  } finally {
    void refresh(device);
  }
}

/** End what was asked for; undo: give back what it replaced. @param {string} device @param {boolean} [undo] */
export async function release(device, undo = false) {
  const steering = await send("DELETE", `devices/${device}/overrides/current`, undefined, { query: undo ? { undo: true } : {} });
  take(device, performance.now(), steering);
}

/** @param {number | null} minutes null: go on */
export async function pause(minutes) {
  await (minutes === null ? send("POST", "steering/resume") : send("POST", "steering/pause", { minutes }));
  ask();
}

/** Keep everything for an outage. @param {{ minutes: number, charge_pct?: number } | null} wish null: no more */
export async function keep(wish) {
  await (wish === null ? send("DELETE", "steering/backup") : send("POST", "steering/backup", wish));
  ask();
}

/** Who asked for something, as "you" where it is so. @param {string} actor as the journal has it @returns {string | null} null: you */
export function whoAsked(actor) {
  const name = meta.value?.caller.name ?? "";
  return name && actor === `api ${name}` ? null : actor.replace(/^api /, "");
}
