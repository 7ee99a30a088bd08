/** The page: who looks, the view of this address, and the banner that says when what is seen is not current. */

import { get, Problem, reason, signals } from "./base/api.js";
import { connection } from "./base/connection.js";
import { fill, h } from "./base/dom.js";
import { go, here, listen, moves } from "./base/router.js";
import { tick } from "./base/times.js";
import { showBanner } from "./banner.js";
import { showHead } from "./head.js";

/** @import { Session } from "./base/types.js" */
/** @import { Address } from "./base/router.js" */

/** A view fills its place, and returns what ends it. @typedef {(place: HTMLElement, at: Address, session: Session) => () => void} View */

const RETRY_MS = 3_000;
const HIDDEN_MS = 30_000; // a page that nobody sees gives its connection back: a browser has six for one master

/** The views are loaded when they are gone to. @type {[RegExp, string, () => Promise<View>][]} */
const VIEWS = [
  [/^\/$/, "Fleet", async () => (await import("./fleet/fleet.js")).fleet],
  [/^\/models\/[^/]+$/, "Model", async () => (await import("./model/model.js")).model],
  [/^\/nodes\/[^/]+$/, "Node", async () => (await import("./node/node.js")).node],
  [/^\/live$/, "Live", async () => (await import("./live/live.js")).live],
  [/^\/history$/, "History", async () => (await import("./live/history.js")).history],
];

const place = /** @type {HTMLElement} */ (document.getElementById("view"));
let leave = () => {};
/** @type {Session | null} */
let session = null;

async function start() {
  leave();
  leave = () => {};
  try {
    session = await get("/v1/session");
    connection.reset();
    await show();
  } catch (error) {
    session = null;
    showHead(null, start);
    if (error instanceof Problem && error.status === 401) (await import("./signin.js")).signIn(place, start);
    else sorry(error, start);
  }
}

async function show() {
  if (!session) return;
  leave();
  leave = () => {};
  const viewer = session;
  const at = here();
  showHead(viewer, start);
  const found = VIEWS.find(([path]) => path.test(at.path));
  if (!found) {
    fill(place, h("p", { class: "empty" }, "There is no such page. ", h("a", { href: "/" }, "To the fleet")));
    return;
  }
  const [, title, load] = found;
  const name = decodeURIComponent(at.path.split("/")[2] ?? "");
  document.title = name ? `${name} · model.manager` : `${title} · model.manager`;
  try {
    const view = await load();
    if (session === viewer && here().path === at.path) leave = view(place, at, viewer);
  } catch (error) {
    sorry(error, show);
  }
}

/**
 * Say that there is nothing to be seen, and try again.
 * @param {unknown} error
 * @param {() => void} again
 */
function sorry(error, again) {
  const timer = setTimeout(again, RETRY_MS);
  leave = () => clearTimeout(timer);
  const now = () => {
    clearTimeout(timer);
    again();
  };
  const words = [h("h1", {}, "The master does not answer"), h("p", {}, reason(error))];
  fill(place, h("div", { class: "empty", role: "alert" }, words, h("button", { click: now }, "Try again")));
}

/** Give the connection back while nobody looks, and look anew when somebody does. */
function restWhileHidden() {
  let timer = 0;
  let isResting = false;
  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (document.hidden) {
      timer = setTimeout(() => {
        isResting = session !== null;
        if (isResting) leave();
        leave = () => {};
      }, HIDDEN_MS);
    } else if (isResting) {
      isResting = false;
      void show();
    }
  });
}

listen();
tick();
restWhileHidden();
showBanner(/** @type {HTMLElement} */ (document.getElementById("banner")));
moves.addEventListener("go", () => {
  void show();
  place.focus({ preventScroll: true });
  scrollTo(0, 0);
});
signals.addEventListener("signed-out", () => session && start());
document.addEventListener("keydown", (event) => {
  const isTyping = event.target instanceof Element && event.target.closest("input, select, textarea, dialog");
  const path = { f: "/", l: "/live", h: "/history" }[event.key];
  if (path && session && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) go(path);
});
void start();
