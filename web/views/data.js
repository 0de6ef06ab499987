// The data sets: drop a file, generate one, list, delete.

import { get, post } from "../lib/api.js";
import { h } from "../lib/dom.js";
import { dropZone } from "../lib/drop_zone.js";
import { pagedList } from "../lib/paged_list.js";
import { act, button, empty, field, head, link, notice, panel, table } from "../lib/parts.js";
import { day, moment, number, t } from "../lib/texts.js";
import { beingDeleted, deleteLater } from "../lib/undo.js";
import { nameOf } from "./home.js";

/** @param {import("../main.js").Context} context */
export function view({ query, signal, access }) {
  const mayWrite = access.role !== "read";
  return h("div", {},
    head(t("nav.data"), t("data.lead")),
    h("div", { className: "stack" },
      mayWrite && dropZone().element,
      mayWrite && generator(query.has("generate")),
      panel(t("data.stored"), list(mayWrite, signal))));
}

/** @param {boolean} isOpen */
function generator(isOpen) {
  const names = (/** @type {string} */ value) => h("input", { value, required: true });
  const amount = (/** @type {string} */ value, /** @type {string} */ step = "any", /** @type {string} */ max = "") =>
    h("input", { type: "number", value, step, min: 0, max: max || null, required: true });
  const plants = names("Plant_A, Plant_B"), applications = names("Automotive, Industrial"), sizes = names("Small, Large");
  const days = amount("545", "1", "36500"), wip = amount("100"), throughput = amount("50");
  const seasonality = amount("0.2", "any", "1"), noise = amount("0.1", "any", "1");
  const seed = h("input", { type: "number", step: 1 });
  const place = h("div", {});
  const make = h("button", { className: "primary" }, t("generate.action"));
  const list = (/** @type {HTMLInputElement} */ input) => input.value.split(",").map((each) => each.trim()).filter(Boolean);
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    act(make, place, async () => {
      const made = await post("/api/data/generate", {
        plants: list(plants), applications: list(applications), panelSizes: list(sizes),
        historicalDays: Number(days.value), baseWIP: Number(wip.value), baseThroughput: Number(throughput.value),
        seasonality: Number(seasonality.value), noiseLevel: Number(noise.value),
        ...(seed.value === "" ? {} : { seed: Number(seed.value) }),
      }, {}, { once: true });
      location.hash = `#/dataset/${made.dataset_id}?new=1`;
    });
  };
  return h("section", { className: "panel" }, h("details", { open: isOpen },
    h("summary", {}, t("generate.title")),
    h("p", { className: "quiet" }, t("generate.text")),
    h("form", { className: "stack", onsubmit: submit },
      h("div", { className: "fields" },
        field(t("generate.plants"), plants, t("generate.commas")), field(t("generate.applications"), applications),
        field(t("generate.sizes"), sizes), field(t("generate.days"), days)),
      h("details", {}, h("summary", {}, t("more")), h("div", { className: "fields" },
        field(t("generate.wip"), wip), field(t("generate.throughput"), throughput),
        field(t("generate.seasonality"), seasonality, t("generate.share")), field(t("generate.noise"), noise, t("generate.share")),
        field(t("generate.seed"), seed, t("generate.seed_hint")))),
      place, h("div", {}, make))));
}

/** @param {boolean} mayWrite @param {AbortSignal} signal */
function list(mayWrite, signal) {
  const shown = pagedList({
    load: async (query) => {
      const found = await get("/api/data", { ...query }, signal);
      return { entries: [...found.datasets, ...found.damaged], total: found.total, next: found.next_cursor };
    },
    draw: (entries) => table(
      [{ text: t("data.set") }, { text: t("data.series"), number: true }, { text: t("data.rows"), number: true, wide: true },
        { text: t("data.span"), wide: true }, { text: t("data.stored_at"), wide: true }, { text: h("span", { className: "unseen" }, t("table.actions")), actions: true }],
      entries.filter((each) => !beingDeleted().has(each.dataset_id)).map((each) => "error" in each
        ? [h("span", { className: "mono" }, each.dataset_id.slice(0, 8)), "", "", notice("bad", each.error), "",
          mayWrite && remove(each.dataset_id, each.dataset_id.slice(0, 8))]
        : [
          h("span", {}, link(nameOf(each), `#/dataset/${each.dataset_id}`), h("br", {}),
            h("span", { className: "small quiet" }, t(each.source === "generated" ? "data.generated" : "data.uploaded"), " · ",
              h("span", { className: "mono" }, each.dataset_id.slice(0, 8)))),
          number(each.summary.series), number(each.data_points),
          `${day(each.summary.date_range.start)} – ${day(each.summary.date_range.end)}`, moment(each.created_at),
          h("span", { className: "row" }, link(t("data.forecast"), `#/forecast?dataset=${each.dataset_id}`),
            mayWrite && remove(each.dataset_id, nameOf(each))),
        ]), t("data.stored")),
    none: (searched) => searched ? empty(t("list.nothing"), t("list.nothing_text")) : empty(t("data.none"), t("data.none_text")),
    sorts: [["-created_at", t("sort.newest")], ["created_at", t("sort.oldest")], ["-data_points", t("sort.largest")]],
  });
  const remove = (/** @type {string} */ id, /** @type {string} */ name) =>
    button(t("delete"), () => deleteLater("/api/data/{dataset_id}", id, name, () => shown.reload()), "plain");
  return shown.element;
}
