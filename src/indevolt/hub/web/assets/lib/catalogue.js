// What the quantities of a device mean, as the hub's catalogue says; asked for once for each device.

import { signal } from "./html.js";
import { get } from "./api.js";
import { has, shown, t } from "./i18n.js";

/** @typedef {import("./shapes.d.ts").Point} Point */

/** @type {Map<string, import("./shapes.d.ts").Signal<ReadonlyMap<string, Point> | null>>} */
const catalogues = new Map();

/** The catalogue of a device by name; null until it is here. @param {string} device */
export function catalogue(device) {
  let it = catalogues.get(device);
  if (!it) {
    catalogues.set(device, (it = signal(/** @type {ReadonlyMap<string, Point> | null} */ (null))));
    void ask(device, it);
  }
  return it;
}

/** @param {string} device @param {import("./shapes.d.ts").Signal<ReadonlyMap<string, Point> | null>} it */
async function ask(device, it) {
  try {
    const { points } = await get(`devices/${device}/points`);
    it.value = new Map(points.map((/** @type {Point} */ point) => [point.name, point]));
  } catch {
    catalogues.delete(device); // not reached yet: whoever looks again asks again
  }
}

const PART = /^(pack(\d)|main|pv(\d))_(.+)$/;

/**
 * What a quantity is called: in the language of the page, else in the catalogue's English.
 * @param {string} name @param {string} about
 * @returns {{ text: string, lang: string | undefined }}
 */
export function nameOf(name, about) {
  if (has(`q.${name}`)) return { text: t(/** @type {any} */ (`q.${name}`)), lang: undefined };
  const [, whole = "", pack = "", pv = "", rest = ""] = PART.exec(name) ?? [];
  const key = pv ? `q.pv.${rest}` : `q.pack.${rest}`;
  if (whole && has(key)) {
    const part = pack ? t("devices.pack", { number: Number(pack) }) : pv ? t("devices.pv", { number: Number(pv) }) : t("devices.pack.main");
    return { text: `${part}: ${t(/** @type {any} */ (key))}`, lang: undefined };
  }
  return { text: about || name, lang: shown.value.language === "en" ? undefined : "en" };
}
