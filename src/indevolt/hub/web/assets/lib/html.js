// What draws: Preact without a compiler, by htm. Everybody takes these names from here, so that a library changes in one place.

import { Fragment, h, render } from "../vendor/preact.js";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "../vendor/hooks.js";
import { batch, computed, effect, signal, untracked, useComputed, useSignal, useSignalEffect } from "../vendor/signals.js";
import htm from "../vendor/htm.js";

/** @type {(strings: TemplateStringsArray, ...values: any[]) => import("./shapes.d.ts").Drawn} */
export const html = /** @type {any} */ (htm.bind(/** @type {any} */ (h)));

export { Fragment, h, render };
export { useEffect, useLayoutEffect, useMemo, useRef, useState };
export { batch, computed, effect, signal, untracked, useComputed, useSignal, useSignalEffect };
