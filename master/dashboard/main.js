/** The page: who looks, the view of this address, and the banner that says when what is seen is not current. */

import { get, Problem, reason, signals } from "./base/api.js";
import { connection } from "./base/connection.js";
import { fill, h } from "./base/dom.js";
import { go, here, listen, moves } from "./base/router.js";
import { tick } from "./base/times.js";
import { showBanner } from "./banner.js";
import { fleet } from "./fleet/fleet.js";
import { showHead } from "./head.js";
import { history } from "./live/history.js";
import { live } from "./live/live.js";
import { model } from "./model/model.js";
import { node } from "./node/node.js";
import { signIn } from "./signin.js";

/** @import { Session } from "./base/types.js" */
/** @import { Address } from "./base/router.js" */

/** A view fills its place, and returns what ends it. @typedef {(place: HTMLElement, at: Address, session: Session) => () => void} View */

const HIDDEN_MS = 30_000; // a page that nobody sees gives its connection back: a browser has six for one master

/** @type {[RegExp, string, View][]} */
const VIEWS = [
  [/^\/$/, "Fleet", fleet],
  [/^\/models\/[^/]+$/, "Model", model],
  [/^\/nodes\/[^/]+$/, "Node", node],
  [/^\/live$/, "Live", live],
  [/^\/history$/, "History", history],
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
    show();
  } catch (error) {
    session = null;
    showHead(null, start);
    if (error instanceof Problem && error.status === 401) signIn(place, start);
    else sorry(error);
  }
}

function show() {
  if (!session) return;
  leave();
  leave = () => {};
  const at = here();
  showHead(session, start);
  const found = VIEWS.find(([path]) => path.test(at.path));
  if (!found) {
    fill(place, h("p", { class: "empty" }, "There is no such page. ", h("a", { href: "/" }, "To the fleet")));
    return;
  }
  const [, title, view] = found;
  const name = decodeURIComponent(at.path.split("/")[2] ?? "");
  document.title = name ? `${name} · model.manager` : `${title} · model.manager`;
  leave = view(place, at, session);
}

/** @param {unknown} error */
function sorry(error) {
  fill(
    place,
    h(
      "div",
      { class: "empty", role: "alert" },
      h("h1", {}, "The master does not answer"),
      h("p", {}, reason(error)),
      h("button", { click: start }, "Try again"),
    ),
  );
  setTimeout(() => session || start(), 3_000);
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
      show();
    }
  });
}

listen();
tick();
restWhileHidden();
showBanner(/** @type {HTMLElement} */ (document.getElementById("banner")));
moves.addEventListener("go", () => {
  show();
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
