/** Whether what is shown is current, and since when not: the master is not heard, or the master does not hear NATS. */

/** @import { Freshness } from "./types.js" */

class Connection extends EventTarget {
  constructor() {
    super();
    this.heardAt = new Date();
    /** @type {Date | null} */
    this.lostSince = null;
    this.lostReason = "";
    /** @type {Freshness | null} */
    this.staleness = null;
  }

  /** The master said something. */
  hear() {
    this.heardAt = new Date();
    if (this.lostSince) {
      this.lostSince = null;
      this.#tell("back");
    }
  }

  /**
   * The master is not heard.
   * @param {string} reason
   */
  lose(reason) {
    this.lostReason = reason;
    this.lostSince ??= this.heardAt;
    this.#tell("change");
  }

  /**
   * The master is heard, but hears nothing itself.
   * @param {Freshness} freshness
   */
  stale(freshness) {
    this.staleness = freshness;
    this.#tell("change");
  }

  fresh() {
    this.staleness = null;
    this.#tell("change");
  }

  /** Begin anew, with another viewer. */
  reset() {
    this.lostSince = null;
    this.staleness = null;
    this.heardAt = new Date();
    this.#tell("change");
  }

  /** @param {string} what */
  #tell(what) {
    if (what !== "change") this.dispatchEvent(new Event(what));
    this.dispatchEvent(new Event("change"));
  }
}

export const connection = new Connection();
