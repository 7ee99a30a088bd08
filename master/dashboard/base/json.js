/**
 * JSON in which no integer is rounded. A version is an int64; a JavaScript number holds only integers up to 2^53 − 1
 * exactly. An integer above that is read as a BigInt, and written as the same digits.
 */

/** A text, or a number: the only places in JSON where digits stand. */
const TOKEN = /"(?:[^"\\]+|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/g;
const LONG = /\d{16}/; // 2^53 has sixteen digits: a text without so many in a row is read at once
const INTEGER = /^-?\d+$/;

/**
 * Read a text of JSON; a SyntaxError where it is none.
 * @param {string} text
 * @returns {any}
 */
export function read(text) {
  if (!LONG.test(text)) return JSON.parse(text);
  const mark = markFor(text);
  const marked = text.replace(TOKEN, (token) => (isRounded(token) ? `"${mark}${token}"` : token));
  return JSON.parse(marked, (_, value) => {
    return typeof value === "string" && value.startsWith(mark) ? BigInt(value.slice(mark.length)) : value;
  });
}

/**
 * Write a value as JSON.
 * @param {unknown} value
 * @returns {string}
 */
export function write(value) {
  let isLarge = false;
  const plain = JSON.stringify(value, (_, one) => {
    isLarge ||= typeof one === "bigint";
    return typeof one === "bigint" ? String(one) : one;
  });
  if (!isLarge) return plain;
  const mark = markFor(plain);
  const marked = JSON.stringify(value, (_, one) => (typeof one === "bigint" ? `${mark}${one}` : one));
  return marked.replace(TOKEN, (token) => (token.startsWith(`"${mark}`) ? token.slice(mark.length + 1, -1) : token));
}

/**
 * Read a whole number that somebody wrote.
 * @param {string} text
 * @returns {number | bigint}
 */
export function whole(text) {
  if (!/^\d{1,19}$/.test(text)) throw new Error(`“${text}” is no whole number`);
  return isRounded(text) ? BigInt(text) : Number(text);
}

/** @param {string} token */
function isRounded(token) {
  return INTEGER.test(token) && !Number.isSafeInteger(Number(token));
}

/**
 * Find what no text of this JSON begins with.
 * @param {string} json
 */
function markFor(json) {
  let mark = "#";
  while (json.includes(`"${mark}`)) mark += "#";
  return mark;
}
