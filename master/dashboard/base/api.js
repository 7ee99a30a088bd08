/** The master's API. Errors are its problem documents; without an answer the problem says so. */

import { read, write } from "./json.js";

export class Problem extends Error {
  /**
   * @param {number} status 0: there was no answer
   * @param {string} detail
   * @param {string} title
   */
  constructor(status, detail, title = "") {
    super(detail);
    this.status = status;
    this.title = title;
  }
}

/** Before all paths: only there the session's cookie comes along, and TensorFlow Serving, on another port, has no such. */
export const PREFIX = "/dashboard";

/** Fires `signed-out` where the master does not know the viewer any more. */
export const signals = new EventTarget();

/** @typedef {Record<string, string | number | boolean | null | undefined | string[]>} Query */

/**
 * Write an address; parts of a path are escaped by `part`.
 * @param {string} path
 * @param {Query} [query]
 */
export function address(path, query = {}) {
  const words = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== null && one !== undefined && one !== "") words.append(name, String(one));
    }
  }
  const text = words.toString();
  return text ? `${path}?${text}` : path;
}

export const part = encodeURIComponent;

/**
 * Ask for something.
 * @template T
 * @param {string} path
 * @param {Query} [query]
 * @param {AbortSignal} [signal]
 * @returns {Promise<T>}
 */
export function get(path, query = {}, signal = undefined) {
  return ask(address(path, query), { signal: signal ?? null });
}

/**
 * Have something done.
 * @template T
 * @param {"POST" | "DELETE"} method
 * @param {string} path
 * @param {object} [body]
 * @param {Record<string, string>} [headers]
 * @returns {Promise<T>}
 */
export function send(method, path, body, headers = {}) {
  if (body === undefined) return ask(path, { method, headers });
  return ask(path, { method, headers: { ...headers, "Content-Type": "application/json" }, body: write(body) });
}

/**
 * Turn an answer that is none into a problem.
 * @param {Response} answer
 */
export async function check(answer) {
  if (answer.ok) return;
  if (answer.status === 401) signals.dispatchEvent(new Event("signed-out"));
  const document = await json(answer).catch(() => ({}));
  throw new Problem(answer.status, document.detail ?? `the master answers ${answer.status}`, document.title ?? "");
}

/**
 * Say in words what went wrong.
 * @param {unknown} error
 */
export function reason(error) {
  return error instanceof Error ? error.message : String(error);
}

/**
 * @template T
 * @param {string} url
 * @param {RequestInit} request
 * @returns {Promise<T>}
 */
async function ask(url, request) {
  let answer;
  try {
    answer = await fetch(PREFIX + url, { credentials: "same-origin", ...request });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Problem(0, "the master does not answer");
  }
  await check(answer);
  return answer.status === 204 ? /** @type {T} */ (undefined) : json(answer);
}

/** @param {Response} answer */
async function json(answer) {
  return read(await answer.text());
}
