/** Whether everything is as desired, in a sentence, and if not what is wrong, worst first. */

import { h } from "../base/dom.js";
import { modelPath, nodePath } from "../base/router.js";
import { counted, sign } from "../base/states.js";

/** @import { Overview } from "../base/types.js" */

const FIRST = 3;
const UTC = /(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) UTC/g;

/**
 * @param {Overview} overview
 * @param {boolean} isWhole show all sentences, not the first alone
 * @param {() => void} turn
 */
export function verdict(overview, isWhole, turn) {
  const { lost, troubled, well } = overview.nodes;
  const size = `${counted(overview.models, "model")} on ${counted(lost + troubled + well, "node")}`;
  if (!overview.sentences.length) {
    const words = overview.models ? `Everything is as desired: ${size}.` : `Nothing is served yet: ${size}.`;
    return h("div", { class: "verdict is-good" }, h("h1", {}, sign("✓"), words));
  }
  const shown = isWhole ? overview.sentences : overview.sentences.slice(0, FIRST);
  const more = overview.sentences.length - shown.length;
  return h(
    "div",
    { class: "verdict is-bad" },
    h("h1", {}, sign("!"), "Not as desired", h("span", { class: "size" }, size)),
    h(
      "ol",
      {},
      shown.map((words) => h("li", {}, linked(words))),
    ),
    (more > 0 || isWhole) &&
      h(
        "button",
        { class: "quiet", click: turn, "aria-expanded": String(isWhole) },
        isWhole ? "Show the first alone" : `Show ${more} more`,
      ),
  );
}

/**
 * Link what a sentence is about, and put its times into the viewer's zone.
 * @param {string} words
 */
export function linked(words) {
  const [, kind, name, rest] = /^(Node|Model) (\S+) (is .*)$/s.exec(words) ?? [];
  if (!kind || !name || !rest) return [local(words)];
  const path = kind === "Node" ? nodePath(name) : modelPath(name);
  return [`${kind} `, h("a", { href: path }, name), ` ${local(rest)}`];
}

/** @param {string} words */
function local(words) {
  return words.replace(UTC, (_, day, clock) => {
    const at = new Date(`${day}T${clock}Z`);
    const isToday = at.toDateString() === new Date().toDateString();
    return isToday ? at.toLocaleTimeString() : at.toLocaleString();
  });
}
