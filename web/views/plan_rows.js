// The plan of a data set: rows that are known ahead, edited as a table or pasted from a spreadsheet.

import { ApiError, get, put } from "../lib/api.js";
import { cellGrid, cellsOf } from "../lib/cell_grid.js";
import { h } from "../lib/dom.js";
import { act, field, toast } from "../lib/parts.js";
import { dateOf, t, timeOf } from "../lib/texts.js";

/** @typedef {import("../types").Schemas["DatasetInfo"]["summary"]} Summary */

const NAMES = ["date", "plant", "application", "panel_size"];
const VALUES = ["releases", "capacity", "planned_throughput"];
const DAY = 864e5, HOUR = 36e5; // milliseconds
const MOST = 200; // rows that are edited as a table; more of them as text

/** @param {string} id of the data set @param {Summary} summary @param {boolean} mayWrite @param {AbortSignal} signal */
export async function planParts(id, summary, mayWrite, signal) {
  const { plan, columns } = await get("/api/data/{dataset_id}/plan", { dataset_id: id }, signal);
  const shown = [...NAMES, ...new Set([...VALUES, ...columns])];
  const written = plan.map((row) => shown.map((name) => String(row[name] ?? "")));
  const editor = mayWrite && plan.length <= MOST ? tableEditor(shown, written, summary) : textEditor(shown, written, mayWrite);
  const place = h("div", {});
  const pressed = h("button", { className: "primary" }, t("rows.save"));
  const save = async () => {
    try {
      const reply = await put("/api/data/{dataset_id}/plan", { plan: /** @type {any} */ (editor.rows()) }, { dataset_id: id });
      toast(t("rows.saved", { n: reply.rows }));
    } catch (error) {
      if (error instanceof ApiError) error.details.forEach((detail) => editor.mark(detail.field));
      throw error;
    }
  };
  return h("form", { className: "stack", onsubmit: (/** @type {Event} */ event) => {
    event.preventDefault();
    act(pressed, place, save);
  } }, h("p", { className: "quiet" }, t("rows.text")), editor.element, place, mayWrite && h("div", {}, pressed));
}

/** @param {string[]} names @param {string[][]} rows @param {Summary} summary */
function tableEditor(names, rows, summary) {
  /** @type {Record<string, string[]>} */
  const options = { plant: summary.plants, application: summary.applications, panel_size: summary.panel_sizes };
  const only = (/** @type {string} */ name) => (options[name]?.length === 1 ? options[name][0] ?? "" : "");
  const grid = cellGrid(names.map((name) => ({ name, label: labelOf(name), options: options[name]?.slice(0, MOST) })), rows, (last) =>
    names.map((name, place) => name === "date" ? nextDate(last?.[place] ?? summary.date_range.end, summary.shifts) : NAMES.includes(name) ? last?.[place] ?? only(name) : ""));
  return {
    element: h("div", { className: "stack" }, h("p", { className: "small quiet" }, t("rows.paste")), grid.element),
    rows: () => rowsOf([names, ...grid.rows()]),
    /** @param {string} place as a refusal names it: plan.ROW.COLUMN */
    mark(place) {
      const [, row, name] = /^plan\.(\d+)\.(\w+)$/.exec(place) ?? [];
      if (row !== undefined && name !== undefined) grid.mark(Number(row), name);
    },
  };
}

/** @param {string[]} names @param {string[][]} rows @param {boolean} mayWrite */
function textEditor(names, rows, mayWrite) {
  const text = [names, ...rows].map((cells) => cells.join("\t")).join("\n");
  const input = h("textarea", { rows: 10, className: "mono", spellcheck: "false", wrap: "off", disabled: !mayWrite, value: text });
  return {
    element: field(t("rows.label"), input, t("rows.hint")), rows: () => rowsOf(cellsOf(input.value)),
    mark: () => input.setAttribute("aria-invalid", "true"),
  };
}

/** @param {string} name of a column */
function labelOf(name) {
  const own = [...NAMES, ...VALUES].includes(name);
  return own ? t(/** @type {import("../lib/texts.js").Key} */ (`meaning.${name}`)) : name;
}

/** Returns the day, hour or shift after a date; "": it is no date. @param {string} date @param {string[] | null | undefined} shifts */
function nextDate(date, shifts) {
  const time = timeOf(date);
  if (Number.isNaN(time)) return "";
  if (!date.includes("T")) return dateOf(time + DAY);
  if (!shifts) return dateOf(time + HOUR, true);
  const later = shifts.find((begin) => begin > date.slice(11));
  return later ? `${date.slice(0, 10)}T${later}` : `${dateOf(time + DAY)}T${shifts[0]}`;
}

/** The rows of a table whose first line has the names; the service checks them. @param {string[][]} cells */
function rowsOf([names = [], ...lines]) {
  return lines.map((line) => Object.fromEntries(line.map((cell, place) => [names[place] ?? `column ${place + 1}`, cell.trim()])
    .filter(([, cell]) => cell !== "").map(([name, cell]) => [name, NAMES.includes(name ?? "") ? cell : numberOf(cell ?? "")])));
}

/** A number with a point or a comma before its decimals; what may be read in two ways stays text. @param {string} cell */
function numberOf(cell) {
  return /^-?\d+([.,]\d+)?$/.test(cell) && !/^-?\d{1,3}[.,]\d{3}$/.test(cell) ? Number(cell.replace(",", ".")) : cell;
}
