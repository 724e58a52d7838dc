// What can be set in a unit: its value, its range, when it was last changed and how often; each opens a dialog that previews and proves.

import { html, useEffect, useSignal } from "../../lib/html.js";
import { Problem, get } from "../../lib/api.js";
import { catalogue, nameOf } from "../../lib/catalogue.js";
import { now } from "../../lib/hubtime.js";
import { fromNow, t } from "../../lib/i18n.js";
import { on } from "../../lib/live.js";
import { mayControl, sample } from "../../lib/store.js";
import { open } from "../../parts/dialog.js";
import { Icon } from "../../parts/icon.js";
import { Value } from "../../parts/value.js";

/** @typedef {import("../../lib/shapes.d.ts").Setting} Setting */
/** @typedef {import("../../lib/shapes.d.ts").Entry} Entry */
/** @typedef {import("../../lib/shapes.d.ts").DeviceKnown} DeviceKnown */

const RECENT = 500; // writes that are looked through for the last change
const SECTIONS = /** @type {const} */ ([
  ["reserve", ["backup_soc", "grid_charging", "forced_ac_charge_power"]],
  ["power", ["inverter_input_limit", "max_ac_output_power", "feed_in_power_limit"]],
  ["unit", ["bypass", "light", "full_charge_interval", "full_charge_start_time", "deep_sleep_start_time", "deep_sleep_end_time"]],
  ["mode", ["mode", "realtime_state", "realtime_power", "realtime_target_soc"]],
]);

/** @param {{ name: string, device: DeviceKnown }} props */
export function Settings({ name, device }) {
  const settings = useSignal(/** @type {Setting[]} */ ([]));
  const changes = useSignal(/** @type {Map<string, Entry[]>} */ (new Map()));
  useEffect(() => {
    const abort = new AbortController();
    const ask = async () => {
      try {
        const [list, journal] = await Promise.all([
          get(`devices/${name}/settings`, {}, abort.signal),
          get("journal", { kind: "write", device: name, order: "newest", limit: RECENT }, abort.signal),
        ]);
        settings.value = list.settings;
        changes.value = changesIn(journal.entries);
      } catch (error) {
        if (!abort.signal.aborted && !(error instanceof Problem)) throw error;
      }
    };
    void ask();
    const off = on("journal", (entry) => entry.kind === "write" && entry.device === name && void ask());
    return () => (abort.abort(), off());
  }, [name]);

  const listed = new Set(SECTIONS.flatMap(([, names]) => /** @type {readonly string[]} */ (names)));
  const others = settings.value.filter(({ name: each }) => !listed.has(each));
  /** @type {[string, Setting[]][]} */
  const sections = SECTIONS.map(([section, names]) => [section, names.flatMap((each) => settings.value.filter((setting) => setting.name === each))]);
  return html`<div class="device-grid">
    ${!device.control && html`<${ReadOnly} name=${name} />`}
    ${[...sections, /** @type {[string, Setting[]]} */ (["curve", others])].map(
      ([section, of]) =>
        of.length > 0 &&
        html`<section key=${section} class="card">
          <h2>${t(/** @type {any} */ (`devices.set.${section}`))}</h2>
          ${section === "curve" ? html`<details class="curve"><summary>${t("devices.set.curve.show", { n: of.length })}</summary>${rows(of)}</details>` : rows(of)}
        </section>`,
    )}
  </div>`;

  /** @param {Setting[]} of */
  function rows(of) {
    return html`<ul class="settings">
      ${of.map((setting) => html`<${Row} key=${setting.name} device=${name} setting=${setting} control=${device.control} changes=${changes.value.get(setting.name) ?? []} />`)}
    </ul>`;
  }
}

/** Changes by setting, the newest first. @param {Entry[]} entries */
function changesIn(entries) {
  /** @type {Map<string, Entry[]>} */
  const found = new Map();
  for (const entry of entries) {
    const written = entry.data.stage ? entry.data.wanted : entry.data.step === "restored" ? entry.data.shown : null;
    for (const setting of Object.keys(written ?? {})) found.set(setting, [...(found.get(setting) ?? []), entry]);
  }
  return found;
}

/** @param {{ device: string, setting: Setting, control: boolean, changes: Entry[] }} props */
function Row({ device, setting, control, changes }) {
  const live = sample(device, setting.name).value;
  const of = live.at > 0 ? live : { value: setting.value, unit: setting.unit, at: Date.parse(setting.at ?? "") || 0, quality: setting.quality ?? "unknown" };
  const about = catalogue(device).value?.get(setting.name)?.about ?? setting.about;
  const { text, lang } = nameOf(setting.name, about);
  const last = changes[0];
  const change = () => (mayControl.value ? open("setting", { device, setting, label: text }) : open("token", { why: "role" }));
  return html`<li class="setting">
    <div class="setting-what">
      <span lang=${lang}>${text}</span>
      <span class="quiet setting-range">${setting.kind === "number" ? setting.range : ""}
        ${last && html` · ${t("devices.changed", { when: fromNow((Date.parse(last.at) - now.value) / 1000), who: last.actor.replace(/^api /, "") })}`}
        ${changes.length > 0 && html` · ${t("devices.changes", { n: changes.length })}`}
      </span>
      ${last && last.data.stage && !["confirmed", "effective"].includes(last.data.stage) && html`<span class="badge" data-kind="warn">${t(/** @type {any} */ (`stage.${last.data.stage}`))}</span>`}
    </div>
    <${Value} of=${of} words=${setting.name === "mode" ? "mode" : "word"} />
    ${
      control
        ? html`<button type="button" class="button" onClick=${change}><span>${t("devices.change")}</span><span class="unseen"> ${text}</span><${Icon} name="edit" size=${20} />${!mayControl.value && html`<${Icon} name="lock" size=${14} />`}</button>`
        : html`<span class="setting-lock"><${Icon} name="lock" size=${18} /><span class="unseen">${t("devices.readonly")}</span></span>`
    }
  </li>`;
}

/** @param {{ name: string }} props */
function ReadOnly({ name }) {
  return html`<section class="card read-only">
    <h2><${Icon} name="lock" size=${20} />${t("devices.locked.title")}</h2>
    <p>${t("devices.locked.text")}</p>
    <pre><code>[[devices]]
name = "${name}"
control = true</code></pre>
  </section>`;
}

