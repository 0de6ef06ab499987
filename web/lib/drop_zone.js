// Where a file is dropped or chosen, and what becomes of it: a data set, or the reason why not.

import { postFile } from "./api.js";
import { fill, freshId, h } from "./dom.js";
import { busy, button, failure, field, select } from "./parts.js";
import { t } from "./texts.js";

/** @typedef {import("../types").Schemas["UploadReply"]["read_as"]} ReadAs */

const ACCEPTED = ".csv,.tsv,.txt,.gz,.parquet,.json,.xlsx,.xls,.ods";
const MEANINGS = ["date", "plant", "application", "panel_size", "wip", "throughput", "cycle_time", "releases"];
const HEAD = 65_536; // bytes in which the names of the columns are looked for
/** Options of an upload and their values; the first one leaves it to the service. */
const CHOICES = /** @type {const} */ ({
  date_order: ["", "dmy", "mdy", "ymd"], number_format: ["", "1,234.5", "1.234,5"],
  duplicates: ["", "times", "lines", "last"], step: ["", "day", "week", "month"],
});

/** How the tables that were uploaded in this tab were read, by data set. @type {Map<string, ReadAs>} */
export const readings = new Map();

/** Returns a place to drop a file; once it is stored, the page goes to its data set. */
export function dropZone() {
  const answer = h("div", { className: "stack", "aria-live": "polite" });
  const input = h("input", { type: "file", id: freshId(), accept: ACCEPTED, hidden: true });
  const choose = h("button", { type: "button", className: "primary", onclick: () => input.click() }, t("drop.choose"));
  const options = readOptions();
  const zone = h("section", { className: "drop", "aria-label": t("drop.title") },
    h("h2", {}, t("drop.title")), h("p", { className: "quiet" }, t("drop.text")), h("p", {}, choose, input), answer, options.element);

  /** @param {File | null | undefined} file */
  async function take(file) {
    if (!file) return;
    choose.disabled = true;
    fill(answer, busy(t("drop.reading", { name: file.name })));
    try {
      const stored = await postFile("/api/data/upload", file, options.values(), { once: true });
      readings.set(stored.dataset_id, stored.read_as);
      location.hash = `#/dataset/${stored.dataset_id}?new=1`;
    } catch (error) {
      fill(answer, h("p", {}, t("drop.refused", { name: file.name })), failure(error), h("p", {}, button(t("drop.again"), () => take(file))));
      options.offer(await columnsOf(file));
    } finally {
      choose.disabled = false;
      input.value = "";
    }
  }

  input.addEventListener("change", () => take(input.files?.[0]));
  for (const kind of ["dragenter", "dragover"]) {
    zone.addEventListener(kind, (event) => {
      event.preventDefault();
      zone.classList.add("over");
    });
  }
  for (const kind of ["dragleave", "drop"]) zone.addEventListener(kind, () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    take(event.dataTransfer?.files[0]);
  });
  return zone;
}

/** The fields by which a table is read otherwise than it is recognised. */
function readOptions() {
  const chosen = Object.entries(CHOICES).map(([name, values]) => /** @type {const} */ ([name, select(values.map((value) =>
    [value, value === "" ? t("options.recognised") : t(/** @type {import("./texts.js").Key} */ (`options.${name}.${value}`))]))]));
  const list = h("datalist", { id: freshId() });
  const columns = MEANINGS.map((name) => /** @type {const} */ ([name, h("input", { list: list.id, placeholder: t("options.recognised") })]));
  const sheet = h("input", { placeholder: t("options.recognised") });
  const element = h("details", { className: "options" }, h("summary", {}, t("options.title")),
    h("div", { className: "fields" }, chosen.map(([name, input]) => field(t(/** @type {import("./texts.js").Key} */ (`options.${name}`)), input)), field(t("options.sheet"), sheet)),
    h("p", { className: "small quiet" }, t("options.columns")), list,
    h("div", { className: "fields" }, columns.map(([name, input]) => field(t(/** @type {import("./texts.js").Key} */ (`meaning.${name}`)), input))));
  return {
    element,
    /** The options that are not left to the service. */
    values() {
      const named = columns.filter(([, input]) => input.value.trim() !== "").map(([name, input]) => [name, input.value.trim()]);
      return {
        ...Object.fromEntries(chosen.map(([name, input]) => [name, input.value])), sheet: sheet.value.trim(),
        columns: named.length > 0 ? JSON.stringify(Object.fromEntries(named)) : "",
      };
    },
    /** Opens the fields, with the names of the table's columns to choose from. @param {string[]} names */
    offer(names) {
      fill(list, names.map((name) => h("option", { value: name })));
      element.open = true;
    },
  };
}

/** The names in the first line of a text file; none of another file. @param {File} file */
async function columnsOf(file) {
  const text = await file.slice(0, HEAD).text();
  if (text.includes("\0") || text.startsWith("PK")) return [];
  const [first = ""] = text.split(/\r?\n/);
  return first.split(/[;,\t|]/).map((name) => name.trim().replace(/^"|"$/g, "")).filter(Boolean).slice(0, 200);
}
