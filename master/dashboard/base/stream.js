/**
 * Server-sent events, read from an answer rather than by EventSource: that one shows neither the comments by which a
 * silent connection is told from a dead one, nor why it was refused.
 */

import { check, PREFIX, Problem, reason } from "./api.js";
import { connection } from "./connection.js";
import { read as readJson } from "./json.js";

const SILENT_MS = 12_000; // the master says something every 5 s
const FIRST_PAUSE_MS = 250;
const MAX_PAUSE_MS = 4_000;

/** @typedef {{event: string, id: string, data: string}} Message */

/**
 * Follow a stream until stopped; a break is mended, and the stream goes on behind its last event.
 * @param {string} url
 * @param {(message: Message) => void} take
 * @returns {() => void} stop
 */
export function follow(url, take) {
  const stopping = new AbortController();
  const line = { last: "", pause: FIRST_PAUSE_MS };
  void run(url, take, line, stopping.signal);
  return () => stopping.abort();
}

/**
 * @param {string} url
 * @param {(message: Message) => void} take
 * @param {{last: string, pause: number}} line
 * @param {AbortSignal} signal
 */
async function run(url, take, line, signal) {
  while (!signal.aborted) {
    try {
      await listen(url, take, line, signal);
    } catch (error) {
      if (signal.aborted || (error instanceof Problem && error.status === 401)) return;
      connection.lose(reason(error));
    }
    await wait(line.pause, signal);
    line.pause = Math.min(line.pause * 2, MAX_PAUSE_MS);
  }
}

/**
 * @param {string} url
 * @param {(message: Message) => void} take
 * @param {{last: string, pause: number}} line
 * @param {AbortSignal} signal
 */
async function listen(url, take, line, signal) {
  const silence = new AbortController();
  let timer = setTimeout(() => silence.abort(), SILENT_MS);
  try {
    const headers = line.last ? { "Last-Event-ID": line.last } : undefined;
    const answer = await fetch(PREFIX + url, { headers, signal: AbortSignal.any([signal, silence.signal]) });
    await check(answer);
    if (!answer.body) throw new Problem(0, "the master does not answer");
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) throw new Problem(0, "the master ended the connection");
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), SILENT_MS);
      connection.hear();
      line.pause = FIRST_PAUSE_MS;
      const frames = (rest + value).split("\n\n");
      rest = frames.pop() ?? "";
      for (const message of frames.map(read)) hand(message, take, line);
    }
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw new Problem(0, silence.signal.aborted ? "the master has fallen silent" : "the master does not answer");
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Hand a message on; what the master says of itself is for the connection.
 * @param {Message} message
 * @param {(message: Message) => void} take
 * @param {{last: string}} line
 */
function hand(message, take, line) {
  if (message.id) line.last = message.id;
  if (message.event === "stale") connection.stale(readJson(message.data));
  else if (message.event === "fresh") connection.fresh();
  else if (message.event !== "end" && message.data) take(message);
}

/**
 * @param {string} frame
 * @returns {Message}
 */
function read(frame) {
  const message = { event: "message", id: "", data: "" };
  for (const line of frame.split("\n")) {
    const [, name, value] = /^(\w+): (.*)$/.exec(line) ?? [];
    if (name === "event" || name === "id" || name === "data") message[name] = value ?? "";
  }
  return message;
}

/**
 * @param {number} milliseconds
 * @param {AbortSignal} signal
 */
function wait(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve(undefined);
    });
  });
}
