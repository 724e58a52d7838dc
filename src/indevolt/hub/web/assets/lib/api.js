// The hub's API: addresses relative to the page, the token, problems as errors, and keys that make a repeated command harmless.
// That an answer is still the same (ETag) is settled by the browser's own cache: the hub says "no-cache", so each is asked for anew.

import { signal } from "./html.js";
import { token } from "./prefs.js";

/** @typedef {import("./shapes.d.ts").ProblemBody} ProblemBody */

const BASE = new URL("api/v1/", document.baseURI);
const PATIENCE_MS = 15_000; // for a question
const COMMAND_MS = 130_000; // above the two minutes that the hub gives a command

/** Why a token is asked for; null: it is not. */
export const tokenWanted = signal(/** @type {null | "missing" | "wrong" | "role"} */ (null));

/** An answer that says no, or none at all (status 0). */
export class Problem extends Error {
  /** @param {Partial<ProblemBody> & { status: number }} body */
  constructor(body) {
    super(body.detail || body.title || `HTTP ${body.status}`);
    this.name = "Problem";
    this.status = body.status;
    this.type = body.type ?? "";
    this.title = body.title ?? "";
    this.remedy = body.remedy ?? "";
    this.transient = body.transient ?? body.status === 0;
    this.errors = body.errors ?? [];
    this.outcome = body.outcome ?? null;
  }

  /** Whether the hub was not reached at all. */
  get away() {
    return this.status === 0;
  }
}

/** @param {string} path below api/v1/ @param {Record<string, string | number | boolean | undefined>} [query] */
export function address(path, query = {}) {
  const url = new URL(path, BASE);
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) url.searchParams.set(name, String(value));
  }
  return url;
}

/** @returns {Record<string, string>} */
export function authorization() {
  return token.value ? { Authorization: `Bearer ${token.value}` } : {};
}

/**
 * Ask for something.
 * @template T
 * @param {string} path
 * @param {Record<string, string | number | boolean | undefined>} [query]
 * @param {AbortSignal} [abort]
 * @param {number} [patienceMs] for what takes its time
 * @returns {Promise<T>}
 */
export async function get(path, query, abort, patienceMs = PATIENCE_MS) {
  return answered(await reach(address(path, query), { headers: authorization() }, patienceMs, abort));
}

/**
 * Have something done. The same key is sent again if the connection breaks, so it is done once.
 * @template T
 * @param {"POST" | "PUT" | "DELETE" | "PATCH"} method
 * @param {string} path
 * @param {unknown} [body]
 * @param {{ query?: Record<string, string | number | boolean | undefined>, key?: string }} [more]
 * @returns {Promise<T>}
 */
export async function send(method, path, body, { query, key = newKey() } = {}) {
  const headers = { ...authorization(), "Idempotency-Key": key, ...(body === undefined ? {} : { "Content-Type": "application/json" }) };
  const request = { method, headers, body: body === undefined ? undefined : JSON.stringify(body) };
  const url = address(path, query);
  try {
    return await answered(await reach(url, request, COMMAND_MS));
  } catch (error) {
    if (error instanceof Problem && error.away) return answered(await reach(url, request, COMMAND_MS));
    throw error;
  }
}

/** Save a file that the hub makes; by a link where no token is needed. @param {string} path @param {Record<string, string>} query @param {string} name */
export async function download(path, query, name) {
  const answer = await reach(address(path, query), { headers: authorization() }, COMMAND_MS);
  if (!answer.ok) return answered(answer);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await answer.blob().catch(lost));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** A key for a command. */
export function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param {URL} url @param {RequestInit} init @param {number} patienceMs @param {AbortSignal} [abort] @returns {Promise<Response>} */
export async function reach(url, init, patienceMs, abort) {
  const limit = AbortSignal.timeout(patienceMs);
  try {
    return await fetch(url, { ...init, signal: abort ? AbortSignal.any([abort, limit]) : limit });
  } catch (error) {
    if (abort?.aborted) throw error;
    lost(error);
  }
}

/** @param {Response} answer @returns {Promise<any>} */
export async function answered(answer) {
  if (answer.ok) return answer.status === 204 ? null : answer.json().catch(lost);
  const problem = new Problem(await problemIn(answer));
  if (problem.status === 401) tokenWanted.value = token.value ? "wrong" : "missing";
  throw problem;
}

/** @param {unknown} error why an answer did not come whole: the link broke, or something between us and the hub answered @returns {never} */
function lost(error) {
  throw new Problem({ status: 0, detail: error instanceof Error ? error.message : String(error) });
}

/** @param {Response} answer @returns {Promise<Partial<ProblemBody> & { status: number }>} */
async function problemIn(answer) {
  try {
    return { ...(await answer.json()), status: answer.status };
  } catch {
    return { status: answer.status, title: answer.statusText }; // a proxy between us and the hub
  }
}
