/** The disk of the models as a bar: used by models and by others, free for models, the reserve that is never used. */

import { h, s } from "../base/dom.js";
import { bytes } from "../base/progress.js";

/** @import { Disk } from "../base/types.js" */

const WIDTH = 1000;
const HEIGHT = 14;

/** @param {Disk | null} disk */
export function diskOf(disk) {
  if (!disk) {
    return h("section", { class: "panel" }, h("h2", {}, "Disk"), h("p", { class: "faint" }, "Nothing was reported."));
  }
  const free = Math.max(0, disk.free - disk.reserve);
  const reserve = Math.min(disk.reserve, disk.free);
  const used = disk.total - disk.free;
  const models = Math.min(used, disk.models ?? 0);
  /** @type {[string, string, number][]} */
  const parts = [
    ["used", disk.models === null ? "used" : "used by others", used - models],
    ["room", "free for models", free],
    ["reserve", "reserve, never used", reserve],
  ];
  if (disk.models !== null) parts.unshift(["models", "used by models", models]);
  let x = 0;
  const bars = parts.map(([name, words, size]) => {
    const width = (WIDTH * size) / Math.max(1, disk.total);
    const bar = s(
      "rect",
      { class: `disk-${name}`, x, y: 0, width, height: HEIGHT },
      s("title", {}, `${words}: ${bytes(size)}`),
    );
    x += width;
    return bar;
  });
  const legend = parts.map(([name, words, size]) =>
    h("span", {}, h("i", { class: `disk-${name}` }), `${bytes(size)} ${words}`),
  );
  return h(
    "section",
    { class: "panel" },
    h("h2", {}, `Disk of the models: ${bytes(disk.total)}`),
    s(
      "svg",
      { class: "disk", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" },
      ...bars,
    ),
    h("p", { class: "legend" }, legend),
    free === 0 && h("p", { class: "wrong" }, "Nothing more is fetched: there is no room but the reserve."),
  );
}
