// An order to the batteries: how much, how far, until when; what would be written; and then, step by step, what became of it.

import { html, useEffect, useMemo, useState } from "../lib/html.js";
import { Problem, newKey } from "../lib/api.js";
import { nextTime } from "../lib/calendar.js";
import { hubNow } from "../lib/hubtime.js";
import { count, span, t, when, word } from "../lib/i18n.js";
import { refreshDevice } from "../lib/live.js";
import { controllable, give, preview, release, steerings } from "../lib/steering.js";
import { devices, meta } from "../lib/store.js";
import { quantity } from "../lib/units.js";
import { Dialog } from "./dialog.js";
import { Icon } from "./icon.js";
import { Failure } from "./notice.js";
import { Said } from "./said.js";
import { Steps } from "./steps.js";

/** @typedef {import("../lib/shapes.d.ts").Order} Order */
/** @typedef {import("../lib/shapes.d.ts").Preview} Preview */

const SPANS_MIN = [30, 60, 120, 240];
const STEP_W = 50;
const LEAST_W = 50; // what devices take as an order
const WITHOUT_LIMIT_W = 800; // while a unit's own limit is not known
const SETTLE_MS = 350; // after the last change, before it is asked what would be written

/** @param {{ command: "charge" | "discharge" | "hold", onClose: () => void }} props */
export default function OrderDialog({ command, onClose }) {
  const units = controllable.value.map(({ name }) => name);
  const [chosen, setChosen] = useState(units);
  const [power, setPower] = useState(/** @type {number | null} */ (null));
  const [soc, setSoc] = useState(command === "charge" ? 100 : 20);
  const [minutes, setMinutes] = useState(60);
  const [time, setTime] = useState(""); // of day, that it ends at; empty: after so many minutes
  const [given, setGiven] = useState(false);
  const [answers, setAnswers] = useState(/** @type {Record<string, Problem | null>} */ ({}));
  const key = useMemo(newKey, []);
  useEffect(() => units.forEach((name) => void refreshDevice(name).catch(() => {})), []);

  const moves = command !== "hold";
  const limits = Object.fromEntries(chosen.map((name) => [name, limitOf(name, command)]));
  const most = Math.max(LEAST_W, Math.floor(chosen.reduce((sum, name) => sum + limits[name].value, 0) / STEP_W) * STEP_W);
  const total = Math.min(power ?? most, most);
  /** @param {string} name @returns {Order} */
  const orderFor = (name) => ({
    command,
    ...(moves ? { power_w: Math.max(LEAST_W, Math.round((total * limits[name].value) / most)), soc_pct: soc } : {}),
    ...(time ? { until: new Date(end()).toISOString() } : { minutes }),
  });
  const zone = meta.value?.time_zone ?? "UTC";
  const end = () => (time ? nextTime(time, hubNow(), zone) : hubNow() + minutes * 60_000);
  const until = when(end(), { hour: "2-digit", minute: "2-digit" }, zone);
  const plans = usePreview(given ? [] : chosen, orderFor, JSON.stringify([chosen, total, soc, minutes, time]));

  /** @param {Event} event */
  async function submit(event) {
    event.preventDefault();
    setGiven(true);
    await Promise.all(
      chosen.map(async (name) => {
        try {
          await give(name, orderFor(name), `${key}-${name}`);
          setAnswers((was) => ({ ...was, [name]: null }));
        } catch (error) {
          if (!(error instanceof Problem)) throw error;
          setAnswers((was) => ({ ...was, [name]: error }));
        }
      }),
    );
  }

  const title = t(`order.${command}`);
  if (given) {
    return html`<${Dialog} title=${title} onClose=${onClose}><${Progress} units=${chosen} answers=${answers} onClose=${onClose} until=${until} /><//>`;
  }
  return html`<${Dialog} title=${title} onClose=${onClose}>
    <form class="form" onSubmit=${submit}>
      ${
        units.length > 1 &&
        html`<fieldset class="chips">
          <legend>${t("order.units")}</legend>
          ${units.map(
            (name) => html`<label key=${name} class="chip">
              <input type="checkbox" checked=${chosen.includes(name)} onChange=${() => setChosen(chosen.includes(name) ? chosen.filter((each) => each !== name) : [...chosen, name])} />
              <span>${name}</span>
            </label>`,
          )}
        </fieldset>`
      }
      ${
        moves &&
        html`<${Slider} label=${t("order.power")} value=${total} min=${LEAST_W} max=${most} step=${STEP_W} shown=${quantity(total, "W")} onInput=${setPower}
            note=${chosen.length === 1 && limits[chosen[0]].cause} />
          <${Slider} label=${t(command === "charge" ? "order.upto" : "order.downto")} value=${soc} min=${5} max=${100} step=${1} shown=${`${count(soc)} %`} onInput=${setSoc} />`
      }
      <fieldset class="chips">
        <legend>${t("order.until")}</legend>
        ${SPANS_MIN.map(
          (each) => html`<label key=${each} class="chip">
            <input type="radio" name="minutes" checked=${!time && minutes === each} onChange=${() => (setTime(""), setMinutes(each))} />
            <span>${span(each * 60)}</span>
          </label>`,
        )}
        <label class="chip-time" data-chosen=${time !== ""}>
          <span>${t("order.at")}</span>
          <input type="time" value=${time} onInput=${(/** @type {any} */ event) => setTime(event.target.value)} />
        </label>
        <p class="order-until">${t("order.ends", { until })}</p>
      </fieldset>
      <${Plans} plans=${plans} chosen=${chosen} />
      <footer class="form-end">
        <button type="button" class="button" onClick=${onClose}>${t("cancel")}</button>
        <button type="submit" class="button" data-kind="main" disabled=${chosen.length === 0}>${t(`order.go.${command}`, { until })}</button>
      </footer>
    </form>
  <//>`;
}

