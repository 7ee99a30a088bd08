/** Which models and nodes the matrix shows, in which order: those in trouble first, then by name. Pure. */

import { CELL_STATES, NODE_STATES } from "../base/states.js";

/** @import { CellState, ModelRow, NodeLine, Tally } from "../base/types.js" */

/**
 * A row is a model, or the heading of those in one state.
 * @typedef {{group: CellState, count: number} | {model: ModelRow}} Row
 * @typedef {{model: string, node: string, states: CellState[]}} Filter
 */

/**
 * @param {Iterable<ModelRow>} models
 * @param {Filter} filter
 * @returns {Row[]}
 */
export function rowsOf(models, filter) {
  const shown = [...models].filter((model) => model.model.includes(filter.model) && has(model.cells, filter.states));
  return CELL_STATES.flatMap((state) => {
    const members = shown.filter((model) => groupOf(model) === state).sort((a, b) => compare(a.model, b.model));
    if (!members.length) return [];
    return [{ group: state, count: members.length }, ...members.map((model) => ({ model }))];
  });
}

/**
 * @param {Iterable<NodeLine>} nodes
 * @param {Filter} filter
 */
export function columnsOf(nodes, filter) {
  const shown = [...nodes].filter((node) => node.node.includes(filter.node) && has(node.cells, filter.states));
  const rank = (/** @type {NodeLine} */ node) => NODE_STATES.indexOf(node.state);
  return shown.sort((a, b) => rank(a) - rank(b) || worst(a) - worst(b) || compare(a.node, b.node));
}

/**
 * The worst that is known of a model: a lost node says nothing of it, and would put all models into one group.
 * @param {ModelRow} model
 */
function groupOf(model) {
  return model.cells.find((tally) => tally.state !== "lost")?.state ?? model.state;
}

/**
 * @param {Tally[]} tallies
 * @param {CellState[]} states none: all
 */
function has(tallies, states) {
  return !states.length || tallies.some((tally) => states.includes(tally.state));
}

/** @param {NodeLine} node */
function worst(node) {
  const states = node.cells.map((tally) => CELL_STATES.indexOf(tally.state));
  return Math.min(CELL_STATES.length, ...states);
}

/**
 * @param {string} one
 * @param {string} other
 */
function compare(one, other) {
  return one < other ? -1 : one > other ? 1 : 0;
}
