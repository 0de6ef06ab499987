// The forecast of a series: history and three targets with intervals, what-if, totals, warnings.

import { download, get, post } from "../lib/api.js";
import { drawForecast, loadPlotly } from "../lib/charts.js";
import { debounced, fill, h } from "../lib/dom.js";
import { act, badge, button, empty, failure, field, figures, head, link, notice, panel, select, serviceNotice, table, targetName, TARGETS, toast } from "../lib/parts.js";
import { seriesOfDataset, seriesOfModel, seriesPicker } from "../lib/series_picker.js";
import { day, moment, number, percent, t } from "../lib/texts.js";
import { nameOf } from "./home.js";
import { whatIf } from "./what_if.js";

/** @typedef {import("../types").Schemas["PredictReply"]} Forecast */
/** @typedef {import("../types").Body<"/api/model/predict">} Body */
/** @typedef {import("./what_if.js").Change} Change */

const PRETRAINED = "pretrained";
const HISTORY = 90; // steps that are drawn before the forecast
const HORIZONS = [7, 14, 30, 60, 90, 180, 365];
const WAIT = 40; // milliseconds after the last change of a slider

/** @param {import("../main.js").Context} context */
export async function view(context) {
  const { query, signal } = context;
  loadPlotly().catch(() => undefined); // drawing says so where it did not come
  const [datasets, models] = await Promise.all([
    get("/api/data", { limit: 100 }, signal), get("/api/models", { limit: 100 }, signal),
  ]);
  const ready = models.models.filter(({ info }) => info.status === undefined || info.status === null || info.status === "ready");
  if (datasets.datasets.length === 0 && ready.length === 0) {
    return h("div", {}, head(t("nav.forecast")), panel(null, empty(t("forecast.nothing"), t("forecast.nothing_text"), link(t("nav.data"), "#/data", "button primary"))));
  }
  const first = datasets.datasets[0] ? `data:${datasets.datasets[0].dataset_id}` : `model:${ready[0]?.model_id}`;
  const asked = query.get("model") ? `model:${query.get("model")}` : query.get("dataset") ? `data:${query.get("dataset")}` : first;
  /** @type {[string, string][]} */
  const options = [
    ...datasets.datasets.map((each) => /** @type {[string, string]} */ ([`data:${each.dataset_id}`, t("forecast.by_pretrained", { name: nameOf(each), id: each.dataset_id.slice(0, 8) })])),
    ...ready.map((each) => /** @type {[string, string]} */ ([`model:${each.model_id}`, t("forecast.by_model", { id: each.model_id.slice(0, 8), date: moment(each.info.created_at) })])),
  ];
  if (!options.some(([value]) => value === asked)) options.push([asked, asked.split(":")[1]?.slice(0, 8) ?? ""]);
  const body = h("div", { className: "stack" }), choice = h("div", {});
  const source = select(options, asked, (value) => {
    query.forEach((_, name) => query.delete(name));
    open(value);
  });
  const open = (/** @type {string} */ value) => openSource(value, choice, body, context).catch((error) => {
    if (!(error instanceof DOMException)) fill(body, failure(error));
  });
  await open(asked);
  return h("div", {}, head(t("nav.forecast"), t("forecast.lead")),
    h("div", { className: "stack" }, panel(null, h("div", { className: "stack" }, field(t("forecast.source"), source), choice)), body));
}

/** @param {string} value @param {HTMLElement} choice of the series @param {HTMLElement} body @param {import("../main.js").Context} context */
async function openSource(value, choice, body, context) {
  const { query, signal } = context;
  const [kind, id = ""] = value.split(":");
  const source = kind === "model"
    ? seriesOfModel(await get("/api/model/{model_id}", { model_id: id }, signal))
    : await seriesOfDataset(id, signal);
  fill(choice);
  if (source === null || source.plants.length === 0) return fill(body, panel(null, empty(t("forecast.gone"), t("forecast.gone_text"))));
  const by = kind === "model" ? { model_id: id } : { model_id: PRETRAINED, datasetId: id };
  const wanted = { plant: query.get("plant") ?? undefined, application: query.get("application") ?? undefined, panel_size: query.get("size") ?? undefined };
  const days = Number(query.get("days")) || 30;
  const screen = forecastScreen(by, days, changeOf(query), (state) => context.setQuery({ ...(kind === "model" ? { model: id } : { dataset: id }), ...state }), signal);
  const picker = await seriesPicker(source, /** @type {any} */ (wanted), (series) => screen.choose(series));
  const horizons = HORIZONS.includes(days) ? HORIZONS : [...HORIZONS, days].sort((a, b) => a - b);
  const horizon = select(horizons.map((n) => [String(n), t(`steps.${source.step}`, { n })]), String(days), (n) => screen.horizon(Number(n)));
  picker.element.append(field(t("forecast.horizon"), horizon));
  fill(choice, picker.element);
  fill(body, screen.element);
  screen.choose(picker.series, true);
}

