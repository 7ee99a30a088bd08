/** The head of the page: the views, who looks, light or dark. */

import { reason, send } from "./base/api.js";
import { fill, h, speak } from "./base/dom.js";
import { here } from "./base/router.js";

/** @import { Session } from "./base/types.js" */

const LINKS = [
  ["/", "Fleet", "f"],
  ["/live", "Live", "l"],
  ["/history", "History", "h"],
];
const THEMES = ["auto", "dark", "light"];

/**
 * @param {Session | null} session
 * @param {() => void} start
 */
export function showHead(session, start) {
  const place = /** @type {HTMLElement} */ (document.getElementById("head"));
  const { path } = here();
  const links = LINKS.map(([url, name, key]) =>
    h("a", { href: url, "aria-current": url === path ? "page" : null, title: `${name} (key ${key})` }, name),
  );
  fill(
    place,
    h("a", { class: "brand", href: "/" }, "model", h("span", { class: "dot" }, "."), "manager"),
    session && h("nav", { "aria-label": "Views" }, links),
    h("span", { class: "gap" }),
    session &&
      h(
        "span",
        { class: "who", title: "whose token this is, and what it may do" },
        session.name,
        h("span", { class: "role" }, session.role),
      ),
    h("button", { class: "quiet", click: turnTheme, title: "light, dark, or as the system" }, `Theme: ${theme()}`),
    session && !session.is_open && h("button", { class: "quiet", click: () => signOut(start) }, "Sign out"),
  );
}

/** @param {() => void} start */
async function signOut(start) {
  try {
    await send("DELETE", "/v1/session");
    start();
  } catch (error) {
    speak(`not signed out: ${reason(error)}`);
  }
}

/** @param {Event} event */
function turnTheme(event) {
  const next = THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length] ?? "auto";
  localStorage.setItem("mm-theme", next);
  document.documentElement.dataset.theme = next;
  if (event.target instanceof Element) event.target.textContent = `Theme: ${next}`;
}

function theme() {
  return document.documentElement.dataset.theme ?? "auto";
}
