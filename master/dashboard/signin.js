/** Signing in: the token goes to the master once, and comes back as a cookie that no script can read. */

import { reason, send } from "./base/api.js";
import { fill, h } from "./base/dom.js";

/**
 * @param {HTMLElement} place
 * @param {() => void} start
 */
export function signIn(place, start) {
  const token = h("input", {
    id: "token",
    type: "password",
    autocomplete: "current-password",
    required: true,
    spellcheck: "false",
  });
  const wrong = h("p", { class: "wrong", role: "alert" });
  const button = h("button", { class: "main", type: "submit" }, "Sign in");

  /** @param {Event} event */
  async function submit(event) {
    event.preventDefault();
    button.disabled = true;
    try {
      await send("POST", "/v1/session", { token: token.value.trim() });
      start();
    } catch (error) {
      fill(wrong, `Not signed in: ${reason(error)}`);
      button.disabled = false;
      token.select();
    }
  }

  fill(
    place,
    h(
      "form",
      { class: "signin", submit },
      h("h1", {}, "Sign in"),
      h("label", { for: "token" }, "Token"),
      token,
      wrong,
      button,
      h(
        "p",
        { class: "faint" },
        "An administrator makes tokens with ",
        h("code", {}, "model-manager token NAME --role ROLE"),
        ". This browser forgets it after 12 hours.",
      ),
    ),
  );
  document.title = "Sign in · model.manager";
  token.focus();
}
