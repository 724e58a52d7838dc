// What an entry is about, as a picture and as how serious it is.

/** @typedef {import("../../lib/shapes.d.ts").Entry} Entry */

/** Kinds of entries, with their icons. */
export const KINDS = /** @type {const} */ ([
  { kind: "write", icon: "key" },
  { kind: "decision", icon: "automation" },
  { kind: "alert", icon: "warning" },
  { kind: "connection", icon: "link" },
  { kind: "firmware", icon: "devices" },
  { kind: "store", icon: "save" },
  { kind: "hub", icon: "settings" },
]);

/** @param {Entry} entry */
export const iconOf = ({ kind }) => KINDS.find((each) => each.kind === kind)?.icon ?? "info";

/** Good, bad, worth a look, or just told. @param {Entry} entry @returns {"good" | "bad" | "warn" | ""} */
export function levelOf({ kind, data }) {
  if (data.stage === "effective" || data.stage === "confirmed") return "good";
  if (data.stage === "refused" || data.stage === "interrupted" || data.step === "failed") return "bad";
  if (kind === "alert") return data.active === false ? "good" : "bad";
  if (kind === "connection") return data.link === "online" ? "good" : data.link ? "warn" : "";
  return data.stage === "accepted" ? "warn" : "";
}
