// Slots of a plan: their modes and icons, prices as slots that plan nothing, and runs of slots that are alike.

/** @typedef {import("./shapes.d.ts").PlanSlot} PlanSlot */
/** @typedef {import("./shapes.d.ts").Mode} Mode */

/** @type {Readonly<Record<Mode, { icon: string, colour: string }>>} */
export const MODES = {
  self_use: { icon: "house", colour: "house" },
  hold: { icon: "hold", colour: "quiet" },
  charge: { icon: "charge", colour: "grid" },
  discharge: { icon: "battery", colour: "battery" },
  stop: { icon: "pause", colour: "quiet" },
};

/** @param {import("./shapes.d.ts").PriceList} prices @returns {PlanSlot[]} */
export function slotsOfPrices({ slots }) {
  const rest = { mode: null, power_w: 0, reason: "", pinned: false, load_w: null, pv_w: null, soc_pct: null, battery_w: 0, grid_w: 0, cost: 0, gain: 0, stored_value: 0 };
  return slots.map((each) => ({ ...rest, ...each }));
}

const SAME_W = 50; // powers as near as this are one order

/**
 * Neighbours that want the same, as one.
 * @param {PlanSlot[]} slots
 * @param {(one: PlanSlot, other: PlanSlot) => boolean} [alike] what else has to be the same
 * @returns {PlanSlot[][]}
 */
export function runsOf(slots, alike = () => true) {
  /** @type {PlanSlot[][]} */
  const runs = [];
  for (const slot of slots) {
    const last = runs.at(-1)?.at(-1);
    if (last && last.mode === slot.mode && last.pinned === slot.pinned && Math.abs(last.power_w - slot.power_w) < SAME_W && alike(last, slot)) runs.at(-1)?.push(slot);
    else runs.push([slot]);
  }
  return runs;
}

/** Whether two slots have the same reason, but for its numbers. @param {PlanSlot} one @param {PlanSlot} other */
export const sameReason = (one, other) => one.reason.replace(/[\d.,]+/g, "#") === other.reason.replace(/[\d.,]+/g, "#");
