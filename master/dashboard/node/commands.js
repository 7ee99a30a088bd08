/** What an operator can have a node do at once, each with its dry run; and forgetting a node that is gone for good. */

import { gather } from "../base/act.js";
import { part, send } from "../base/api.js";

/** @import { Action, Preview } from "../base/act.js" */
/** @import { Gathered, NodeView, Role } from "../base/types.js" */

/** @type {[string, string, string][]} name of the button, command, what it does */
const COMMANDS = [
  ["Sync", "sync", "look at the whole bucket now"],
  ["Reload", "reload", "send TensorFlow Serving its config again"],
  ["Apply retention", "retention", "remove old versions now"],
];

/**
 * @param {NodeView} node
 * @param {Role} role
 * @returns {{name: string, action: Action}[]}
 */
export function commandsFor(node, role) {
  if (role === "viewer") return [];
  const found = COMMANDS.map(([name, command, words]) => ({
    name,
    action: commandOf(node.node, name, { command, words }),
  }));
  if (role === "admin" && node.state === "lost") found.push({ name: "Forget", action: forget(node) });
  return found;
}

/**
 * @param {string} node
 * @param {string} name
 * @param {{command: string, words: string}} what
 * @returns {Action}
 */
function commandOf(node, name, { command, words }) {
  const order = (/** @type {boolean} */ isDry) => {
    return /** @type {Promise<Gathered>} */ (
      send("POST", `/v1/commands/${command}`, { nodes: [node], dry_run: isDry })
    );
  };
  return {
    title: `${name}: ${node}`,
    deed: name,
    fields: [],
    preview: async () => preview(`${node}: ${words}`, await order(true)),
    run: async () => {
      const { answers, unanswered } = await order(false);
      if (unanswered.length) throw new Error(`${unanswered.join(", ")} did not answer`);
      const failed = answers.find((answer) => answer.error);
      if (failed) throw new Error(failed.error);
      return answers.flatMap((answer) => answer.sentences).join(" ") || "Done.";
    },
  };
}

/**
 * @param {string} summary
 * @param {Gathered} gathered
 * @returns {Preview}
 */
function preview(summary, gathered) {
  const lines = gathered.answers.map((answer) => ({
    node: answer.node,
    sentences: answer.error ? [answer.error] : answer.sentences,
  }));
  const silent = gathered.unanswered.length ? `No answer from ${gathered.unanswered.join(", ")}.` : "";
  return { summary, effects: gather(lines), isNothing: false, warning: silent, token: "" };
}

/**
 * @param {NodeView} node
 * @returns {Action}
 */
function forget(node) {
  const sentences = [
    "It goes from the view of all masters, and with it the policies that are its own.",
    "If it comes back, it is there again with its first report.",
  ];
  return {
    title: `Forget: ${node.node}`,
    deed: "Forget",
    isGrave: true,
    fields: [],
    preview: async () => ({
      summary: `${node.node} is lost for good`,
      effects: [{ nodes: [node.node], sentences }],
      isNothing: false,
      warning: "",
      token: "",
    }),
    run: async () => {
      /** @type {{ dropped?: string[] } | undefined} */
      const forgotten = await send("DELETE", `/v1/nodes/${part(node.node)}`);
      const dropped = forgotten?.dropped ?? [];
      const policies = dropped.length ? ` Its own policies went with it: ${dropped.join("; ")}.` : "";
      return `${node.node} is forgotten.${policies}`;
    },
  };
}
