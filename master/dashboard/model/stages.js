/** The stages of a version on a node, from its moments. Pure. */

/** @import { NodeTimeline, Timeline } from "../base/types.js" */

/**
 * @typedef {{name: string, words: string}} Kind
 * @typedef {{kind: Kind, start: number, end: number}} Stage seconds since the upload ended
 * @typedef {{node: string, stages: Stage[], end: number, trouble: string}} Way
 */

/** @type {[keyof NodeTimeline, Kind][]} what ends at which moment */
const ENDS = [
  ["notified", { name: "hear", words: "until the notification came" }],
  ["download_started", { name: "check", words: "looking what is complete and wanted" }],
  ["published", { name: "fetch", words: "fetching, verifying, publishing on disk" }],
  ["available", { name: "load", words: "TensorFlow Serving loads it" }],
  ["served", { name: "confirm", words: "its sample, labels, confirmation" }],
];

export const KINDS = ENDS.map(([, kind]) => kind);

/**
 * @param {Timeline} timeline
 * @returns {Way[]} the slowest first
 */
export function waysOf(timeline) {
  const ways = timeline.nodes.map((node) => wayOf(node, timeline.uploaded));
  return ways.filter((way) => way.stages.length || way.trouble).sort((one, other) => other.end - one.end);
}

/**
 * @param {NodeTimeline} node
 * @param {string | null} uploaded
 * @returns {Way}
 */
function wayOf(node, uploaded) {
  const moments = ENDS.flatMap(([name, kind]) => {
    const at = node[name];
    return typeof at === "string" ? [{ kind, at: Date.parse(at) }] : [];
  });
  const zero = uploaded ? Date.parse(uploaded) : moments[0]?.at;
  if (zero === undefined) return { node: node.node, stages: [], end: 0, trouble: node.reason };
  let before = zero;
  const stages = moments.map(({ kind, at }) => {
    const stage = { kind, start: (before - zero) / 1000, end: Math.max(before, at) / 1000 - zero / 1000 };
    before = Math.max(before, at);
    return stage;
  });
  return { node: node.node, stages, end: stages.at(-1)?.end ?? 0, trouble: node.quarantined ? node.reason : "" };
}
