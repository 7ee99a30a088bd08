/** The models of a node, and the transfers that go on. */

import { h } from "../base/dom.js";
import { bar } from "../base/progress.js";
import { modelPath } from "../base/router.js";
import { badge, CELL_STATES, listed } from "../base/states.js";
import { age } from "../base/times.js";

/** @import { CellRow } from "../base/types.js" */

/** @param {CellRow[]} models */
export function modelsTable(models) {
  const rank = (/** @type {CellRow} */ cell) => CELL_STATES.indexOf(cell.state);
  const rows = [...models].sort((one, other) => rank(one) - rank(other)).map(rowOf);
  const heads = ["model", "state", "since", "serving", "default", "desired", "why, and what is on its way"];
  return h(
    "section",
    { class: "panel" },
    h("h2", {}, "Models"),
    rows.length
      ? h(
          "div",
          { class: "scroll", tabindex: 0, role: "group", "aria-label": "table" },
          h(
            "table",
            { class: "wide" },
            h(
              "thead",
              {},
              h(
                "tr",
                {},
                heads.map((name) => h("th", { scope: "col" }, name)),
              ),
            ),
            h("tbody", {}, rows),
          ),
        )
      : h("p", { class: "faint" }, "It has no model yet."),
  );
}

/** @param {CellRow} cell */
function rowOf(cell) {
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, h("a", { href: modelPath(cell.model) }, cell.model)),
    h("td", {}, badge(cell.state)),
    h("td", {}, age(cell.since)),
    h("td", {}, listed(cell.serving)),
    h("td", {}, cell.default_version === null ? "–" : String(cell.default_version)),
    h("td", {}, listed(cell.desired)),
    h("td", {}, h("span", { class: "why" }, cell.reason), cell.progress && bar(cell.progress)),
  );
}
