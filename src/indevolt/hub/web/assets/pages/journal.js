// The page "journal": not built yet, and it says so.

import { html } from "../lib/html.js";
import { t } from "../lib/i18n.js";
import { Empty } from "../parts/notice.js";

export default function Page() {
  return html`<div class="page">
    <h1>${t("page.journal")}</h1>
    <${Empty} icon="journal" title=${t("pages.unbuilt")} text=${t("pages.journal")} />
  </div>`;
}
