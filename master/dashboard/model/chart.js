/** How long each stage of a version took on each node, as bars; and as a table, for those who do not see bars. */

import { h, s } from "../base/dom.js";
import { sign } from "../base/states.js";
import { span } from "../base/times.js";
import { KINDS, waysOf } from "./stages.js";

/** @import { Timeline, Version } from "../base/types.js" */
/** @import { Way } from "./stages.js" */

const FIRST = 16;
const WIDTH = 560;
const NAME = 120;
const ROW = 24;

/**
 * @param {Timeline[]} timelines
 * @param {Version} chosen
 * @param {(version: Version) => void} choose
 */
export function chartOf(timelines, chosen, choose) {
  const timeline =
    timelines.find((one) => one.version === chosen) ?? timelines.find((one) => waysOf(one).length) ?? timelines[0];
  const ways = timeline ? waysOf(timeline) : [];
  const picks = timelines.map((one) =>
    h(
      "button",
      { class: "small", "aria-pressed": String(one === timeline), click: () => choose(one.version) },
      one.version,
    ),
  );
  return h(
    "section",
    { class: "panel way" },
    h("h2", {}, timeline ? `From upload to answer: version ${timeline.version}` : "From upload to answer"),
    picks.length > 1 && h("div", { class: "picks", role: "group", "aria-label": "Version" }, picks),
    ways.length
      ? [drawn(ways), legend(), table(ways)]
      : h("p", { class: "faint" }, "The events of these versions are no longer kept, or there have been none yet."),
    ways.length > FIRST && h("p", { class: "faint" }, `the ${FIRST} slowest of ${ways.length} nodes`),
  );
}

/** @param {Way[]} ways */
function drawn(ways) {
  const shown = ways.slice(0, FIRST);
  const longest = Math.max(0.001, ...shown.map((way) => way.end));
  const scale = (WIDTH - NAME - 70) / longest;
  const rows = shown.map((way, index) => {
    const y = index * ROW;
    const bars = way.stages.map(({ kind, start, end }) =>
      s(
        "rect",
        {
          class: `stage-${kind.name}`,
          x: NAME + start * scale,
          y: y + 4,
          width: Math.max(1, (end - start) * scale),
          height: ROW - 9,
          rx: 1.5,
        },
        s("title", {}, `${kind.words}: ${span(end - start)}`),
      ),
    );
    const words = way.trouble ? "quarantined" : span(way.end);
    return s(
      "g",
      {},
      s("text", { x: 0, y: y + 16 }, way.node.length > 16 ? `${way.node.slice(0, 15)}…` : way.node),
      ...bars,
      s("text", { x: NAME + way.end * scale + 6, y: y + 16, class: "strong" }, words),
    );
  });
  const look = { viewBox: `0 0 ${WIDTH} ${shown.length * ROW}`, class: "chart", "aria-hidden": "true" };
  return h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "chart" }, s("svg", look, ...rows));
}

function legend() {
  return h(
    "p",
    { class: "legend" },
    KINDS.map((kind) => h("span", { title: kind.words }, h("i", { class: `stage-${kind.name}` }), kind.name)),
  );
}

/** @param {Way[]} ways */
function table(ways) {
  const rows = ways.slice(0, FIRST).map((way) => {
    const took = (/** @type {string} */ name) => way.stages.find((stage) => stage.kind.name === name);
    const cells = KINDS.map(({ name }) => {
      const stage = took(name);
      return h("td", { class: "number" }, stage ? span(stage.end - stage.start) : "–");
    });
    return h(
      "tr",
      {},
      h("th", { scope: "row" }, way.node),
      cells,
      h("td", { class: "number" }, span(way.end)),
      h("td", {}, way.trouble && [sign("!"), way.trouble]),
    );
  });
  const heads = ["node", ...KINDS.map((kind) => kind.name), "in all", ""].map((name) =>
    h("th", { scope: "col", class: "number" }, name || h("span", { class: "unseen" }, "trouble")),
  );
  return h(
    "details",
    {},
    h("summary", {}, "as a table"),
    h(
      "div",
      { class: "scroll", tabindex: 0, role: "group", "aria-label": "table" },
      h("table", {}, h("thead", {}, h("tr", {}, heads)), h("tbody", {}, rows)),
    ),
  );
}
