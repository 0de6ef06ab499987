// Calls of the service. Paths, bodies and replies have the types of the OpenAPI document.

import { connection } from "./connection.js";

/** @typedef {import("../types").paths} paths */
/**
 * @template {keyof paths} P
 * @template {"get" | "post" | "put" | "delete"} M
 * @typedef {import("../types").Reply<P, M>} Reply
 */
/** @typedef {{ field: string, message: string, received?: unknown }} Detail */
/** @typedef {Record<string, string | number | boolean | null | undefined>} Values */

const KEY = "api-key";

/** A refusal of the service, or a lost connection (status 0). */
export class ApiError extends Error {
  /** @param {number} status @param {string} message @param {Detail[]} [details] */
  constructor(status, message, details = []) {
    super(message);
    this.status = status;
    this.details = details;
  }
}

/** Returns the key of this tab, if one was entered. */
export function apiKey() {
  return sessionStorage.getItem(KEY);
}

/** @param {string | null} key null: forget it */
export function setApiKey(key) {
  if (key === null) sessionStorage.removeItem(KEY);
  else sessionStorage.setItem(KEY, key);
}

/**
 * Returns the address of a path, with values in place of `{name}`; the rest become the query.
 * @param {string} path
 * @param {Values} [values]
 */
export function address(path, values = {}) {
  const query = new URLSearchParams();
  let filled = path;
  for (const [name, value] of Object.entries(values)) {
    if (value === null || value === undefined || value === "") continue;
    if (filled.includes(`{${name}}`)) filled = filled.replace(`{${name}}`, encodeURIComponent(String(value)));
    else query.set(name, String(value));
  }
  const text = query.toString();
  return new URL(filled.slice(1) + (text ? `?${text}` : ""), document.baseURI).href;
}

/**
 * @template {keyof paths} P
 * @param {P} path
 * @param {Values} [values] of the path and the query
 * @param {AbortSignal} [signal]
 * @returns {Promise<Reply<P, "get">>}
 */
export async function get(path, values, signal) {
  for (;;) {
    try {
      return await call("GET", address(path, values), {}, signal);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 0) throw error;
      await connection.back(signal); // reading is repeated once the service answers again
    }
  }
}

/**
 * @template {keyof paths} P
 * @param {P} path
 * @param {import("../types").Body<P>} body
 * @param {Values} [values]
 * @param {{ signal?: AbortSignal, once?: boolean }} [options] once: repetitions do it once
 * @returns {Promise<Reply<P, "post">>}
 */
export async function post(path, body, values, { signal, once = false } = {}) {
  const headers = { "Content-Type": "application/json", ...(once ? idempotencyKey() : {}) };
  return call("POST", address(path, values), { headers, body: JSON.stringify(body) }, signal);
}

/**
 * @template {keyof paths} P
 * @param {P} path
 * @param {import("../types").PutBody<P>} body
 * @param {Values} [values]
 * @returns {Promise<Reply<P, "put">>}
 */
export async function put(path, body, values) {
  return call("PUT", address(path, values), { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
}

/**
 * Sends a file as the body.
 * @template {keyof paths} P
 * @param {P} path
 * @param {Blob} file
 * @param {Values} [values]
 * @param {{ signal?: AbortSignal, once?: boolean }} [options]
 * @returns {Promise<Reply<P, "post">>}
 */
export async function postFile(path, file, values, { signal, once = false } = {}) {
  const form = new FormData();
  form.append("file", file);
  return call("POST", address(path, values), { headers: once ? idempotencyKey() : {}, body: form }, signal);
}

/**
 * @template {keyof paths} P
 * @param {P} path
 * @param {Values} [values]
 * @param {boolean} [leaving] true: the page may be closed meanwhile
 * @returns {Promise<Reply<P, "delete">>}
 */
export async function remove(path, values, leaving = false) {
  return call("DELETE", address(path, values), { keepalive: leaving });
}

/**
 * Saves a reply as a file; a link cannot send the key.
 * @param {string} path
 * @param {Values} values
 * @param {string} name of the file
 * @param {unknown} [body] of a POST
 */
export async function download(path, values, name, body) {
  const init = body === undefined ? {} : {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  };
  const reply = await send(address(path, values), init);
  if (!reply.ok) throw await refusal(reply);
  save(await reply.blob(), name);
}

/** @param {Blob} content @param {string} name */
export function save(content, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/**
 * Returns the text of a reply that is not JSON.
 * @param {string} path
 * @param {Values} values
 * @param {AbortSignal} [signal]
 */
export async function text(path, values, signal) {
  const reply = await send(address(path, values), {}, signal);
  if (!reply.ok) throw await refusal(reply);
  return reply.text();
}

/** @param {string} method @param {string} url @param {RequestInit} init @param {AbortSignal} [signal] */
async function call(method, url, init, signal) {
  const reply = await send(url, { ...init, method }, signal);
  if (!reply.ok) throw await refusal(reply);
  return reply.json();
}

/** @param {string} url @param {RequestInit} init @param {AbortSignal} [signal] */
async function send(url, init, signal) {
  const key = apiKey();
  const headers = { ...init.headers, ...(key === null ? {} : { Authorization: `Bearer ${key}` }) };
  try {
    return await fetch(url, { ...init, headers, signal: signal ?? null, cache: "no-store" });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    connection.lost();
    throw new ApiError(0, "");
  }
}

/** @param {Response} reply */
async function refusal(reply) {
  const body = await reply.json().catch(() => ({}));
  const error = new ApiError(reply.status, body.error ?? `${reply.status} ${reply.statusText}`, body.details);
  if (reply.status === 401) window.dispatchEvent(new CustomEvent("signed-out", { detail: error.message }));
  return error;
}

function idempotencyKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return { "Idempotency-Key": Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("") };
}
