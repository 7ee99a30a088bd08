/** A transfer: how far it is, how fast, and how long it still takes. */

import { h } from "./dom.js";
import { span } from "./times.js";

/** @import { Progress } from "./types.js" */

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** @param {Progress} progress */
export function bar(progress) {
  const { bytes_done: done, bytes_total: total, bytes_per_second: rate, seconds_left: left } = progress;
  const share = total ? Math.round((100 * done) / total) : 0;
  const given = progress.bytes_from_neighbours ?? 0;
  const source = given ? ` (${bytes(given)} from neighbours)` : "";
  const rest = left === null ? "" : `, about ${span(left)} left`;
  const words = `${bytes(done)} of ${bytes(total)}${source}, ${bytes(rate)}/s${rest}`;
  return h(
    "div",
    { class: "transfer" },
    h("progress", { max: 100, value: share, "aria-label": "transfer" }),
    h("span", { class: "faint" }, words),
  );
}

/** @param {number} count */
export function bytes(count) {
  let index = 0;
  let value = count;
  while (value >= 1024 && index < UNITS.length - 1) {
    value /= 1024;
    index += 1;
  }
  return `${value >= 100 || index === 0 ? Math.round(value) : value.toFixed(1)} ${UNITS[index]}`;
}
