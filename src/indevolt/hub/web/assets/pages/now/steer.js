// Who decides what the batteries do, why, until when, and what a person may order instead.

import { html, useEffect, useState } from "../../lib/html.js";
import { Problem } from "../../lib/api.js";
import { outlook } from "../../lib/house.js";
import { count, span, t, when, word } from "../../lib/i18n.js";
import { link } from "../../lib/live.js";
import { backup, controllable, keep, pause, pausedUntil, release, steerings, whoAsked } from "../../lib/steering.js";
import { SITE, deviceNames, devices, mayControl, meta, number, sample } from "../../lib/store.js";
import { quantity } from "../../lib/units.js";
import { open } from "../../parts/dialog.js";
import { Icon } from "../../parts/icon.js";
import { Trouble, say } from "../../parts/notice.js";
import { Said } from "../../parts/said.js";

/** @typedef {import("../../lib/shapes.d.ts").Steering} Steering */

const IDLE_W = 15; // a battery below it neither charges nor discharges
const MOST_UNITS = 4; // that are told one by one
const PAUSE_MIN = 60;

export function Steer() {
  const names = deviceNames.value;
  const shown = names.length <= MOST_UNITS ? names : names.filter((name) => steerings.value.get(name)?.override || steerings.value.get(name)?.trouble);
  const common = alike(names) ? "" : commonReason(shown);
  return html`<section class="card steer" aria-label=${t("now.steer")}>
    <div>
      <p class="steer-why">${reason()}</p>
      <${Outlook} />
    </div>
    <${Actions} />
    <${Kept} />
    <ul class="steer-units" aria-live="polite">
      ${
        alike(names)
          ? html`<${Unit} name=${names[0]} alone />`
          : shown.map((name) => html`<${Unit} key=${name} name=${name} reasoned=${common === ""} />`)
      }
    </ul>
    ${common && html`<p class="steer-said"><${Said} text=${common} /></p>`}
    <${Paused} />
  </section>`;
}

/** Whether all units are in the same mode of their own, so that it is said once. @param {string[]} names */
function alike(names) {
  const told = names.map((name) => {
    const steering = steerings.value.get(name);
    const own = !steering || (steering.owner === "device" && !steering.override && !steering.trouble);
    return own ? `${sample(name, "mode").value.value} ${devices.value.get(name)?.control}` : name;
  });
  return told.length > 0 && told.every((each) => each === told[0]);
}

/** What was decided for all units as for one battery, so that it is said once; empty: it was not. @param {string[]} names */
function commonReason(names) {
  const [first, ...others] = names.map((name) => steerings.value.get(name));
  const common = first !== undefined && decided(first) && names.every((name) => first.together.includes(name));
  return common && others.every((each) => each?.why === first.why) ? first.why : "";
}

/** How much is stored, and when it is where it is heading, if all stays as it is. */
function Outlook() {
  const stored = number(SITE, "stored_energy");
  const capacity = number(SITE, "capacity");
  if (stored === null || capacity === null) return null;
  const ahead = outlook();
  return html`<p class="steer-outlook">
    ${t("now.stored", { stored: quantity(stored, "Wh"), capacity: quantity(capacity, "Wh") })}${" "}
    ${ahead && t(`now.outlook.${ahead.towards}`, { span: about(ahead.hours), soc: `${count(ahead.soc)} %` })}
  </p>`;
}

/** @param {number} hours */
const about = (hours) => (hours < 1 ? span(Math.max(5, Math.round((hours * 60) / 5) * 5) * 60) : span(Math.round(hours) * 3600));

