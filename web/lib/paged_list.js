// A list of the service, a page at a time, with search and order.

import { ApiError } from "./api.js";
import { debounced, fill, freshId, h } from "./dom.js";
import { button, busy, failure, field, select } from "./parts.js";
import { t } from "./texts.js";

/** @typedef {{ q?: string, sort?: string, cursor?: string, limit: number }} Query */
/**
 * @template T
 * @typedef {{ entries: T[], total: number, next: string | null }} Page
 */

const LIMIT = 25;

/**
 * Returns a list with a field to search and a button for more.
 * @template T
 * @param {{
 *   load: (query: Query) => Promise<Page<T>>,
 *   draw: (entries: T[]) => import("./dom.js").Children,
 *   none: (searched: boolean) => HTMLElement,
 *   sorts?: [string, string][],
 *   filters?: HTMLElement[],
 *   isFiltered?: () => boolean,
 *   search?: string,
 *   limit?: number,
 * }} parts
 */
export function pagedList({ load, draw, none, sorts, filters = [], isFiltered = () => false, search: asked = "", limit = LIMIT }) {
  /** @type {T[]} */
  let entries = [];
  /** @type {string | null} */
  let next = null;
  let total = 0;
  let run = 0;
  const body = h("div", { className: "stack" });
  const count = h("p", { className: "small quiet", role: "status" });
  const search = h("input", { type: "search", value: asked, maxlength: 200, oninput: debounced(() => reload(), 200) });
  const order = sorts && select(sorts, sorts[0]?.[0], () => reload());

  /** @param {string | null} cursor @param {number} [most] */
  async function read(cursor, most = limit) {
    const mine = (run += 1);
    const query = { q: search.value.trim(), sort: order?.value, cursor: cursor ?? undefined, limit: most };
    if (entries.length === 0) fill(body, busy());
    try {
      const page = await load(/** @type {Query} */ (query));
      if (mine !== run) return; // a later one is on its way
      entries = cursor === null ? page.entries : [...entries, ...page.entries];
      ({ next, total } = page);
      show();
    } catch (error) {
      if (error instanceof ApiError && mine === run) fill(body, failure(error));
      else if (!(error instanceof DOMException)) throw error;
    }
  }

  function show() {
    const searched = search.value.trim() !== "";
    if (entries.length === 0) fill(body, none(searched));
    else {
      fill(body, draw(entries), next !== null && h("p", {}, button(t("list.more"), () => read(next))));
    }
    controls.hidden = entries.length === 0 && !searched && !isFiltered();
    count.textContent = total > 0 ? t("list.count", { shown: entries.length, total }) : "";
  }

  function reload() {
    return read(null);
  }

  /** Reads what is shown anew, as it may have changed. */
  function refresh() {
    return read(null, Math.min(1000, Math.max(limit, entries.length)));
  }

  /** Searches a text. @param {string} text */
  function find(text) {
    search.value = text;
    reload();
  }

  search.id = freshId();
  const controls = h("div", { className: "row spread" },
    h("div", { className: "row" }, field(t("list.search"), search), order && field(t("list.order"), order), ...filters),
    count);
  reload();
  return { element: h("div", { className: "stack" }, controls, body), find, reload, refresh };
}

/**
 * Returns a page of entries that are here already.
 * @template T
 * @param {T[]} all
 * @param {Query} query
 * @param {(entry: T) => string} words what is searched
 * @returns {Page<T>}
 */
export function pageOf(all, query, words) {
  const wanted = (query.q ?? "").toLowerCase();
  const found = wanted ? all.filter((entry) => words(entry).toLowerCase().includes(wanted)) : all;
  const begin = Number(query.cursor ?? 0);
  const end = begin + query.limit;
  return { entries: found.slice(begin, end), total: found.length, next: end < found.length ? String(end) : null };
}
