// A small table whose cells are edited in place; a range that was copied in a spreadsheet is pasted into it.

import { fill, h } from "./dom.js";
import { button } from "./parts.js";
import { t } from "./texts.js";

/** @typedef {{ name: string, label: string, options?: string[] }} Column */

/** Returns the cells of a pasted text, by line. @param {string} text */
export function cellsOf(text) {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== "");
  const mark = lines[0]?.includes("\t") ? "\t" : lines[0]?.includes(";") ? ";" : ",";
  return lines.map((line) => line.split(mark).map((cell) => cell.trim()));
}

/**
 * Returns a table to edit.
 * @param {Column[]} columns
 * @param {string[][]} rows
 * @param {(last: string[] | undefined) => string[]} fresh the cells of a row that is added after a last one
 */
export function cellGrid(columns, rows, fresh) {
  let cells = rows.map((row) => [...row]);
  const body = h("tbody", {});
  const lists = columns.map((column, place) => column.options && h("datalist", { id: `grid-${column.name}-${place}` }, column.options.map((value) => h("option", { value }))));
  const element = h("div", { className: "stack" }, lists.filter((list) => list !== undefined),
    h("div", { className: "scroll grid", tabindex: 0, role: "region", "aria-label": t("rows.title") }, h("table", {},
      h("thead", {}, h("tr", {}, columns.map((column) => h("th", { scope: "col" }, column.label)), h("th", { scope: "col" }, h("span", { className: "unseen" }, t("table.actions"))))), body)),
    h("div", {}, button(t("rows.add"), () => {
      cells.push(fresh(cells.at(-1)));
      draw();
      focus(cells.length - 1, 0);
    })));

  function draw() {
    fill(body, cells.map((row, at) => h("tr", {},
      columns.map((column, place) => h("td", {}, cell(row, at, column, place))),
      h("td", {}, h("button", { type: "button", className: "plain", "aria-label": t("rows.remove", { row: at + 1 }), onclick: () => {
        cells.splice(at, 1);
        draw();
        focus(Math.min(at, cells.length - 1), 0);
      } }, "×")))));
  }

  /** @param {string[]} row @param {number} at @param {Column} column @param {number} place */
  function cell(row, at, column, place) {
    const input = h("input", {
      value: row[place] ?? "", "aria-label": t("rows.cell", { column: column.label, row: at + 1 }), list: lists[place]?.id ?? null,
      oninput: () => {
        row[place] = input.value;
        input.removeAttribute("aria-invalid");
      },
      onpaste: (/** @type {ClipboardEvent} */ event) => {
        const text = event.clipboardData?.getData("text/plain") ?? "";
        if (!/[\t\n]/.test(text.trim())) return;
        event.preventDefault();
        paste(cellsOf(text), at, place);
      },
    });
    return input;
  }

  /** Puts a pasted range at a cell, or by the names in its first line. @param {string[][]} range @param {number} at @param {number} place */
  function paste(range, at, place) {
    const [first = []] = range;
    const byName = first.map((name) => columns.findIndex((column) => column.name === name.toLowerCase().replaceAll(" ", "_") || column.label === name));
    const hasNames = byName.filter((found) => found >= 0).length >= 2;
    (hasNames ? range.slice(1) : range).forEach((line, down) => {
      const row = cells[at + down] ?? (cells[at + down] = columns.map(() => ""));
      line.forEach((value, right) => {
        const to = hasNames ? byName[right] ?? -1 : place + right;
        if (to >= 0 && to < columns.length) row[to] = value;
      });
    });
    draw();
    focus(at, place);
  }

  /** @param {number} at @param {number} place */
  function focus(at, place) {
    inputAt(at, place)?.focus();
  }

  /** @param {number} at @param {number} place @returns {HTMLInputElement | undefined} */
  function inputAt(at, place) {
    return body.rows[at]?.cells[place]?.querySelector("input") ?? undefined;
  }

  draw();
  return {
    element,
    /** The rows in which anything is written. */
    rows: () => {
      cells = cells.filter((row) => row.some((value) => value.trim() !== ""));
      draw();
      return cells;
    },
    /** Marks a cell as wrong. @param {number} at @param {string} name of its column */
    mark(at, name) {
      inputAt(at, columns.findIndex((column) => column.name === name))?.setAttribute("aria-invalid", "true");
    },
  };
}
