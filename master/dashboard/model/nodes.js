/** A model on every node. */

import { h } from "../base/dom.js";
import { bar } from "../base/progress.js";
import { nodePath } from "../base/router.js";
import { badge, CELL_STATES, listed } from "../base/states.js";
import { age } from "../base/times.js";

/** @import { CellRow, Page } from "../base/types.js" */

/**
 * @param {Page<CellRow>} cells
 * @param {{marked: string, more: () => void}} how
 */
export function nodesTable(cells, { marked, more }) {
  const rank = (/** @type {CellRow} */ cell) => (cell.node === marked ? -1 : CELL_STATES.indexOf(cell.state));
  const rows = [...cells.items]
    .sort((one, other) => rank(one) - rank(other))
    .map((cell) => rowOf(cell, cell.node === marked));
  const heads = ["node", "state", "since", "serving", "default", "desired", "why"].map((name) =>
    h("th", { scope: "col" }, name),
  );
  return h(
    "section",
    { class: "panel" },
    h("h2", {}, "Nodes"),
    rows.length
      ? h(
          "div",
          { class: "scroll", tabindex: 0, role: "group", "aria-label": "table" },
          h("table", { class: "wide" }, h("thead", {}, h("tr", {}, heads)), h("tbody", {}, rows)),
        )
      : h("p", { class: "faint" }, "No node has this model."),
    cells.next && h("button", { click: more }, `Show more of ${cells.total} nodes`),
  );
}

/**
 * @param {CellRow} cell
 * @param {boolean} isMarked
 */
function rowOf(cell, isMarked) {
  return h(
    "tr",
    { class: isMarked ? "is-marked" : null },
    h("th", { scope: "row" }, h("a", { href: nodePath(cell.node) }, cell.node)),
    h("td", {}, badge(cell.state)),
    h("td", {}, age(cell.since)),
    h("td", {}, listed(cell.serving)),
    h("td", {}, cell.default_version === null ? "–" : String(cell.default_version)),
    h("td", {}, listed(cell.desired)),
    h("td", {}, h("span", { class: "why" }, cell.reason), cell.progress && bar(cell.progress)),
  );
}
