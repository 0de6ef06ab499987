// What a forecast means, in figures, words and tables, and its downloads.

import { download } from "../lib/api.js";
import { fill, h } from "../lib/dom.js";
import { valuesOf } from "../lib/forecast_chart.js";
import { act, badge, button, figures, panel, serviceNotice, table, targetName, TARGETS, toast } from "../lib/parts.js";
import { day, number, percent, t } from "../lib/texts.js";

/** @typedef {import("../types").Schemas["PredictReply"]} Forecast */
/** @typedef {import("../types").Schemas["HistoryRow"]} Row */
/** @typedef {import("../types").Body<"/api/model/predict">} Body */
/** @typedef {[string, import("../lib/dom.js").Children]} Pair */

/** @param {number | null} low @param {number | null} high */
function range(low, high) {
  return low === null || high === null ? "–" : `${number(low)} – ${number(high)}`;
}

/** The parts below the chart. @param {Forecast} forecast @param {Row[]} after what came later @param {() => Body} body */
export function factsOf(forecast, after, body) {
  const { totals, validation, target } = forecast;
  /** @type {(Pair | null | undefined)[]} */
  const pairs = [
    totals && [t("totals.all"), [number(totals.horizon.throughput), " ", h("small", {}, range(totals.horizon.throughput_lo80, totals.horizon.throughput_hi80))]],
    target && [t("target.title", { target: number(target.target_production) }), target.reached ? day(target.date) : t("target.missed")],
    [t("forecast.law"), percent(forecast.little_law_analysis.average_compliance)],
    ...errorsOf(forecast, after),
  ];
  const sentences = [...validation.warnings, ...validation.recommendations];
  return [
    panel(null, figures(/** @type {Pair[]} */ (pairs.filter((pair) => pair !== null && pair !== undefined)))),
    serviceNotice(validation.is_valid ? "warn" : "bad", sentences),
    h("div", { className: "columns" }, totalsPanel(forecast), panel(t("forecast.take"), takeParts(body))),
    stepsPanel(forecast),
  ];
}

/** How far a forecast from a past date was off, by target. @param {Forecast} forecast @param {Row[]} after @returns {Pair[]} */
function errorsOf(forecast, after) {
  const rows = new Map(after.map((row) => [row.date, row]));
  return TARGETS.flatMap((target) => {
    const values = valuesOf(forecast, target);
    const known = forecast.predictions.map((step, place) => ({ actual: rows.get(step.date)?.[target] ?? null, predicted: values[place] ?? null }))
      .filter((each) => each.actual !== null && each.predicted !== null);
    const size = known.reduce((sum, each) => sum + Math.abs(each.actual ?? 0), 0);
    const off = known.reduce((sum, each) => sum + Math.abs((each.actual ?? 0) - (each.predicted ?? 0)), 0);
    return size > 0 ? [/** @type {Pair} */ ([t("forecast.off", { target: t(`target.${target}`) }), percent(off / size)])] : [];
  });
}

/** @param {Forecast} forecast */
function totalsPanel({ totals, step }) {
  if (!totals) return null;
  const caption = t(`totals.by.${step}`), whole = totals.periods[0]?.steps ?? 0;
  return panel(caption, table(
    [{ text: t("totals.from") }, { text: t("totals.finished"), number: true }, { text: t("totals.eighty"), number: true }, { text: t("totals.ninety_five"), number: true, wide: true }],
    totals.periods.map((each) => [
      [day(each.first_date), each.steps < whole && [" ", badge(t(`steps.${step}`, { n: each.steps }))]],
      number(each.throughput), range(each.throughput_lo80, each.throughput_hi80), range(each.throughput_lo95, each.throughput_hi95),
    ]), caption));
}

/** @param {() => Body} body */
function takeParts(body) {
  const place = h("div", {});
  const save = (/** @type {string} */ format) => {
    const pressed = button(format.toUpperCase(), () => act(pressed, place, () => download("/api/model/predict", { format }, `forecast.${format}`, body())));
    return pressed;
  };
  return [
    h("div", { className: "row" }, save("csv"), save("xlsx"), save("png"),
      button(t("forecast.link"), () => navigator.clipboard.writeText(location.href).then(() => toast(t("forecast.link_copied")), () => toast(location.href)))),
    place, h("p", { className: "small quiet" }, t("forecast.link_text")),
  ];
}

let isOpen = false; // the table of steps, also when the forecast changes

/** The table of all steps, which is made when it is opened. @param {Forecast} forecast */
function stepsPanel(forecast) {
  const shown = h("div", {});
  const details = h("details", { open: isOpen, ontoggle: () => {
    isOpen = details.open;
    if (details.open && shown.childElementCount === 0) fill(shown, stepsTable(forecast));
  } }, h("summary", {}, t("forecast.steps_title")), shown);
  return h("section", { className: "panel" }, details);
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
