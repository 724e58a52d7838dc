// A dialog: the browser's own, which keeps focus inside and gives it back, closes by Escape and by a click beside it.

import { html, signal, useEffect, useRef } from "../lib/html.js";
import { t } from "../lib/i18n.js";
import { Icon } from "./icon.js";

/** The dialog that is open; each is a module of its own, loaded when it is first needed. */
export const dialog = signal(/** @type {null | { view: any, props: Record<string, any> }} */ (null));

/** Open a dialog. @param {string} name of a module in parts/ @param {Record<string, any>} [props] */
export async function open(name, props = {}) {
  const { default: view } = await import(`./${name}.js`);
  dialog.value = { view, props };
}

export function close() {
  dialog.value = null;
}

/** @param {{ title: string, onClose: () => void, wide?: boolean, children?: any }} props */
export function Dialog({ title, onClose, wide = false, children }) {
  const it = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useEffect(() => {
    const element = it.current;
    if (element && !element.open) element.showModal();
  }, []);
  return html`<dialog ref=${it} class="dialog" data-wide=${wide} aria-labelledby="dialog-title" onClose=${onClose}
    onMouseDown=${(/** @type {MouseEvent} */ event) => event.target === it.current && it.current?.close()}>
    <div class="dialog-body">
      <header class="dialog-head">
        <h2 id="dialog-title">${title}</h2>
        <button type="button" class="bare" aria-label=${t("close")} onClick=${() => it.current?.close()}><${Icon} name="cross" /></button>
      </header>
      ${children}
    </div>
  </dialog>`;
}
