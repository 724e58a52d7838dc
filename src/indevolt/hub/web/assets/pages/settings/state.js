// How the hub itself is: its version, since when it runs, its services, and where it keeps history.

import { get } from "../../lib/api.js";
import { useAsked } from "../../lib/asked.js";
import { html } from "../../lib/html.js";
import { exact, t, when, word } from "../../lib/i18n.js";
import { meta } from "../../lib/store.js";
import { Icon } from "../../parts/icon.js";
import { Failure } from "../../parts/notice.js";

/** @typedef {{ ready: boolean, started: string, services: Record<string, string>, store: Record<string, string | number>, streams: number }} Health */

export function State() {
  const asked = useAsked((abort) => /** @type {Promise<Health>} */ (get("health", {}, abort)), [], true);
  const it = asked.value;
  const zone = meta.value?.time_zone ?? "UTC";
  return html`<section class="card" aria-busy=${asked.busy}>
    <h2>${t("settings.hub")}</h2>
    ${asked.problem && html`<${Failure} problem=${asked.problem} />`}
    <dl class="settings-rows">
      <div><dt>${t("settings.hub.name")}</dt><dd>${meta.value?.name ?? ""}</dd></div>
      <div><dt>${t("settings.hub.version")}</dt><dd>${meta.value?.version ?? ""}</dd></div>
      ${
        it &&
        html`<div><dt>${t("settings.hub.started")}</dt><dd>${when(it.started, { dateStyle: "medium", timeStyle: "short" }, zone)}</dd></div>
          <div><dt>${t("settings.hub.streams")}</dt><dd>${exact(it.streams)}</dd></div>
          <div><dt>${t("settings.hub.store")}</dt><dd><span><${Mark} good=${it.store.state === "ok"} /> ${word("settings.store", String(it.store.kind))}${it.store.state !== "ok" && html`: <span lang="en">${it.store.state}</span>`}</span></dd></div>
          ${typeof it.store.size_bytes === "number" && it.store.size_bytes > 0 && html`<div><dt>${t("settings.hub.size")}</dt><dd>${exact(it.store.size_bytes / 1e6, 1)} MB</dd></div>`}
          ${Object.entries(it.services).map(([name, state]) => html`<div key=${name}><dt>${word("settings.service", name)}</dt><dd><span><${Mark} good=${state === "running"} /> ${state === "running" ? t("settings.running") : html`<span lang="en">${state}</span>`}</span></dd></div>`)}`
      }
    </dl>
  </section>`;
}

/** @param {{ good: boolean }} props */
const Mark = ({ good }) => html`<span class="settings-mark" data-good=${good}><${Icon} name=${good ? "check" : "warning"} size=${16} /></span>`;
