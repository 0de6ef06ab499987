// Plans: when N units are done, and how many are done by a date.

import { get, post } from "../lib/api.js";
import { drawDates } from "../lib/charts.js";
import { fill, h } from "../lib/dom.js";
import { act, empty, failure, field, figures, head, link, notice, panel, select } from "../lib/parts.js";
import { seriesOfDataset, seriesOfModel, seriesPicker } from "../lib/series_picker.js";
import { day, moment, number, percent, t } from "../lib/texts.js";
import { nameOf } from "./home.js";

/** @typedef {import("../lib/series_picker.js").Series} Series */
/** @typedef {import("../types").Schemas["PredictReply"]} Forecast */

const MOST = 365; // steps of a forecast
const PATHS = 400; // joint sample paths that shares are counted on

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
  const body = h("div", { className: "stack" });
  const open = (/** @type {string} */ value) => openSource(value, body, context).catch((error) => {
    if (!(error instanceof DOMException)) fill(body, failure(error));
  });
  await open(asked);
  return h("div", {}, head(t("nav.plan"), t("plan.lead")), h("div", { className: "stack" },
    panel(null, field(t("forecast.source"), select(options, asked, open))), body));
}

/** @param {string} value @param {HTMLElement} body @param {import("../main.js").Context} context */
async function openSource(value, body, { query, signal, setQuery }) {
  const [kind, id = ""] = value.split(":");
  const source = kind === "model"
    ? seriesOfModel(await get("/api/model/{model_id}", { model_id: id }, signal))
    : await seriesOfDataset(id, signal);
  if (source === null || source.plants.length === 0) return fill(body, panel(null, empty(t("forecast.gone"), t("forecast.gone_text"))));
  const by = kind === "model" ? { model_id: id } : { model_id: "pretrained", datasetId: id };
  const wanted = { plant: query.get("plant") ?? undefined, application: query.get("application") ?? undefined, panel_size: query.get("size") ?? undefined };
  /** @type {Series} */
  let series;
  const picker = await seriesPicker(source, /** @type {any} */ (wanted), (chosen) => {
    series = chosen;
    keep();
  });
  series = picker.series;
  const keep = () => setQuery({ source: value, plant: series.plant, application: series.application, size: series.panel_size });
  const ask = (/** @type {object} */ more) => post("/api/model/predict", /** @type {any} */ ({
    ...by, plant: series.plant, application: series.application, panelSize: series.panel_size, ...more,
  }), {}, { signal });
  keep();
  fill(body, panel(null, picker.element), h("div", { className: "columns" }, whenPanel(ask), howManyPanel(ask)));
}

/** @typedef {(more: object) => Promise<Forecast>} Ask */

/** When will N units be done? @param {Ask} ask */
function whenPanel(ask) {
  const units = h("input", { type: "number", min: 0, step: "any", required: true });
  const answer = h("div", { className: "stack", "aria-live": "polite" });
  const pressed = h("button", { className: "primary" }, t("plan.answer"));
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    act(pressed, answer, async () => {
      const wanted = Number(units.value);
      const forecast = await ask({ predictionDays: MOST, targetProduction: wanted, paths: PATHS });
      fill(answer, finishDates(forecast, wanted));
    });
  };
  return panel(t("plan.when"), h("form", { className: "stack", onsubmit: submit }, field(t("plan.units"), units), h("div", {}, pressed)), answer);
}

/** @param {Forecast} forecast @param {number} wanted */
function finishDates(forecast, wanted) {
  const paths = forecast.paths?.throughput ?? [];
  const dates = forecast.predictions.map((step) => step.date);
  const finished = paths.map((path) => {
    let sum = 0;
    return path.findIndex((value) => (sum += value) >= wanted);
  });
  const known = finished.filter((step) => step >= 0).sort((a, b) => a - b);
  if (known.length === 0) {
    return forecast.target?.reached ? figures([[t("plan.expected"), day(forecast.target.date)]], true) : notice("warn", h("p", {}, t("plan.never", { n: dates.length })));
  }
  const at = (/** @type {number} */ share) => {
    const place = Math.ceil(share * paths.length) - 1;
    return place < known.length ? day(dates[known[place] ?? 0]) : t("plan.later");
  };
  const chart = h("div", { className: "chart single" });
  const counts = new Map(known.map((step) => [step, 0]));
  known.forEach((step) => counts.set(step, (counts.get(step) ?? 0) + 1));
  const shares = [...counts].map(([step, count]) => ({ date: dates[step] ?? "", share: count / paths.length }));
  requestAnimationFrame(() => drawDates(chart, shares, t("plan.chart")));
  return [
    figures([[t("plan.even"), at(0.5)], [t("plan.likely"), at(0.8)], [t("plan.safe"), at(0.95)]]),
    known.length < paths.length && h("p", { className: "small quiet" }, t("plan.share_missed", { share: percent(1 - known.length / paths.length), n: dates.length })),
    chart,
  ];
}

/** How many units are done by a date? @param {Ask} ask */
function howManyPanel(ask) {
  const steps = h("input", { type: "number", min: 1, max: MOST, step: 1, value: 30, required: true });
  const answer = h("div", { className: "stack", "aria-live": "polite" });
  const pressed = h("button", { className: "primary" }, t("plan.answer"));
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    act(pressed, answer, async () => {
      const { totals, predictions } = await ask({ predictionDays: Number(steps.value) });
      const end = day(predictions.at(-1)?.date);
      if (!totals) return fill(answer, notice("warn", h("p", {}, t("plan.no_totals"))));
      const { horizon } = totals;
      fill(answer, figures([
        [t("plan.by", { date: end }), number(horizon.throughput)],
        [t("totals.eighty"), `${number(horizon.throughput_lo80)} – ${number(horizon.throughput_hi80)}`],
        [t("totals.ninety_five"), `${number(horizon.throughput_lo95)} – ${number(horizon.throughput_hi95)}`],
      ]));
    });
  };
  return panel(t("plan.how_many"), h("form", { className: "stack", onsubmit: submit }, field(t("plan.steps"), steps), h("div", {}, pressed)), answer);
}
