/** What is wanted of a model. */

import { h } from "../base/dom.js";
import { counted } from "../base/states.js";

/** @import { ModelView, Want } from "../base/types.js" */

/** @param {ModelView} model */
export function wanted(model) {
  const labels = Object.entries(model.labels).map(([label, version]) => `${label} → ${version}`);
  /** @type {[string, string][]} */
  const lines = [
    ["wanted", model.is_removed ? "removed: neither fetched nor served" : wish(model.want)],
    ["updates", model.is_paused ? "paused: no new version is followed" : "by themselves"],
    ["labels", labels.join(", ") || "none"],
    ["default", defaultsOf(model)],
    [
      "own policies",
      model.own_policies
        ? `${counted(model.own_policies, "node")} with a policy of their own`
        : "none: the same on all nodes",
    ],
    ["revision", model.revision ? String(model.revision) : "0: nobody has changed it"],
  ];
  return h(
    "section",
    { class: "panel" },
    h("h2", {}, "Desired state"),
    h(
      "dl",
      { class: "facts" },
      lines.map(([name, words]) => h("div", {}, h("dt", {}, name), h("dd", {}, words))),
    ),
  );
}

/**
 * What a client gets that names neither version nor label.
 * @param {ModelView} model
 */
function defaultsOf(model) {
  const [first, ...others] = model.defaults;
  if (!first) return "nothing is served";
  if (!others.length) return `version ${first.version} for clients that name none`;
  return model.defaults.map((one) => `version ${one.version} on ${counted(one.nodes, "node")}`).join(", ");
}

/** @param {Want} want */
function wish(want) {
  if (want.kind === "pinned") return `pinned to ${want.versions.join(", ")}`;
  return want.count === 1 ? "the newest version" : `the newest ${want.count} versions`;
}
