/** Events in words, as lines of a list. */

import { h } from "./dom.js";
import { modelPath, nodePath } from "./router.js";
import { moment } from "./times.js";

/** @import { Entry, Version } from "./types.js" */

/** Which look an event has, by the first fit. @type {[RegExp, string, string][]} */
const LOOKS = [
  [/failed|quarantined|endless|refused|lost|no_space/, "failed", "×"],
  [/incomplete|mutated/, "behind", "–"],
  [/^change|^command/, "quarantined", "✎"],
  [/served|available|passed|attested|serving.started/, "serving", "•"],
  [/./, "updating", "↑"],
];

/** @param {Entry} entry */
export function line(entry) {
  const [, look, sign] = LOOKS.find(([kind]) => kind.test(entry.kind)) ?? LOOKS[4] ?? [/./, "updating", ""];
  return h(
    "li",
    { class: "event", "data-sequence": entry.sequence },
    moment(entry.time),
    h("span", { class: `badge is-${look}`, "aria-hidden": "true" }, sign),
    h("span", { class: "words" }, entry.sentence, h("span", { class: "kind" }, entry.kind)),
    h("span", { class: "about" }, about(entry)),
  );
}

/** @param {Entry} entry */
function about(entry) {
  return [
    entry.model && h("a", { href: modelPath(entry.model) }, entry.model),
    entry.service === "master" ? null : h("a", { href: nodePath(entry.node) }, entry.node),
    entry.model && entry.version !== null && entry.kind === "notification.received"
      ? h("a", { href: followPath(entry.model, entry.version) }, "follow")
      : null,
  ];
}

/**
 * @param {string} model
 * @param {Version} version
 */
export function followPath(model, version) {
  return `/live?model=${encodeURIComponent(model)}&version=${version}`;
}
