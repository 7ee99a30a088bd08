/** Times in the viewer's zone; the exact one is shown on hover, and read by screen readers as a time. */

import { h } from "./dom.js";

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const EXACT = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });
const TICK_MS = 5_000;
const NEVER_MS = 86_400_000; // what the master knows no time for stands at the first day of 1970

/**
 * Show a moment: the time of day, and the date where that is not today.
 * @param {string | Date | null | undefined} at
 */
export function moment(at) {
  const date = parse(at);
  return date ? mark(date, clock(date)) : h("span", { class: "faint" }, "–");
}

/**
 * Show how long ago something was; it goes on counting.
 * @param {string | Date | null | undefined} at
 */
export function age(at) {
  const date = parse(at);
  if (!date) return h("span", { class: "faint" }, "–");
  const element = mark(date, ago(date));
  element.dataset.age = "";
  return element;
}

/**
 * Write a span of time.
 * @param {number} seconds
 */
export function span(seconds) {
  if (seconds < 0.0995) return `${Math.round(Math.max(0, seconds) * 1000)} ms`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 119.5) return `${Math.round(seconds)} s`;
  if (seconds < 5_400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 129_600) return `${Math.round(seconds / 3_600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

/** Have ages count from now on. */
export function tick() {
  setInterval(() => {
    for (const element of document.querySelectorAll("time[data-age]")) {
      const words = ago(new Date(element.getAttribute("datetime") ?? ""));
      if (element.textContent !== words) element.textContent = words;
    }
  }, TICK_MS);
}

/** @param {Date} date */
export function clock(date) {
  return date.toDateString() === new Date().toDateString() ? CLOCK.format(date) : DAY.format(date);
}

/** @param {Date} date */
export function exact(date) {
  return `${EXACT.format(date)} (${date.toISOString()})`;
}

/** @param {Date} date */
function ago(date) {
  const seconds = (Date.now() - date.getTime()) / 1000;
  return seconds < 1 ? "just now" : `${span(Math.floor(seconds))} ago`;
}

/**
 * @param {Date} date
 * @param {string} words
 */
function mark(date, words) {
  return h("time", { datetime: date.toISOString(), title: exact(date) }, words);
}

/** @param {string | Date | null | undefined} at */
function parse(at) {
  if (!at) return null;
  const date = new Date(at);
  return date.getTime() < NEVER_MS ? null : date;
}
