// Where a file is dropped or chosen, and what becomes of it: a data set, or the reason why not.

import { postFile } from "./api.js";
import { fill, freshId, h } from "./dom.js";
import { busy, failure } from "./parts.js";
import { t } from "./texts.js";

const ACCEPTED = ".csv,.tsv,.txt,.gz,.parquet,.json";

/** Returns a place to drop a file; once it is stored, the page goes to its data set. */
export function dropZone() {
  const answer = h("div", { "aria-live": "polite" });
  const input = h("input", { type: "file", id: freshId(), accept: ACCEPTED, hidden: true });
  const choose = h("button", { type: "button", className: "primary", onclick: () => input.click() }, t("drop.choose"));
  const zone = h("section", { className: "drop", "aria-label": t("drop.title") },
    h("h2", {}, t("drop.title")), h("p", { className: "quiet" }, t("drop.text")), h("p", {}, choose, input), answer);

  /** @param {File | null | undefined} file */
  async function take(file) {
    if (!file) return;
    choose.disabled = true;
    fill(answer, busy(t("drop.reading", { name: file.name })));
    try {
      const stored = await postFile("/api/data/upload", file, {}, { once: true });
      location.hash = `#/dataset/${stored.dataset_id}?new=1`;
    } catch (error) {
      fill(answer, h("p", {}, t("drop.refused", { name: file.name })), failure(error));
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
