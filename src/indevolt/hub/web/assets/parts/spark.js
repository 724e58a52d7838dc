// A small line of how something went: no axes, for the eye only; gaps stay gaps.

import { html, useMemo } from "../lib/html.js";

/**
 * @param {{ values: readonly (number | null)[], colour: string, low?: number, high?: number, area?: boolean }} props
 *   colour: name of a variable; low, high: what the picture holds at least
 */
export function Spark({ values, colour, low = 0, high = 1, area = true }) {
  const width = 200;
  const height = 40;
  const drawn = useMemo(() => {
    const known = values.filter((each) => each !== null);
    const least = Math.min(low, ...known);
    const most = Math.max(high, ...known);
    const x = (/** @type {number} */ at) => ((at / Math.max(1, values.length - 1)) * width).toFixed(1);
    const y = (/** @type {number} */ value) => (height - 2 - ((value - least) / (most - least || 1)) * (height - 4)).toFixed(1);
    const zero = y(Math.max(least, 0));
    let line = "";
    let filled = "";
    let begun = -1;
    values.forEach((value, at) => {
      if (value === null) {
        if (begun >= 0) filled += `L${x(at - 1)},${zero}Z`;
        begun = -1;
        return;
      }
      const point = `${x(at)},${y(value)}`;
      line += begun < 0 ? `M${point}` : `L${point}`;
      filled += begun < 0 ? `M${x(at)},${zero}L${point}` : `L${point}`;
      if (begun < 0) begun = at;
    });
    if (begun >= 0) filled += `L${x(values.length - 1)},${zero}Z`;
    return { line, filled, zero, below: least < 0 };
  }, [values, low, high]);
  return html`<svg class="spark" data-colour=${colour} viewBox="0 0 ${width} ${height}" preserveAspectRatio="none" aria-hidden="true">
    ${drawn.below && html`<line class="spark-zero" x1="0" x2=${width} y1=${drawn.zero} y2=${drawn.zero} />`}
    ${area && html`<path class="spark-area" d=${drawn.filled} />`}
    <path class="spark-line" d=${drawn.line} />
  </svg>`;
}
