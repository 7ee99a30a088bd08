/** A model: its versions, how long the newest took, what is wanted, how it is on each node, and what can be done. */

import { ask } from "../base/act.js";
import { get, part } from "../base/api.js";
import { fill, h } from "../base/dom.js";
import { line } from "../base/events.js";
import { Parts } from "../base/parts.js";
import { refresh } from "../base/refresh.js";
import { badge, tallied } from "../base/states.js";
import { actionsFor } from "./actions.js";
import { chartOf } from "./chart.js";
import { nodesTable } from "./nodes.js";
import { versionsTable } from "./versions.js";
import { wanted } from "./wanted.js";

/** @import { Action } from "../base/act.js" */
/** @import { CellRow, Entry, HistoryPage, ModelView, Page, Session, Timeline, Version } from "../base/types.js" */
/** @import { Address } from "../base/router.js" */

const TIMELINES = 3; // versions whose way is told
const NODES = 100;
const MORE_NODES = 400;
const EVENTS = 12;

/**
 * @param {HTMLElement} place
 * @param {Address} at
 * @param {Session} session
 */
export function model(place, at, session) {
  const view = new Model(place, at, session);
  fill(place, h("p", { class: "wait" }, `Looking at model ${view.name}…`));
  place.className = "is-model";
  return () => {
    place.className = "";
    view.again.stop();
  };
}

class Model {
  /**
   * @param {HTMLElement} place
   * @param {Address} at
   * @param {Session} session
   */
  constructor(place, at, session) {
    this.name = decodeURIComponent(at.path.split("/")[2] ?? "");
    this.marked = at.query.get("node") ?? "";
    this.mayAct = session.role !== "viewer";
    /** @type {Version} */
    this.chosen = -1; // version whose way is shown; -1: the newest
    this.limit = NODES;
    this.place = place;
    this.parts = new Parts(place);
    this.isDrawn = false;
    this.again = refresh({
      look: () => this.look(),
      concerns: (news) => news.models.some((one) => one.model === this.name),
      sorry: (words) => this.isDrawn || this.apologize(words),
    });
  }

  async look() {
    const path = `/v1/models/${part(this.name)}`;
    /** @type {[ModelView, Page<CellRow>, HistoryPage]} */
    const [found, cells, history] = await Promise.all([
      get(path),
      get(`${path}/nodes`, { limit: this.limit }),
      get("/v1/history", { model: this.name, limit: EVENTS }),
    ]);
    const newest = found.versions.slice(0, TIMELINES);
    /** @type {Timeline[]} */
    const timelines = await Promise.all(newest.map((one) => get(`${path}/versions/${one.version}`)));
    if (!this.isDrawn) this.parts.clear();
    this.isDrawn = true;
    this.draw(found, timelines);
    this.parts.show("nodes", cells, () => nodesTable(cells, { marked: this.marked, more: () => this.more() }));
    this.parts.show("events", history.entries, (entries) => this.events(entries));
  }

  /**
   * @param {ModelView} found
   * @param {Timeline[]} timelines
   */
  draw(found, timelines) {
    const act = (/** @type {Action} */ action) => ask(action, this.again.now);
    const actions = actionsFor(found, this.mayAct);
    this.parts.show("head", found, headOf);
    this.parts.show("deeds", found, () => deedsOf(actions.general, act));
    this.parts.show("versions", [found, timelines], () =>
      versionsTable(found, timelines, (one) => deedsOf(actions.ofVersion(one), act, "small")),
    );
    this.parts.show("chart", [timelines, this.chosen], () => {
      return chartOf(timelines, this.chosen, (version) => {
        this.chosen = version;
        this.draw(found, timelines);
      });
    });
    this.parts.show("wanted", found, wanted);
  }

  more() {
    this.limit = Math.min(500, this.limit + MORE_NODES);
    this.again.now();
  }

  /** @param {Entry[]} entries */
  events(entries) {
    const query = `?model=${encodeURIComponent(this.name)}`;
    const links = [
      h("a", { href: `/live${query}` }, "follow live"),
      " · ",
      h("a", { href: `/history${query}` }, "who changed what"),
    ];
    return h(
      "section",
      { class: "panel" },
      h("h2", {}, "What happened last"),
      h("ol", { class: "events" }, entries.map(line)),
      h("p", {}, links),
    );
  }

  /** @param {string} words */
  apologize(words) {
    const home = h("a", { href: "/" }, "To the fleet");
    fill(this.place, h("div", { class: "empty", role: "alert" }, h("h1", {}, this.name), h("p", {}, words), home));
  }
}

/** @param {ModelView} found */
function headOf(found) {
  const marks = [found.is_paused && "paused", found.is_removed && "removed"];
  return h(
    "div",
    { class: "title" },
    h("h1", {}, found.model),
    badge(found.state),
    tallied(found.cells),
    marks.map((mark) => mark && h("span", { class: "mark" }, mark)),
  );
}

/**
 * @param {{name: string, action: Action}[]} deeds
 * @param {(action: Action) => void} act
 * @param {string} [look]
 */
function deedsOf(deeds, act, look = "") {
  const buttons = deeds.map(({ name, action }) =>
    h("button", { class: look, title: action.title, click: () => act(action) }, name),
  );
  const nothing = look ? null : h("span", { class: "faint" }, "Your role may look; changes need the role operator.");
  return h("div", { class: "deeds" }, buttons.length ? buttons : nothing);
}
