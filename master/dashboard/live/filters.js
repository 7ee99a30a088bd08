/** Which events are shown: by model, node, version and kind. */

import { h } from "../base/dom.js";

/** @typedef {{model: string, node: string, kind: string, version: string, after: string}} Filters */

const TYPING_MS = 300;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

/** As events/messages.py lists them. */
export const KINDS = [
  "notification.received",
  "version.incomplete",
  "version.mutated",
  "download.started",
  "download.progress",
  "download.finished",
  "download.failed",
  "neighbour.lied",
  "version.verified",
  "version.published",
  "version.extended",
  "version.refused",
  "disk.no_space",
  "reload.sent",
  "reload.failed",
  "version.available",
  "smoke.passed",
  "version.served",
  "version.quarantined",
  "load.endless",
  "version.unloaded",
  "version.removed",
  "model.attested",
  "serving.lost",
  "serving.started",
  "change.made",
  "command.sent",
];

/**
 * @param {URLSearchParams} query
 * @returns {Filters}
 */
export function readFilters(query) {
  const read = (/** @type {string} */ name) => query.get(name) ?? "";
  return {
    model: read("model"),
    node: read("node"),
    kind: read("kind"),
    version: read("version"),
    after: read("after"),
  };
}

/**
 * @param {Filters} chosen
 * @param {(changes: Partial<Filters>) => void} change
 */
export function filters(chosen, change) {
  const kinds = [["", "everything"], ...KINDS.map((kind) => [kind, kind.replace(/[._]/g, " ")])];
  const options = kinds.map(([value, words]) => h("option", { value, selected: value === chosen.kind }, words));
  const turn = (/** @type {Event & {target: HTMLSelectElement}} */ event) => change({ kind: event.target.value });
  return [
    field("model", chosen.model, change),
    field("node", chosen.node, change),
    h("select", { "aria-label": "Kind of event", change: turn }, options),
    chosen.version && h("span", { class: "mark" }, `version ${chosen.version}`),
  ];
}

/**
 * @param {"model" | "node"} name
 * @param {string} value
 * @param {(changes: Partial<Filters>) => void} change
 */
export function field(name, value, change) {
  let timer = 0;
  const input = (/** @type {Event & {target: HTMLInputElement}} */ event) => {
    const typed = event.target.value.trim();
    clearTimeout(timer);
    const isWrong = typed !== "" && !NAME.test(typed);
    event.target.setAttribute("aria-invalid", String(isWrong));
    if (!isWrong) timer = setTimeout(() => change({ [name]: typed }), TYPING_MS);
  };
  return h("input", {
    type: "search",
    placeholder: `whole name of a ${name}`,
    "aria-label": `Only of this ${name}`,
    value,
    input,
  });
}
