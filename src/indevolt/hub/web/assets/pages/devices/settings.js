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
/** @typedef {import("../../lib/shapes.d.ts").DeviceKnown} DeviceKnown */

const SECTIONS = /** @type {const} */ ([
  ["reserve", ["backup_soc", "grid_charging", "forced_ac_charge_power"]],
  ["power", ["inverter_input_limit", "max_ac_output_power", "feed_in_power_limit"]],
  ["unit", ["bypass", "light", "full_charge_interval", "full_charge_start_time", "deep_sleep_start_time", "deep_sleep_end_time"]],
  ["mode", ["mode", "realtime_state", "realtime_power", "realtime_target_soc"]],
]);

/** @param {{ name: string, device: DeviceKnown }} props */
export function Settings({ name, device }) {
  const settings = useSignal(/** @type {Setting[]} */ ([]));
  useEffect(() => {
    const abort = new AbortController();
    const ask = async () => {
      try {
        settings.value = (await get(`devices/${name}/settings`, {}, abort.signal)).settings;
      } catch (error) {
        if (!abort.signal.aborted && !(error instanceof Problem)) throw error;
      }
    };
    void ask();
    const off = on("journal", (entry) => entry.kind === "write" && entry.device === name && entry.data.step !== "asked" && void ask());
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
      ${of.map((setting) => html`<${Row} key=${setting.name} device=${name} setting=${setting} control=${device.control} />`)}
    </ul>`;
  }
}

/** @param {{ device: string, setting: Setting, control: boolean }} props */
function Row({ device, setting, control }) {
  const live = sample(device, setting.name).value;
  const told = { value: setting.value, unit: setting.unit, at: Date.parse(setting.at ?? "") || 0, quality: setting.quality ?? /** @type {const} */ ("unknown") };
  const of = live.at >= told.at && live.at > 0 ? live : told; // what was just written is known before it is read the next time
  const about = catalogue(device).value?.get(setting.name)?.about ?? setting.about;
  const { text, lang } = nameOf(setting.name, about);
  const last = setting.last_write;
  const facts = [
    setting.kind === "number" && setting.range,
    last && t("devices.changed", { when: fromNow(Math.min(-1, (Date.parse(last.at) - now.value) / 1000)), who: last.actor.replace(/^api /, "") }),
    setting.writes_ever > 0 && t("devices.changes", { n: setting.writes_today, ever: setting.writes_ever }),
  ];
  const change = () => (mayControl.value ? open("setting", { device, setting, label: text }) : open("token", { why: "role" }));
  return html`<li class="setting">
    <div class="setting-what">
      <span lang=${lang}>${text}</span>
      <span class="quiet setting-range">${facts.filter(Boolean).join(" · ")}</span>
      ${last && !["confirmed", "effective"].includes(last.stage) && html`<span class="badge" data-kind="warn">${t(/** @type {any} */ (`stage.${last.stage}`))}</span>`}
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

