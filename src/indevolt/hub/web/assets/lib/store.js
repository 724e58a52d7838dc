// All that the page knows, as signals: each value is one, so that what changes is drawn anew and nothing else is.

import { batch, computed, signal } from "./html.js";
import { heardMoment, heardNow, hubNow } from "./hubtime.js";

/** @typedef {import("./shapes.d.ts").Sample} Sample */
/** @typedef {import("./shapes.d.ts").DeviceKnown} DeviceKnown */

/** The name that the house as a whole has where devices have theirs. */
export const SITE = "site";

/** @type {Sample} */
export const UNKNOWN = Object.freeze({ value: null, unit: "", at: 0, quality: "unknown" });
const MOST_ENTRIES = 20; // more of them are the journal's page's

/** What is known of the hub itself; null until it answered once. */
export const meta = signal(/** @type {import("./shapes.d.ts").Meta | null} */ (null));
/** By name, in the order of the hub's configuration. */
export const devices = signal(/** @type {ReadonlyMap<string, DeviceKnown>} */ (new Map()));
export const alerts = signal(/** @type {import("./shapes.d.ts").Alert[]} */ ([]));
/** The house's own view of itself, but for its values. */
export const site = signal(/** @type {Omit<import("./shapes.d.ts").SiteBody, "values"> | null} */ (null));
/** Energies and money since midnight, as they were when they were asked for; `base` has the counters of that moment. */
export const today = signal(/** @type {null | { period: import("./shapes.d.ts").PeriodBody, money: import("./shapes.d.ts").MoneyBody | null, base: Record<string, number> }} */ (null));
/** What happened last, the newest last. */
export const journal = signal(/** @type {import("./shapes.d.ts").Entry[]} */ ([]));
/** Whether what is shown is from an earlier visit. */
export const remembered = signal(false);

export const deviceNames = computed(() => [...devices.value.keys()]);
export const simulated = computed(() => Boolean(meta.value?.simulated) || [...devices.value.values()].some((each) => each.simulated));
export const mayAdminister = computed(() => meta.value?.caller.role === "admin");
export const mayControl = computed(() => (meta.value?.caller.role ?? "read") !== "read");

/** @type {Map<string, Map<string, import("./shapes.d.ts").Signal<Sample>>>} */
const samples = new Map();
/** Counts the quantities that are known, so that lists of them are drawn anew when one comes. */
export const known = signal(0);

/** The signal of a quantity; exists before anything is known. @param {string} device @param {string} name */
export function sample(device, name) {
  let values = samples.get(device);
  if (!values) samples.set(device, (values = new Map()));
  let it = values.get(name);
  if (!it) {
    values.set(name, (it = signal(UNKNOWN)));
  }
  return it;
}

/** The number that a quantity is now; null where that is not known, or is an old one. @param {string} device @param {string} name */
export function number(device, name) {
  const { value, quality } = sample(device, name).value;
  return typeof value === "number" && (quality === "live" || quality === "held") ? value : null;
}

/** @param {string} device @returns {string[]} */
export function knownNames(device) {
  void known.value;
  return [...(samples.get(device)?.entries() ?? [])].filter(([, it]) => it.peek() !== UNKNOWN).map(([name]) => name);
}

/** @param {string} device @param {string} name @param {Sample} next */
function put(device, name, next) {
  const it = sample(device, name);
  const was = it.peek();
  if (next.at < was.at) {
    if (!was.unit && next.unit) it.value = { ...was, unit: next.unit }; // an event does not tell units
    return;
  }
  it.value = next;
  if (was === UNKNOWN) known.value += 1;
}

/** Take in what a first view needs. @param {import("./shapes.d.ts").Summary} summary */
export function takeSummary(summary) {
  batch(() => {
    const { values, ...rest } = summary.site;
    meta.value = summary.meta;
    site.value = rest;
    heardNow(Date.parse(rest.at));
    takeDevices(summary.devices);
    alerts.value = summary.alerts;
    for (const [name, { value, unit, at, quality }] of Object.entries(values)) {
      put(SITE, name, { value, unit, at: Date.parse(at ?? rest.at), quality });
    }
    for (const { name: device, values: of } of summary.devices) {
      for (const [name, { value, unit, at, quality }] of Object.entries(of)) put(device, name, { value, unit, at: Date.parse(at), quality });
    }
    const counters = Object.entries(values).filter(([name, { value }]) => name.startsWith("energy_") && value !== null);
    today.value = {
      period: summary.today,
      money: summary.money_today,
      base: Object.fromEntries(counters.map(([name, { value }]) => [name, /** @type {number} */ (value)])),
    };
  });
}

