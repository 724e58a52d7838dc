// What the hub tells of plans and prices, as hub/api/plan.py and hub/api/prices.py write it.

export type Mode = "self_use" | "hold" | "charge" | "discharge" | "stop";

export interface Band {
  p10: number;
  p50: number;
  p90: number;
}

export interface PlanSlot {
  start: string;
  end: string;
  mode: Mode | null;
  power_w: number;
  reason: string;
  pinned: boolean;
  import_price: number;
  export_price: number;
  known: boolean;
  load_w: Band | null;
  pv_w: Band | null;
  soc_pct: Band | null;
  battery_w: number;
  grid_w: number;
  cost: number;
  gain: number;
  stored_value: number;
}

export interface Balance {
  energy: number;
  wear: number;
  stored: number;
  total: number;
}

export interface PlanBody {
  name: string;
  at: string | null;
  because: string;
  reason: string;
  dry: boolean;
  automatic: boolean;
  stale: boolean;
  simulated: boolean;
  currency: string;
  time_zone: string;
  reserve_pct: number;
  soc_pct: number | null;
  notes: string[];
  gate: { per_kwh: number; configured: number; tuned_at: string | null; days: number; tried: { gate: number; cost_per_day: number }[]; reason: string };
  targets: { soc_pct: number; by: string }[];
  load_curves: { device: string; laid_at: string | null; watts: number[] | null; reason: string }[];
  totals: { planned: Balance; self_use: Balance; no_battery: Balance; gain_over_self_use: number; saving: number } | null;
  stored_value: { soc_pct: number; per_kwh: number }[];
  slots: PlanSlot[];
}

export interface PriceList {
  source: string;
  simulated: boolean;
  unit: string;
  reason: string;
  notes: string[];
  trouble: { detail: string; remedy: string } | null;
  slots: { start: string; end: string; import_price: number; export_price: number; known: boolean }[];
}

export interface PlanDay {
  day: string;
  currency: string;
  planned_cost: number | null;
  actual_cost: number | null;
  slots: {
    start: string;
    end: string;
    mode: string;
    reason: string;
    planned: Record<string, number>;
    actual: Record<string, number | null>;
    import_price: number;
    planned_cost: number;
    actual_cost: number | null;
  }[];
}
