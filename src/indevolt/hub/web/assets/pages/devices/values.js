// Every quantity of a unit, by group: value, age, quality, point numbers and where the fact is from; with a search over all of it.

import { html, useMemo, useState } from "../../lib/html.js";
import { catalogue, nameOf } from "../../lib/catalogue.js";
import { span, t } from "../../lib/i18n.js";
import { ageOf, doubt } from "../../lib/quality.js";
import { sample } from "../../lib/store.js";
import { Icon } from "../../parts/icon.js";
import { Empty } from "../../parts/notice.js";
import { Value } from "../../parts/value.js";

/** @typedef {import("../../lib/shapes.d.ts").Point} Point */

const ORDER = ["derived", "battery", "pv", "ac", "grid", "main", "pack", "mode", "limit", "switch", "cluster", "identity", "curve"];
const OPEN = new Set(["derived", "battery", "pv", "ac", "grid"]);
const MISSING = new Set(["not installed", "absent", "unknown"]);

/** @param {{ name: string }} props */
export function Values({ name }) {
  const [search, setSearch] = useState("");
  const [all, setAll] = useState(false);
  const points = catalogue(name).value;
  const groups = useMemo(() => grouped(points, search), [points, search]);
  if (!points) return html`<p class="quiet">${t("busy")}</p>`;
  return html`<section class="values">
    <div class="values-tools">
      <label class="search">
        <${Icon} name="search" size=${20} />
        <span class="unseen">${t("devices.search")}</span>
        <input type="search" placeholder=${t("devices.search")} value=${search} onInput=${(/** @type {any} */ event) => setSearch(event.target.value)} />
      </label>
      <label class="check"><input type="checkbox" checked=${all} onChange=${() => setAll(!all)} /><span>${t("devices.all.points")}</span></label>
    </div>
    ${groups.map(([group, of]) => html`<${Group} key=${group} device=${name} group=${group} points=${of} all=${all} searched=${search !== ""} />`)}
    ${groups.length === 0 && html`<${Empty} icon="search" title=${t("devices.nothing", { search })} />`}
  </section>`;
}

/** @param {ReadonlyMap<string, Point> | null} points @param {string} search @returns {[string, Point[]][]} */
function grouped(points, search) {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  /** @type {Map<string, Point[]>} */
  const found = new Map();
  for (const point of points?.values() ?? []) {
    const text = [point.name, point.about, nameOf(point.name, point.about).text, point.read, ...point.writes, point.unit, point.source].join(" ").toLowerCase();
    if (!words.every((word) => text.includes(word))) continue;
    if (!found.has(point.group)) found.set(point.group, []);
    found.get(point.group)?.push(point);
  }
  const place = (/** @type {string} */ group) => (ORDER.includes(group) ? ORDER.indexOf(group) : ORDER.length);
  return [...found].sort(([one], [other]) => place(one) - place(other));
}

/** @param {{ device: string, group: string, points: Point[], all: boolean, searched: boolean }} props */
function Group({ device, group, points, all, searched }) {
  const [open, setOpen] = useState(OPEN.has(group));
  const shown = points.filter(({ name }) => all || !MISSING.has(sample(device, name).value.quality));
  if (shown.length === 0) return null;
  const isOpen = open || searched;
  return html`<section class="card group">
    <h2>
      <button type="button" class="group-head" aria-expanded=${isOpen} onClick=${() => setOpen(!open)}>
        <${Icon} name=${isOpen ? "down" : "forward"} size=${18} /><span>${t(/** @type {any} */ (`group.${group}`))}</span><span class="quiet">${shown.length}</span>
      </button>
    </h2>
    ${
      isOpen &&
      html`<table class="points">
        <caption class="unseen">${t(/** @type {any} */ (`group.${group}`))}</caption>
        <thead>
          <tr><th scope="col">${t("devices.quantity")}</th><th scope="col">${t("devices.value")}</th><th scope="col">${t("devices.age")}</th><th scope="col">${t("devices.point")}</th><th scope="col">${t("devices.source")}</th></tr>
        </thead>
        <tbody>${shown.map((point) => html`<${Row} key=${point.name} device=${device} point=${point} />`)}</tbody>
      </table>`
    }
  </section>`;
}

/** @param {{ device: string, point: Point }} props */
function Row({ device, point }) {
  const of = sample(device, point.name).value;
  const { text, lang } = nameOf(point.name, point.about);
  return html`<tr>
    <th scope="row"><span lang=${lang}>${text}</span><code class="quiet">${point.name}</code></th>
    <td class="cell-value"><${Value} of=${of} quiet words=${point.name === "mode" ? "mode" : "word"} />${of.quality !== "live" && html`<span class="cell-doubt">${doubt(of)}</span>`}</td>
    <td class="cell-age">${of.at > 0 ? html`<${Age} of=${of} />` : ""}</td>
    <td class="cell-point"><${Numbers} point=${point} /></td>
    <td class="cell-source" lang="en" title=${point.note || undefined}>${point.source}${point.note && html`<span class="unseen">. ${point.note}</span>`}</td>
  </tr>`;
}

/** @param {{ of: import("../../lib/shapes.d.ts").Sample }} props */
function Age({ of }) {
  return html`<span>${span(ageOf(of))}</span>`;
}

/** @param {{ point: Point }} props */
function Numbers({ point }) {
  return html`<span>
    ${point.read !== null && html`<code title=${t("devices.reads")}>${point.read}</code>`}
    ${point.writes.length > 0 && html`<code class="quiet" title=${t("devices.writesat")}>✎${" "}${point.writes.join(", ")}</code>`}
  </span>`;
}
