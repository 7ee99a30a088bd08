/** The services of a node: whether each is heard, which software it is, and what it reaches. */

import { h } from "../base/dom.js";
import { badge, sign } from "../base/states.js";
import { age, moment } from "../base/times.js";

/** @import { Connection, Service } from "../base/types.js" */

/** @param {Service[]} services */
export function servicesTable(services) {
  const heads = ["service", "state", "last heard", "software", "running since", "reaches"];
  return h(
    "section",
    { class: "panel" },
    h("h2", {}, "Services"),
    h(
      "div",
      { class: "scroll", tabindex: 0, role: "group", "aria-label": "table" },
      h(
        "table",
        {},
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            heads.map((name) => h("th", { scope: "col" }, name)),
          ),
        ),
        h("tbody", {}, services.map(rowOf)),
      ),
    ),
  );
}

/** @param {Service} service */
function rowOf(service) {
  const connections = Object.entries(service.connections);
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, service.service),
    h("td", {}, state(service), service.last_error && h("p", { class: "why" }, service.last_error)),
    h("td", {}, service.is_lost ? ["silent since ", moment(service.lost_since)] : age(service.reported)),
    h("td", {}, service.software),
    h("td", {}, moment(service.started)),
    h(
      "td",
      {},
      connections.map(([name, connection]) => reached(name, connection)),
    ),
  );
}

/** @param {Service} service */
function state(service) {
  if (service.is_lost) return badge("lost");
  if (service.last_error) return badge("failed");
  return h(
    "span",
    { class: `badge is-${service.is_ready ? "serving" : "updating"}` },
    sign("•"),
    service.is_ready ? "ready" : "starting",
  );
}

/**
 * @param {string} name
 * @param {Connection} connection
 */
function reached(name, connection) {
  const what = name === "serving" ? "TensorFlow Serving" : name;
  const look = connection.is_connected ? "serving" : "failed";
  const mark = sign(connection.is_connected ? "✓" : "×");
  const words = [mark, connection.is_connected ? what : `${what}: not reached`];
  return h(
    "div",
    {},
    h("span", { class: `badge is-${look}` }, words),
    !connection.is_connected &&
      h("span", { class: "why" }, " since ", moment(connection.since), `: ${connection.reason}`),
  );
}
