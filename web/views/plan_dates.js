// When so many units are done, and how many are done by a date, each with its probability.

import { post } from "../lib/api.js";
import { fill, h } from "../lib/dom.js";
import { act, field, figures, panel } from "../lib/parts.js";
import { drawFinish, drawOutput } from "../lib/plan_charts.js";
import { dateOf, day, number, percent, t, timeOf } from "../lib/texts.js";

/** @typedef {import("./plan.js").Source} Source */
/** @typedef {import("./plan.js").Names} Names */
/** @typedef {import("../lib/series_picker.js").Source["step"]} Step */
/** @typedef {[string, import("../lib/dom.js").Children]} Pair */

const PATHS = 1000; // joint sample paths that probabilities are taken from
const DAY = 864e5, HOUR = 36e5; // milliseconds
const POINTS = 30; // dates of a chart

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

/** Some dates from a first to a last one, evenly. @param {number} begin @param {number} end in milliseconds @param {boolean} withTime of hours and shifts */
function datesBetween(begin, end, withTime) {
  const unit = withTime ? HOUR : DAY;
  const length = Math.max(1, Math.round((end - begin) / unit)), every = Math.max(1, Math.ceil(length / POINTS));
  return Array.from({ length: Math.floor(length / every) + 1 }, (_, place) => dateOf(end - place * every * unit, withTime)).reverse();
}

/** A field for a date, with its time where steps are hours or shifts. @param {Step} step @param {boolean} required */
function dateInput(step, required = false) {
  return h("input", { type: step === "hour" || step === "shift" ? "datetime-local" : "date", required });
}

/** When will N units be done? @param {Source} by @param {Names} names @param {Step} step @param {AbortSignal} signal */
export function whenPanel(by, names, step, signal) {
  const units = h("input", { type: "number", min: 0, step: "any", required: true });
  const due = dateInput(step);
  return question(t("plan.when"), [field(t("plan.units"), units), field(t("plan.due"), due, t("plan.optional"))], async (answer) => {
    const quantity = Number(units.value);
    const order = { ...names, quantity, ...(due.value ? { due: due.value } : {}) };
    const found = await post("/api/plan/finish", { ...by, orders: [order], paths: PATHS }, {}, { signal });
    const [first] = found.orders;
    if (!first) return;
    const { finish, on_time_probability: onTime, beyond_horizon_probability: beyond } = first, later = t("plan.later");
    const chart = h("div", { className: "chart double" });
    fill(answer, figures(/** @type {Pair[]} */ ([
      ...(onTime === null ? [] : [[t("plan.on_time", { date: day(first.due) }), percent(onTime)]]),
      [t("plan.even"), finish.p50 ? day(finish.p50) : later], [t("plan.likely"), finish.p80 ? day(finish.p80) : later],
      [t("plan.safe"), finish.p95 ? day(finish.p95) : later],
    ])),
    beyond > 0 && h("p", { className: "small quiet" }, t("plan.share_missed", { share: percent(beyond, 1), date: day(found.last_date) })),
    finish.p50 && chart);
    if (finish.p50) await chances(chart, by, names, quantity, found, finish, first.due, signal);
  });
}

/**
 * The probability that so many units are out, by date, and that of each date.
 * @param {HTMLElement} chart @param {Source} by @param {Names} names @param {number} quantity @param {{ first_date: string, last_date: string }} span
 * @param {import("../types").Schemas["FinishDates"]} finish @param {string | null} due @param {AbortSignal} signal
 */
async function chances(chart, by, names, quantity, span, finish, due, signal) {
  const middle = timeOf(finish.p50 ?? ""), width = Math.max(3 * DAY, 1.6 * (timeOf(finish.p95 ?? span.last_date) - middle));
  const end = Math.max(middle + width, due ? timeOf(due) + DAY : 0);
  const dates = datesBetween(Math.max(timeOf(span.first_date), middle - width), Math.min(end, timeOf(span.last_date)), span.first_date.includes("T"));
  const found = await post("/api/plan/output", { ...by, dates, quantity, series: [names], paths: PATHS }, {}, { signal });
  await drawFinish(chart, found.outputs.map((each) => ({ date: each.date, share: each.probability ?? 0 })), finish, due);
}

/** How many units are done by a date? @param {Source} by @param {Names} names @param {Step} step @param {AbortSignal} signal */
export function howManyPanel(by, names, step, signal) {
  const date = dateInput(step, true);
  const whole = h("input", { type: "checkbox" });
  const choice = h("label", { className: "row" }, whole, t("plan.all_series"));
  return question(t("plan.how_many"), [field(t("plan.date"), date), h("div", { className: "field bottom" }, choice)], async (answer) => {
    const series = whole.checked ? {} : { series: [names] };
    const ask = (/** @type {string[]} */ dates) => post("/api/plan/output", { ...by, ...series, dates, paths: PATHS }, {}, { signal });
    const found = await ask([date.value]);
    const [last] = found.outputs;
    if (!last) return;
    const q = last.quantiles, chart = h("div", { className: "chart single" });
    const dates = datesBetween(timeOf(found.first_date), timeOf(last.date), found.first_date.includes("T"));
    fill(answer, figures([
      [t("plan.by", { date: day(last.date) }), number(q.p50)],
      [t("totals.eighty"), `${number(q.p10)} – ${number(q.p90)}`], [t("plan.at_least"), number(q.p05)],
    ]), h("p", { className: "small quiet" }, t("plan.from", { date: day(found.first_date), n: found.series })), dates.length > 2 && chart);
    if (dates.length > 2) await drawOutput(chart, (await ask(dates)).outputs);
  });
}