/** The what-if that an address holds. @param {URLSearchParams} query @returns {Change} */
function changeOf(query) {
  const value = (/** @type {string} */ name) => (query.has(name) ? Number(query.get(name)) : null);
  return { wip: value("wip"), plan: value("plan"), target: value("target") };
}

/**
 * @param {{ model_id: string, datasetId?: string }} by
 * @param {number} days
 * @param {Change} change
 * @param {(state: Record<string, string>) => void} keep
 * @param {AbortSignal} signal
 */
function forecastScreen(by, days, change, keep, signal) {
  /** @type {import("../lib/series_picker.js").Series | null} */
  let series = null;
  /** @type {Forecast | null} */
  let plain = null;
  /** @type {{ name: string, forecast: Forecast }[]} */
  let scenarios = [];
  let run = new AbortController();
  const chart = h("div", { className: "chart" });
  const state = h("p", { className: "small quiet", role: "status" });
  const facts = h("div", { className: "stack" });
  const problem = h("div", {});
  const controls = whatIf(change, debounced(() => update(), WAIT), () => {
    if (current !== null) scenarios = [...scenarios.slice(-3), { name: controls.words(), forecast: current }];
    drawAll();
  }, () => {
    scenarios = [];
    drawAll();
  });
  /** @type {Forecast | null} */
  let current = null;

  /** @param {Change} wanted @returns {Body} */
  const bodyOf = (wanted) => ({
    .../** @type {Body} */ (by), plant: series?.plant ?? "", application: series?.application ?? "", panelSize: series?.panel_size ?? "",
    predictionDays: days, historySteps: HISTORY,
    ...(wanted.wip === null ? {} : { currentWIP: wanted.wip }),
    ...(wanted.plan === null ? {} : { plannedThroughput: wanted.plan }),
    ...(wanted.target === null ? {} : { targetProduction: wanted.target }),
  });

  async function update() {
    run.abort();
    run = new AbortController();
    signal.addEventListener("abort", () => run.abort());
    const mine = run.signal;
    const wanted = controls.change();
    keep({
      plant: series?.plant ?? "", application: series?.application ?? "", size: series?.panel_size ?? "", days: String(days),
      wip: wanted.wip === null ? "" : String(wanted.wip), plan: wanted.plan === null ? "" : String(wanted.plan),
      target: wanted.target === null ? "" : String(wanted.target),
    });
    const slow = setTimeout(() => { state.textContent = t("busy"); }, 100);
    try {
      const none = { wip: null, plan: null, target: wanted.target };
      const changed = wanted.wip !== null || wanted.plan !== null;
      if ((plain?.target?.target_production ?? null) !== wanted.target) plain = null;
      plain ??= await post("/api/model/predict", bodyOf(none), {}, { signal: mine });
      controls.scale(plain);
      current = changed ? await post("/api/model/predict", bodyOf(wanted), {}, { signal: mine }) : plain;
      fill(problem);
      drawAll();
    } catch (error) {
      if (error instanceof DOMException) return;
      fill(problem, failure(error));
    } finally {
      clearTimeout(slow);
      if (!mine.aborted) state.textContent = "";
    }
  }

  function drawAll() {
    if (current === null || plain === null) return;
    const over = current === plain ? scenarios : [{ name: t("whatif.without"), forecast: plain }, ...scenarios];
    drawForecast(chart, current, over).catch((error) => fill(problem, notice("bad", String(error.message))));
    fill(legend, h("li", {}, t("chart.history")), h("li", { className: "ahead" }, t("chart.ahead")), h("li", { className: "band" }, t("chart.bands")),
      current.predictions.some((step) => step.closed) && h("li", { className: "closed" }, t("chart.closed")),
      over.map((each, place) => h("li", { className: "other" }, `${String.fromCharCode(65 + place)}: ${each.name}`)));
    fill(facts, factsOf(current, () => bodyOf(controls.change())));
  }

  const legend = h("ul", { className: "legend" });
  const element = h("div", { className: "stack" },
    problem,
    h("div", { className: "beside" },
      h("section", { className: "panel" }, h("h2", {}, t("forecast.chart")), legend, chart, state),
      controls.element),
    facts);
  return {
    element,
    choose(/** @type {import("../lib/series_picker.js").Series} */ chosen, first = false) {
      series = chosen;
      plain = null;
      scenarios = [];
      if (!first) controls.reset();
      return update();
    },
    horizon(/** @type {number} */ steps) {
      days = steps;
      plain = null;
      scenarios = [];
      return update();
    },
  };
}

