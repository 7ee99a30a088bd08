/** The keyboard in the matrix: arrows, Home, End, Page up and down; headings of groups are passed over. Pure. */

/** @import { NodeLine } from "../base/types.js" */
/** @import { Row } from "./axes.js" */

/** @typedef {{row: number, column: number}} Place */

/**
 * Tell where a key leads; null where it is no such key.
 * @param {KeyboardEvent} event
 * @param {Place} at
 * @param {{rows: Row[], columns: number, page: number}} grid
 * @returns {Place | null}
 */
export function lead(event, at, { rows, columns, page }) {
  const { row, column } = at;
  const [lastRow, lastColumn] = [rows.length - 1, columns - 1];
  /** @type {Record<string, [number, number]>} */
  const moves = {
    ArrowUp: [row - 1, column],
    ArrowDown: [row + 1, column],
    ArrowLeft: [row, column - 1],
    ArrowRight: [row, column + 1],
    PageUp: [row - page, column],
    PageDown: [row + page, column],
    Home: [event.ctrlKey ? 0 : row, 0],
    End: [event.ctrlKey ? lastRow : row, lastColumn],
  };
  const to = moves[event.key];
  if (!to) return null;
  const wanted = Math.max(0, Math.min(lastRow, to[0]));
  return { row: nearestModel(rows, wanted, to[0] < row ? -1 : 1), column: Math.max(0, Math.min(lastColumn, to[1])) };
}

/**
 * Tell where the place is after rows and columns were put in another order: the focused cell's, if there is one.
 * @param {Place} at
 * @param {DOMStringMap} focused
 * @param {Row[]} rows
 * @param {NodeLine[]} columns
 * @returns {Place}
 */
export function settle(at, focused, rows, columns) {
  const row = rows.findIndex((one) => "model" in one && one.model.model === focused.model);
  const column = columns.findIndex((one) => one.node === focused.node);
  if (row >= 0 && column >= 0) return { row, column };
  const nearest = nearestModel(rows, Math.max(0, Math.min(at.row, rows.length - 1)), 1);
  return { row: nearest, column: Math.max(0, Math.min(at.column, columns.length - 1)) };
}

/**
 * @param {Row[]} rows
 * @param {number} wanted
 * @param {1 | -1} way
 */
function nearestModel(rows, wanted, way) {
  for (const step of [way, -way]) {
    for (let row = wanted; row >= 0 && row < rows.length; row += step) {
      const found = rows[row];
      if (found && "model" in found) return row;
    }
  }
  return wanted;
}
