// The meaning of each column of a table: as the service recognises it, else as it is chosen.

/** @typedef {import("../types").Schemas["PreviewReply"]} Preview */

/** Meanings of columns with a row per series and step. */
export const OF_ROWS = /** @type {const} */ (["date", "day", "plant", "application", "panel_size", "wip", "throughput", "cycle_time",
  "releases", "planned_releases", "capacity", "planned_throughput", "finished_goods", "semi_finished_goods"]);
/** Meanings of columns of an event log. */
export const OF_LOG = /** @type {const} */ (["unit", "start", "finish", "time", "step", "quantity"]);
/** A column of the user's own whose values are known ahead. */
export const DRIVER = "driver";
/** A column that is not to be read though it is recognised. */
export const UNREAD = "unread";

const JOINED = ["date", "plant", "application", "panel_size"]; // several columns give one text

/** Returns the choice of meanings for the columns of one table. */
export function columnMeanings() {
  /** @type {Map<string, string>} */
  const chosen = new Map();
  /** @type {Map<string, string>} */
  let recognised = new Map();
  /** The meaning that each name has by itself. @type {Map<string, string | null>} */
  let meant = new Map();
  /** @type {string[]} */
  let names = [];

  /** @param {string} column */
  function of(column) {
    const own = chosen.get(column), found = recognised.get(column) ?? "";
    if (own !== undefined) return own;
    return !JOINED.includes(found) && [...chosen.values()].includes(found) ? "" : found;
  }

  return {
    of,
    /** @param {string} column @param {string} meaning "": as recognised */
    choose(column, meaning) {
      if (!JOINED.includes(meaning) && meaning !== DRIVER && meaning !== UNREAD) {
        chosen.forEach((other, name) => other === meaning && chosen.delete(name));
      }
      if (meaning === "") chosen.delete(column);
      else chosen.set(column, meaning);
    },
    /** Takes what a preview recognised. @param {Preview} preview */
    read(preview) {
      names = preview.columns.map((each) => each.name);
      meant = new Map(preview.columns.map((each) => [each.name, each.meaning]));
      const read = preview.read_as?.columns;
      const pairs = read
        ? Object.entries(read).flatMap(([meaning, written]) => [written].flat().map((name) => /** @type {[string, string]} */ ([name, known(meaning) ? meaning : DRIVER])))
        : preview.columns.map((each) => /** @type {[string, string]} */ ([each.name, each.meaning ?? ""]));
      recognised = new Map(pairs);
    },
    /** The fields of a request that hold what was chosen. */
    values() {
      const meanings = new Set(chosen.values());
      const drivers = [...chosen].filter(([, meaning]) => meaning === DRIVER).map(([name]) => name);
      const unread = [...chosen].flatMap(([name, meaning]) => (meaning === UNREAD && meant.get(name)) || []);
      const columns = [...new Set([...meanings, ...unread])].filter((meaning) => meaning !== DRIVER && meaning !== UNREAD)
        .map((meaning) => /** @type {const} */ ([meaning, names.filter((name) => of(name) === meaning)]))
        .map(([meaning, found]) => [meaning, found.length > 1 ? found : found[0] ?? null]);
      return { columns: columns.length > 0 ? JSON.stringify(Object.fromEntries(columns)) : "", known: drivers.join(",") };
    },
  };
}

/** @param {string} meaning */
function known(meaning) {
  return [...OF_ROWS, ...OF_LOG].some((each) => each === meaning);
}
