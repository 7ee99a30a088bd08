/** Addresses: a path for each view, and its filters in the query, so that what is seen can be linked to. */

/** @typedef {{path: string, query: URLSearchParams}} Address */

/** Fires `go` at each new address. */
export const moves = new EventTarget();

/** @returns {Address} */
export function here() {
  return { path: location.pathname, query: new URLSearchParams(location.search) };
}

/**
 * Go to another view.
 * @param {string} url
 */
export function go(url) {
  if (url !== location.pathname + location.search) history.pushState(null, "", url);
  moves.dispatchEvent(new Event("go"));
}

/**
 * Note filters in the address without leaving the view.
 * @param {Record<string, string>} changes empty: take it away
 */
export function note(changes) {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value) query.set(name, value);
    else query.delete(name);
  }
  const text = query.toString();
  history.replaceState(null, "", text ? `${location.pathname}?${text}` : location.pathname);
}

/** Follow links within the page without loading it anew. */
export function listen() {
  addEventListener("popstate", () => moves.dispatchEvent(new Event("go")));
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a[href]") : null;
    const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.defaultPrevented;
    if (!(link instanceof HTMLAnchorElement) || !plain || link.origin !== location.origin || link.hash) return;
    if (link.target || link.hasAttribute("download") || link.pathname.startsWith("/v1/")) return;
    event.preventDefault();
    go(link.pathname + link.search);
  });
}

/** @param {string} model */
export function modelPath(model) {
  return `/models/${encodeURIComponent(model)}`;
}

/** @param {string} node */
export function nodePath(node) {
  return `/nodes/${encodeURIComponent(node)}`;
}
