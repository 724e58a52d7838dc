// The state of charge as a ring, with marks where the reserve ends and where charging stops. Small in the header, large on the page.

import { html } from "../lib/html.js";

/**
 * @param {{ soc: number | null, reserve?: number | null, target?: number | null, size: number, width: number, old?: boolean }} props
 *   in %; drawn for the eye only: what it shows is said in words beside it
 */
export function Ring({ soc, reserve = null, target = null, size, width, old = false }) {
  const middle = size / 2;
  const radius = (size - width) / 2 - 1;
  const around = 2 * Math.PI * radius;
  const filled = soc === null ? 0 : Math.max(0, Math.min(100, soc)) / 100;
  return html`<svg class="ring" data-old=${old} data-low=${soc !== null && reserve !== null && soc <= reserve} width=${size} height=${size} viewBox="0 0 ${size} ${size}" aria-hidden="true">
    <circle class="ring-track" cx=${middle} cy=${middle} r=${radius} stroke-width=${width} />
    ${
      reserve !== null &&
      reserve > 0 &&
      html`<circle class="ring-reserve" cx=${middle} cy=${middle} r=${radius} stroke-width=${width}
        stroke-dasharray="${(around * reserve) / 100} ${around}" transform="rotate(-90 ${middle} ${middle})" />`
    }
    ${
      filled > 0 &&
      html`<circle class="ring-filled" cx=${middle} cy=${middle} r=${radius} stroke-width=${width} stroke-linecap="round"
        stroke-dasharray="${around * filled} ${around}" transform="rotate(-90 ${middle} ${middle})" />`
    }
    ${reserve !== null && reserve > 0 && Mark({ at: reserve, middle, radius, width, kind: "reserve" })}
    ${target !== null && target > 0 && target < 100 && Mark({ at: target, middle, radius, width, kind: "target" })}
  </svg>`;
}

/** The reserve is a bar across the ring, the target a triangle outside of it. @param {{ at: number, middle: number, radius: number, width: number, kind: string }} props */
function Mark({ at, middle, radius, width, kind }) {
  const inner = radius - width / 2;
  const outer = radius + width / 2;
  const turn = `rotate(${(at / 100) * 360} ${middle} ${middle})`;
  if (kind === "reserve") {
    return html`<line class="ring-mark" x1=${middle} x2=${middle} y1=${middle - outer} y2=${middle - inner} transform=${turn} />`;
  }
  const tip = middle - inner + 1;
  const half = Math.max(3, width * 0.45);
  return html`<path class="ring-target" d="M${middle} ${tip - half * 0.2}l${half} ${half * 1.5}h${-2 * half}Z" transform=${turn} />`;
}
