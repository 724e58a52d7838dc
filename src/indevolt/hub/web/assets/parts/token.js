// Asks for a token, when the hub wants one: why, where it comes from, and for how long this browser may keep it.

import { html, useState } from "../lib/html.js";
import { Problem, answered, address, reach, tokenWanted } from "../lib/api.js";
import { t } from "../lib/i18n.js";
import { connect } from "../lib/live.js";
import { keepToken, recall, token } from "../lib/prefs.js";
import { Dialog } from "./dialog.js";
import { Failure, Trouble, say } from "./notice.js";

/** @typedef {"missing" | "wrong" | "role" | "admin"} Why */

/** @param {{ why: Why, onClose: () => void }} props */
export default function TokenDialog({ why, onClose }) {
  const [given, setGiven] = useState("");
  const [long, setLong] = useState(recall("token") !== null);
  const [problem, setProblem] = useState(/** @type {Problem | null} */ (null));
  const [busy, setBusy] = useState(false);

  /** @param {Event} event */
  async function submit(event) {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    try {
      const meta = await answered(await reach(address("meta"), { headers: { Authorization: `Bearer ${given.trim()}` } }, 15_000));
      if ((why === "role" && meta.caller.role === "read") || (why === "admin" && meta.caller.role !== "admin")) {
        setProblem(new Problem({ status: 403, detail: t("token.toolittle", { role: t(/** @type {any} */ (`role.${meta.caller.role}`)) }) }));
        return;
      }
      keepToken(given.trim(), long);
      tokenWanted.value = null;
      connect();
      say(t("token.good", { name: meta.caller.name }));
      onClose();
    } catch (error) {
      setProblem(error instanceof Problem ? error : new Problem({ status: 0 }));
    } finally {
      setBusy(false);
    }
  }

  return html`<${Dialog} title=${t("token.title")} onClose=${() => ((tokenWanted.value = null), onClose())}>
    <form class="form" onSubmit=${submit}>
      <p>${t(`token.why.${why}`)}</p>
      <label class="field">
        <span>${t("token.field")}</span>
        <input type="password" name="token" autocomplete="off" autocapitalize="off" spellcheck=${false} required autofocus value=${given}
          aria-invalid=${problem?.status === 401} aria-describedby="token-how"
          onInput=${(/** @type {any} */ event) => setGiven(event.target.value)} />
      </label>
      <p id="token-how" class="quiet">${t("token.how")} <code>indevolt hub token NAME --role ${why === "admin" ? "admin" : "control"}</code></p>
      <label class="check">
        <input type="checkbox" checked=${long} onChange=${(/** @type {any} */ event) => setLong(event.target.checked)} />
        <span>${t("token.keep")}</span>
      </label>
      <div aria-live="assertive">
        ${problem && (problem.status === 401 ? html`<${Trouble} level="error" own detail=${t("token.wrong")} />` : html`<${Failure} problem=${problem} />`)}
      </div>
      <footer class="form-end">
        ${token.value && html`<button type="button" class="button" onClick=${() => (keepToken("", false), connect(), onClose())}>${t("token.forget")}</button>`}
        <button type="submit" class="button" data-kind="main" disabled=${busy || !given.trim()}>${busy ? t("busy") : t("token.use")}</button>
      </footer>
    </form>
  <//>`;
}
