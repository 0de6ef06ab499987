// Where a table is dropped or chosen: it is looked at first, then stored.

import { postFile } from "./api.js";
import { freshId, h } from "./dom.js";
import { tableImport } from "./table_import.js";
import { t } from "./texts.js";

/** @typedef {import("../types").Schemas["UploadReply"]["read_as"]} ReadAs */

const ACCEPTED = ".csv,.tsv,.txt,.gz,.parquet,.json,.xlsx,.xls,.ods";

/** How the tables that were uploaded in this tab were read, by data set. @type {Map<string, ReadAs>} */
export const readings = new Map();

/** Stores a table as a new data set, and goes to it. @param {File} file @param {import("./api.js").Values} options */
async function storeAsDataset(file, options) {
  const stored = await postFile("/api/data/upload", file, options, { once: true });
  readings.set(stored.dataset_id, stored.read_as);
  location.hash = `#/dataset/${stored.dataset_id}?new=1`;
}

/**
 * Returns a place to drop a file.
 * @param {{ title?: string, text?: string, use?: import("./table_import.js").Use }} [parts] a new data set, unless another use is given
 */
export function dropZone({ title = t("drop.title"), text = t("drop.text"), use = { action: t("drop.store"), store: storeAsDataset } } = {}) {
  const importer = tableImport(use);
  const input = h("input", { type: "file", id: freshId(), accept: ACCEPTED, hidden: true });
  const choose = h("button", { type: "button", className: "primary", onclick: () => input.click() }, t("drop.choose"));
  const lead = h("p", { className: "quiet" }, text);
  const zone = h("section", { className: "drop", "aria-label": title },
    h("h2", {}, title), lead, h("p", {}, choose, input), importer.element);

  /** @param {File | null | undefined} file */
  function take(file) {
    if (!file) return;
    lead.hidden = true;
    choose.textContent = t("drop.other");
    choose.classList.remove("primary");
    importer.take(file);
    input.value = "";
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
  return { element: zone, take };
}
