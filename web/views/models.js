// The models: list, order, search, delete.

import { get } from "../lib/api.js";
import { fill, h } from "../lib/dom.js";
import { pagedList } from "../lib/paged_list.js";
import { badge, button, empty, field, head, link, panel, select, table } from "../lib/parts.js";
import { moment, number, t } from "../lib/texts.js";
import { beingDeleted, deleteLater } from "../lib/undo.js";
import { nameOf, verdict } from "./home.js";

export const MOST = 4; // models that are compared at once

/** @param {import("../main.js").Context} context */
export async function view({ query, signal, access }) {
  const mayWrite = access.role !== "read";
  const { datasets } = await get("/api/data", { limit: 1000 }, signal);
  const names = new Map(datasets.map((each) => [each.dataset_id, nameOf(each)]));
  const choice = comparisonChoice();
  const data = select([["", t("models.any_data")], ...datasets.map((each) => /** @type {[string, string]} */ ([each.dataset_id, `${nameOf(each)} (${each.dataset_id.slice(0, 8)})`]))], "", (id) => list.find(id));
  const list = pagedList({
    load: async (query) => {
      const found = await get("/api/models", { ...query }, signal);
      return { entries: found.models, total: found.total, next: found.next_cursor };
    },
    draw: (models) => table(
      [{ text: t("models.model") }, { text: t("models.quality") }, { text: t("train.data"), wide: true }, { text: t("models.kind"), wide: true }, { text: t("data.series"), number: true, wide: true }, { text: t("models.made"), wide: true }, { text: h("span", { className: "unseen" }, t("table.actions")), actions: true }],
      models.filter((each) => !beingDeleted().has(each.model_id)).map(({ model_id: id, info }) => [
        h("span", { className: "row tight" }, choice.tick(id), h("a", { href: `#/model/${id}`, className: "mono" }, id.slice(0, 8)), info.plant && h("span", { className: "small quiet" }, ` ${info.plant}`)),
        info.status && info.status !== "ready" ? badge(info.error ?? info.status, "bad") : verdict(info.metrics),
        info.dataset_id && names.has(info.dataset_id) ? link(names.get(info.dataset_id) ?? "", `#/dataset/${info.dataset_id}`) : h("span", { className: "small quiet" }, t("models.data_gone")),
        kindOf(info), number(info.series_count), moment(info.created_at),
        h("span", { className: "row" },
          info.status && info.status !== "ready" ? null : link(t("data.forecast"), `#/forecast?model=${id}`),
          mayWrite && button(t("delete"), () => deleteLater("/api/model/{model_id}", id, id.slice(0, 8), () => list.reload()), "plain wide-only")),
      ]), t("nav.models")),
    none: (searched) => searched ? empty(t("list.nothing"), t("list.nothing_text")) : empty(t("models.none"), t("models.none_text"), mayWrite && link(t("nav.train"), "#/train", "button primary")),
    search: query.get("q") ?? "",
    filters: [field(t("train.data"), data), choice.element],
    sorts: [["-created_at", t("sort.newest")], ["created_at", t("sort.oldest")], ["mase", t("sort.best")]],
  });
  return h("div", {}, head(t("nav.models"), t("models.lead")), h("div", { className: "stack" }, panel(null, list.element),
    h("p", { className: "small quiet" }, t("models.built_in"))));
}

/** @param {import("../types").Schemas["ModelInfo"]} info */
export function kindOf(info) {
  const kind = info.architecture === "enhanced" ? t("models.enhanced") : t("models.plain");
  return info.source === "legacy" ? t("models.imported", { kind }) : kind;
}

/** Boxes to tick models, and the link to their comparison. */
function comparisonChoice() {
  /** @type {Set<string>} */
  const ticked = new Set();
  const element = h("div", { className: "row" });
  const draw = () => {
    const text = t("compare.action", { n: ticked.size });
    fill(element, ticked.size < 2 ? h("span", { className: "small quiet" }, t("compare.hint")) : link(text, `#/compare?models=${[...ticked].join(",")}`, "button primary"));
    for (const box of document.querySelectorAll("input.tick")) /** @type {HTMLInputElement} */ (box).disabled = ticked.size >= MOST && !ticked.has(box.id.slice(5));
  };
  draw();
  return {
    element,
    /** @param {string} id */
    tick(id) {
      const box = h("input", { type: "checkbox", id: `tick-${id}`, className: "tick", checked: ticked.has(id), "aria-label": t("compare.tick_one", { id: id.slice(0, 8) }) });
      box.addEventListener("change", () => {
        if (box.checked) ticked.add(id);
        else ticked.delete(id);
        draw();
      });
      return box;
    },
  };
}
