/** The states as buttons: how many models on nodes are in each, and pressed, only those are shown. */

import { fill, h } from "../base/dom.js";
import { CELL_STATES, CELLS, look, sign } from "../base/states.js";

/** @import { CellState, Tally } from "../base/types.js" */

export class Chips {
  /** @param {(state: CellState) => void} turn */
  constructor(turn) {
    this.buttons = new Map(
      CELL_STATES.filter((state) => state !== "absent").map((state) => [
        state,
        h("button", {
          class: `chip ${look(state)}`,
          title: CELLS[state].words,
          "aria-pressed": "false",
          click: () => turn(state),
        }),
      ]),
    );
    this.element = h("div", { class: "chips", role: "group", "aria-label": "Show only where a model is" }, [
      ...this.buttons.values(),
    ]);
  }

  /**
   * @param {Tally[]} tallies
   * @param {CellState[]} pressed
   */
  show(tallies, pressed) {
    const counts = new Map(tallies.map((tally) => [tally.state, tally.count]));
    for (const [state, button] of this.buttons) {
      const count = counts.get(state) ?? 0;
      fill(button, sign(CELLS[state].sign), `${count.toLocaleString("en")} ${state}`);
      button.classList.toggle("is-none", count === 0);
      button.setAttribute("aria-pressed", String(pressed.includes(state)));
    }
  }
}
