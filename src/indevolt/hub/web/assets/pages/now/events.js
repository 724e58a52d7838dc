// What comes next, and what happened last.

import { html, useEffect, useRef, useSignal } from "../../lib/html.js";
import { Problem, get } from "../../lib/api.js";
import { now, pace } from "../../lib/hubtime.js";
import { fromNow, t, when } from "../../lib/i18n.js";
import { backup, pausedUntil, steerings } from "../../lib/steering.js";
import { journal, meta, takeEntries } from "../../lib/store.js";
import { quantity } from "../../lib/units.js";
import { Icon } from "../../parts/icon.js";
import { Said } from "../../parts/said.js";

const SHOWN = 6;
const QUARTER_MS = 15 * 60_000; // a plan is made anew about as often
const LEAST_MS = 60_000; // of our time, between two questions for it
/** @type {Readonly<Record<string, string>>} */
const ICONS = { hub: "settings", connection: "link", firmware: "save", write: "charge", alert: "warning", store: "history" };

export function Events() {
  useEffect(() => {
    get("journal", { order: "newest", limit: SHOWN }).then(
      (body) => takeEntries(body.entries),
      (error) => {
        if (!(error instanceof Problem)) throw error;
      },
    );
  }, []);
  const planned = usePlan();
  const coming = next(planned);
  const past = journal.value.slice(-SHOWN).reverse();
  return html`<section class="card events">
    ${
      coming.length > 0 &&
      html`<h2>${t("now.next")}</h2>
        <ol class="event-list">
          ${coming.map(({ at, icon, text }) => html`<li key=${text + at}><${Icon} name=${icon} size=${18} /><span>${text}</span><time datetime=${at}>${clock(at)} <span class="quiet">${fromNow((Date.parse(at) - now.value) / 1000)}</span></time></li>`)}
        </ol>`
    }
    <div class="card-head"><h2>${t("now.happened")}</h2><a href="#/journal" class="more-link">${t("page.journal")}<${Icon} name="forward" size=${16} /></a></div>
    <ol class="event-list">
      ${past.map(
        (each) => html`<li key=${`${each.number}${each.at}`}>
          <${Icon} name=${ICONS[each.kind] ?? "info"} size=${18} />
          <span>${each.device && html`<b>${each.device}</b> `}<${Said} text=${each.text} /></span>
          <time datetime=${each.at}>${clock(each.at)}</time>
        </li>`,
      )}
      ${past.length === 0 && html`<li class="quiet">${t("now.nothing")}</li>`}
    </ol>
  </section>`;
}

/**
 * The slots of the plan, while the hub goes by it; they are many, so nobody else asks for them here.
 * @returns {{ start: string, mode: string, power_w: number }[]}
 */
function usePlan() {
  const slots = useSignal(/** @type {{ start: string, mode: string, power_w: number }[]} */ ([]));
  const followed = [...steerings.value.values()].some(({ owner }) => owner === "plan");
  const asked = useRef(NaN); // when, by the hub's time
  const lasts = Math.max(QUARTER_MS, LEAST_MS * pace.value);
  const fresh = Math.abs(now.value - asked.current) < lasts;
  useEffect(() => {
    if (!followed || fresh) return;
    asked.current = now.peek();
    get("plan").then(
      (plan) => (slots.value = plan.slots ?? []),
      (error) => {
        if (!(error instanceof Problem)) throw error;
        asked.current += LEAST_MS * pace.peek() - lasts; // sooner than after an answer
      },
    );
  }, [followed, fresh]);
  return followed ? slots.value : [];
}

/** What is known to come. @param {{ start: string, mode: string, power_w: number }[]} planned */
function next(planned) {
  /** @type {{ at: string, icon: string, text: string }[]} */
  const found = [];
  planned.forEach(({ start, mode, power_w: power }, place) => {
    if (place === 0 || planned[place - 1].mode === mode || Date.parse(start) < now.value) return;
    const text = mode === "discharge" && power === 0 ? t("now.next.plan.cover") : t(/** @type {any} */ (`now.next.plan.${mode}`), { power: quantity(power, "W") });
    found.push({ at: start, icon: "plan", text });
  });
  for (const [name, steering] of steerings.value) {
    if (steering.override) found.push({ at: steering.override.until, icon: "release", text: t("now.next.override", { name }) });
    if (steering.foreign) found.push({ at: steering.foreign.until, icon: "release", text: t("now.next.foreign", { name }) });
  }
  if (pausedUntil.value) found.push({ at: pausedUntil.value, icon: "automation", text: t("now.next.pause") });
  if (backup.value) found.push({ at: backup.value.until, icon: "battery", text: t("now.next.backup") });
  return found.sort((one, other) => Date.parse(one.at) - Date.parse(other.at)).slice(0, 3);
}

/** @param {string} at */
const clock = (at) => when(at, { hour: "2-digit", minute: "2-digit" }, meta.value?.time_zone);
