// What the plan has to heed: a charge that is wanted by a time, what it must gain before the battery is not left to itself, and where it
// lies in a device for the case that nobody commands it.

import { send } from "../../lib/api.js";
import { useAttempt } from "../../lib/attempt.js";
import { nextTime } from "../../lib/calendar.js";
import { hubNow } from "../../lib/hubtime.js";
import { html, useState } from "../../lib/html.js";
import { count, perEnergy, t, when } from "../../lib/i18n.js";
import { mayControl } from "../../lib/store.js";
import { open } from "../../parts/dialog.js";
import { Failure } from "../../parts/notice.js";
import { Said } from "../../parts/said.js";

/** @typedef {import("./shapes.d.ts").PlanBody} PlanBody */

/** @param {{ plan: PlanBody, zone: string, onDone: () => void }} props */
export function Wanted({ plan, zone, onDone }) {
  const [soc, setSoc] = useState(80);
  const [time, setTime] = useState("07:00");
  const { busy, problem, attempt } = useAttempt();
  const { gate } = plan;
  /** @param {() => Promise<unknown>} work */
  const change = async (work) => {
    if (!mayControl.value) return void open("token", { why: "role" });
    if (await attempt(work)) onDone();
  };
  const want = (/** @type {Event} */ event) => {
    event.preventDefault();
    void change(() => send("POST", "plan/target", { soc_pct: soc, by: new Date(nextTime(time, hubNow(), zone)).toISOString() }));
  };
  return html`<section class="card wanted" aria-label=${t("plan.wanted")}>
    <form class="form" onSubmit=${want}>
      <h2>${t("plan.wanted")}</h2>
      <label class="slider">
        <span class="slider-head"><span>${t("plan.wanted.soc")}</span><output>${count(soc)} %</output></span>
        <input type="range" min="5" max="100" step="5" value=${soc} aria-valuetext=${`${soc} %`} onInput=${(/** @type {any} */ event) => setSoc(Number(event.target.value))} />
      </label>
      <label class="field"><span>${t("plan.wanted.by")}</span><input type="time" required value=${time} onInput=${(/** @type {any} */ event) => setTime(event.target.value)} /></label>
      <div class="form-end"><button type="submit" class="button" disabled=${busy || time === ""}>${busy ? t("busy") : t("plan.wanted.do")}</button></div>
      ${problem && html`<${Failure} problem=${problem} />`}
    </form>
    <div class="form">
      ${
        plan.targets.length === 0
          ? html`<p class="quiet">${t("plan.wanted.none")}</p>`
          : html`<ul>${plan.targets.map(({ soc_pct, by }) => html`<li key=${by}><b>${count(soc_pct)} %</b> ${t("plan.wanted.until", { by: when(by, { weekday: "short", hour: "2-digit", minute: "2-digit" }, zone) })}</li>`)}</ul>
            <div><button type="button" class="button" disabled=${busy} onClick=${() => change(() => send("DELETE", "plan/target"))}>${t("plan.wanted.drop")}</button></div>
            <p class="quiet">${t("plan.wanted.kept")}</p>`
      }
      <dl class="rows">
        <div><dt>${t("plan.gate")}</dt><dd>${perEnergy(gate.per_kwh, plan.currency)}</dd></div>
        ${plan.load_curves.map(({ device, laid_at: at }) => html`<div key=${device}><dt>${t("plan.curve", { device })}</dt><dd>${at ? t("plan.curve.laid", { at: when(at, { weekday: "short", hour: "2-digit", minute: "2-digit" }, zone) }) : t("plan.curve.none")}</dd></div>`)}
      </dl>
      ${gate.reason && html`<p class="quiet"><${Said} text=${gate.reason} /></p>`}
      ${plan.load_curves.map(({ device, reason }) => reason && html`<p key=${device} class="quiet">${device}: <${Said} text=${reason} /></p>`)}
    </div>
  </section>`;
}
