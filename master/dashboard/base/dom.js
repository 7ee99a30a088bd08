/** Elements in few words. Text is always text: nothing here reads markup. */

/** @typedef {Node | string | number | bigint | null | undefined | false} Child */
/** @typedef {Record<string, string | number | bigint | boolean | null | undefined | ((event: any) => void)>} Properties */

/**
 * Make an element. A property that is a function listens to the event of that name; the others are attributes, and
 * those that are false, null or undefined are left out.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Properties} [properties]
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  dress(element, properties);
  element.append(...shown(children));
  return element;
}

/**
 * Make an element of a drawing.
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Properties} [properties]
 * @param {...(Child | Child[])} children
 * @returns {SVGElementTagNameMap[Tag]}
 */
export function s(tag, properties = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  dress(element, properties);
  element.append(...shown(children));
  return element;
}

/**
 * Put these children in the place of what an element holds.
 * @param {Element} element
 * @param {...(Child | Child[])} children
 */
export function fill(element, ...children) {
  element.replaceChildren(...shown(children));
}

/**
 * Say something to those who do not see the page.
 * @param {string} words
 */
export function speak(words) {
  const place = document.getElementById("spoken");
  if (place) place.textContent = words;
}

/**
 * @param {Element} element
 * @param {Properties} properties
 */
function dress(element, properties) {
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
}

/**
 * @param {(Child | Child[])[]} children
 * @returns {(Node | string)[]}
 */
function shown(children) {
  const there = /** @type {(Node | string | number | bigint)[]} */ (
    children.flat().filter((child) => child !== null && child !== undefined && child !== false)
  );
  return there.map((child) => (child instanceof Node ? child : String(child)));
}
