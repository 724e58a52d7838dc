// How another battery is added: what has to be switched on, what the hub may do with it, and the lines for the hub's configuration.

import { html, useState } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { deviceNames } from "../../lib/store.js";
import { Icon } from "../../parts/icon.js";
import { say } from "../../parts/notice.js";

export function Find() {
  const [host, setHost] = useState("");
  const [name, setName] = useState("");
  const [locked, setLocked] = useState(false);
  const [control, setControl] = useState(false);
  const lines = configuration({ host, name: name || `battery${deviceNames.value.length + 1}`, locked, control });
  return html`<details class="card find" open=${deviceNames.value.length === 0}>
    <summary><${Icon} name="search" size=${20} /><h2>${t("find.title")}</h2></summary>
    <ol class="find-steps">
      <li>
        <h3>${t("find.on.title")}</h3>
        <p>${t("find.on.text")}</p>
      </li>
      <li>
        <h3>${t("find.where.title")}</h3>
        <p>${t("find.where.text")}</p>
        <div class="find-fields">
          <label class="field"><span>${t("devices.address")}</span><input type="text" inputmode="url" autocapitalize="off" placeholder="192.168.1.50" value=${host} onInput=${(/** @type {any} */ event) => setHost(event.target.value.trim())} /></label>
          <label class="field"><span>${t("find.name")}</span><input type="text" autocapitalize="off" pattern="[a-z0-9][a-z0-9_-]*" placeholder="cellar" value=${name} onInput=${(/** @type {any} */ event) => setName(event.target.value.trim().toLowerCase())} /></label>
        </div>
      </li>
      <li>
        <h3>${t("find.may.title")}</h3>
        <label class="check"><input type="checkbox" checked=${locked} onChange=${() => setLocked(!locked)} /><span>${t("find.password")}</span></label>
        <label class="check"><input type="radio" name="may" checked=${!control} onChange=${() => setControl(false)} /><span>${t("find.read")}</span></label>
        <label class="check"><input type="radio" name="may" checked=${control} onChange=${() => setControl(true)} /><span>${t("find.control")}</span></label>
      </li>
      <li>
        <h3>${t("find.write.title")}</h3>
        <p>${t("find.write.text")}</p>
        <pre tabindex="0"><code>${lines}</code></pre>
        <button type="button" class="button" onClick=${() => copy(lines)}>${t("find.copy")}</button>
      </li>
    </ol>
  </details>`;
}

/** @param {{ host: string, name: string, locked: boolean, control: boolean }} wanted */
function configuration({ host, name, locked, control }) {
  const lines = ["[[devices]]", `name = ${JSON.stringify(name)}`, `host = ${JSON.stringify(host || "192.168.1.50")}`];
  if (locked) lines.push(`password = { env = "${name.toUpperCase().replace(/[^A-Z0-9]/g, "_")}_PASSWORD" }`);
  if (control) lines.push("control = true");
  return lines.join("\n");
}

/** @param {string} text */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    say(t("find.copied"));
  } catch {
    say(t("find.uncopied")); // browsers allow it only for https and this machine
  }
}
