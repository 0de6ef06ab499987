// Rows that are added to a data set: from a file, or pasted from a spreadsheet.

import { ApiError, postFile } from "../lib/api.js";
import { fill, h } from "../lib/dom.js";
import { dropZone } from "../lib/drop_zone.js";
import { act, button, failure, field, notice, serviceNotice } from "../lib/parts.js";
import { day, t } from "../lib/texts.js";

/** @typedef {import("../types").Schemas["RowsReply"]} Added */

/**
 * Returns the parts by which rows are added.
 * @param {string} id of the data set
 * @param {(reply: Added) => void} added
 */
export function addRowsParts(id, added) {
  const pasted = h("textarea", { rows: 5, className: "mono", spellcheck: "false", wrap: "off" });
  const zone = dropZone({ title: t("append.drop"), text: t("append.text"), use: { action: t("append.action"), store: (file, options, place) => store(file, options, place, false) } });

  /** @param {File} file @param {import("../lib/api.js").Values} options @param {HTMLElement} place @param {boolean} replace */
  async function store(file, options, place, replace) {
    try {
      const reply = await postFile("/api/data/{dataset_id}/rows", file, { ...options, dataset_id: id, replace: replace || null });
      fill(place, notice("good", h("p", {}, outcome(reply))), serviceNotice("warn", reply.rows_read_as.warnings ?? []));
      added(reply);
    } catch (error) {
      const isConflict = error instanceof ApiError && error.status === 409;
      if (!isConflict || replace) throw error;
      const answer = h("div", {});
      const pressed = button(t("append.replace"), () => act(pressed, answer, () => store(file, options, place, true)), "danger");
      fill(place, failure(error), h("p", { className: "row" }, pressed, h("span", { className: "small quiet" }, t("append.replace_text"))), answer);
    }
  }

  const read = button(t("append.read"), () => {
    if (pasted.value.trim() !== "") zone.take(new File([pasted.value], t("append.pasted"), { type: "text/csv" }));
  });
  return h("div", { className: "stack" }, zone.element,
    h("details", {}, h("summary", {}, t("append.paste")), h("div", { className: "stack" }, field(t("rows.label"), pasted, t("append.hint")), h("div", {}, read))));
}

/** What became of the rows, in words. @param {Added} reply */
function outcome(reply) {
  const counts = /** @type {const} */ (["added", "completed", "replaced", "unchanged"]).filter((name) => reply[name] > 0)
    .map((name) => t(`append.${name}`, { n: reply[name] }));
  return [counts.join(", ") || t("append.unchanged", { n: 0 }), t("append.version", { version: reply.version, date: day(reply.as_of) })].join(". ");
}
