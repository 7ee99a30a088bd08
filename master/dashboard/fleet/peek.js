/** What there is to say of the cell under the pointer or the focus: state, since when, why, and what is on its way. */

import { get, part, reason } from "../base/api.js";
import { fill, h, speak } from "../base/dom.js";
import { bar } from "../base/progress.js";
import { badge, listed } from "../base/states.js";
import { age, moment } from "../base/times.js";

/** @import { CellView } from "../base/types.js" */

const REST_MS = 90; // a pointer that only passes asks for nothing
const GAP = 8;

export class Peek {
  constructor() {
    this.element = h("div", { class: "peek", id: "peek", role: "tooltip", hidden: true });
    this.timer = 0;
    /** @type {HTMLElement | null} */
    this.cell = null;
  }

  /** @param {HTMLElement | null} cell */
  look(cell) {
    if (cell === this.cell && cell) return;
    clearTimeout(this.timer);
    this.cell?.removeAttribute("aria-describedby");
    this.cell = cell;
    this.element.hidden = true;
    if (cell) this.timer = setTimeout(() => this.show(cell), REST_MS);
  }

  /** Look again at what is looked at, if it is this. @param {Set<string>} keys */
  refresh(keys) {
    if (this.cell && keys.has(this.cell.dataset.key ?? "")) void this.show(this.cell);
  }

  stop() {
    clearTimeout(this.timer);
    this.cell = null;
  }

  /** @param {HTMLElement} cell */
  async show(cell) {
    const { model = "", node = "", state } = cell.dataset;
    const title = h("p", { class: "title" }, h("b", {}, model), " on ", h("b", {}, node));
    if (state === "absent") return this.put(cell, title, h("p", {}, `${node} has nothing of this model.`));
    try {
      /** @type {CellView} */
      const found = await get(`/v1/models/${part(model)}/nodes/${part(node)}`);
      this.put(
        cell,
        title,
        h("p", {}, badge(found.state), " since ", moment(found.since), " (", age(found.since), ")"),
        found.reason && h("p", { class: "why" }, found.reason),
        h("p", { class: "faint" }, `serving ${listed(found.serving)}, desired ${listed(found.desired)}`),
        found.progress && bar(found.progress),
      );
      if (cell === document.activeElement) speak(found.explain.join(" "));
    } catch (error) {
      this.put(cell, title, h("p", { class: "why" }, reason(error)));
    }
  }

  /**
   * @param {HTMLElement} cell
   * @param {...(Node | string | false | null)} children
   */
  put(cell, ...children) {
    if (cell !== this.cell || !cell.isConnected) return;
    fill(this.element, children);
    this.element.hidden = false;
    cell.setAttribute("aria-describedby", "peek");
    const box = cell.getBoundingClientRect();
    const { offsetWidth, offsetHeight, style } = this.element;
    const isBelow = box.bottom + GAP + offsetHeight < innerHeight;
    style.setProperty("left", `${Math.max(GAP, Math.min(box.left, innerWidth - offsetWidth - GAP))}px`);
    style.setProperty("top", `${isBelow ? box.bottom + GAP : Math.max(GAP, box.top - GAP - offsetHeight)}px`);
  }
}
