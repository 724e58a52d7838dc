// Icons: drawn here, on a grid of 24, with one stroke, so that they look alike in any size and colour.

import { html } from "../lib/html.js";

/** @type {Readonly<Record<string, string>>} paths by name */
const PATHS = {
  sun: "M12 7.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9ZM12 2v2M12 20v2M2 12h2M20 12h2M4.9 4.9l1.4 1.4M17.7 17.7l1.4 1.4M19.1 4.9l-1.4 1.4M6.3 17.7l-1.4 1.4",
  grid: "M9 21 12 3l3 18M5 8h14M7 5.5h10M6 8v2M18 8v2M10.3 13h3.4M9.8 16.5l4.9 4.5M14.2 16.5 9.3 21",
  house: "M3.5 11.5 12 4l8.5 7.5M6 9.5V20h12V9.5M10 20v-5.5h4V20",
  battery: "M7 6h10a1 1 0 0 1 1 1v13a1 1 0 0 1-1 1H7a1 1 0 0 1-1-1V7a1 1 0 0 1 1-1ZM10 6V3.5h4V6M9 17.5h6M9 14h6",
  now: "M12 20.5a8.5 8.5 0 1 1 8.5-8.5M12 12l4.5-3.5M12 13.2a1.2 1.2 0 1 0 0-2.4 1.2 1.2 0 0 0 0 2.4ZM17 17.5h4M19 15.5v4",
  history: "M4 4v16h16M7.5 15.5l3.5-4 3 2.5 5-6.5",
  devices: "M4.5 5.5a1 1 0 0 1 1-1h13a1 1 0 0 1 1 1v5a1 1 0 0 1-1 1h-13a1 1 0 0 1-1-1ZM4.5 14.5a1 1 0 0 1 1-1h13a1 1 0 0 1 1 1v4a1 1 0 0 1-1 1h-13a1 1 0 0 1-1-1ZM8 8h.01M8 16.5h.01M11.5 8H16M11.5 16.5H16",
  plan: "M5.5 5h13A1.5 1.5 0 0 1 20 6.5v12a1.5 1.5 0 0 1-1.5 1.5h-13A1.5 1.5 0 0 1 4 18.5v-12A1.5 1.5 0 0 1 5.5 5ZM8 3v4M16 3v4M4 10h16M8 17v-2.5M12 17v-4M16 17v-1.5",
  journal: "M6 3.5h10.5A1.5 1.5 0 0 1 18 5v15.5H7.5A1.5 1.5 0 0 1 6 19V3.5ZM6 18.5a1.5 1.5 0 0 1 1.5-1.5H18M9.5 8H15M9.5 11.5H15",
  settings: "M4 7h9M17 7h3M4 12h3M11 12h9M4 17h10M18 17h2M15 9a2 2 0 1 0 0-4 2 2 0 0 0 0 4ZM9 14a2 2 0 1 0 0-4 2 2 0 0 0 0 4ZM16 19a2 2 0 1 0 0-4 2 2 0 0 0 0 4Z",
  more: "M5.5 13a1 1 0 1 0 0-2 1 1 0 0 0 0 2ZM12 13a1 1 0 1 0 0-2 1 1 0 0 0 0 2ZM18.5 13a1 1 0 1 0 0-2 1 1 0 0 0 0 2Z",
  lock: "M6.5 11h11A1.5 1.5 0 0 1 19 12.5v6a1.5 1.5 0 0 1-1.5 1.5h-11A1.5 1.5 0 0 1 5 18.5v-6A1.5 1.5 0 0 1 6.5 11ZM8 11V8a4 4 0 0 1 8 0v3M12 14.5v2",
  warning: "M12 4 2.8 19.5h18.4ZM12 10v4.5M12 17h.01",
  clock: "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17ZM12 7.5V12l3 2",
  check: "m5 12.5 4.5 4.5L19 7.5",
  cross: "m6 6 12 12M18 6 6 18",
  charge: "M12.5 3 6 13.5h5L10.5 21 17.5 10h-5.5Z",
  hold: "M9 6v12M15 6v12",
  release: "M20 12a8 8 0 1 1-2.5-5.8M20 3.5V7h-3.5",
  pause: "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17ZM10 9v6M14 9v6",
  undo: "M8.5 5 4.5 9l4 4M4.5 9H14a5.5 5.5 0 0 1 0 11h-3",
  search: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13ZM15.3 15.3 20 20",
  help: "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17ZM9.5 9.7a2.5 2.5 0 1 1 3.6 2.2c-.7.4-1.1.9-1.1 1.6M12 16.5h.01",
  theme: "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17ZM12 3.5v17M12 7l5.5 1M12 11h8.4M12 15h7.8",
  forward: "m9.5 5.5 6.5 6.5-6.5 6.5",
  plus: "M12 5.5v13M5.5 12h13",
  minus: "M5.5 12h13",
  back: "M14.5 5.5 8 12l6.5 6.5",
  edit: "M4.5 19.5l1-4L16 5l3 3L8.5 18.5ZM13.5 7.5l3 3",
  down: "m5.5 9.5 6.5 6.5 6.5-6.5",
  link: "M4.5 9.5a11 11 0 0 1 15 0M7.5 13a6.5 6.5 0 0 1 9 0M12 17.5h.01",
  key: "M8.5 10a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9ZM12 11.5 19.5 4M16 7.5l2.5 2.5",
  save: "M12 4v11M7.5 11 12 15.5 16.5 11M4.5 20h15",
  info: "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17ZM12 11v5.5M12 8h.01",
  temperature: "M10 13.5V5.5a2 2 0 0 1 4 0v8a4 4 0 1 1-4 0ZM12 9v8",
  heart: "M12 19.5C6 15 4 12.2 4 9.3A4.2 4.2 0 0 1 12 7.5a4.2 4.2 0 0 1 8 1.8c0 2.9-2 5.7-8 10.2Z",
  money: "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17ZM15 8.5a3.8 3.8 0 1 0 0 7M8 11h4.5M8 13h4.5",
  automation: "M12 3.5v3M6.5 6.5h11A1.5 1.5 0 0 1 19 8v9a1.5 1.5 0 0 1-1.5 1.5h-11A1.5 1.5 0 0 1 5 17V8a1.5 1.5 0 0 1 1.5-1.5ZM9 12h.01M15 12h.01M9.5 15.3h5M2.5 11v3M21.5 11v3",
};

/** @param {{ name: string, size?: number }} props drawn for the eye only; what it means is said in words beside it */
export function Icon({ name, size = 24 }) {
  return html`<svg class="icon" width=${size} height=${size} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
    <path d=${PATHS[name] ?? PATHS.info} />
  </svg>`;
}
