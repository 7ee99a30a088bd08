/** The services of a node: whether each is heard, which software it is, and what it reaches. */

import { h } from "../base/dom.js";
import { look, sign } from "../base/states.js";
import { age, moment } from "../base/times.js";

/** @import { CellState, Connection, Service } from "../base/types.js" */

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
  if (service.is_lost) return marked("lost", "?", "lost");
  if (service.last_error) return marked("failed", "×", "failed");
  return service.is_ready ? marked("serving", "•", "ready") : marked("updating", "•", "starting");
}

/**
 * @param {CellState} colours a state that has them; its words are of a model
 * @param {string} mark
 * @param {string} words
 */
function marked(colours, mark, words) {
  return h("span", { class: `badge ${look(colours)}` }, sign(mark), words);
}

/**
 * @param {string} name
 * @param {Connection} connection
 */
function reached(name, connection) {
  const what = name === "serving" ? "TensorFlow Serving" : name;
  return h(
    "div",
    {},
    connection.is_connected ? marked("serving", "✓", what) : marked("failed", "×", `${what}: not reached`),
    !connection.is_connected &&
      h("span", { class: "why" }, " since ", moment(connection.since), `: ${connection.reason}`),
  );
}
