/** The versions of a model: uploaded when, on how many nodes in which stage, and what can be done with each. */

import { h } from "../base/dom.js";
import { followPath } from "../base/events.js";
import { span, moment } from "../base/times.js";

/** @import { ModelView, Timeline, Version, VersionSpread } from "../base/types.js" */

const FIRST = 20;

/**
 * @param {ModelView} model
 * @param {Timeline[]} timelines
 * @param {(version: VersionSpread) => Element} deedsOf
 */
export function versionsTable(model, timelines, deedsOf) {
  const told = new Map(timelines.map((one) => [one.version, one]));
  const shown = model.versions.slice(0, FIRST);
  const isSigned = shown.some((version) => version.signed_by.length);
  const rows = shown.map((version) => {
    const life = told.get(version.version);
    const title = "follow it from upload to answer";
    const link = h("a", { href: followPath(model.model, version.version), title }, version.version);
    const uploaded = life?.uploaded ? moment(life.uploaded) : h("span", { class: "faint" }, "–");
    return h(
      "tr",
      {},
      h("th", { scope: "row" }, link, labelsOn(model.labels, version.version)),
      h("td", {}, uploaded, took(life)),
      h("td", {}, stages(version)),
      isSigned && h("td", {}, signers(version)),
      h("td", { class: "actions" }, deedsOf(version)),
    );
  });
  const head = ["version", "uploaded", "nodes", ...(isSigned ? ["signed by"] : []), ""].map((name) =>
    h("th", { scope: "col" }, name || h("span", { class: "unseen" }, "actions")),
  );
  const more = model.versions.length - FIRST;
  return h(
    "section",
    { class: "panel versions" },
    h("h2", {}, "Versions"),
    rows.length
      ? h(
          "div",
          { class: "scroll", tabindex: 0, role: "group", "aria-label": "table" },
          h("table", {}, h("thead", {}, h("tr", {}, head)), h("tbody", {}, rows)),
        )
      : h("p", { class: "faint" }, "No node has a version of it."),
    more > 0 && h("p", { class: "faint" }, `and ${more} older ones`),
  );
}

/** @param {VersionSpread} version */
function stages(version) {
  /** @type {[string, number, string][]} */
  const found = [
    ["serving", version.serving, "serving"],
    ["kept on disk", version.on_disk - version.serving, "absent"],
    ["fetching", version.fetching, "updating"],
    ["failed", version.failed, "failed"],
    ["quarantined", version.quarantined, "quarantined"],
  ];
  const shown = found.filter(([, count]) => count > 0);
  if (!shown.length) return h("span", { class: "faint" }, "in the bucket only");
  return h(
    "span",
    { class: "tallies" },
    shown.map(([name, count, look]) => h("span", { class: `badge is-${look}` }, `${count} ${name}`)),
  );
}

/** @param {VersionSpread} version */
function signers(version) {
  if (!version.signed_by.length) return h("span", { class: "faint" }, "nobody known");
  const built = version.provenance.map((words) => h("div", { class: "faint" }, words));
  return [h("div", {}, version.signed_by.join(", ")), ...built];
}

/**
 * @param {Record<string, Version>} labels
 * @param {Version} version
 */
function labelsOn(labels, version) {
  return Object.entries(labels)
    .filter(([, one]) => one === version)
    .map(([label]) => h("span", { class: "mark", title: "label" }, label));
}

/** @param {Timeline | undefined} life */
function took(life) {
  const seconds = (life?.nodes ?? []).flatMap((node) =>
    node.seconds_to_serve === null ? [] : [node.seconds_to_serve],
  );
  if (!seconds.length) return null;
  return h(
    "span",
    { class: "faint", title: "from the end of the upload until the last node served it" },
    ` served after ${span(Math.max(...seconds))}`,
  );
}
