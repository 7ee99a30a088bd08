/** How states look: each has a word, a sign and a colour, so that none is told by colour alone. */

import { h } from "./dom.js";

/** @import { CellState, NodeState, Tally, Version } from "./types.js" */

/** Worst first, as the master orders them. @type {Record<CellState, {sign: string, words: string}>} */
export const CELLS = {
  lost: { sign: "?", words: "lost: what is served there is not known" },
  failed: { sign: "×", words: "failed: nothing is served, what is wanted could not be fetched, read or stored" },
  quarantined: { sign: "!", words: "quarantined: nothing is served, what is wanted was refused" },
  behind: { sign: "–", words: "behind: what is served is not what is wanted" },
  "held back": {
    sign: "=",
    words: "held back: a good version serves, a wanted one was refused or could not be fetched",
  },
  updating: { sign: "↑", words: "updating: a version is fetched, loaded or unloaded" },
  uploading: { sign: "…", words: "uploading: the rest of a newer version is awaited in the bucket" },
  "not managed": { sign: "○", words: "not managed: a config file written by hand names it, and it stays as it is" },
  serving: { sign: "•", words: "serving what is wanted" },
  absent: { sign: "", words: "neither wanted nor served" },
};

/** @type {Record<NodeState, {sign: string, look: CellState}>} */
export const NODES = {
  lost: { sign: "?", look: "lost" },
  troubled: { sign: "!", look: "behind" },
  well: { sign: "•", look: "serving" },
};

export const CELL_STATES = /** @type {CellState[]} */ (Object.keys(CELLS));
export const NODE_STATES = /** @type {NodeState[]} */ (Object.keys(NODES));

/**
 * Name the class that gives an element the colours of a state.
 * @param {CellState | "unknown"} state
 */
export function look(state) {
  return `is-${state.replace(" ", "-")}`;
}

/**
 * Show a state of a model.
 * @param {CellState} state
 */
export function badge(state) {
  return h("span", { class: `badge ${look(state)}`, title: CELLS[state].words }, sign(CELLS[state].sign), state);
}

/**
 * Show a state of a node.
 * @param {NodeState} state
 */
export function nodeBadge(state) {
  return h("span", { class: `badge is-${NODES[state].look}` }, sign(NODES[state].sign), state);
}

/**
 * Show how many are in which state.
 * @param {Tally[]} tallies
 */
export function tallied(tallies) {
  return h(
    "span",
    { class: "tallies" },
    tallies.map((tally) =>
      h(
        "span",
        { class: `tally ${look(tally.state)}` },
        sign(CELLS[tally.state].sign),
        `${tally.count} ${tally.state}`,
      ),
    ),
  );
}

/** @param {string} text */
export function sign(text) {
  return h("span", { class: "sign", "aria-hidden": "true" }, text);
}

/**
 * Write versions.
 * @param {Version[]} versions
 */
export function listed(versions) {
  return versions.length ? versions.join(", ") : "none";
}

/**
 * Count something.
 * @param {number} count
 * @param {string} noun
 */
export function counted(count, noun) {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}
