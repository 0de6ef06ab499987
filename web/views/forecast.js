// The forecast of a series: history and three targets with intervals, what-if, totals, warnings.

import { get, post } from "../lib/api.js";
import { DASHES, loadPlotly } from "../lib/charts.js";
import { fill, freshId, h, latest } from "../lib/dom.js";
import { drawForecast, letter } from "../lib/forecast_chart.js";
import { empty, failure, field, head, link, notice, panel, select } from "../lib/parts.js";
import { seriesOfDataset, seriesOfModel, seriesPicker } from "../lib/series_picker.js";
import { day, moment, t } from "../lib/texts.js";
import { factsOf } from "./forecast_facts.js";
import { nameOf } from "./home.js";
import { fromAddress, isChanged, NO_CHANGE, toAddress, whatIf, words } from "./what_if.js";

/** @typedef {import("../types").Schemas["PredictReply"]} Forecast */
/** @typedef {import("../types").Body<"/api/model/predict">} Body */
/** @typedef {import("../types").Schemas["HistoryRow"]} Row */
/** @typedef {import("../lib/forecast_chart.js").Scenario} Scenario */
/** @typedef {import("./what_if.js").Change} Change */

const PRETRAINED = "pretrained";
const HISTORY = 90; // steps that are drawn before the forecast
const HORIZONS = [7, 14, 30, 60, 90, 180, 365];
const MOST_KEPT = 4; // scenarios over each other

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
  const state = stateOf(query), { days } = state;
  const screen = forecastScreen(by, state, (kept) => context.setQuery({ ...(kind === "model" ? { model: id } : { dataset: id }), ...kept }), signal);
  const picker = await seriesPicker(source, /** @type {any} */ (wanted), (series) => screen.choose(series));
  const horizons = HORIZONS.includes(days) ? HORIZONS : [...HORIZONS, days].sort((a, b) => a - b);
  const horizon = select(horizons.map((n) => [String(n), t(`steps.${source.step}`, { n })]), String(days), (n) => screen.horizon(Number(n)));
  picker.element.append(field(t("forecast.horizon"), horizon));
  fill(choice, picker.element);
  fill(body, screen.element);
  screen.choose(picker.series, true);
}

/**
 * The state of the view that an address holds, besides the series.
 * @typedef {{ days: number, asOf: string | null, change: Change, target: number | null, kept: Change[] }} State
 */

/** @param {URLSearchParams} query @returns {State} */
function stateOf(query) {
  const target = Number(query.get("target"));
  return {
    days: Number(query.get("days")) || 30, asOf: query.get("asOf"), target: target > 0 ? target : null,
    change: fromAddress(["wip", "plan", "capacity"].map((name) => `${name}:${query.get(name) ?? ""}`).join(",")),
    kept: (query.get("keep") ?? "").split(";").filter(Boolean).map(fromAddress),
  };
}

/** @param {State} state */
function queryOf({ days, asOf, change, target, kept }) {
  const text = (/** @type {number | null} */ value) => (value === null ? "" : String(value));
  return {
    days: String(days), asOf: asOf ?? "", target: text(target), wip: text(change.wip), plan: text(change.plan),
    capacity: text(change.capacity), keep: kept.map(toAddress).join(";"),
  };
}

/**
 * @param {{ model_id: string, datasetId?: string }} by
 * @param {State} state
 * @param {(query: Record<string, string>) => void} keep puts the view into the address
 * @param {AbortSignal} signal
 */
