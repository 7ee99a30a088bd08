/** Parts of a view, each drawn anew only when what it shows is otherwise: focus and open details stay. */

export class Parts {
  /** @param {HTMLElement} place */
  constructor(place) {
    this.place = place;
    /** @type {Map<string, {element: Element, shown: string}>} */
    this.parts = new Map();
  }

  /**
   * Show a part, made of these values; new parts come at the end.
   * @template T
   * @param {string} name
   * @param {T} values
   * @param {(values: T) => Element} make
   */
  show(name, values, make) {
    const shown = JSON.stringify(values);
    const before = this.parts.get(name);
    if (before?.shown === shown && before.element.isConnected) return;
    const element = make(values);
    if (before?.element.isConnected) before.element.replaceWith(element);
    else this.place.append(element);
    this.parts.set(name, { element, shown });
  }

  /** Begin anew with an empty place. */
  clear() {
    this.place.replaceChildren();
    this.parts.clear();
  }
}
