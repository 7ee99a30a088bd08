/** What the fleet view knows: every model and node, and the cells that were looked at, kept current by the news. */

import { get, reason } from "../base/api.js";
import { connection } from "../base/connection.js";
import { read } from "../base/json.js";
import { follow } from "../base/stream.js";

/** @import { Board as Whole, BoardNews, MatrixCell, MatrixPart, ModelRow, NodeLine, Overview } from "../base/types.js" */

const MAX_MODELS = 100; // of one request, whose cells stay below the API's bound of 10,000
const MAX_NODES = 100;
const LOOK_MS = 1_000; // between looks at the sentences, and at the whole while much changes

/** Fires `board` (models, nodes or sentences are otherwise) and `cells` (its `keys` are otherwise). */
export class Board extends EventTarget {
  constructor() {
    super();
    /** @type {Overview | null} */
    this.overview = null;
    this.failure = "";
    /** @type {Map<string, ModelRow>} */
    this.models = new Map();
    /** @type {Map<string, NodeLine>} */
    this.nodes = new Map();
    /** @type {Map<string, MatrixCell | null>} */
    this.cells = new Map();
    this.asked = new Set();
    /** Cells of which news came while they were asked for. @type {Set<Set<string>>} */
    this.overtaken = new Set();
    this.lookedAt = -LOOK_MS;
    this.isWholeDue = false;
    this.timer = 0;
    this.stops = [follow("/v1/board/news", (message) => this.take(read(message.data)))];
    const outdate = () => this.wholeSoon();
    connection.addEventListener("back", outdate);
    this.stops.push(() => connection.removeEventListener("back", outdate));
  }

  stop() {
    clearTimeout(this.timer);
    for (const stop of this.stops) stop();
  }

  /**
   * Tell how a model is on a node; undefined where that is not known yet.
   * @param {string} model
   * @param {string} node
   */
  cell(model, node) {
    return this.cells.get(key(model, node));
  }

  /**
   * See that these cells become known.
   * @param {string[]} models
   * @param {string[]} nodes
   */
  want(models, nodes) {
    const lacks = (/** @type {string} */ one, /** @type {string} */ other) => !this.asked.has(key(one, other));
    const rows = models.filter((model) => nodes.some((node) => lacks(model, node)));
    const columns = nodes.filter((node) => rows.some((model) => lacks(model, node)));
    for (let row = 0; row < rows.length; row += MAX_MODELS) {
      for (let column = 0; column < columns.length; column += MAX_NODES) {
        void this.ask(rows.slice(row, row + MAX_MODELS), columns.slice(column, column + MAX_NODES));
      }
    }
  }

  /**
   * @param {string[]} models
   * @param {string[]} nodes
   */
  async ask(models, nodes) {
    const keys = models.flatMap((model) => nodes.map((node) => key(model, node)));
    for (const one of keys) this.asked.add(one);
    const asked = this.asked;
    /** @type {Set<string>} */
    const newer = new Set();
    this.overtaken.add(newer);
    try {
      /** @type {MatrixPart} */
      const part = await get("/v1/matrix", { models, nodes });
      if (asked !== this.asked) return; // everything was outdated meanwhile
      const cells = part.cells.flat();
      keys.forEach((one, index) => newer.has(one) || this.cells.set(one, cells[index] ?? null));
      this.tell("cells", keys);
    } catch {
      for (const one of keys) asked.delete(one); // asked for again at the next look
    } finally {
      this.overtaken.delete(newer);
    }
  }

  /** @param {BoardNews} news */
  take(news) {
    if (news.is_whole) return this.wholeSoon();
    for (const model of news.models) this.models.set(model.model, model);
    for (const node of news.nodes) this.nodes.set(node.node, node);
    for (const { model, node, state, serving } of news.cells) {
      this.asked.add(key(model, node));
      for (const newer of this.overtaken) newer.add(key(model, node));
      this.cells.set(key(model, node), { state, serving });
    }
    this.tell(
      "cells",
      news.cells.map((cell) => key(cell.model, cell.node)),
    );
    this.tell("board");
    this.soon();
  }

  wholeSoon() {
    this.isWholeDue = true;
    this.soon();
  }

  /** Look at once, or when the last look is long enough ago. */
  soon() {
    if (this.timer) return;
    const run = async () => {
      const isWhole = this.isWholeDue;
      this.timer = 0;
      this.isWholeDue = false;
      this.lookedAt = performance.now();
      try {
        if (isWhole) await this.lookWhole();
        else this.overview = await get("/v1/overview");
        this.failure = "";
      } catch (error) {
        this.failure = reason(error);
        this.isWholeDue ||= isWhole;
        this.soon();
      }
      this.tell("board");
    };
    this.timer = setTimeout(run, Math.max(0, this.lookedAt + LOOK_MS - performance.now()));
  }

  async lookWhole() {
    /** @type {Whole} */
    const whole = await get("/v1/board");
    this.overview = whole.overview;
    this.models = new Map(whole.models.map((model) => [model.model, model]));
    this.nodes = new Map(whole.nodes.map((node) => [node.node, node]));
    this.asked = new Set();
    this.cells = new Map([...this.cells].filter(([one]) => this.isKnown(one)));
  }

  /** @param {string} one */
  isKnown(one) {
    const [model, node] = one.split(" ");
    return this.models.has(model ?? "") && this.nodes.has(node ?? "");
  }

  /**
   * @param {string} name
   * @param {string[]} [keys]
   */
  tell(name, keys = []) {
    this.dispatchEvent(new CustomEvent(name, { detail: keys }));
  }
}

/**
 * @param {string} model
 * @param {string} node
 */
export function key(model, node) {
  return `${model} ${node}`;
}
