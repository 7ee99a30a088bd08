import { fill, h } from "../base/dom.js";
/** @param {HTMLElement} place */
export function history(place) {
  fill(place, h("p", { class: "empty" }, "…"));
  return () => {};
}