/** What the forecast means, in figures, words and tables. @param {Forecast} forecast @param {() => Body} body */
function factsOf(forecast, body) {
  const { totals, validation, target } = forecast;
  return [
    panel(null, figures([
      totals && /** @type {[string, any]} */ ([t("totals.all"), [number(totals.horizon.throughput), " ", h("small", {}, range(totals.horizon.throughput_lo80, totals.horizon.throughput_hi80))]]),
      target && /** @type {[string, any]} */ ([t("target.title", { target: number(target.target_production) }), target.reached ? day(target.date) : t("target.missed")]),
      /** @type {[string, any]} */ ([t("forecast.law"), percent(forecast.little_law_analysis.average_compliance)]),
    ].filter((pair) => pair !== null && pair !== undefined))),
    serviceNotice(validation.is_valid ? "warn" : "bad", [...validation.warnings, ...validation.recommendations]),
    h("div", { className: "columns" },
      totals && panel(t(`totals.by.${forecast.step}`), table(
        [{ text: t("totals.from") }, { text: t("totals.finished"), number: true }, { text: t("totals.eighty"), number: true }, { text: t("totals.ninety_five"), number: true, wide: true }],
        totals.periods.map((each) => [
          [day(each.first_date), each.steps < (totals.periods[0]?.steps ?? 0) && [" ", badge(t(`steps.${forecast.step}`, { n: each.steps }))]],
          number(each.throughput), range(each.throughput_lo80, each.throughput_hi80), range(each.throughput_lo95, each.throughput_hi95),
        ]), t(`totals.by.${forecast.step}`))),
      panel(t("forecast.take"), takePanel(body))),
    h("section", { className: "panel" }, h("details", {}, h("summary", {}, t("forecast.steps_title")), stepsTable(forecast))),
  ];
}

/** @param {number | null} low @param {number | null} high */
function range(low, high) {
  return low === null || high === null ? "–" : `${number(low)} – ${number(high)}`;
}

/** @param {() => Body} body */
function takePanel(body) {
  const place = h("div", {});
  const save = (/** @type {string} */ format) => {
    const pressed = h("button", { type: "button", onclick: () => act(pressed, place, () => download("/api/model/predict", { format }, `forecast.${format}`, body())) }, format.toUpperCase());
    return pressed;
  };
  return [
    h("div", { className: "row" }, save("csv"), save("xlsx"), save("png"),
      button(t("forecast.link"), () => navigator.clipboard.writeText(location.href).then(() => toast(t("forecast.link_copied")), () => toast(location.href)))),
    place, h("p", { className: "small quiet" }, t("forecast.link_text")),
  ];
}

/** @param {Forecast} forecast */
function stepsTable(forecast) {
  return table(
    [{ text: t("date") }, ...TARGETS.map((target) => ({ text: targetName(target), number: true })), { text: t("forecast.confidence"), number: true, wide: true }],
    forecast.predictions.map((step) => {
      const values = /** @type {any} */ (step);
      return [day(step.date, true), ...TARGETS.map((target) => [number(values[`predicted_${target}`]), h("br", {}),
        h("span", { className: "small quiet" }, range(values[`predicted_${target}_lo80`], values[`predicted_${target}_hi80`]))]), percent(step.confidence)];
    }), t("forecast.steps_caption"));
}
