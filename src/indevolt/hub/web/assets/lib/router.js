// Which page is shown: by the part of the address behind #, so that no server and no base path has to know.

import { signal } from "./html.js";
import { need } from "./i18n.js";

/** @typedef {import("./shapes.d.ts").PageModule} PageModule */

/** @typedef {{ name: string, icon: string, load: () => Promise<PageModule> }} Page */

/** In the order of the tabs. @type {readonly Page[]} */
export const PAGES = [
  { name: "now", icon: "now", load: () => import("../pages/now.js") },
  { name: "history", icon: "history", load: () => import("../pages/history.js") },
  { name: "devices", icon: "devices", load: () => import("../pages/devices.js") },
  { name: "plan", icon: "plan", load: () => import("../pages/plan.js") },
  { name: "journal", icon: "journal", load: () => import("../pages/journal.js") },
  { name: "settings", icon: "settings", load: () => import("../pages/settings.js") },
];

/** The page, what stands behind its name in the address, and its module once it is here. */
export const route = signal(/** @type {{ page: Page, rest: string[], module: PageModule | null, failed: boolean }} */ (read()));

/** @returns {{ page: Page, rest: string[], module: PageModule | null, failed: boolean }} */
function read() {
  const [name, ...rest] = location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
  return { page: PAGES.find((each) => each.name === name) ?? PAGES[0], rest: rest.filter(Boolean), module: null, failed: false };
}

/** @param {string} page @param {...string} rest */
export function go(page, ...rest) {
  location.hash = href(page, ...rest);
}

/** @param {string} page @param {...string} rest */
export function href(page, ...rest) {
  return `#/${[page, ...rest].map(encodeURIComponent).join("/")}`;
}

/** @type {Map<string, PageModule>} */
const here = new Map();

async function follow() {
  const next = read();
  next.module = here.get(next.page.name) ?? null;
  if (!next.module && route.peek().module && route.peek().page !== next.page) route.value = { ...next }; // the tab answers at once
  if (next.module) {
    route.value = next;
    return;
  }
  try {
    const [module] = await Promise.all([next.page.load(), need(next.page.name), style(next.page.name)]);
    here.set(next.page.name, module);
    if (read().page === next.page) route.value = { ...read(), module };
  } catch {
    if (read().page === next.page) route.value = { ...read(), failed: true };
  }
}

/** @param {string} name @returns {Promise<void>} */
function style(name) {
  const address = new URL(`../pages/${name}.css`, import.meta.url).href;
  if ([...document.styleSheets].some((each) => each.href === address)) return Promise.resolve();
  return new Promise((done) => {
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.href = address;
    link.onload = link.onerror = () => done();
    document.head.append(link);
  });
}

/** Follow the address from now on; ends when the first page is here. */
export function start() {
  window.addEventListener("hashchange", () => void follow());
  return follow();
}
