// Plans: when N units are done, how many are done by a date, how much WIP a line should carry.

import { get, post } from "../lib/api.js";
import { drawCurve, drawProbability } from "../lib/charts.js";
import { fill, h } from "../lib/dom.js";
import { act, badge, empty, failure, field, figures, head, link, notice, panel, select, show, table } from "../lib/parts.js";
import { seriesOfDataset, seriesOfModel, seriesPicker } from "../lib/series_picker.js";
import { day, moment, number, percent, t } from "../lib/texts.js";
import { nameOf } from "./home.js";

/** @typedef {import("../lib/series_picker.js").Series} Series */
/** @typedef {{ model_id?: string, datasetId?: string }} Source */
/** @typedef {import("../types").Schemas["CurveReply"]} Curve */

const PATHS = 1000; // joint sample paths that probabilities are taken from
const DAY = 864e5; // milliseconds
const POINTS = 30; // dates of the chart of probabilities

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
    fill(body, h("div", { className: "columns" }, whenPanel(by, names, signal), howManyPanel(by, names, signal)), linePanel(by, names, signal));
  };
  const picker = await seriesPicker(source, /** @type {any} */ (wanted), open);
  fill(choice, picker.element);
  open(picker.series);
}

/** @typedef {{ plant: string, application: string, panelSize: string }} Names */

/** A form with its answer below. @param {string} title @param {HTMLElement[]} fields @param {(place: HTMLElement) => Promise<unknown>} ask */
function question(title, fields, ask) {
  const answer = h("div", { className: "stack", "aria-live": "polite" });
  const pressed = h("button", { className: "primary" }, t("plan.answer"));
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    act(pressed, answer, () => ask(answer));
  };
  return panel(title, h("form", { className: "stack", onsubmit: submit }, h("div", { className: "fields" }, fields), h("div", {}, pressed)), answer);
}

/** When will N units be done? @param {Source} by @param {Names} names @param {AbortSignal} signal */
function whenPanel(by, names, signal) {
  const units = h("input", { type: "number", min: 0, step: "any", required: true });
  const due = h("input", { type: "date" });
  return question(t("plan.when"), [field(t("plan.units"), units), field(t("plan.due"), due, t("plan.optional"))], async (answer) => {
    const quantity = Number(units.value);
    const order = { ...names, quantity, ...(due.value ? { due: due.value } : {}) };
    const found = await post("/api/plan/finish", { ...by, orders: [order], paths: PATHS }, {}, { signal });
    const [first] = found.orders;
    if (!first) return;
    const { finish } = first, later = t("plan.later");
    const chart = h("div", { className: "chart single" });
    fill(answer, figures([
      [t("plan.even"), finish.p50 ? day(finish.p50) : later], [t("plan.likely"), finish.p80 ? day(finish.p80) : later],
      [t("plan.safe"), finish.p95 ? day(finish.p95) : later],
      ...(first.on_time_probability === null ? [] : /** @type {[string, string][]} */ ([[t("plan.on_time", { date: day(first.due) }), percent(first.on_time_probability)]])),
    ]),
    first.beyond_horizon_probability > 0 && h("p", { className: "small quiet" }, t("plan.share_missed", { share: percent(first.beyond_horizon_probability), date: day(found.last_date) })),
    finish.p50 && [h("h3", {}, t("plan.probability")), chart]);
    if (finish.p50) await drawChances(chart, by, names, quantity, found.first_date, finish.p50, finish.p95 ?? found.last_date, signal);
  });
}

/** The probability that so many units are out, by date. @param {HTMLElement} chart @param {Source} by @param {Names} names @param {number} quantity @param {string} first @param {string} even @param {string} last @param {AbortSignal} signal */
async function drawChances(chart, by, names, quantity, first, even, last, signal) {
  const middle = Date.parse(even), width = Math.max(2 * DAY, 2 * (Date.parse(last) - middle));
  const begin = Math.max(Date.parse(first), middle - width), length = Math.round((middle + width - begin) / DAY);
  const every = Math.max(1, Math.ceil(length / POINTS));
  const dates = Array.from({ length: Math.ceil(length / every) + 1 }, (_, place) => new Date(begin + place * every * DAY).toISOString().slice(0, 10));
  const found = await post("/api/plan/output", { ...by, dates, quantity, series: [names], paths: PATHS }, {}, { signal });
  await drawProbability(chart, found.outputs.map((each) => ({ date: each.date, share: each.probability ?? 0 })), t("plan.chart"));
}

/** How many units are done by a date? @param {Source} by @param {Names} names @param {AbortSignal} signal */
function howManyPanel(by, names, signal) {
  const date = h("input", { type: "date", required: true });
  const whole = h("input", { type: "checkbox" });
  return question(t("plan.how_many"), [field(t("plan.date"), date), h("label", { className: "row" }, whole, t("plan.all_series"))], async (answer) => {
    const series = whole.checked ? {} : { series: [names] };
    const found = await post("/api/plan/output", { ...by, ...series, dates: [date.value], paths: PATHS }, {}, { signal });
    const [first] = found.outputs;
    if (!first) return;
    const q = first.quantiles;
    fill(answer, figures([
      [t("plan.by", { date: day(first.date) }), number(q.p50)],
      [t("totals.eighty"), `${number(q.p10)} – ${number(q.p90)}`], [t("plan.at_least"), number(q.p05)],
    ]), h("p", { className: "small quiet" }, t("plan.from", { date: day(found.first_date), n: found.series })));
  });
}

