// Plans: when N units are done, how many are done by a date, how much WIP a line should carry.

import { get } from "../lib/api.js";
import { fill, h } from "../lib/dom.js";
import { empty, failure, field, head, link, panel, select } from "../lib/parts.js";
import { seriesOfDataset, seriesOfModel, seriesPicker } from "../lib/series_picker.js";
import { moment, t } from "../lib/texts.js";
import { nameOf } from "./home.js";
import { howManyPanel, whenPanel } from "./plan_dates.js";
import { linePanel } from "./plan_line.js";

/** @typedef {import("../lib/series_picker.js").Series} Series */
/** @typedef {{ model_id?: string, datasetId?: string }} Source */
/** @typedef {{ plant: string, application: string, panelSize: string }} Names */

/** @param {import("../main.js").Context} context */
export async function view(context) {
  const { query, signal } = context;
  const [datasets, models] = await Promise.all([get("/api/data", { limit: 100 }, signal), get("/api/models", { limit: 100 }, signal)]);
  /** @type {[string, string][]} */
  const options = [
    ...datasets.datasets.map((each) => /** @type {[string, string]} */ ([`data:${each.dataset_id}`, t("forecast.by_pretrained", { name: nameOf(each), id: each.dataset_id.slice(0, 8) })])),
    ...models.models.map((each) => /** @type {[string, string]} */ ([`model:${each.model_id}`, t("forecast.by_model", { id: each.model_id.slice(0, 8), date: moment(each.info.created_at) })])),
  ];
  if (options.length === 0) {
    return h("div", {}, head(t("nav.plan"), t("plan.lead")), panel(null, empty(t("forecast.nothing"), t("forecast.nothing_text"), link(t("nav.data"), "#/data", "button primary"))));
  }
  const asked = query.get("source") ?? options[0]?.[0] ?? "";
  const choice = h("div", {}), body = h("div", { className: "stack" });
  const open = (/** @type {string} */ value) => openSource(value, choice, body, context).catch((error) => {
    if (!(error instanceof DOMException)) fill(body, failure(error));
  });
  await open(asked);
  return h("div", {}, head(t("nav.plan"), t("plan.lead")), h("div", { className: "stack" },
    panel(null, h("div", { className: "stack" }, field(t("forecast.source"), select(options, asked, open)), choice)), body));
}

/** @param {string} value @param {HTMLElement} choice @param {HTMLElement} body @param {import("../main.js").Context} context */
async function openSource(value, choice, body, { query, signal, setQuery }) {
  const [kind, id = ""] = value.split(":");
  const source = kind === "model"
    ? seriesOfModel(await get("/api/model/{model_id}", { model_id: id }, signal))
    : await seriesOfDataset(id, signal);
  fill(choice);
  if (source === null || source.plants.length === 0) return fill(body, panel(null, empty(t("forecast.gone"), t("forecast.gone_text"))));
  /** @type {Source} */
  const by = kind === "model" ? { model_id: id } : { datasetId: id };
  const wanted = { plant: query.get("plant") ?? undefined, application: query.get("application") ?? undefined, panel_size: query.get("size") ?? undefined };
  const open = (/** @type {Series} */ series) => {
    setQuery({ source: value, plant: series.plant, application: series.application, size: series.panel_size });
    const names = { plant: series.plant, application: series.application, panelSize: series.panel_size };
    fill(body, h("div", { className: "columns" }, whenPanel(by, names, source.step, signal), howManyPanel(by, names, source.step, signal)), linePanel(by, names, signal));
  };
  const picker = await seriesPicker(source, /** @type {any} */ (wanted), open);
  fill(choice, picker.element);
  open(picker.series);
}
