/**
 * Models by nodes, of any size: only what is in sight is in the page. A grid for the keyboard, too: arrows, Home, End,
 * Page up and down; Enter opens what the cell is about.
 */

import { h } from "../base/dom.js";
import { go, modelPath, nodePath } from "../base/router.js";
import { cellOf, groupRow, paint, rowHead } from "./cells.js";
import { Heads } from "./heads.js";
import { lead, settle } from "./keys.js";
import { sizesFor } from "./sizes.js";

/** @import { NodeLine } from "../base/types.js" */
/** @import { Row } from "./axes.js" */
/** @import { Board } from "./board.js" */
/** @import { Sizes } from "./sizes.js" */

const IN_USE_MS = 6_000;
const SPARE = 3; // rows and columns drawn beyond what is in sight

/** Fires `look` with the cell that is pointed at or focused, and `look` with null when there is none. */
export class Matrix extends EventTarget {
  /** @param {Board} board */
  constructor(board) {
    super();
    this.board = board;
    /** @type {Row[]} */
    this.rows = [];
    /** @type {NodeLine[]} */
    this.columns = [];
    this.at = { row: 1, column: 0 };
    /** @type {Sizes} */
    this.sizes = sizesFor(0, 0);
    /** @type {Map<number, HTMLElement>} */
    this.drawn = new Map();
    this.heads = new Heads();
    this.body = h("div", { class: "body", role: "rowgroup" });
    this.element = h(
      "div",
      { class: "matrix", role: "grid", "aria-label": "Models by nodes", tabindex: -1 },
      this.heads.element,
      this.body,
    );
    this.element.addEventListener("scroll", () => this.later(), { passive: true });
    this.element.addEventListener("keydown", (event) => this.press(event));
    this.element.addEventListener("pointerover", (event) => this.point(event.target));
    this.element.addEventListener("pointerleave", () => this.point(null));
    this.element.addEventListener("focusin", (event) => this.point(event.target));
    this.element.addEventListener("focusout", () => this.point(null));
    this.element.addEventListener("click", (event) => this.open(event.target));
    this.watcher = new ResizeObserver(() => this.later());
    this.watcher.observe(this.element);
    this.frame = 0;
    this.usedAt = -Infinity;
    for (const sign of ["pointermove", "pointerdown", "keydown", "scroll"]) {
      this.element.addEventListener(sign, () => (this.usedAt = performance.now()), { passive: true });
    }
  }

  stop() {
    this.watcher.disconnect();
    cancelAnimationFrame(this.frame);
  }

  /** Somebody moves about in it: what is under the eyes should not move then. */
  get isInUse() {
    return performance.now() - this.usedAt < IN_USE_MS;
  }

  /**
   * Show these models and nodes.
   * @param {Row[]} rows
   * @param {NodeLine[]} columns
   */
  lay(rows, columns) {
    this.rows = rows;
    this.columns = columns;
    this.sizes = sizesFor(columns.length, innerWidth);
    const { head, row, column, top } = this.sizes;
    this.element.classList.toggle("is-dense", this.sizes.isDense);
    const set = (/** @type {string} */ name, /** @type {number} */ value) =>
      this.element.style.setProperty(name, `${value}px`);
    set("--head", head);
    set("--row", row);
    set("--column", column);
    set("--top", top);
    set("--width", head + columns.length * column);
    set("--height", rows.length * row);
    this.element.setAttribute("aria-rowcount", String(rows.length + 1));
    this.element.setAttribute("aria-colcount", String(columns.length + 1));
    const focused = this.element.contains(document.activeElement) ? document.activeElement : null;
    this.at = settle(this.at, focused instanceof HTMLElement ? focused.dataset : {}, rows, columns);
    for (const element of this.drawn.values()) element.remove();
    this.drawn.clear();
    this.draw();
    if (focused) this.find(this.at.row, this.at.column)?.focus({ preventScroll: true });
  }

  /**
   * Draw these cells anew, where they are in sight.
   * @param {Set<string>} keys
   */
  refresh(keys) {
    for (const row of this.drawn.values()) {
      for (const cell of row.children) {
        if (cell instanceof HTMLElement && keys.has(cell.dataset.key ?? "")) paint(cell, this.board, { isNews: true });
      }
    }
  }

