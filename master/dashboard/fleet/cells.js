/** The parts of the matrix: a cell, the headings of a row and of a column, the heading of a group. */

import { fill, h } from "../base/dom.js";
import { modelPath, nodePath } from "../base/router.js";
import { CELLS, counted, listed, look, NODES, sign } from "../base/states.js";
import { key } from "./board.js";

/** @import { CellState, ModelRow, NodeLine } from "../base/types.js" */
/** @import { Board } from "./board.js" */

const NEWS_MS = 1_600;

/**
 * @param {Board} board
 * @param {string} model
 * @param {string} node
 * @param {number} column
 */
export function cellOf(board, model, node, column) {
  const element = h("div", { role: "gridcell", "aria-colindex": column + 2, tabindex: -1 });
  element.style.setProperty("--at", String(column));
  Object.assign(element.dataset, { model, node, key: key(model, node) });
  paint(element, board);
  return element;
}

/**
 * Draw a cell as it is now.
 * @param {HTMLElement} element
 * @param {Board} board
 * @param {{isNews?: boolean}} [how]
 */
export function paint(element, board, { isNews = false } = {}) {
  const { model = "", node = "" } = element.dataset;
  const cell = board.cell(model, node);
  const state = cell === undefined ? "unknown" : (cell?.state ?? "absent");
  const before = element.dataset.state;
  const serving = cell ? cell.serving : [];
  element.className = `cell ${look(state)}`;
  element.dataset.state = state;
  const words =
    cell === undefined ? "being looked up" : cell ? `${cell.state}, serving ${listed(serving)}` : "not there";
  element.setAttribute("aria-label", `${model} on ${node}: ${words}`);
  fill(
    element,
    sign(state === "unknown" ? "" : CELLS[state].sign),
    h("span", { class: "version" }, serving.join(", ")),
  );
  if (isNews && before !== "unknown" && before !== state) flash(element);
}

/** @param {HTMLElement} element */
function flash(element) {
  element.classList.add("is-news");
  setTimeout(() => element.classList.remove("is-news"), NEWS_MS);
}

/** @param {ModelRow} model */
export function rowHead(model) {
  const marks = [model.is_paused && "paused", model.is_removed && "removed", model.want.kind === "pinned" && "pinned"];
  const versions = model.serving.map((one) => one.version);
  return h(
    "div",
    { class: "rowhead", role: "rowheader", "aria-colindex": 1 },
    h(
      "a",
      {
        href: modelPath(model.model),
        title: `${model.model}: ${model.cells.map((one) => `${one.count} ${one.state}`).join(", ")}`,
      },
      model.model,
    ),
    marks.map((mark) => mark && h("span", { class: "mark" }, mark)),
    h("span", { class: "version", title: "serving" }, versions.slice(0, 2).join(", "), versions.length > 2 && "…"),
  );
}

/**
 * @param {NodeLine} node
 * @param {number} column
 */
export function columnHead(node, column) {
  const { sign: mark, look: shown } = NODES[node.state];
  const element = h(
    "div",
    {
      class: `columnhead ${look(shown)}`,
      role: "columnheader",
      "aria-colindex": column + 2,
      title: `${node.node} is ${node.state}${node.reason && `: ${node.reason}`}`,
    },
    h("a", { href: nodePath(node.node), tabindex: -1 }, node.node),
    node.state !== "well" && sign(mark),
  );
  element.style.setProperty("--at", String(column));
  return element;
}

/** @param {{group: CellState, count: number}} row */
export function groupRow({ group, count }) {
  return h(
    "div",
    { class: "row group", role: "row" },
    h(
      "div",
      { class: `groupname ${look(group)}`, role: "rowheader" },
      sign(CELLS[group].sign),
      `${group} · ${counted(count, "model")}`,
    ),
  );
}
