/** What happens, as it happens, in words; and one upload followed from notification to answer on every node. */

import { get, reason } from "../base/api.js";
import { fill, h } from "../base/dom.js";
import { line } from "../base/events.js";
import { read } from "../base/json.js";
import { note } from "../base/router.js";
import { follow } from "../base/stream.js";
import { address } from "../base/api.js";
import { filters, readFilters } from "./filters.js";
import { Upload } from "./upload.js";

/** @import { Entry, HistoryPage } from "../base/types.js" */
/** @import { Address } from "../base/router.js" */
/** @import { Filters } from "./filters.js" */

const FIRST = 60;
const RETRY_MS = 3_000;
const MOST = 500; // lines; older ones go

/**
 * @param {HTMLElement} place
 * @param {Address} at
 */
export function live(place, at) {
  const view = new Live(readFilters(at.query));
  fill(place, h("h1", { class: "unseen" }, "Live"), view.upload?.element, view.tools, view.list, view.nothing);
  void view.begin();
  return () => view.stop();
}

class Live {
  /** @param {Filters} chosen */
  constructor(chosen) {
    this.chosen = chosen;
    this.isHeld = false;
    this.waiting = 0;
    this.unfollow = () => {};
    this.turn = 0;
    this.list = h("ol", { class: "events panel", "aria-label": "Events, newest first", tabindex: 0 });
    this.nothing = h("p", { class: "wait" }, "Reading what happened…");
    this.hold = h("button", { "aria-pressed": "false", click: () => this.turnHold() }, "Hold");
    const change = (/** @type {Partial<Filters>} */ changes) => this.change(changes);
    this.tools = h("div", { class: "tools" }, filters(chosen, change), this.hold);
    const { model, version } = chosen;
    this.upload = model && version ? new Upload(model, version) : null;
  }

  stop() {
    this.turn += 1;
    this.unfollow();
    this.upload?.stop();
  }

  /** Show what happened last, then what follows it without a gap. */
  async begin() {
    const turn = ++this.turn;
    this.unfollow();
    const { model, node, kind, version, after } = this.chosen;
    const which = { model, node, kind, version };
    try {
      let last = after;
      if (!last) {
        /** @type {HistoryPage} */
        const page = await get("/v1/history", { ...which, limit: FIRST });
        if (turn !== this.turn) return;
        fill(this.list, page.entries.map(line));
        last = String(page.entries[0]?.sequence ?? "");
      } else fill(this.list);
      this.tell();
      const url = address("/v1/events", { ...which, after: last });
      this.unfollow = follow(url, (message) => this.take(read(message.data)));
    } catch (error) {
      if (turn !== this.turn) return;
      fill(this.nothing, `The events cannot be read: ${reason(error)}`);
      this.nothing.hidden = false;
      setTimeout(() => turn === this.turn && this.begin(), RETRY_MS);
    }
  }

  /** @param {Entry} entry */
  take(entry) {
    this.upload?.take(entry);
    const element = line(entry);
    element.classList.add("is-new");
    element.hidden = this.isHeld;
    this.waiting += this.isHeld ? 1 : 0;
    this.list.prepend(element);
    while (this.list.children.length > MOST) this.list.lastElementChild?.remove();
    this.tell();
  }

  tell() {
    this.nothing.hidden = this.list.children.length > 0;
    fill(this.nothing, "Nothing of this kind has happened yet; it is shown here when it does.");
    this.list.hidden = !this.nothing.hidden;
    fill(this.hold, this.isHeld ? `Go on (${this.waiting} new)` : "Hold");
  }

  turnHold() {
    this.isHeld = !this.isHeld;
    this.waiting = 0;
    this.hold.setAttribute("aria-pressed", String(this.isHeld));
    for (const element of this.list.children) if (element instanceof HTMLElement) element.hidden = false;
    this.tell();
  }

  /** @param {Partial<Filters>} changes */
  change(changes) {
    Object.assign(this.chosen, changes, { after: "" });
    const { model, node, kind, version } = this.chosen;
    note({ model, node, kind, version, after: "" });
    void this.begin();
  }
}
