/** The keyboard in the matrix: arrows, Home, End, Page up and down; headings of groups are passed over. Pure. */

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
