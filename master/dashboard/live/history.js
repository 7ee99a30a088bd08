/** Who changed what, and when, with a link to what followed; or everything that happened. */

import { get, reason } from "../base/api.js";
import { fill, h } from "../base/dom.js";
import { modelPath } from "../base/router.js";
import { note } from "../base/router.js";
import { moment } from "../base/times.js";
import { field, readFilters } from "./filters.js";

/** @import { Entry, HistoryPage } from "../base/types.js" */
/** @import { Address } from "../base/router.js" */
/** @import { Filters } from "./filters.js" */

const LIMIT = 50;

/** @type {[string, string][]} */
const CHOICES = [
  ["change.made", "Changes"],
  ["command.sent", "Commands"],
  ["", "Everything"],
];

/**
 * @param {HTMLElement} place
 * @param {Address} at
 */
export function history(place, at) {
  const chosen = readFilters(at.query);
  if (!at.query.has("kind")) chosen.kind = "change.made";
  if (chosen.kind === "all") chosen.kind = "";
  const view = new History(chosen);
  fill(place, h("h1", { class: "unseen" }, "History"), view.tools, view.panel, view.nothing, view.reach, view.more);
  void view.begin();
  return () => {
    view.turn += 1;
  };
}

class History {
  /** @param {Filters} chosen */
  constructor(chosen) {
    this.chosen = chosen;
    this.turn = 0;
    /** @type {number | null} */
    this.before = null;
    this.rows = h("tbody");
    this.more = h("button", { click: () => this.read(), hidden: true }, "Older");
    this.reach = h("p", { class: "faint", role: "status", hidden: true });
    this.nothing = h("p", { class: "wait" }, "Reading the history…");
    const heads = ["when", "who", "what", "then"].map((name) => h("th", { scope: "col" }, name));
    const table = h("table", { class: "wide" }, h("thead", {}, h("tr", {}, heads)), this.rows);
    this.panel = h(
      "section",
      { class: "panel", "aria-label": "History" },
      h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "table" }, table),
    );
    const change = (/** @type {Partial<Filters>} */ changes) => this.change(changes);
    this.choices = CHOICES.map(([kind, name]) =>
      h(
        "button",
        { "aria-pressed": String(kind === chosen.kind), "data-kind": kind, click: () => this.change({ kind }) },
        name,
      ),
    );
    const group = h("div", { class: "chips", role: "group", "aria-label": "Which events" }, this.choices);
    this.tools = h(
      "div",
      { class: "tools" },
      group,
      field("model", chosen.model, change),
      field("node", chosen.node, change),
    );
  }

  /** @param {Partial<Filters>} changes */
  change(changes) {
    Object.assign(this.chosen, changes);
    const { model, node, kind } = this.chosen;
    note({ model, node, kind: kind || "all" });
    for (const button of this.choices) button.setAttribute("aria-pressed", String(button.dataset.kind === kind));
    void this.begin();
  }

  async begin() {
    this.before = null;
    fill(this.rows);
    await this.read();
  }

  async read() {
    const turn = ++this.turn;
    const { model, node, kind } = this.chosen;
    try {
      /** @type {HistoryPage} */
      const page = await get("/v1/history", { model, node, kind, before: this.before, limit: LIMIT });
      if (turn !== this.turn) return;
      this.before = page.before;
      this.rows.append(...page.entries.map(rowOf));
      this.reach.hidden = page.looked_back_to === null;
      if (page.looked_back_to) fill(this.reach, `Looked back to ${moment(page.looked_back_to)}.`);
      fill(
        this.nothing,
        page.before
          ? "Nothing of this kind so far."
          : "Nothing of this kind is in the history, which goes back 30 days.",
      );
    } catch (error) {
      if (turn === this.turn) fill(this.nothing, `The history cannot be read: ${reason(error)}`);
    }
    this.nothing.hidden = this.rows.children.length > 0;
    this.panel.hidden = !this.nothing.hidden;
    this.more.hidden = this.before === null;
  }
}

/** @param {Entry} entry */
function rowOf(entry) {
  const actor = entry.data.actor;
  const query = new URLSearchParams({ ...(entry.model ? { model: entry.model } : {}), after: String(entry.sequence) });
  return h(
    "tr",
    {},
    h("td", {}, moment(entry.time)),
    h(
      "td",
      {},
      typeof actor === "string" && actor
        ? h("b", {}, actor)
        : h("span", { class: "faint" }, `${entry.node} ${entry.service}`),
    ),
    h(
      "td",
      {},
      entry.sentence,
      entry.model && [" ", h("a", { href: modelPath(entry.model), class: "faint" }, entry.model)],
    ),
    h("td", {}, h("a", { href: `/live?${query}` }, "what followed")),
  );
}
