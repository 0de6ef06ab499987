// The models: list, order, search, delete.

import { get } from "../lib/api.js";
import { h } from "../lib/dom.js";
import { pagedList } from "../lib/paged_list.js";
import { badge, button, empty, head, link, panel, table } from "../lib/parts.js";
import { moment, number, t } from "../lib/texts.js";
import { beingDeleted, deleteLater } from "../lib/undo.js";
import { verdict } from "./home.js";

/** @param {import("../main.js").Context} context */
export function view({ signal, access }) {
  const mayWrite = access.role !== "read";
  const list = pagedList({
    load: async (query) => {
      const found = await get("/api/models", { ...query }, signal);
      return { entries: found.models, total: found.total, next: found.next_cursor };
    },
    draw: (models) => table(
      [{ text: t("models.model") }, { text: t("models.quality") }, { text: t("models.kind"), wide: true }, { text: t("data.series"), number: true, wide: true }, { text: t("models.made"), wide: true }, { text: h("span", { className: "unseen" }, t("table.actions")), actions: true }],
      models.filter((each) => !beingDeleted().has(each.model_id)).map(({ model_id: id, info }) => [
        h("span", {}, h("a", { href: `#/model/${id}`, className: "mono" }, id.slice(0, 8)), info.plant && h("span", { className: "small quiet" }, ` ${info.plant}`)),
        info.status && info.status !== "ready" ? badge(info.error ?? info.status, "bad") : verdict(info.metrics),
        kindOf(info), number(info.series_count), moment(info.created_at),
        h("span", { className: "row" },
          info.status && info.status !== "ready" ? null : link(t("data.forecast"), `#/forecast?model=${id}`),
          mayWrite && button(t("delete"), () => deleteLater("/api/model/{model_id}", id, id.slice(0, 8), () => list.reload()), "plain")),
      ]), t("nav.models")),
    none: (searched) => searched ? empty(t("list.nothing"), t("list.nothing_text")) : empty(t("models.none"), t("models.none_text"), mayWrite && link(t("nav.train"), "#/train", "button primary")),
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
