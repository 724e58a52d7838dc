// What the API answers with, as far as the page uses it, and the page's own records. Types only: no browser loads this file.

import type { VNode } from "preact";
import type { ReadonlySignal, Signal } from "@preact/signals";

export type Drawn = VNode<any>;
export type { ReadonlySignal, Signal };

export type Scalar = boolean | number | string;
export type Quality =
  | "live"
  | "held"
  | "stale"
  | "offline"
  | "not available"
  | "not installed"
  | "absent"
  | "unreadable"
  | "quarantined"
  | "unanswered";
export type Link = "connecting" | "online" | "silent" | "refused";
export type Role = "read" | "control" | "admin";

/** One quantity; times are milliseconds since 1970 in the hub's time. */
export interface Sample {
  value: Scalar | null;
  unit: string;
  at: number;
  quality: Quality | "unknown";
}

export interface SampleBody {
  value: Scalar | null;
  unit: string;
  at: string;
  age_s: number;
  quality: Quality;
}

export interface ReadingBody {
  device: string;
  family: string;
  simulated: boolean;
  link: Link;
  at: string;
  values: Record<string, SampleBody>;
}

export interface Meta {
  name: string;
  version: string;
  api: string;
  site: string;
  time_zone: string;
  currency: string;
  simulated: boolean;
  started: string;
  today: string;
  caller: { name: string; role: Role };
}

export interface Trouble {
  detail: string;
  remedy: string;
}

export interface Limit {
  value: number;
  unit: string;
  cause: string;
}

export interface Limits {
  charge: Limit;
  discharge: Limit;
  soc_min: Limit;
  soc_max: Limit;
}

export interface DeviceBody {
  name: string;
  title: string;
  family: string;
  model: string;
  serial: string;
  firmware: string;
  address: string;
  simulated: boolean;
  control: boolean;
  link: Link;
  link_since: string;
  frozen: boolean;
  trouble: Trouble | null;
  quarantined: Record<string, string>;
  evidence: string[];
  warnings: string[];
}

export interface Health {
  requests: number;
  failures: number;
  blips: number;
  writes: number;
  budget_used: number;
  latency_last_s: number | null;
  latency_p50_s: number | null;
  latency_p99_s: number | null;
}

export interface DeviceDetail extends DeviceBody {
  health: Health;
  limits: Limits | null;
}

export interface Point {
  name: string;
  group: string;
  about: string;
  unit: string;
  kind: "number" | "word" | "switch" | "time" | "text";
  words: string[];
  read: number | null;
  writes: number[];
  tier: "power" | "packs" | "settings" | "identity" | "derived" | null;
  history: boolean;
  settable: boolean;
  range: string;
  low: number | null;
  high: number | null;
  source: string;
  note: string;
}

export interface Setting {
  name: string;
  about: string;
  value: Scalar | null;
  unit: string;
  at: string | null;
  age_s: number | null;
  quality: Quality | null;
  kind: Point["kind"];
  words: string[];
  range: string;
  low: number | null;
  high: number | null;
  note: string;
  last_write: { at: string; actor: string; stage: Stage; reason: string; entry: number } | null;
  writes_today: number;
  writes_ever: number;
}

export type Stage = "refused" | "interrupted" | "accepted" | "confirmed" | "effective";

export interface Outcome {
  stage: Stage;
  proven: boolean;
  wanted: Record<string, Scalar>;
  before: Record<string, Scalar | null>;
  shown: Record<string, Scalar | null>;
  took_s: number;
  notes: string[];
}

export interface Step {
  point: number;
  values: number[];
  wanted: Record<string, Scalar>;
  sent: boolean;
}

export interface Preview {
  dry_run: true;
  steps: Step[];
  notes: string[];
  limits: Limits | null;
}

export type Owner = "device" | "user" | "fleet" | "plan" | "self_use" | "safety" | "foreign";
export type OrderWord = "charge" | "discharge" | "hold" | "self_use";
export type OrderStep = "asked" | "accepted" | "confirmed" | "effective" | "failed" | "ended" | "restored" | "changed";

export interface CommandBody {
  command: OrderWord | "schedule";
  power_w?: number;
  soc_pct?: number;
}

/** An order of a person, as it is sent. */
export interface Order {
  command: OrderWord;
  power_w?: number;
  soc_pct?: number;
  minutes?: number;
  until?: string;
  reason?: string;
}

export interface Override {
  id: string;
  command: CommandBody;
  at: string;
  until: string;
  by: string;
  reason: string;
  step: OrderStep;
  outcome: Outcome | null;
}

export interface OverrideAnswer {
  override: Override;
  outcome: Outcome | null;
}

