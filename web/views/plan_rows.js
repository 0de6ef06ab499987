// The plan of a data set: rows that are known ahead, edited as a table of text, as Excel copies it.

import { get, put } from "../lib/api.js";
import { h } from "../lib/dom.js";
import { act, field, toast } from "../lib/parts.js";
import { t } from "../lib/texts.js";

const NAMES = ["date", "plant", "application", "panel_size"];
const VALUES = ["releases", "capacity", "planned_throughput"];

/** @param {string} id of the data set @param {boolean} mayWrite @param {AbortSignal} signal */
export async function planParts(id, mayWrite, signal) {
  const { plan, columns } = await get("/api/data/{dataset_id}/plan", { dataset_id: id }, signal);
  const shown = [...NAMES, ...new Set([...VALUES, ...columns])];
  const written = [shown, ...plan.map((row) => shown.map((name) => String(row[name] ?? "")))].map((cells) => cells.join("\t")).join("\n");
  const input = h("textarea", { rows: 10, className: "mono", spellcheck: "false", wrap: "off", disabled: !mayWrite, value: written });
  const place = h("div", {});
  const pressed = h("button", { className: "primary" }, t("rows.save"));
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    act(pressed, place, async () => {
      const reply = await put("/api/data/{dataset_id}/plan", { plan: /** @type {any} */ (rowsOf(input.value)) }, { dataset_id: id });
      toast(t("rows.saved", { n: reply.rows }));
    });
  };
  return h("form", { className: "stack", onsubmit: submit },
    h("p", { className: "quiet" }, t("rows.text")), field(t("rows.label"), input, t("rows.hint")), place, mayWrite && h("div", {}, pressed));
}

/**
 * The rows of a pasted table, whose first line has the names; the service checks them.
 * @param {string} text
 */
export function rowsOf(text) {
  const [first = "", ...lines] = text.split(/\r?\n/).filter((line) => line.trim() !== "");
  const mark = first.includes("\t") ? "\t" : first.includes(";") ? ";" : ",";
  const names = first.split(mark).map((name) => name.trim());
  return lines.map((line) => Object.fromEntries(line.split(mark).map((cell, place) => [names[place] ?? `column ${place + 1}`, cell.trim()])
    .filter(([, cell]) => cell !== "").map(([name, cell]) => [name, NAMES.includes(name ?? "") ? cell : numberOf(cell ?? "")])));
}

/** A number with a point or a comma before its decimals; what may be read in two ways stays text. @param {string} cell */
function numberOf(cell) {
  return /^-?\d+([.,]\d+)?$/.test(cell) && !/^-?\d{1,3}[.,]\d{3}$/.test(cell) ? Number(cell.replace(",", ".")) : cell;
}