/** Take in what `/readings` tells. @param {import("./shapes.d.ts").ReadingBody[]} readings */
export function takeReadings(readings) {
  batch(() => {
    for (const reading of readings) {
      heardNow(Date.parse(reading.at));
      for (const [name, { value, unit, at, quality }] of Object.entries(reading.values)) {
        put(reading.device, name, { value, unit, at: Date.parse(at), quality });
      }
    }
  });
}

/**
 * Take in what an event tells: live values, and which have none.
 * @param {{ device: string, at: string, values: Record<string, Sample["value"]>, missing: Record<string, Sample["quality"]> }} event
 */
export function takeReading(event) {
  const at = Date.parse(event.at);
  batch(() => {
    heardMoment(at);
    for (const [name, value] of Object.entries(event.values)) {
      put(event.device, name, { value, unit: sample(event.device, name).peek().unit, at, quality: "live" });
    }
    for (const [name, quality] of Object.entries(event.missing)) {
      const was = sample(event.device, name).peek();
      const left = (quality === "quarantined" || quality === "unanswered") && was.value !== null;
      if (!left) put(event.device, name, { value: null, unit: was.unit, at, quality });
    }
  });
}

/** Take in what the device itself showed after a write. @param {string} device @param {Record<string, Sample["value"]>} shown */
export function takeShown(device, shown) {
  batch(() => {
    for (const [name, value] of Object.entries(shown)) {
      if (value !== null) put(device, name, { value, unit: sample(device, name).peek().unit, at: hubNow(), quality: "live" });
    }
  });
}

/** Another run of the hub begins: its time may be an earlier one, and what it does not tell is not known. */
export function forget() {
  batch(() => {
    for (const of of samples.values()) for (const it of of.values()) it.value = UNKNOWN;
    journal.value = [];
  });
}

/** All that is known of a device grows old at once. @param {string} device @param {Sample["quality"]} quality */
export function devalue(device, quality) {
  batch(() => {
    for (const it of samples.get(device)?.values() ?? []) {
      if (it.value.value !== null) it.value = { ...it.value, quality };
    }
  });
}

/** Everything is old: the hub itself does not answer. */
export function devalueAll() {
  batch(() => [...samples.keys()].forEach((device) => devalue(device, "offline")));
}

/** @param {DeviceKnown[]} list */
export function takeDevices(list) {
  devices.value = new Map(list.map((each) => [each.name, { ...devices.peek().get(each.name), ...each }]));
}

/** @param {string} name @param {Partial<DeviceKnown>} change */
export function changeDevice(name, change) {
  const was = devices.peek().get(name);
  if (was) devices.value = new Map([...devices.peek(), [name, { ...was, ...change }]]);
}

/** @param {import("./shapes.d.ts").Entry[]} entries */
export function takeEntries(entries) {
  const all = new Map(journal.peek().map((each) => [entryKey(each), each]));
  for (const each of entries) all.set(entryKey(each), each);
  journal.value = [...all.values()].sort((one, other) => Date.parse(one.at) - Date.parse(other.at)).slice(-MOST_ENTRIES);
}

/** @param {import("./shapes.d.ts").Entry} entry */
const entryKey = (entry) => (entry.number ? String(entry.number) : `${entry.at} ${entry.text}`);

/** What is saved for the next visit without a hub. */
export function snapshot() {
  /** @type {Record<string, Record<string, Sample>>} */
  const values = {};
  for (const [device, of] of samples) {
    values[device] = {};
    for (const [name, it] of of) if (it.peek().value !== null) values[device][name] = it.peek();
  }
  return { meta: meta.peek(), devices: [...devices.peek().values()], alerts: alerts.peek(), values, at: hubNow(), savedAt: Date.now() };
}

/** @param {ReturnType<typeof snapshot>} saved */
export function restore(saved) {
  batch(() => {
    meta.value = saved.meta;
    takeDevices(saved.devices);
    alerts.value = saved.alerts;
    for (const [device, of] of Object.entries(saved.values)) {
      for (const [name, each] of Object.entries(of)) put(device, name, { ...each, quality: "offline" });
    }
    remembered.value = true;
  });
}
