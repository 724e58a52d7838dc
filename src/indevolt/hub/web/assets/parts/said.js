// A sentence of the hub: in the language of the page, or marked as the English that it is.

import { html } from "../lib/html.js";
import { said } from "../lib/said.js";

/** @param {{ text: string }} props */
export function Said({ text }) {
  const own = said(text);
  return own === null ? html`<span lang="en">${text}</span>` : own;
}
