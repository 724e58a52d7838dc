// The frame around every page: tabs, the house's name, how the hub is reached, and the state of charge, which is always in sight.

import { html, signal, useEffect, useLayoutEffect, useRef } from "../lib/html.js";
import { tokenWanted } from "../lib/api.js";
import { now, pace } from "../lib/hubtime.js";
import { reserve } from "../lib/house.js";
import { count, t, when } from "../lib/i18n.js";
import { connect, link, nextTry, trouble } from "../lib/live.js";
import { theme } from "../lib/prefs.js";
import { stateOf } from "../lib/quality.js";
import { PAGES, go, href, route } from "../lib/router.js";
import { SITE, meta, remembered, sample, simulated } from "../lib/store.js";
import { close, dialog, open } from "./dialog.js";
import { Icon } from "./icon.js";
import { Empty, Passing, Trouble } from "./notice.js";
import { Ring } from "./ring.js";
import { Value } from "./value.js";

const ON_PHONE = 4; // tabs that a phone has room for; the others are behind "more"
const THEMES = /** @type {const} */ (["auto", "light", "dark"]);

const moreOpen = signal(false);

export function Shell() {
  const { page, rest, module, failed } = route.value;
  const main = useRef(/** @type {HTMLElement | null} */ (null));
  const shown = useRef(page.name);
  const title = t(/** @type {any} */ (`page.${page.name}`));
  useKeys();
  useEffect(() => {
    document.title = `${title} · ${meta.value?.site || "indevolt"}`;
    moreOpen.value = false;
    if (shown.current !== page.name) {
      shown.current = page.name;
      window.scrollTo(0, 0);
      main.current?.focus({ preventScroll: true });
    }
  }, [page.name, title, meta.value?.site]);
  useEffect(() => {
    if (tokenWanted.value) void open("token", { why: tokenWanted.value });
  }, [tokenWanted.value]);
  const Page = module?.default;
  const Dialog = dialog.value?.view;
  return html`<div class="frame">
    <button type="button" class="skip" onClick=${() => main.current?.focus()}>${t("skip")}</button>
    <${Top} />
    <${Tabs} current=${page.name} />
    <main ref=${main} tabindex="-1" data-page=${page.name} aria-label=${title} aria-busy=${!module && !failed ? "true" : "false"}>
      <${Away} />
      ${
        Page
          ? html`<${Page} rest=${rest} key=${page.name} />`
          : failed
            ? html`<${Empty} icon="warning" title=${t("page.failed")}><button type="button" class="button" onClick=${() => location.reload()}>${t("retry")}</button><//>`
            : null
      }
    </main>
    <${Passing} />
    ${Dialog && html`<${Dialog} ...${dialog.value?.props} onClose=${close} />`}
  </div>`;
}

function Top() {
  const soc = sample(SITE, "battery_soc").value;
  const value = typeof soc.value === "number" ? soc.value : null;
  const old = stateOf(soc) !== "live" && stateOf(soc) !== "held";
  return html`<header class="top">
    <a class="brand" href=${href("now")}>
      <span class="brand-name">${meta.value?.site || "indevolt"}</span>
    </a>
    <div class="top-facts">
      ${simulated.value && html`<span class="badge" data-kind="simulated" title=${t("simulated.long")}>${t("simulated")}${pace.value > 1 && html`<span class="badge-more">${t("simulated.pace", { pace: count(pace.value < 20 ? Math.round(pace.value) : Math.round(pace.value / 10) * 10) })}</span>`}</span>`}
      <${Reach} />
      <a class="top-soc" href=${href("now")}>
        <${Ring} soc=${value} reserve=${reserve.value} size=${34} width=${5} old=${old} />
        <span class="unseen">${t("soc")}</span>
        <${Value} of=${soc} quiet />
      </a>
      <button type="button" class="bare top-theme" onClick=${nextTheme} aria-label=${t("theme.switch", { theme: t(`theme.${theme.value}`) })} title=${t("theme.switch", { theme: t(`theme.${theme.value}`) })}>
        <${Icon} name="theme" size=${20} />
      </button>
    </div>
  </header>`;
}

function nextTheme() {
  theme.value = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length];
}

/** How the hub is reached: a shape, a colour and a word. */
function Reach() {
  const state = remembered.value && link.value === "connecting" ? "remembered" : link.value;
  return html`<span class="reach" data-state=${state} role="status">
    <span class="reach-dot"></span>
    <span class="reach-word">${t(`reach.${state}`)}</span>
    ${state === "live" && html`<time class="reach-time">${when(now.value, { hour: "2-digit", minute: "2-digit" }, meta.value?.time_zone)}</time>`}
  </span>`;
}

/** Across every page while the hub does not answer: since when, why, and when it is tried again. */
function Away() {
  if (link.value !== "away" && link.value !== "closed") return null;
  void now.value;
  const wait = nextTry.value === null ? 0 : Math.max(0, Math.ceil((nextTry.value - performance.now()) / 1000));
  const problem = trouble.value;
  return html`<div class="away" role="alert">
    <${Icon} name=${link.value === "closed" ? "key" : "link"} size=${22} />
    <div>
      <p class="away-title">${link.value === "closed" ? t("closed.title") : t("away.title")}</p>
      <p>${link.value === "closed" ? t("closed.text") : t("away.text")}</p>
      ${problem && !problem.away && link.value === "away" && html`<${Trouble} detail=${problem.message} remedy=${problem.remedy} />`}
    </div>
    ${
      link.value === "closed"
        ? html`<button type="button" class="button" onClick=${() => open("token", { why: tokenWanted.value ?? "missing" })}>${t("token.give")}</button>`
        : html`<button type="button" class="button" onClick=${connect}>${wait > 0 ? t("away.retry", { seconds: wait }) : t("away.trying")}</button>`
    }
  </div>`;
}

/** @param {{ current: string }} props */
function Tabs({ current }) {
  const hidden = PAGES.slice(ON_PHONE);
  return html`<nav class="tabs" aria-label=${t("nav")}>
    <ul>
      ${PAGES.map(
        ({ name, icon }, place) => html`<li key=${name} class=${place >= ON_PHONE ? "tab-rest" : ""}>
          <a class="tab" href=${href(name)} aria-current=${current === name ? "page" : undefined}>
            <span class="tab-icon"><${Icon} name=${icon} /></span><span class="tab-name">${t(/** @type {any} */ (`page.${name}`))}</span>
          </a>
        </li>`,
      )}
      <li class="tab-more">
        <button type="button" class="tab" aria-expanded=${moreOpen.value} aria-controls="more" aria-current=${hidden.some(({ name }) => name === current) ? "page" : undefined} onClick=${() => (moreOpen.value = !moreOpen.value)}>
          <span class="tab-icon"><${Icon} name="more" /></span><span class="tab-name">${t("more")}</span>
        </button>
      </li>
    </ul>
    ${
      moreOpen.value &&
      html`<div class="more" id="more">
        ${hidden.map(
          ({ name, icon }) =>
            html`<a key=${name} href=${href(name)} aria-current=${current === name ? "page" : undefined}><${Icon} name=${icon} /> ${t(/** @type {any} */ (`page.${name}`))}</a>`,
        )}
        <button type="button" onClick=${nextTheme}><${Icon} name="theme" /> ${t("theme.switch", { theme: t(`theme.${theme.value}`) })}</button>
        <button type="button" onClick=${() => open("help")}><${Icon} name="help" /> ${t("help")}</button>
      </div>`
    }
    <button type="button" class="tab tabs-help" onClick=${() => open("help")}>
      <span class="tab-icon"><${Icon} name="help" /></span><span class="tab-name">${t("help")}</span>
    </button>
  </nav>`;
}

/** Keys: 1 to 6 for the tabs, / for the search of a page, ? for help, Escape for what is open. Heard from the first drawing on. */
function useKeys() {
  useLayoutEffect(() => {
    /** @param {KeyboardEvent} event */
    const press = (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      if (event.key === "Escape") moreOpen.value = false;
      const target = /** @type {HTMLElement} */ (event.target);
      if (target.closest("input, textarea, select, dialog, [contenteditable]")) return;
      const page = PAGES[Number(event.key) - 1];
      if (page) go(page.name);
      else if (event.key === "?") void open("help");
      else if (event.key === "/") {
        const search = document.querySelector("main input[type=search]");
        if (!(search instanceof HTMLElement)) return;
        event.preventDefault();
        search.focus();
      }
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, []);
}
