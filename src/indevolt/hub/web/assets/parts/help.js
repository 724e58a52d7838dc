// What the keys do, and what the marks on values mean.

import { html } from "../lib/html.js";
import { t } from "../lib/i18n.js";
import { hubNow } from "../lib/hubtime.js";
import { meta } from "../lib/store.js";
import { PAGES } from "../lib/router.js";
import { Dialog } from "./dialog.js";
import { Value } from "./value.js";

/** @typedef {import("../lib/shapes.d.ts").Sample} Sample */

/** @param {{ onClose: () => void }} props */
export default function HelpDialog({ onClose }) {
  const at = hubNow();
  /** @type {[Sample, string][]} */
  const marks = [
    [{ value: 1240, unit: "W", at, quality: "live" }, t("help.live")],
    [{ value: 1240, unit: "W", at: at - 95_000, quality: "stale" }, t("help.stale")],
    [{ value: 1240, unit: "W", at: at - 780_000, quality: "offline" }, t("help.offline")],
    [{ value: null, unit: "W", at, quality: "not available" }, t("help.missing")],
    [{ value: null, unit: "W", at, quality: "quarantined" }, t("help.error")],
  ];
  return html`<${Dialog} title=${t("help")} onClose=${onClose}>
    <section class="help">
      <h3>${t("help.keys")}</h3>
      <dl class="keys">
        ${PAGES.map(({ name }, place) => html`<div key=${name}><dt><kbd>${place + 1}</kbd></dt><dd>${t(/** @type {any} */ (`page.${name}`))}</dd></div>`)}
        <div><dt><kbd>/</kbd></dt><dd>${t("search")}</dd></div>
        <div><dt><kbd>?</kbd></dt><dd>${t("help")}</dd></div>
        <div><dt><kbd>Esc</kbd></dt><dd>${t("close")}</dd></div>
      </dl>
      <h3>${t("help.values")}</h3>
      <dl class="marks">
        ${marks.map(([of, text]) => html`<div key=${text}><dt><${Value} of=${of} /></dt><dd>${text}</dd></div>`)}
      </dl>
      <p class="quiet">indevolt ${meta.value?.version}</p>
    </section>
  <//>`;
}