function forecastScreen(by, state, keep, signal) {
  /** @type {import("../lib/series_picker.js").Series} */
  let series = { plant: "", application: "", panel_size: "" };
  /** From the newest rows; from the origin, without a change; as it is shown. @type {Record<"newest" | "plain" | "current", Forecast | null>} */
  const forecasts = { newest: null, plain: null, current: null };
  /** @type {Map<string, Row>} */
  const rows = new Map(); // known ones of the series, by date
  /** @type {Scenario[]} */
  let scenarios = [];
  const chart = h("div", { className: "chart" }), facts = h("div", { className: "stack" }), problem = h("div", {});
  const status = h("p", { className: "small quiet", role: "status" }), legend = h("ul", { className: "legend" });
  const origin = originSlider((date) => moveOrigin(date));
  const update = latest(answer);
  const controls = whatIf(state, { changed: update, keep: keepScenario, clear: () => {
    state.kept = [];
    scenarios = [];
    update();
  } });

  /** @param {Change} change @param {{ target?: number | null, asOf?: string | null, history?: boolean }} [more] @returns {Body} */
  const bodyOf = (change, { target = null, asOf = state.asOf, history = false } = {}) => ({
    .../** @type {Body} */ (by), plant: series.plant, application: series.application, panelSize: series.panel_size,
    predictionDays: state.days, ...(history ? { historySteps: HISTORY } : {}), ...(asOf === null ? {} : { asOf }),
    ...(change.wip === null ? {} : { currentWIP: change.wip }), ...(change.plan === null ? {} : { plannedThroughput: change.plan }),
    ...(change.capacity === null ? {} : { plan: capacityPlan(change.capacity) }), ...(target === null ? {} : { targetProduction: target }),
  });
  const ask = (/** @type {Body} */ body) => post("/api/model/predict", body, {}, { signal });

  /** The rows of a plan with this share of the usual capacity on each day ahead. @param {number} share */
  function capacityPlan(share) {
    const capacity = share * (forecasts.plain?.usual_capacity ?? 1);
    return (forecasts.plain?.predictions ?? []).filter((step) => !step.closed).map(({ date }) => ({ date, capacity }));
  }

  /** Asks for what is not known yet, and shows it. */
  async function answer() {
    Object.assign(state, { change: controls.change(), target: controls.target() });
    keep({ plant: series.plant, application: series.application, size: series.panel_size, ...queryOf(state) });
    const slow = setTimeout(() => { status.textContent = t("busy"); }, 100);
    try {
      await readPlain();
      const { change, target } = state;
      forecasts.current = isChanged(change) || target !== null ? await ask(bodyOf(change, { target })) : forecasts.plain;
      fill(problem);
      drawAll();
    } catch (error) {
      if (!(error instanceof DOMException)) fill(problem, failure(error));
    } finally {
      clearTimeout(slow);
      if (!signal.aborted) status.textContent = "";
    }
  }

  /** The forecasts without a change, and the kept scenarios; each is asked for once. */
  async function readPlain() {
    if (forecasts.newest === null) {
      forecasts.newest = await ask(bodyOf(NO_CHANGE, { asOf: null, history: true }));
      controls.scale(forecasts.newest);
    }
    if (forecasts.plain === null) {
      forecasts.plain = state.asOf === null ? forecasts.newest : await ask(bodyOf(NO_CHANGE, { history: true }));
      scenarios = await Promise.all(state.kept.map(async (change) => ({ name: words(change), forecast: await ask(bodyOf(change)) })));
    }
    for (const row of [...(forecasts.newest.history ?? []), ...(forecasts.plain.history ?? [])]) rows.set(row.date, row);
  }

  function keepScenario() {
    if (forecasts.current === null) return;
    state.kept = [...state.kept, controls.change()].slice(-MOST_KEPT);
    scenarios = [...scenarios, { name: words(controls.change()), forecast: forecasts.current }].slice(-MOST_KEPT);
    update();
  }

  /** Forecasts from another date, the last one that is known then. @param {string} date */
  function moveOrigin(date) {
    const dates = [...rows.keys()].sort();
    const known = dates.filter((each) => each <= date).at(-1) ?? dates[0] ?? date;
    state.asOf = known < (forecasts.newest?.as_of ?? "") ? known : null;
    forecasts.plain = null;
    update();
  }

  function drawAll() {
    const { current, plain, newest } = forecasts;
    if (current === null || plain === null || newest === null) return;
    const known = [...rows.values()].sort((a, b) => (a.date < b.date ? -1 : 1));
    const last = current.predictions.at(-1)?.date ?? "";
    const after = known.filter((row) => row.date > current.as_of && row.date <= last);
    const over = isChanged(state.change) ? [{ name: words(NO_CHANGE), forecast: plain }, ...scenarios] : scenarios;
    const shown = { forecast: current, history: known.filter((row) => row.date <= current.as_of).slice(-HISTORY), after, scenarios: over };
    drawForecast(chart, shown, moveOrigin).catch((error) => fill(problem, notice("bad", String(error.message))));
    fill(legend, h("li", {}, t("chart.history")), h("li", { className: "ahead" }, t("chart.ahead")), h("li", { className: "band" }, t("chart.bands")),
      after.length > 0 && h("li", { className: "after" }, t("chart.after")),
      current.predictions.some((step) => step.closed) && h("li", { className: "closed" }, t("chart.closed")),
      over.map((each, place) => h("li", { className: DASHES[place % DASHES.length] }, `${letter(place)}: ${each.name}`)));
    origin.show(known.map((row) => row.date), current.as_of, newest.as_of);
    fill(facts, factsOf(current, isChanged(state.change) ? [] : after, () => bodyOf(state.change, { target: state.target })));
  }

  /** Forgets what was forecast. */
  function forget() {
    Object.assign(forecasts, { newest: null, plain: null, current: null });
  }

  const element = h("div", { className: "stack" }, problem,
    h("div", { className: "beside" },
      h("section", { className: "panel" }, h("h2", {}, t("forecast.chart")), legend, chart, origin.element, status), controls.element), facts);
  return {
    element,
    choose(/** @type {import("../lib/series_picker.js").Series} */ chosen, first = false) {
      series = chosen;
      forget();
      rows.clear();
      if (!first) {
        Object.assign(state, { asOf: null, kept: [] });
        controls.reset();
      }
      update();
    },
    horizon(/** @type {number} */ steps) {
      state.days = steps;
      forget();
      update();
    },
  };
}

/** The date from which is forecast, chosen among the known ones. @param {(date: string) => void} moved */
function originSlider(moved) {
  /** @type {string[]} */
  let dates = [];
  const shown = h("output", {});
  const tell = (/** @type {string} */ date, /** @type {boolean} */ isNewest) => {
    shown.textContent = isNewest ? t("forecast.newest", { date: day(date) }) : day(date);
    input.setAttribute("aria-valuetext", shown.textContent);
  };
  const chosen = () => dates[Number(input.value)] ?? "";
  const input = h("input", {
    type: "range", min: 0, step: 1, id: freshId(),
    oninput: () => tell(chosen(), Number(input.value) === dates.length - 1), onchange: () => moved(chosen()),
  });
  const element = h("div", { className: "field slider" }, h("div", {}, h("label", { for: input.id }, t("forecast.from")), shown), input);
  return {
    element,
    /** @param {string[]} known @param {string} asOf @param {string} newest */
    show(known, asOf, newest) {
      dates = known;
      input.max = String(dates.length - 1);
      input.value = String(Math.max(0, dates.indexOf(asOf)));
      tell(asOf, asOf === newest);
    },
  };
}
