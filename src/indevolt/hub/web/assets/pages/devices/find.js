// Who is on the network: batteries that are kept already, those that can be connected, and what stands in the way of the others.

import { html, useState } from "../../lib/html.js";
import { Problem, get } from "../../lib/api.js";
import { t } from "../../lib/i18n.js";
import { href } from "../../lib/router.js";
import { mayAdminister, meta } from "../../lib/store.js";
import { open } from "../../parts/dialog.js";
import { Icon } from "../../parts/icon.js";
import { Failure } from "../../parts/notice.js";

/** @typedef {import("../../lib/shapes.d.ts").Sighting} Sighting */
/** @typedef {import("../../lib/shapes.d.ts").Discovery} Discovery */

const SEARCH_MS = 60_000; // a whole network is asked
const FRESH_S = 5;

export function Find() {
  const [found, setFound] = useState(/** @type {Discovery | Problem | null} */ (null));
  const [busy, setBusy] = useState(false);
  const allowed = mayAdminister.value || meta.value?.caller.name === "";

  async function search() {
    setBusy(true);
    try {
      setFound(await get("discovery", { max_age_s: FRESH_S }, undefined, SEARCH_MS));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      setFound(error);
    } finally {
      setBusy(false);
    }
  }

  return html`<section class="card find">
    <div class="find-head">
      <div>
        <h2>${t("find.title")}</h2>
        <p class="quiet">${t("find.text")}</p>
      </div>
      <div class="find-buttons">
        <button type="button" class="button" disabled=${busy} onClick=${allowed ? search : () => open("token", { why: "admin" })}>
          <${Icon} name="search" size=${18} />${busy ? t("find.searching") : t("find.search")}
        </button>
        <button type="button" class="button" onClick=${() => connect(null)}>${t("find.byaddress")}</button>
      </div>
    </div>
    <div aria-live="polite">
      ${found instanceof Problem && html`<${Failure} problem=${found} />`}
      ${
        found &&
        !(found instanceof Problem) &&
        html`<ul class="sightings">
            ${found.devices.map((each) => html`<${Found} key=${`${each.host}:${each.port}`} sighting=${each} />`)}
            ${found.devices.length === 0 && html`<li class="sighting"><p>${t("find.nobody")}</p></li>`}
          </ul>
          ${found.notes.map((note) => html`<p key=${note} class="quiet" lang="en">${note}</p>`)}
          <p class="quiet find-next" lang="en">${found.next_step}</p>`
      }
    </div>
  </section>`;
}

/** @param {Sighting | null} sighting null: by its address */
const connect = (sighting) => void (mayAdminister.value ? open("connect", { sighting }) : open("token", { why: "admin" }));

/** @param {{ sighting: Sighting }} props */
function Found({ sighting }) {
  const { host, port, access, identity, serial, device, detail, remedy } = sighting;
  const may = access === "open" || access === "password";
  return html`<li class="sighting">
    <span class="sighting-mark" data-access=${access}><${Icon} name=${access === "kept" ? "check" : access === "open" ? "battery" : access === "password" ? "key" : "warning"} size=${20} /></span>
    <div>
      <p><b>${identity?.title || t("find.unknown")}</b> <span class="badge">${t(`find.access.${access}`)}</span></p>
      <p class="quiet"><code>${host}:${port}</code>${serial && html` · <code>${serial}</code>`}</p>
      ${access === "password" ? html`<p class="quiet">${t("connect.password.wanted")}</p>` : detail && html`<p class="quiet" lang="en">${detail} ${remedy}</p>`}
    </div>
    ${may && html`<button type="button" class="button" onClick=${() => connect(sighting)}>${t("find.connect")}</button>`}
    ${access === "kept" && html`<a class="button" href=${href("devices", device)}>${device}</a>`}
  </li>`;
}
