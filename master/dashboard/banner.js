/** The line under the head that says since when what is shown is not current, and why. */

import { connection } from "./base/connection.js";
import { fill, h } from "./base/dom.js";
import { age, moment } from "./base/times.js";

/** @param {HTMLElement} place */
export function showBanner(place) {
  const draw = () => {
    const { lostSince, lostReason, staleness } = connection;
    document.body.classList.toggle("is-stale", Boolean(lostSince || staleness));
    if (lostSince) {
      const words = `: ${lostReason}. This is the last known; it goes on by itself when the master is back.`;
      fill(
        place,
        h("p", { class: "stale" }, h("b", {}, "Stale since ", moment(lostSince)), " (", age(lostSince), ")", words),
      );
    } else if (staleness) {
      const words = `: the master does not hear the nodes (${staleness.reason}). This is the last known.`;
      fill(place, h("p", { class: "stale" }, h("b", {}, "Stale since ", moment(staleness.since)), words));
    } else fill(place);
  };
  connection.addEventListener("change", draw);
}