/** How much WIP should the line carry? @param {Source} by @param {Names} names @param {AbortSignal} signal */
function linePanel(by, names, signal) {
  const shown = h("div", {});
  const values = { plant: names.plant, application: names.application, panelSize: names.panelSize, ...by };
  show(shown, async () => lineParts(await get("/api/plan/curve", values, signal), by, names, signal));
  return panel(t("line.title"), h("p", { className: "quiet" }, t("line.text")), shown);
}

/** @param {Curve} curve @param {Source} by @param {Names} names @param {AbortSignal} signal */
function lineParts(curve, by, names, signal) {
  const chart = h("div", { className: "chart", hidden: curve.points.length === 0 });
  const advice = h("div", { className: "stack", "aria-live": "polite" });
  if (curve.points.length > 0) requestAnimationFrame(() => drawCurve(chart, curve, null));
  const interval = (/** @type {{ value: number, lower: number | null, upper: number | null } | null} */ figure) => figure === null ? "–"
    : [number(figure.value), " ", h("small", {}, figure.lower === null || figure.upper === null ? "" : `${number(figure.lower)} – ${number(figure.upper)}`)];
  return h("div", { className: "stack" },
    figures([
      [t("line.today"), number(curve.today.wip_now)], [t("line.throughput"), number(curve.today.throughput)],
      [t("line.critical"), interval(curve.critical_wip)], [t("line.capacity"), interval(curve.capacity)],
      ...(curve.state ? /** @type {[string, HTMLElement][]} */ ([[t("line.state"), badge(t(`line.${curve.state}`), curve.state === "balanced" ? "good" : "warn")]]) : []),
    ]),
    curve.reason && notice("", h("p", {}, curve.reason)),
    curve.notes.length > 0 && h("ul", { className: "small quiet" }, curve.notes.map((note) => h("li", {}, note))),
    chart, curve.points.length > 0 && adviceForm(curve, chart, advice, by, names, signal), advice);
}

/** @param {Curve} curve @param {HTMLElement} chart @param {HTMLElement} place @param {Source} by @param {Names} names @param {AbortSignal} signal */
function adviceForm(curve, chart, place, by, names, signal) {
  const target = h("input", { type: "number", min: 0, step: "any", required: true, value: Number(curve.today.throughput.toPrecision(3)) });
  const risk = select([["0.8", percent(0.8)], ["0.9", percent(0.9)], ["0.95", percent(0.95)]], "0.9");
  const pressed = h("button", { className: "primary" }, t("line.advise"));
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    act(pressed, place, async () => {
      const found = await post("/api/plan/advise", { ...by, ...names, target: { throughput: Number(target.value) }, risk: Number(risk.value) }, {}, { signal });
      const plans = await post("/api/plan/compare", {
        ...by, ...names, horizonDays: 30, plans: [{ name: t("line.as_now") }, { name: t("line.cap", { n: found.wip_cap }), wipCap: found.wip_cap }],
      }, {}, { signal });
      drawCurve(chart, curve, found.wip_cap);
      fill(place, adviceParts(found), plansTable(plans));
    });
  };
  return h("form", { className: "stack", onsubmit: submit },
    h("div", { className: "fields" }, field(t("line.target"), target), field(t("line.risk"), risk)), h("div", {}, pressed));
}

/** @param {import("../types").Schemas["AdviceReply"]} found */
function adviceParts(found) {
  return [
    notice(found.feasible ? "good" : "warn", h("p", {}, found.summary)),
    figures([
      [t("line.wip_cap"), number(found.wip_cap)], [t("line.release"), number(found.release_rate)],
      [t("line.cycle_time"), [number(found.cycle_time.p50), " ", h("small", {}, t("line.p95", { n: found.cycle_time.p95 }))]],
      [t("line.met"), percent(found.probability)],
    ]),
    found.notes.length > 0 && h("ul", { className: "small quiet" }, found.notes.map((note) => h("li", {}, note))),
  ];
}

/** @param {import("../types").Schemas["CompareReply"]} found */
function plansTable(found) {
  const range = (/** @type {{ p10: number, p50: number, p90: number }} */ q) => [number(q.p50), h("br", {}), h("span", { className: "small quiet" }, `${number(q.p10)} – ${number(q.p90)}`)];
  return h("div", {}, h("h3", {}, t("line.plans", { date: day(found.last_date) })), table(
    [{ text: t("line.plan") }, { text: t("line.output"), number: true }, { text: t("line.mean_wip"), number: true }, { text: t("line.cycle_time"), number: true }],
    found.plans.map((plan) => [plan.name, range(plan.output), range(plan.mean_wip), range(plan.cycle_time)]), t("line.plans", { date: day(found.last_date) })));
}
