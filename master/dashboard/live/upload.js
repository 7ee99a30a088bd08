/** One upload on every node: heard of, on its way, on disk, available, served; or why not. */

import { get, part } from "../base/api.js";
import { fill, h } from "../base/dom.js";
import { bar } from "../base/progress.js";
import { modelPath, nodePath } from "../base/router.js";
import { moment, span } from "../base/times.js";

/** @import { CellView, Entry, NodeTimeline, Progress, Timeline } from "../base/types.js" */

const PAUSE_MS = 300;
const LOOK_MS = 1_500; // between looks at a transfer
const NODES = 60;

/** @type {[keyof NodeTimeline, string][]} */
const STEPS = [
  ["notified", "heard"],
  ["download_started", "fetching"],
  ["published", "on disk"],
  ["available", "available"],
  ["served", "served"],
];

export class Upload {
  /**
   * @param {string} model
   * @param {string} version
   */
  constructor(model, version) {
    this.model = model;
    this.version = version;
    this.timer = 0;
    this.isStopped = false;
    /** @type {Map<string, Progress>} */
    this.transfers = new Map();
    this.rows = h("div", { class: "upload", role: "list" });
    this.head = h("h2", {}, "Upload");
    this.element = h("section", { class: "panel", "aria-label": "Upload" }, this.head, this.rows);
    void this.look();
  }

  stop() {
    this.isStopped = true;
    clearTimeout(this.timer);
  }

  /** @param {Entry} entry */
  take(entry) {
    if (entry.model === this.model && String(entry.version) === this.version) this.soon(PAUSE_MS);
  }

  /** @param {number} pause */
  soon(pause) {
    clearTimeout(this.timer);
    if (!this.isStopped) this.timer = setTimeout(() => this.look(), pause);
  }

  async look() {
    try {
      /** @type {Timeline} */
      const timeline = await get(`/v1/models/${part(this.model)}/versions/${this.version}`);
      const moving = timeline.nodes.filter((node) => node.download_started && !node.published && !node.quarantined);
      await this.lookAtTransfers(moving.slice(0, NODES));
      this.draw(timeline);
      this.soon(moving.length ? LOOK_MS / 2 : LOOK_MS * 2);
    } catch {
      this.soon(LOOK_MS); // the connection's own banner says what is wrong
    }
  }

  /** @param {NodeTimeline[]} nodes */
  async lookAtTransfers(nodes) {
    this.transfers.clear();
    const path = `/v1/models/${part(this.model)}/nodes/`;
    const looks = nodes.map(async ({ node }) => {
      /** @type {CellView} */
      const cell = await get(path + part(node));
      const progress = cell.versions.find((one) => String(one.version) === this.version)?.progress;
      if (progress) this.transfers.set(node, progress);
    });
    await Promise.allSettled(looks);
  }

  /** @param {Timeline} timeline */
  draw(timeline) {
    const { nodes, uploaded } = timeline;
    const served = nodes.filter((node) => node.served).length;
    const words = nodes.length
      ? `served on ${served} of ${nodes.length} nodes that have seen it`
      : "no node has seen it yet";
    const when = uploaded ? [", uploaded ", moment(uploaded)] : [];
    const name = h("a", { href: modelPath(this.model) }, this.model);
    fill(this.head, "Upload of ", name, ` version ${this.version}: ${words}`, ...when);
    fill(
      this.rows,
      nodes.slice(0, NODES).map((node) => this.row(node, uploaded)),
    );
  }

  /**
   * @param {NodeTimeline} node
   * @param {string | null} uploaded
   */
  row(node, uploaded) {
    const steps = STEPS.map(([name, words]) => {
      const at = node[name];
      const since =
        typeof at === "string" && uploaded ? ` +${span((Date.parse(at) - Date.parse(uploaded)) / 1000)}` : "";
      return h(
        "span",
        { class: at ? "step is-done" : "step", title: at ? String(at) : null },
        at ? "✓ " : "",
        words,
        since,
      );
    });
    const progress = this.transfers.get(node.node);
    const trouble = node.quarantined && !node.served ? node.reason || "quarantined" : "";
    return h(
      "div",
      { role: "listitem" },
      h("a", { href: nodePath(node.node) }, node.node),
      h("span", { class: "steps" }, steps),
      node.signed_by && h("span", { class: "faint" }, madeBy(node)),
      progress && bar(progress),
      trouble && h("span", { class: "wrong" }, trouble),
    );
  }
}

/** @param {NodeTimeline} node */
function madeBy(node) {
  return `signed by ${[node.signed_by, node.provenance].filter(Boolean).join(", ")}`;
}
