/** Parts of a view, each drawn anew only when what it shows is otherwise: focus and open details stay. */

import { write } from "./json.js";

/** @typedef {Element & HTMLOrSVGElement} Focusable */

export class Parts {
  /** @param {HTMLElement} place */
  constructor(place) {
    this.place = place;
    /** @type {Map<string, {element: Element, shown: string}>} */
    this.parts = new Map();
    /** What is drawn when nothing of the part is pressed any more. @type {Map<string, () => void>} */
    this.waiting = new Map();
  }

  /**
   * Show a part, made of these values; new parts come at the end. While a part is pressed it stays as it is: a click
   * happens only on what is there from the press to the release.
   * @template T
   * @param {string} name
   * @param {T} values
   * @param {(values: T) => Element} make
   */
  show(name, values, make) {
    const known = this.parts.get(name);
    const before = known?.element.isConnected ? known : null;
    if (before?.element.matches(":active")) {
      this.wait(name, () => this.show(name, values, make));
      return;
    }
    this.waiting.delete(name);
    const shown = write(values);
    if (before?.shown === shown) return;
    const element = make(values);
    if (before) exchange(before.element, element);
    else this.place.append(element);
    this.parts.set(name, { element, shown });
  }

  /**
   * @param {string} name
   * @param {() => void} show
   */
  wait(name, show) {
    const isFirst = !this.waiting.has(name);
    this.waiting.set(name, show);
    if (isFirst) requestAnimationFrame(() => this.goOn(name));
  }

  /** @param {string} name */
  goOn(name) {
    const show = this.waiting.get(name);
    this.waiting.delete(name);
    if (this.parts.get(name)?.element.isConnected) show?.();
  }

  /** Begin anew with an empty place. */
  clear() {
    this.place.replaceChildren();
    this.parts.clear();
  }
}

/**
 * Put an element in the place of another; what had the focus has it again if it is there again.
 * @param {Element} before
 * @param {Element} after
 */
function exchange(before, after) {
  const focused = /** @type {Focusable | null} */ (document.activeElement);
  const had = focused && before.contains(focused) ? focused : null;
  before.replaceWith(after);
  if (!had) return;
  const candidates = [...after.querySelectorAll(had.localName)];
  const isAlike = (/** @type {Element} */ one) =>
    one.textContent === had.textContent && one.getAttribute("title") === had.getAttribute("title");
  const alike = candidates.length === 1 ? candidates[0] : candidates.find(isAlike);
  /** @type {Focusable | undefined} */ (alike)?.focus({ preventScroll: true });
}