/** @param {string} name @param {"charge" | "discharge" | "hold"} command */
function limitOf(name, command) {
  const limits = devices.value.get(name)?.limits;
  return (command === "discharge" ? limits?.discharge : limits?.charge) ?? { value: WITHOUT_LIMIT_W, unit: "W", cause: "" };
}

/** @param {{ label: string, value: number, min: number, max: number, step: number, shown: string, note?: string | false, onInput: (value: number) => void }} props */
function Slider({ label, value, min, max, step, shown, note, onInput }) {
  return html`<label class="slider">
    <span class="slider-head"><span>${label}</span><output>${shown}</output></span>
    <input type="range" value=${value} min=${min} max=${max} step=${step} aria-valuetext=${shown} onInput=${(/** @type {any} */ event) => onInput(Number(event.target.value))} />
    ${note && html`<span class="slider-note quiet">${t("order.limit", { limit: quantity(max, "W") })}: <${Said} text=${note} /></span>`}
  </label>`;
}

/**
 * What would be written, asked of the hub once the wish has settled.
 * @param {string[]} units @param {(name: string) => Order} orderFor @param {string} wish changes whenever it does
 * @returns {Record<string, Preview | Problem>}
 */
function usePreview(units, orderFor, wish) {
  const [plans, setPlans] = useState(/** @type {Record<string, Preview | Problem>} */ ({}));
  useEffect(() => {
    let current = true;
    const timer = setTimeout(() => {
      for (const name of units) {
        preview(name, orderFor(name)).then(
          (plan) => current && setPlans((was) => ({ ...was, [name]: plan })),
          (error) => current && error instanceof Problem && setPlans((was) => ({ ...was, [name]: error })),
        );
      }
    }, SETTLE_MS);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [wish]);
  return plans;
}

/** @param {{ plans: Record<string, Preview | Problem>, chosen: string[] }} props */
function Plans({ plans, chosen }) {
  return html`<section class="plans" aria-live="polite">
    <h3><${Icon} name="info" size=${16} />${t("order.preview")}</h3>
    ${chosen.map((name) => {
      const plan = plans[name];
      if (!plan) return html`<p key=${name} class="quiet">${t("busy")}</p>`;
      if (plan instanceof Problem) return html`<${Failure} key=${name} problem=${plan} />`;
      return html`<div key=${name} class="plan">
        ${chosen.length > 1 && html`<b>${name}</b>`}
        <ol>
          ${plan.steps.map(
            (step) => html`<li key=${step.point} data-sent=${step.sent}>
              ${Object.entries(step.wanted).map(([what, value]) => html`<span key=${what}>${word("wanted", what)} <b>${valueOf(what, value)}</b></span>`)}
              ${!step.sent && html`<small>${t("order.same")}</small>`}
            </li>`,
          )}
        </ol>
        ${plan.notes.map((note) => html`<p key=${note} class="quiet"><${Said} text=${note} /></p>`)}
      </div>`;
    })}
  </section>`;
}

/** Units of what orders write. @type {Readonly<Record<string, string>>} */
const WRITTEN = { realtime_power: "W", realtime_target_soc: "%" };

/** @param {string} what @param {import("../lib/shapes.d.ts").Scalar} value */
function valueOf(what, value) {
  if (typeof value === "number") return quantity(value, WRITTEN[what] ?? "");
  return what === "mode" ? word("mode", String(value)) : word("word", String(value));
}

/** @param {{ units: string[], answers: Record<string, Problem | null>, until: string, onClose: () => void }} props */
function Progress({ units, answers, until, onClose }) {
  const [undoing, setUndoing] = useState(false);
  const done = units.every((name) => name in answers);
  const undo = async () => {
    setUndoing(true);
    for (const name of units) if (!answers[name]) await release(name, true).catch(() => {});
    onClose();
  };
  return html`<div class="form" aria-live="polite">
      ${units.map((name) => {
        const problem = answers[name];
        const order = steerings.value.get(name)?.override;
        const outcome = order?.outcome ?? problem?.outcome ?? null;
        return html`<section key=${name} class="progress">
          <h3>${name}</h3>
          <${Steps} step=${problem ? "failed" : (order?.step ?? "asked")} outcome=${outcome} busy=${!(name in answers)} />
          ${problem && html`<${Failure} problem=${problem} />`}
        </section>`;
      })}
      <p class="quiet">${t("order.after", { until })}</p>
      <footer class="form-end">
        <button type="button" class="button" disabled=${!done || undoing} onClick=${undo}><${Icon} name="undo" size=${18} />${t("undo")}</button>
        <button type="button" class="button" data-kind="main" onClick=${onClose}>${t("order.done")}</button>
      </footer>
    </div>`;
}