/** How one unit is steered now. */
export interface Steering {
  device: string;
  control: boolean;
  owner: Owner;
  mode: string | null;
  tier: "native" | "posed" | "realtime" | null;
  posed: { transports: string[]; places: string[]; follows: boolean; over: string | null; shown_w: number | null; why: string } | null;
  command: CommandBody | null;
  sent: CommandBody | null;
  since: string;
  until: string | null;
  why: string;
  together: string[];
  reasons: { by: string; text: string; weight: string; otherwise: string }[];
  override: Override | null;
  budgets: { name: string; used: number; most: number; left: number; window_s: number; free_in_s: number }[];
  paused_until: string | null;
  backup: { until: string; charge_pct: number | null; at: string; by: string; reason: string } | null;
  foreign: { what: string; since: string; until: string } | null;
  given_up: { what: string; since: string; until: string } | null;
  trouble: Trouble | null;
  outcome: Outcome | null;
}

/** A total of the site; like a sample, but that it may lack parts. */
export interface TotalBody {
  value: number | null;
  unit: string;
  at: string | null;
  age_s: number | null;
  quality: Quality;
  missing: string[];
}

export interface MeterBody {
  name: string;
  kind: "meter" | "unit";
  chosen: boolean;
  power: SampleBody | null;
}

export interface SiteBody {
  name: string;
  at: string;
  simulated: boolean;
  values: Record<string, TotalBody>;
  meter: MeterBody | null;
  meters: MeterBody[];
  notes: string[];
}

export interface PeriodBody {
  start: string;
  values: Record<string, number | null>;
  flows: Record<string, number | null>;
  unallocated: number | null;
  self_sufficiency: number | null;
  self_consumption: number | null;
}

export interface MoneyBody {
  start: string;
  import_cost: number | null;
  export_revenue: number | null;
  cost: number | null;
  saved_by_battery: number | null;
  saved_by_battery_and_sun: number | null;
}

export interface DeviceShort {
  name: string;
  title: string;
  model: string;
  link: Link;
  link_since: string;
  frozen: boolean;
  simulated: boolean;
  control: boolean;
  trouble: Trouble | null;
}

/** What is known of a device: at first only what a first view needs. */
export type DeviceKnown = DeviceShort & Partial<DeviceDetail>;

export interface Summary {
  meta: Meta;
  site: SiteBody;
  devices: (DeviceShort & { values: Record<string, SampleBody> })[];
  device_count: number;
  today: PeriodBody;
  money_today: MoneyBody | null;
  alerts: Alert[];
  last_event_id: string;
}

export interface Identity {
  title: string;
  family: string;
  model: string;
  serial: string;
  firmware: string;
  evidence: string[];
}

/** A device that was heard on the network. */
export interface Sighting {
  host: string;
  port: number;
  serial: string;
  firmware: string;
  access: "kept" | "open" | "password" | "off" | "silent" | "other";
  device: string;
  proposed_name: string;
  identity: Identity | null;
  detail: string;
  remedy: string;
}

export interface Discovery {
  at: string;
  devices: Sighting[];
  notes: string[];
  next_step: string;
}

export interface Connected {
  device: { name: string };
  identity: Identity;
  kept_in: string;
  toml: string;
}

export interface PriceSlot {
  start: string;
  end: string;
  import_price: number;
  export_price: number;
  known: boolean;
}

export interface Prices {
  source: string;
  simulated: boolean;
  reason: string;
  notes: string[];
  trouble: Trouble | null;
  slots: PriceSlot[];
}

export interface Alert {
  device: string;
  what: string;
  text: string;
  since: string;
}

export interface Entry {
  number: number;
  at: string;
  kind: string;
  device: string;
  actor: string;
  text: string;
  data: Record<string, any>;
}

export interface HistoryBody {
  device: string;
  start: string;
  end: string;
  step_s: number | null;
  units: Record<string, string>;
  times: string[];
  columns: Record<string, (number | string | boolean | null)[]>;
}

/** Why a request was not fulfilled (RFC 9457). */
export interface ProblemBody {
  type: string;
  title: string;
  status: number;
  detail: string;
  remedy: string;
  transient: boolean;
  errors: { field: string; value: string; allowed: string; message: string }[];
  outcome: Outcome | null;
}

/** A page: drawn by its default export; `wish` says what it wants to hear of while it is shown. */
export interface PageModule {
  default: (props: { rest: string[] }) => Drawn;
  wish?: (rest: string[]) => Wish;
}

/** What is wanted of the event stream. */
export interface Wish {
  devices?: string[];
  names?: readonly string[];
}
