// How wide the place of a picture is, as pictures are drawn to measure.

import { useLayoutEffect, useRef, useState } from "./html.js";

/** @returns {[{ current: HTMLElement | null }, number]} what to give to the element, and its width in px; 0 before it is drawn */
export function useWidth() {
  const place = useRef(/** @type {HTMLElement | null} */ (null));
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const element = place.current;
    if (!element) return undefined;
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    setWidth(element.clientWidth);
    return () => observer.disconnect();
  }, []);
  return [place, width];
}
