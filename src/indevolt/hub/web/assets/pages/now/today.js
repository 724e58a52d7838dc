// What today brought: energies, money, and how the day went, in small pictures of the same width of time.

import { html } from "../../lib/html.js";
import { currency, grownToday, moneyToday } from "../../lib/house.js";
import { count, money, t } from "../../lib/i18n.js";
import { link } from "../../lib/live.js";
import { useRecent } from "../../lib/recent.js";
import { today } from "../../lib/store.js";
import { UNKNOWN, quantity } from "../../lib/units.js";
import { Icon } from "../../parts/icon.js";
import { Spark } from "../../parts/spark.js";
import { Price } from "./price.js";

const HOURS = 6;
const DRAWN = ["solar_power", "house_power", "grid_power", "battery_power", "battery_soc"];

export function Today() {
  const recent = useRecent(DRAWN, HOURS);
  const autarky = selfSufficiency();
  /** @param {string} name */
  const energy = (name) => quantity(grownToday(name), "Wh");
  return html`<section class="card today">
    <div class="card-head">
      <h2>${t("now.today")}</h2>
      <span class="quiet">${t("now.today.hours", { hours: HOURS })}</span>
    </div>
    <div class="stats">
      <${Stat} icon="sun" label=${t("now.place.sun")} value=${energy("energy_solar")} spark=${recent?.solar_power} colour="sun" />
      <${Stat} icon="house" label=${t("now.place.house")} value=${energy("energy_house")} spark=${recent?.house_power} colour="house"
        more=${autarky === null ? "" : t("now.autarky", { share: `${count(autarky)} %` })} />
      <${Stat} icon="grid" label=${t("now.bought")} value=${energy("energy_grid_import")} spark=${recent?.grid_power} colour="grid"
        more=${t("now.sold", { energy: energy("energy_grid_export") })} />
      <${Stat} icon="battery" label=${t("now.discharged")} value=${energy("energy_discharge")} spark=${recent?.battery_soc} colour="battery" high=${100}
        more=${t("now.charged", { energy: energy("energy_charge") })} />
      <${Money} />
      <${Price} />
    </div>
  </section>`;
}

/** @param {{ icon: string, label: string, value: string, more?: string, spark?: (number | null)[], colour: string, high?: number }} props */
function Stat({ icon, label, value, more = "", spark, colour, high }) {
  return html`<div class="stat" data-colour=${colour}>
    <p class="stat-label"><${Icon} name=${icon} size=${18} />${label}</p>
    <p class="stat-value">${told(value)}</p>
    <p class="stat-more">${told(more)}</p>
    ${spark ? html`<${Spark} values=${spark} colour=${colour} high=${high ?? 400} />` : html`<div class="spark"></div>`}
  </div>`;
}

/** What the hub said; struck through while it does not answer. @param {string} text */
const told = (text) => (link.value === "live" || text === "" || text.startsWith(UNKNOWN) ? text : html`<s>${text}</s>`);

/** What today cost; where nobody knows prices, how to tell them. */
function Money() {
  const cost = moneyToday("cost");
  const saved = moneyToday("saved_by_battery_and_sun");
  return html`<div class="stat" data-colour="money">
    <p class="stat-label"><${Icon} name="money" size=${18} />${t("now.cost")}</p>
    <p class="stat-value">${told(cost === null ? UNKNOWN : money(cost, currency.value))}</p>
    <p class="stat-more">${saved !== null ? t("now.saved", { money: money(saved, currency.value) }) : today.value && !today.value.money ? t("now.noprices") : ""}</p>
  </div>`;
}

/** Share of the house's energy today that was not bought, in %. */
function selfSufficiency() {
  const house = grownToday("energy_house");
  const bought = grownToday("energy_grid_import");
  const charged = today.value?.period.flows.grid_to_battery ?? 0; // bought for later
  if (house === null || bought === null || house < 50) return null;
  return Math.max(0, Math.min(100, 100 * (1 - Math.max(0, bought - charged) / house)));
}
