/** How large the cells of the matrix are: with a version in them while that fits, else a sign alone. Pure. */

/** @typedef {{isDense: boolean, head: number, row: number, column: number, top: number}} Sizes */

const PHONE = 700;
const ROOMY_COLUMN = 104;

/**
 * @param {number} columns
 * @param {number} width of the window
 * @returns {Sizes}
 */
export function sizesFor(columns, width) {
  const isPhone = width < PHONE;
  const head = isPhone ? 132 : 232;
  const isDense = columns * ROOMY_COLUMN > Math.max(width - head, ROOMY_COLUMN * 2);
  return isDense
    ? { isDense, head, row: 24, column: 22, top: 92 }
    : { isDense, head, row: 34, column: ROOMY_COLUMN, top: 34 };
}
