/** The headings of the columns in sight. */

import { fill, h } from "../base/dom.js";
import { write } from "../base/json.js";
import { columnHead } from "./cells.js";

/** @import { NodeLine } from "../base/types.js" */

export class Heads {
  constructor() {
    this.element = h("div", { class: "heads", role: "row", "aria-rowindex": 1 });
    this.shown = "";
  }

  /**
   * Show these columns, drawn anew only when they are otherwise; false while one of them is pressed.
   * @param {NodeLine[]} columns
   * @param {number} left
   * @returns {boolean}
   */
  show(columns, left) {
    const shown = write([left, columns]);
    if (shown === this.shown) return true;
    if (this.element.matches(":active")) return false;
    this.shown = shown;
    fill(
      this.element,
      h("div", { class: "corner", role: "columnheader" }, "model"),
      columns.map((node, index) => columnHead(node, left + index)),
    );
    return true;
  }
}
