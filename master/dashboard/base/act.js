/** An action: what is to be set, what will happen on which node (the dry run), then one question. */

import { reason } from "./api.js";
import { fill, h, speak } from "./dom.js";

/**
 * A field of an action; `options` make it a choice.
 * @typedef {{name: string, label: string, value: string, options?: [string, string][], hint?: string}} Field
 * @typedef {Record<string, string>} Values
 * @typedef {{sentences: string[], nodes: string[]}} Effect
 * What will happen: by groups of nodes on which it is the same. `token` is given back when it is done.
 * @typedef {{summary: string, effects: Effect[], isNothing: boolean, warning: string, token: string}} Preview
 * @typedef {{title: string, deed: string, isGrave?: boolean, fields: Field[],
 *   preview: (values: Values) => Promise<Preview>, run: (values: Values, token: string) => Promise<string>}} Action
 */

const TYPING_MS = 250;
const TOAST_MS = 8_000;
const FIRST_NODES = 12;

/**
 * Ask for an action; `done` is called when it was carried out.
 * @param {Action} action
 * @param {() => void} done
 */
export function ask(action, done) {
  new Asking(action, done).open();
}

class Asking {
  /**
   * @param {Action} action
   * @param {() => void} done
   */
  constructor(action, done) {
    this.action = action;
    this.done = done;
    this.timer = 0;
    this.turn = 0;
    /** @type {Preview | null} */
    this.foreseen = null;
    this.form = h("form", {
      class: "fields",
      input: () => this.later(),
      submit: (/** @type {Event} */ event) => event.preventDefault(),
    });
    this.outcome = h("div", {
      class: "preview",
      "aria-live": "polite",
      tabindex: 0,
      role: "region",
      "aria-label": "What will happen",
    });
    this.button = h(
      "button",
      { class: action.isGrave ? "grave" : "main", type: "button", disabled: true, click: () => this.run() },
      action.deed,
    );
    this.element = h(
      "dialog",
      { "aria-labelledby": "action-title", close: () => this.element.remove() },
      h(
        "div",
        { class: "act" },
        h("h1", { id: "action-title" }, action.title),
        this.form,
        this.outcome,
        h(
          "div",
          { class: "foot" },
          h("button", { type: "button", click: () => this.element.close() }, "Cancel"),
          this.button,
        ),
      ),
    );
    fill(this.form, action.fields.map(fieldOf));
    this.form.hidden = !action.fields.length;
  }

  open() {
    document.body.append(this.element);
    this.element.showModal();
    void this.look();
  }

  /** @returns {Values} */
  get values() {
    return Object.fromEntries([...new FormData(this.form)].map(([name, value]) => [name, String(value).trim()]));
  }

  later() {
    clearTimeout(this.timer);
    this.button.disabled = true;
    this.turn += 1;
    this.timer = setTimeout(() => this.look(), TYPING_MS);
  }

  /** Look what would happen. */
  async look() {
    this.turn += 1;
    const turn = this.turn;
    this.button.disabled = true;
    fill(this.outcome, h("p", { class: "faint" }, "Looking what would happen…"));
    try {
      const foreseen = await this.action.preview(this.values);
      if (turn !== this.turn) return;
      this.foreseen = foreseen;
      fill(this.outcome, tell(foreseen));
      this.button.disabled = foreseen.isNothing;
    } catch (error) {
      if (turn === this.turn) fill(this.outcome, h("p", { class: "wrong" }, reason(error)));
    }
  }

  async run() {
    if (!this.foreseen) return;
    this.button.disabled = true;
    try {
      const words = await this.action.run(this.values, this.foreseen.token);
      this.element.close();
      toast(words);
      this.done();
    } catch (error) {
      await this.look();
      this.outcome.prepend(
        h("p", { class: "wrong", role: "alert" }, `Not done: ${reason(error)}. This is how it would be now:`),
      );
    }
  }
}

/** @param {Field} field */
function fieldOf(field) {
  const id = `field-${field.name}`;
  const input = field.options
    ? h(
        "select",
        { id, name: field.name },
        field.options.map(([value, words]) => h("option", { value, selected: value === field.value }, words)),
      )
    : h("input", {
        id,
        name: field.name,
        value: field.value,
        placeholder: field.hint ?? "",
        autocomplete: "off",
        spellcheck: "false",
      });
  return h("div", { class: "field" }, h("label", { for: id }, field.label), input);
}

/** @param {Preview} preview */
function tell(preview) {
  return [
    h("p", {}, h("b", {}, preview.isNothing ? "Nothing would change." : preview.summary)),
    preview.warning && h("p", { class: "wrong" }, preview.warning),
    ...preview.effects.map(({ nodes, sentences }) =>
      h(
        "div",
        {},
        h("b", {}, named(nodes)),
        h(
          "ul",
          {},
          sentences.map((words) => h("li", {}, words)),
        ),
      ),
    ),
  ];
}

/** @param {string[]} nodes */
function named(nodes) {
  const more = nodes.length - FIRST_NODES;
  return more > 0 ? `${nodes.slice(0, FIRST_NODES).join(", ")} and ${more} more` : nodes.join(", ");
}

/**
 * Put nodes together on which the same happens.
 * @param {{node: string, sentences: string[]}[]} lines
 * @returns {Effect[]}
 */
export function gather(lines) {
  /** @type {Map<string, Effect>} */
  const found = new Map();
  for (const { node, sentences } of lines) {
    const words = sentences.join("\n");
    const effect = found.get(words) ?? { sentences, nodes: [] };
    effect.nodes.push(node);
    found.set(words, effect);
  }
  return [...found.values()];
}

/** @param {string} words */
export function toast(words) {
  const element = h("div", { class: "toast" }, words);
  document.body.append(element);
  speak(words);
  setTimeout(() => element.remove(), TOAST_MS);
}
