// The keys of all messages: those of the English texts. Types only: no browser loads this file.

import type core from "../locales/en/core.js";
import type devices from "../locales/en/devices.js";
import type history from "../locales/en/history.js";
import type journal from "../locales/en/journal.js";
import type now from "../locales/en/now.js";
import type plan from "../locales/en/plan.js";
import type settings from "../locales/en/settings.js";

export type Core = Record<keyof typeof core, string>;
export type Now = Record<keyof typeof now, string>;
export type Devices = Record<keyof typeof devices, string>;
export type History = Record<keyof typeof history, string>;
export type Journal = Record<keyof typeof journal, string>;
export type Plan = Record<keyof typeof plan, string>;
export type Settings = Record<keyof typeof settings, string>;

export type Key = keyof (Core & Now & Devices & History & Journal & Plan & Settings);
