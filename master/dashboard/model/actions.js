/** What an operator can do to a model: changes of desired state, each with its dry run. */

import { gather } from "../base/act.js";
import { part, send } from "../base/api.js";
import { whole } from "../base/json.js";

/** @import { Action, Field, Preview, Values } from "../base/act.js" */
/** @import { Made, ModelView, Version, VersionSpread } from "../base/types.js" */

/** A change as the API takes it. @typedef {{kind: string} & Record<string, unknown>} Change */

/** How a change is made of what is set. @typedef {{make: (values: Values) => Change, fields?: Field[]}} Making */

/** @type {Field} */
const NODES = { name: "nodes", label: "On nodes", value: "", hint: "all; or names, separated by commas" };

/** A button, and what it asks. @typedef {{name: string, action: Action}} Deed */

/**
 * @param {ModelView} model
 * @param {boolean} mayAct
 * @returns {{general: Deed[], ofVersion: (version: VersionSpread) => Deed[]}}
 */
export function actionsFor(model, mayAct) {
  if (!mayAct) return { general: [], ofVersion: () => [] };
  return { general: generalOf(model), ofVersion: (version) => deedsOf(model, version) };
}

/**
 * @param {ModelView} model
 * @returns {Deed[]}
 */
function generalOf(model) {
  const { model: name, is_paused: isPaused, is_removed: isRemoved } = model;
  const versions = model.versions.map((one) => one.version);
  const deed = (/** @type {string} */ label, /** @type {Making} */ making) => {
    return { name: label, action: actionOf(name, label, making) };
  };
  const label = { name: "label", label: "Label", value: "", hint: "such as stable or canary" };
  const count = { name: "count", label: "Older versions", value: "", hint: "each node's own setting" };
  const remove = deed("Remove", { make: () => ({ kind: "remove_model" }) });
  remove.action.isGrave = true;
  return [
    deed("Roll back", {
      make: (values) => ({ kind: "rollback", version: numbered(values.version) }),
      fields: [choice(versions, "the one served before")],
    }),
    ...(model.want.kind === "latest" ? [] : [deed("Follow the newest", { make: () => ({ kind: "unpin", count: 1 }) })]),
    isPaused
      ? deed("Resume", { make: () => ({ kind: "resume" }) })
      : deed("Pause", { make: () => ({ kind: "pause" }) }),
    deed("Label", {
      make: (values) => ({ kind: "label", label: values.label, version: numbered(values.version) }),
      fields: [label, choice(versions, "none: take the label away")],
    }),
    deed("Retention", { make: (values) => ({ kind: "retention", count: numbered(values.count) }), fields: [count] }),
    isRemoved ? deed("Restore", { make: () => ({ kind: "restore" }) }) : remove,
  ];
}

/**
 * @param {ModelView} model
 * @param {VersionSpread} version
 * @returns {Deed[]}
 */
function deedsOf(model, { version, quarantined, on_disk: onDisk }) {
  const deed = (/** @type {string} */ name, /** @type {Change} */ change) => {
    return { name, action: actionOf(model.model, `${name} version ${version}`, { make: () => change }) };
  };
  const remove = deed("Remove", { kind: "remove_version", version });
  remove.action.isGrave = true;
  return [
    ...(quarantined ? [deed("Retry", { kind: "retry", version })] : []),
    deed("Pin", { kind: "pin", versions: [version] }),
    ...(onDisk ? [] : [deed("Keep ready", { kind: "pull", version })]),
    remove,
  ];
}

/**
 * @param {string} model
 * @param {string} words
 * @param {Making} making
 * @returns {Action}
 */
function actionOf(model, words, { make, fields = [] }) {
  const path = `/v1/models/${part(model)}/changes`;
  const key = crypto.randomUUID?.() ?? String(Math.random());
  const body = (/** @type {Values} */ values, /** @type {boolean} */ isDry) => {
    const nodes = (values.nodes ?? "").split(/[\s,]+/).filter(Boolean);
    return { change: make(values), nodes: nodes.length ? nodes : null, dry_run: isDry };
  };
  return {
    title: `${words}: ${model}`,
    deed: words,
    fields: [...fields, NODES],
    preview: async (values) => preview(await send("POST", path, body(values, true))),
    run: async (values, revision) => {
      /** @type {Made} */
      const made = await send("POST", path, body(values, false), {
        "If-Match": `"${revision}"`,
        "Idempotency-Key": `${key}-${revision}`,
      });
      return `Done: ${made.summary}.`;
    },
  };
}

/**
 * @param {Made} made
 * @returns {Preview}
 */
function preview(made) {
  return {
    summary: made.summary,
    effects: gather(made.nodes),
    isNothing: !made.is_changed,
    warning: "",
    token: String(made.revision_before),
  };
}

/**
 * @param {Version[]} versions
 * @param {string} none
 * @returns {Field}
 */
function choice(versions, none) {
  const options = versions.map((one) => /** @type {[string, string]} */ ([String(one), String(one)]));
  return { name: "version", label: "Version", value: "", options: [["", none], ...options] };
}

/** @param {string | undefined} text */
function numbered(text) {
  return text ? whole(text) : null;
}
