/** A node: its services and what they talk to, its disk, what is on its way, its models, and what happened last. */

import { ask } from "../base/act.js";
import { get, part } from "../base/api.js";
import { fill, h } from "../base/dom.js";
import { line } from "../base/events.js";
import { Parts } from "../base/parts.js";
import { refresh } from "../base/refresh.js";
import { nodeBadge, tallied } from "../base/states.js";
import { age, moment } from "../base/times.js";
import { go } from "../base/router.js";
import { commandsFor } from "./commands.js";
import { diskOf } from "./disk.js";
import { modelsTable } from "./models.js";
import { servicesTable } from "./services.js";

/** @import { Entry, HistoryPage, NodeView, Session } from "../base/types.js" */
/** @import { Address } from "../base/router.js" */

const EVENTS = 15;
const LOOK_MS = 5_000; // what is not news: the disk, the last report

/**
 * @param {HTMLElement} place
 * @param {Address} at
 * @param {Session} session
 */
export function node(place, at, session) {
  const name = decodeURIComponent(at.path.split("/")[2] ?? "");
  fill(place, h("p", { class: "wait" }, `Looking at node ${name}…`));
  const parts = new Parts(place);
  let isDrawn = false;

  async function look() {
    /** @type {[NodeView, HistoryPage]} */
    const [found, history] = await Promise.all([
      get(`/v1/nodes/${part(name)}`),
      get("/v1/history", { node: name, limit: EVENTS }),
    ]);
    if (!isDrawn) parts.clear();
    isDrawn = true;
    const { state, reason, since, cells } = found;
    parts.show("head", { node: name, state, reason, since, cells }, headOf);
    parts.show("deeds", [state, session.role], () => deedsOf(found, session, again.now));
    parts.show("disk", disks(found), diskOf);
    parts.show("services", found.services, servicesTable);
    parts.show("models", found.models, modelsTable);
    parts.show("events", history.entries, (entries) => eventsOf(name, entries));
  }

  const again = refresh({
    look,
    concerns: (news) => news.nodes.some((one) => one.node === name),
    sorry: (words) => isDrawn || fill(place, apology(name, words)),
  });
  const timer = setInterval(again.now, LOOK_MS);
  return () => {
    clearInterval(timer);
    again.stop();
  };
}

/** @param {Pick<NodeView, "node" | "state" | "reason" | "since" | "cells">} found */
function headOf(found) {
  return h(
    "div",
    { class: "title" },
    h("h1", {}, found.node),
    nodeBadge(found.state),
    h("span", { class: "faint" }, "since ", moment(found.since), " (", age(found.since), ")"),
    tallied(found.cells),
    found.reason && h("p", { class: "wrong" }, found.reason),
  );
}

/**
 * @param {NodeView} found
 * @param {Session} session
 * @param {() => void} done
 */
function deedsOf(found, session, done) {
  const finished = () => (found.state === "lost" ? go("/") : done());
  const buttons = commandsFor(found, session.role).map(({ name, action }) =>
    h("button", { title: action.title, click: () => ask(action, finished) }, name),
  );
  const nothing = h("span", { class: "faint" }, "Your role may look; commands need the role operator.");
  return h("div", { class: "deeds" }, buttons.length ? buttons : nothing);
}

/** @param {NodeView} found */
function disks(found) {
  const told = found.services.flatMap((service) => service.disk ?? []);
  return told.find((disk) => disk.models !== null) ?? told[0] ?? null; // the puller's says more than the configurator's
}

/**
 * @param {string} name
 * @param {Entry[]} entries
 */
function eventsOf(name, entries) {
  const nothing = h("p", { class: "faint" }, "No event of it is kept.");
  return h(
    "section",
    { class: "panel" },
    h("h2", {}, "What happened last"),
    entries.length ? h("ol", { class: "events" }, entries.map(line)) : nothing,
    h("p", {}, h("a", { href: `/live?node=${encodeURIComponent(name)}` }, "follow live")),
  );
}

/**
 * @param {string} name
 * @param {string} words
 */
function apology(name, words) {
  return h(
    "div",
    { class: "empty", role: "alert" },
    h("h1", {}, name),
    h("p", {}, words),
    h("a", { href: "/" }, "To the fleet"),
  );
}