/** Why the battery does what it does, worked out of what flows. */
function reason() {
  const battery = number(SITE, "battery_power");
  const sun = number(SITE, "solar_power");
  const house = number(SITE, "house_power");
  const grid = number(SITE, "grid_power");
  if (battery === null) {
    const silent = [...devices.value.values()].filter((each) => each.link !== "online").map((each) => each.name);
    return link.value === "live" && silent.length > 0 ? t("now.why.missing", { names: silent.slice(0, 3).join(", "), n: silent.length }) : t("now.why.unknown");
  }
  const power = quantity(Math.abs(battery), "W");
  if (battery <= -IDLE_W) return t(grid !== null && grid > IDLE_W && (sun ?? 0) < -battery ? "now.why.charge.grid" : "now.why.charge.sun", { power });
  if (battery >= IDLE_W) return t(house !== null && sun !== null && house > sun ? "now.why.discharge.house" : "now.why.discharge", { power });
  const soc = number(SITE, "battery_soc");
  if (soc !== null && soc >= 99) return t("now.why.full");
  return t("now.why.idle");
}

/** @param {{ name: string, alone?: boolean, reasoned?: boolean }} props one unit: its mode, who owns it and why, and how far an order got */
function Unit({ name, alone = false, reasoned = true }) {
  const steering = steerings.value.get(name);
  const device = devices.value.get(name);
  const mode = sample(name, "mode").value.value;
  const { icon, label } = modeOf(steering, typeof mode === "string" ? mode : null);
  return html`<li class="steer-unit">
    <div class="steer-line">
      ${!alone && html`<a class="steer-name" href=${`#/devices/${name}`}>${name}</a>`}
      <span class="pill" data-owner=${steering?.owner ?? "device"} data-old=${link.value !== "live" || device?.link !== "online"}><${Icon} name=${icon} size=${18} /><span>${label}</span></span>
      ${device && !device.control && html`<span class="pill" data-kind="lock"><${Icon} name="lock" size=${16} /><span>${t("now.readonly")}</span></span>`}
    </div>
    <p class="steer-owner">${ownerOf(steering)}</p>
    ${reasoned && steering && decided(steering) && html`<p class="steer-said"><${Said} text=${steering.why} /></p>`}
    ${steering?.override && html`<${Progress} override=${steering.override} />`}
    ${steering?.trouble && html`<${Trouble} detail=${steering.trouble.detail} remedy=${steering.trouble.remedy} />`}
  </li>`;
}

/** How far an order got; drawn by a module that comes with the first order. @param {{ override: import("../../lib/shapes.d.ts").Override }} props */
function Progress({ override }) {
  const [module, setModule] = useState(/** @type {typeof import("../../parts/steps.js") | null} */ (null));
  useEffect(() => void import("../../parts/steps.js").then(setModule), []);
  return module && html`<${module.Steps} step=${override.step} outcome=${override.outcome} />`;
}

/** @param {Steering | undefined} steering @param {string | null} mode */
function modeOf(steering, mode) {
  const command = steering?.command?.command;
  if (command && steering?.owner !== "device") {
    const icon = { charge: "charge", discharge: "battery", hold: "hold", self_use: "house", schedule: "plan" }[command];
    return { icon, label: word("now.doing", command) };
  }
  if (mode === null) return { icon: "info", label: t("now.mode.unknown") };
  const icon = { self_use: "house", realtime: "link", schedule: "plan" }[mode] ?? "battery";
  return { icon, label: word("mode", mode) };
}

/** Whether strategies decided it: to command something, or to leave the device to its own loop; else it is said in another line. @param {Steering} steering */
const decided = ({ owner, why, reasons, override, backup: kept }) =>
  why !== "" && !(owner === "user" && (override || kept)) && (owner !== "device" || reasons.length > 0);

/** Who decides, until when. @param {Steering | undefined} steering */
function ownerOf(steering) {
  if (!steering || steering.owner === "device") return t("now.owner.device");
  if (steering.owner === "user" && steering.override) {
    const { by, until } = steering.override;
    const who = whoAsked(by);
    const time = clock(until);
    return who === null ? t("now.owner.you", { until: time }) : t("now.owner.user", { who, until: time });
  }
  if (steering.owner === "user") return t("now.owner.wish");
  const said = t(/** @type {any} */ (`now.owner.${steering.owner}`));
  return steering.until ? `${said} ${t("now.until", { until: clock(steering.until) })}` : said;
}

/** @param {string} at */
const clock = (at) => when(at, { hour: "2-digit", minute: "2-digit" }, meta.value?.time_zone);