  later() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.draw());
  }

  draw() {
    const { from, to, left, right } = this.sight();
    const columns = this.columns.slice(left, right);
    if (!this.heads.show(columns, left)) this.later();
    for (const [index, element] of this.drawn) {
      if (index < from || index >= to || !this.isStillFit(element, left, right)) {
        element.remove();
        this.drawn.delete(index);
      }
    }
    for (let index = from; index < to; index += 1) {
      if (!this.drawn.has(index)) this.drawRow(index, left, right);
    }
    this.mark();
    const models = this.rows.slice(from, to).flatMap((row) => ("model" in row ? [row.model.model] : []));
    this.board.want(
      models,
      columns.map((node) => node.node),
    );
  }

  /** What of rows and columns is in sight. */
  sight() {
    const { clientHeight, clientWidth, scrollTop, scrollLeft } = this.element;
    const { head, row, column, top } = this.sizes;
    return {
      from: Math.max(0, Math.floor(scrollTop / row) - SPARE),
      to: Math.min(this.rows.length, Math.ceil((scrollTop + clientHeight - top) / row) + SPARE),
      left: Math.max(0, Math.floor(scrollLeft / column) - SPARE),
      right: Math.min(this.columns.length, Math.ceil((scrollLeft + clientWidth - head) / column) + SPARE),
    };
  }

  /**
   * @param {HTMLElement} element
   * @param {number} left
   * @param {number} right
   */
  isStillFit(element, left, right) {
    return element.dataset.part === `${left}-${right}` || element.classList.contains("group");
  }

  /**
   * @param {number} index
   * @param {number} left
   * @param {number} right
   */
  drawRow(index, left, right) {
    const row = this.rows[index];
    if (!row) return;
    const element = "group" in row ? groupRow(row) : h("div", { class: "row", role: "row" }, rowHead(row.model));
    element.setAttribute("aria-rowindex", String(index + 2));
    element.style.setProperty("--at", String(index));
    element.dataset.part = `${left}-${right}`;
    if ("model" in row) {
      for (let column = left; column < right; column += 1) {
        const node = this.columns[column];
        if (node) element.append(cellOf(this.board, row.model.model, node.node, column));
      }
    }
    this.drawn.set(index, element);
    this.body.append(element);
  }

  /** The one cell that the tab key reaches. */
  mark() {
    for (const one of this.element.querySelectorAll("[tabindex='0']")) one.setAttribute("tabindex", "-1");
    this.find(this.at.row, this.at.column)?.setAttribute("tabindex", "0");
  }

  /**
   * @param {number} row
   * @param {number} column
   * @returns {HTMLElement | null}
   */
  find(row, column) {
    return this.drawn.get(row)?.querySelector(`[aria-colindex="${column + 2}"]`) ?? null;
  }

  /** @param {KeyboardEvent} event */
  press(event) {
    const page = Math.max(1, Math.floor(this.element.clientHeight / this.sizes.row) - 2);
    const to = lead(event, this.at, { rows: this.rows, columns: this.columns.length, page });
    if (event.key === "Enter") this.open(event.target);
    if (event.key === "Escape") this.point(null);
    if (!to) return;
    event.preventDefault();
    this.at = to;
    this.uncover();
    this.draw();
    this.find(to.row, to.column)?.focus({ preventScroll: true });
  }

  /** Scroll so that the cell is not under a heading. */
  uncover() {
    const { head, row, column, top } = this.sizes;
    const { clientHeight, clientWidth } = this.element;
    const y = this.at.row * row;
    const x = this.at.column * column;
    const element = this.element;
    element.scrollTop = Math.min(y, Math.max(element.scrollTop, y + row + top - clientHeight));
    element.scrollLeft = Math.min(x, Math.max(element.scrollLeft, x + column + head - clientWidth));
  }

  /** @param {EventTarget | null} target */
  point(target) {
    const cell = target instanceof Element ? target.closest(".cell") : null;
    this.dispatchEvent(new CustomEvent("look", { detail: cell }));
  }

  /** @param {EventTarget | null} target */
  open(target) {
    const cell = target instanceof Element ? target.closest(".cell") : null;
    if (!(cell instanceof HTMLElement)) return;
    const { model, node } = cell.dataset;
    go(
      cell.classList.contains("is-lost")
        ? nodePath(node ?? "")
        : `${modelPath(model ?? "")}?node=${encodeURIComponent(node ?? "")}`,
    );
  }
}
