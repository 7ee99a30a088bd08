import { fill, h } from "../base/dom.js";
/** @param {HTMLElement} place */
export function node(place) {
  fill(place, h("p", { class: "empty" }, "…"));
  return () => {};
}