/** @param {string} at within days */
const day = (at) => when(at, { weekday: "short", hour: "2-digit", minute: "2-digit" }, meta.value?.time_zone);

/** Do it, or ask for the token that is needed for it. @param {() => void} run */
const allowed = (run) => () => (mayControl.value ? run() : void open("token", { why: "role" }));

/** What is kept for an outage, and how to end it; else how to begin. */
function Kept() {
  const kept = backup.value;
  if (!kept) {
    if (controllable.value.length === 0) return null;
    return html`<p class="steer-keep"><button type="button" class="link" disabled=${link.value !== "live"} onClick=${allowed(() => open("backup"))}>${t("now.do.backup")}</button></p>`;
  }
  const who = whoAsked(kept.by);
  const until = day(kept.until);
  return html`<div class="steer-paused">
    <${Icon} name="battery" size=${20} />
    <span>${who === null ? t("now.backup.you", { until }) : t("now.backup", { until, who })}${kept.charge_pct !== null && ` ${t("now.backup.charged", { soc: `${count(kept.charge_pct)} %` })}`}</span>
    <button type="button" class="link" onClick=${allowed(() => attempt(() => keep(null)))}>${t("now.backup.end")}</button>
  </div>`;
}

function Paused() {
  const until = pausedUntil.value;
  if (!until) return null;
  return html`<div class="steer-paused">
    <${Icon} name="pause" size=${20} />
    <span>${t("now.paused", { until: clock(until) })}</span>
    <button type="button" class="link" onClick=${() => attempt(() => pause(null))}>${t("now.resume")}</button>
  </div>`;
}

function Actions() {
  const [busy, setBusy] = useState(false);
  const units = controllable.value;
  if (deviceNames.value.length > 0 && units.length === 0) {
    return html`<details class="steer-locked">
      <summary><${Icon} name="lock" size=${20} /><span>${t("now.locked.title")}</span></summary>
      <p>${t("now.locked.text")}</p>
      <pre><code>[[devices]]
name = "${deviceNames.value[0]}"
control = true</code></pre>
    </details>`;
  }
  const away = link.value !== "live";
  const held = units.filter(({ name }) => steerings.value.get(name)?.override);
  const lock = mayControl.value ? null : html`<span class="action-lock"><${Icon} name="lock" size=${14} /><span class="unseen">${t("now.needstoken")}</span></span>`;
  /** @param {() => Promise<unknown>} work */
  const run = async (work) => {
    setBusy(true);
    await attempt(work);
    setBusy(false);
  };
  return html`<div class="actions">
    <button type="button" class="action" disabled=${away} onClick=${allowed(() => open("order", { command: "charge" }))}><${Icon} name="charge" />${t("now.do.charge")}${lock}</button>
    <button type="button" class="action" disabled=${away} onClick=${allowed(() => open("order", { command: "hold" }))}><${Icon} name="hold" />${t("now.do.hold")}${lock}</button>
    <button type="button" class="action" disabled=${away || busy || held.length === 0}
      onClick=${allowed(() => run(async () => {
        for (const { name } of held) await release(name);
        say(t("now.released"), held.length === 1 ? { label: t("undo"), run: () => void attempt(() => release(held[0].name, true)) } : null);
      }))}><${Icon} name="release" />${t("now.do.release")}${lock}</button>
    <button type="button" class="action" disabled=${away || busy || pausedUntil.value !== null}
      onClick=${allowed(() => run(async () => {
        await pause(PAUSE_MIN);
        say(t("now.pausing", { span: span(PAUSE_MIN * 60) }), { label: t("undo"), run: () => void attempt(() => pause(null)) });
      }))}><${Icon} name="pause" />${t("now.do.pause")}<small>${span(PAUSE_MIN * 60)}</small>${lock}</button>
  </div>`;
}

/** Do it, and say what stands in the way. @param {() => Promise<unknown>} work */
async function attempt(work) {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    say(error.away ? t("away.title") : [error.message, error.remedy].filter(Boolean).join(" "));
  }
}
