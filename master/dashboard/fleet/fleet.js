/** The fleet: a sentence on how it is, and models by nodes. */

import { fill, h } from "../base/dom.js";
import { Parts } from "../base/parts.js";
import { note } from "../base/router.js";
import { CELL_STATES } from "../base/states.js";
import { columnsOf, rowsOf } from "./axes.js";
import { Board } from "./board.js";
import { Chips } from "./chips.js";
import { Matrix } from "./matrix.js";
import { Peek } from "./peek.js";
import { verdict } from "./sentences.js";

/** @import { CellState, Overview } from "../base/types.js" */
/** @import { Address } from "../base/router.js" */
/** @import { Filter } from "./axes.js" */

const HOLD_MS = 1_000; // between looks whether the matrix may be put in order anew

/**
 * @param {HTMLElement} place
 * @param {Address} at
 */
export function fleet(place, at) {
  const view = new Fleet(at.query);
  fill(place, view.sentence, view.tools, view.nothing, view.matrix.element, view.peek.element);
  place.className = "is-fleet";
  const timer = setInterval(() => view.follow(), HOLD_MS);
  return () => {
    clearInterval(timer);
    place.className = "";
    view.stop();
  };
}

class Fleet {
  /** @param {URLSearchParams} query */
  constructor(query) {
    this.filter = read(query);
    this.board = new Board();
    this.matrix = new Matrix(this.board);
    this.peek = new Peek();
    this.chips = new Chips((state) => this.turn(state));
    this.isWhole = false; // all sentences are shown, not the first alone
    this.order = "";
    this.sentence = h("div", { class: "wait" }, "Looking at the fleet…");
    this.words = new Parts(this.sentence);
    this.nothing = h("p", { class: "empty", hidden: true });
    this.tools = h("div", { class: "tools" }, this.search("model"), this.search("node"), this.chips.element);
    this.board.addEventListener("board", () => this.follow());
    this.board.addEventListener("cells", (event) => this.renew(event));
    this.matrix.addEventListener("look", (event) => {
      this.peek.look(/** @type {CustomEvent<HTMLElement | null>} */ (event).detail);
    });
  }

  stop() {
    this.board.stop();
    this.matrix.stop();
    this.peek.stop();
  }

  /** @param {"model" | "node"} name */
  search(name) {
    const change = (/** @type {Event & {target: HTMLInputElement}} */ event) => {
      this.change({ [name]: event.target.value.trim() });
    };
    const label = `Show only ${name}s whose name holds`;
    return h("input", {
      type: "search",
      placeholder: `${name}…`,
      "aria-label": label,
      value: this.filter[name],
      input: change,
    });
  }

  /** @param {Partial<Filter>} changes */
  change(changes) {
    Object.assign(this.filter, changes);
    const { model, node, states } = this.filter;
    note({ model, node, state: states.join(",") });
    this.arrange();
    this.draw();
  }

  /** @param {CellState} state */
  turn(state) {
    const { states } = this.filter;
    this.change({ states: states.includes(state) ? states.filter((one) => one !== state) : [...states, state] });
  }

  /** Look whether the order is still right; while somebody looks closely nothing moves. */
  follow() {
    const isFirst = !this.matrix.rows.length || !this.matrix.columns.length;
    if (isFirst || (!this.matrix.isInUse && this.orderNow().order !== this.order)) this.arrange();
    this.draw();
  }

  /** Put the matrix in order. */
  arrange() {
    const { rows, columns, order } = this.orderNow();
    this.order = order;
    this.matrix.lay(rows, columns);
  }

  orderNow() {
    const rows = rowsOf(this.board.models.values(), this.filter);
    const columns = columnsOf(this.board.nodes.values(), this.filter);
    return { rows, columns, order: orderOf(rows, columns) };
  }

  /** @param {Event} event */
  renew(event) {
    const keys = new Set(/** @type {CustomEvent<string[]>} */ (event).detail);
    this.matrix.refresh(keys);
    if (!performance.getEntriesByName("first-view").length) performance.mark("first-view");
    this.peek.refresh(keys);
  }

  /** Draw all around the matrix, and have it ask for the cells it lacks. */
  draw() {
    const { overview, failure } = this.board;
    if (failure || overview) this.say(overview, failure);
    if (!overview) return;
    this.chips.show(overview.cells, this.filter.states);
    const isThere = this.matrix.rows.length > 0 && this.matrix.columns.length > 0;
    this.nothing.hidden = isThere;
    this.matrix.element.hidden = !isThere;
    if (isThere) this.matrix.later();
    else fill(this.nothing, this.emptiness());
  }

  /**
   * @param {Overview | null} overview
   * @param {string} failure
   */
  say(overview, failure) {
    const turn = () => {
      this.isWhole = !this.isWhole;
      this.draw();
    };
    if (this.sentence.className) this.words.clear();
    this.sentence.className = "";
    this.words.show("sentence", [overview, failure, this.isWhole], () =>
      overview && !failure
        ? verdict(overview, this.isWhole, turn)
        : h("p", { class: "wrong", role: "alert" }, `The fleet cannot be shown: ${failure}`),
    );
  }

  emptiness() {
    if (!this.board.nodes.size) return "No node has reported yet.";
    if (this.board.models.size) return "No model on no node matches these filters.";
    return "No model has been uploaded yet: model-manager publish FOLDER gs://BUCKET/MODEL/ uploads one.";
  }
}

/**
 * @param {URLSearchParams} query
 * @returns {Filter}
 */
function read(query) {
  const states = (query.get("state") ?? "").split(",");
  return {
    model: query.get("model") ?? "",
    node: query.get("node") ?? "",
    states: CELL_STATES.filter((state) => states.includes(state)),
  };
}

/**
 * Write down all that the headings show, to see whether they are still right.
 * @param {ReturnType<typeof rowsOf>} rows
 * @param {ReturnType<typeof columnsOf>} columns
 */
function orderOf(rows, columns) {
  const names = rows.map((row) => {
    if ("group" in row) return `${row.group} ${row.count}`;
    const { model, serving, want, is_paused, is_removed } = row.model;
    return `${model} ${serving.map((one) => one.version)} ${want.kind} ${is_paused} ${is_removed}`;
  });
  return `${names.join("\n")}\n\n${columns.map((node) => `${node.node} ${node.state}`).join("\n")}`;
}
