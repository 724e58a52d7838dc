// What this browser remembers: language, appearance, motion and the token. Every storage may be closed to us; then nothing is remembered.

import { effect, signal } from "./html.js";

const PREFIX = "indevolt.";

/** @param {"local" | "session"} where @returns {Storage | null} */
function storage(where) {
  try {
    return where === "local" ? window.localStorage : window.sessionStorage;
  } catch {
    return null;
  }
}

/** @param {string} name @param {"local" | "session"} [where] @returns {string | null} */
export function recall(name, where = "local") {
  try {
    return storage(where)?.getItem(PREFIX + name) ?? null;
  } catch {
    return null;
  }
}

/** @param {string} name @param {string | null} value null: forget it @param {"local" | "session"} [where] */
export function remember(name, value, where = "local") {
  try {
    if (value === null) storage(where)?.removeItem(PREFIX + name);
    else storage(where)?.setItem(PREFIX + name, value);
  } catch {
    // full, or closed: it is only not remembered
  }
}

/**
 * A choice that is remembered.
 * @template {string} T
 * @param {string} name
 * @param {readonly T[]} choices the first is the default
 * @returns {import("./shapes.d.ts").Signal<T>}
 */
function choice(name, choices) {
  const kept = /** @type {T} */ (recall(name));
  const it = signal(choices.includes(kept) ? kept : choices[0]);
  effect(() => remember(name, it.value === choices[0] ? null : it.value));
  return it;
}

export const theme = choice("theme", /** @type {const} */ (["auto", "light", "dark"]));
export const motion = choice("motion", /** @type {const} */ (["auto", "off"]));
export const language = choice("language", /** @type {const} */ (["auto", "en", "de", "nl", "fr"]));

const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
const calmer = signal(calm.matches);
calm.addEventListener("change", () => (calmer.value = calm.matches));

/** Whether nothing may move by itself: asked of the system, or here. */
export const still = () => calmer.value || motion.value === "off";

effect(() => {
  const root = document.documentElement;
  root.dataset.theme = theme.value;
  root.dataset.motion = still() ? "off" : "on";
});

/** The token; where it is kept is chosen when it is given. */
export const token = signal(recall("token", "session") ?? recall("token") ?? "");

/** @param {string} value empty: forget it @param {boolean} long beyond this tab */
export function keepToken(value, long) {
  remember("token", value && !long ? value : null, "session");
  remember("token", value && long ? value : null);
  token.value = value;
}
