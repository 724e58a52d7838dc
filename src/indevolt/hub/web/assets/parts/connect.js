// Connects a battery, guided: what has to be switched on, where it is and what opens it, what the hub may do; it is tried before it is kept.

import { html, useState } from "../lib/html.js";
import { send } from "../lib/api.js";
import { useAttempt } from "../lib/attempt.js";
import { t } from "../lib/i18n.js";
import { connect } from "../lib/live.js";
import { go } from "../lib/router.js";
import { deviceNames } from "../lib/store.js";
import { Dialog } from "./dialog.js";
import { Icon } from "./icon.js";
import { Failure, Trouble } from "./notice.js";

/** @typedef {import("../lib/shapes.d.ts").Identity} Identity */
/** @typedef {import("../lib/shapes.d.ts").Connected} Connected */

const UNAUTHORIZED = "urn:indevolt:unauthorized"; // so the battery said to the hub

/** @param {{ sighting: import("../lib/shapes.d.ts").Sighting | null, onClose: () => void }} props sighting null: by its address */
export default function ConnectDialog({ sighting, onClose }) {
  const [host, setHost] = useState(sighting ? `${sighting.host}:${sighting.port}` : "");
  const [name, setName] = useState(sighting?.proposed_name ?? `battery-${deviceNames.value.length + 1}`);
  const [locked, setLocked] = useState(sighting?.access === "password");
  const [password, setPassword] = useState("");
  const [control, setControl] = useState(false);
  const [tried, setTried] = useState({ what: "", identity: /** @type {Identity | null} */ (null) });
  const [connected, setConnected] = useState(/** @type {Connected | null} */ (null));
  const { busy, problem, attempt } = useAttempt();
  const secret = locked ? password : null;
  const what = JSON.stringify([host, name, secret]);
  const told = tried.what === what; // else what was tried, and what came of it, is no longer what is asked for
  const identity = told ? tried.identity : null;

  /** @param {Event} event */
  async function submit(event) {
    event.preventDefault();
    const body = { name, host, control, ...(secret ? { password: secret } : {}) };
    await attempt(async () => {
      if (identity === null) {
        setTried({ what, identity: null });
        setTried({ what, identity: (await send("POST", "devices", body, { query: { dry_run: true } })).identity });
      } else {
        setConnected(await send("POST", "devices", body));
        connect();
      }
    });
  }

  if (connected) {
    const known = connected.device.name;
    return html`<${Dialog} title=${t("connect.done", { name: known })} onClose=${onClose}>
      <div class="form">
        <p>${connected.kept_in ? t("connect.kept") : t("connect.unkept")}</p>
        <pre tabindex="0"><code>${connected.toml}</code></pre>
        <footer class="form-end">
          <button type="button" class="button" data-kind="main" onClick=${() => (go("devices", known), onClose())}>${t("connect.show", { name: known })}</button>
        </footer>
      </div>
    <//>`;
  }
  return html`<${Dialog} title=${t("connect.title")} onClose=${onClose}>
    <form class="form" onSubmit=${submit}>
      <p class="quiet">${t("connect.on")}</p>
      <label class="field"><span>${t("devices.address")}</span><input type="text" inputmode="url" autocapitalize="off" spellcheck=${false} required placeholder="192.168.1.50" value=${host} onInput=${(/** @type {any} */ event) => setHost(event.target.value.trim())} /></label>
      <label class="field"><span>${t("connect.name")}</span><input type="text" autocapitalize="off" spellcheck=${false} required pattern="[a-z0-9][a-z0-9_\\-]*" maxlength="40" value=${name} aria-describedby="connect-name" onInput=${(/** @type {any} */ event) => setName(event.target.value.trim().toLowerCase())} /></label>
      <p id="connect-name" class="quiet">${t("connect.name.text")}</p>
      <label class="check"><input type="checkbox" checked=${locked} onChange=${() => setLocked(!locked)} /><span>${t("connect.password")}</span></label>
      ${locked && html`<label class="field"><span>${t("connect.password.field")}</span><input type="password" autocomplete="off" required value=${password} onInput=${(/** @type {any} */ event) => setPassword(event.target.value)} /></label>`}
      <fieldset>
        <legend>${t("connect.may")}</legend>
        <label class="check"><input type="radio" name="may" checked=${!control} onChange=${() => setControl(false)} /><span>${t("connect.read")}</span></label>
        <label class="check"><input type="radio" name="may" checked=${control} onChange=${() => setControl(true)} /><span>${t("connect.control")}</span></label>
      </fieldset>
      <div aria-live="polite">
        ${identity && html`<p class="good-news"><${Icon} name="check" size=${20} /><span>${t("connect.is", { title: identity.title, serial: identity.serial })}</span></p>`}
        ${problem && told && (problem.type === UNAUTHORIZED
          ? html`<${Trouble} level="error" own detail=${t(locked ? "connect.password.wrong" : "connect.password")} remedy=${t(locked ? "connect.password.wrong.text" : "connect.password.wanted")} />`
          : html`<${Failure} problem=${problem} />`)}
      </div>
      <footer class="form-end">
        <button type="button" class="button" onClick=${onClose}>${t("cancel")}</button>
        <button type="submit" class="button" data-kind="main" disabled=${busy}>${busy ? t("busy") : identity ? t("find.connect") : t("connect.try")}</button>
      </footer>
    </form>
  <//>`;
}
