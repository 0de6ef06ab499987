// Charts of models: losses of a training, errors beside naive forecasts, forecasts beside what came.

import { colour, common, draw } from "./charts.js";
import { drawForecast } from "./forecast_chart.js";
import { h } from "./dom.js";
import { TARGETS } from "./parts.js";
import { t } from "./texts.js";

/** @typedef {import("../types").Schemas["BacktestReply"]} Backtest */

const AXES = ["", "2", "3"]; // of the targets, as Plotly numbers them
const DASHES = { model: "solid", last_value: "dash", seasonal_naive: "dot" };

/** The lines of a chart of losses. */
export function lossLegend() {
  return h("ul", { className: "legend" }, h("li", {}, t("train.loss")), h("li", { className: "val-loss" }, t("train.val_loss")));
}

/**
 * Draws the losses of a training by epoch.
 * @param {HTMLElement} element
 * @param {{ loss: (number | null)[], val_loss: (number | null)[] }} history
 */
export function drawLosses(element, history) {
  const chart = () => {
    const { axis, layout } = common();
    const line = (/** @type {(number | null)[]} */ y, /** @type {string} */ name, /** @type {string} */ dash, /** @type {string} */ color) => ({
      type: "scatter", mode: y.length < 40 ? "lines+markers" : "lines", x: y.map((_, place) => place + 1), y, name,
      line: { color, width: 1.8, dash }, marker: { size: 5 }, hovertemplate: `%{y:.4g}<extra>${name}</extra>`,
    });
    return {
      traces: [
        line(history.loss, t("train.loss"), "solid", colour("quiet")),
        line(history.val_loss, t("train.val_loss"), "solid", colour("throughput")),
      ],
      layout: {
        ...layout, yaxis: { ...axis, rangemode: "tozero", fixedrange: true },
        xaxis: { ...axis, title: { text: t("train.epoch"), font: { size: 12 } }, tickformat: "d", range: [0.5, Math.max(2, history.loss.length) + 0.5] },
      },
    };
  };
  return draw(element, chart, t("chart.losses", { n: history.loss.length }));
}

/**
 * Draws the share of error that models save over the better naive forecast, by target.
 * @param {HTMLElement} element
 * @param {{ name: string, skills: (number | null)[] }[]} models
 */
export function drawSkills(element, models) {
  const chart = () => {
    const { axis, layout } = common();
    const names = TARGETS.map((target) => t(`target.${target}`));
    return {
      traces: models.map(({ name, skills }, place) => ({
        type: "bar", name, x: names, y: skills, text: names.map(() => name), textposition: "inside", insidetextanchor: "end",
        marker: { color: TARGETS.map(colour), opacity: 1 - 0.6 * place / models.length },
        hovertemplate: `%{y:.0%}<extra>${name}</extra>`,
      })),
      layout: {
        ...layout, barmode: "group", bargap: 0.3, hovermode: "closest",
        yaxis: { ...axis, tickformat: ".0%", zeroline: true, zerolinecolor: colour("ink"), fixedrange: true }, xaxis: { ...axis, fixedrange: true },
      },
    };
  };
  return draw(element, chart, t("compare.chart"));
}

/** The lines of a chart of errors by step. */
export function errorLegend() {
  return h("ul", { className: "legend" }, h("li", {}, t("backtest.model")), h("li", { className: "other" }, t("backtest.last_value")),
    h("li", { className: "dots" }, t("backtest.seasonal_naive")));
}

/**
 * Draws the relative error of each target by how far ahead the forecast was, beside naive ones.
 * @param {HTMLElement} element
 * @param {Backtest} backtest
 */
export function drawErrorsByStep(element, backtest) {
  const chart = () => {
    const { axis, layout } = common();
    const traces = TARGETS.flatMap((target, place) => {
      const steps = backtest.per_target[target]?.by_horizon ?? [];
      const line = (/** @type {keyof typeof DASHES} */ who, /** @type {"wape" | "last_value_wape" | "seasonal_naive_wape"} */ field) => ({
        type: "scatter", mode: "lines", x: steps.map((each) => each.step), y: steps.map((each) => each[field]),
        xaxis: `x${AXES[place]}`, yaxis: `y${AXES[place]}`, hovertemplate: `%{y:.1%}<extra>${t(`backtest.${who}`)}</extra>`,
        line: { color: who === "model" ? colour(target) : colour("quiet"), width: who === "model" ? 2.2 : 1.3, dash: DASHES[who] },
      });
      return [line("last_value", "last_value_wape"), line("seasonal_naive", "seasonal_naive_wape"), line("model", "wape")];
    });
    const isStacked = element.clientWidth < 560; // a phone
    const begin = (/** @type {number} */ place) => 0.355 * place;
    const domains = (/** @type {number} */ place) => ({ x: isStacked ? [0, 1] : [begin(place), begin(place) + 0.29], y: isStacked ? [0.74 - begin(place), 1 - begin(place)] : [0, 1] });
    const axes = Object.fromEntries(TARGETS.flatMap((_, place) => [
      [`yaxis${AXES[place]}`, { ...axis, anchor: `x${AXES[place]}`, domain: domains(place).y, tickformat: ".0%", rangemode: "tozero", fixedrange: true, nticks: 5 }],
      [`xaxis${AXES[place]}`, { ...axis, anchor: `y${AXES[place]}`, domain: domains(place).x, tickformat: "d", title: { text: isStacked && place < 2 ? "" : t(`backtest.ahead.${backtest.step}`), font: { size: 12 } } }],
    ]));
    const titles = TARGETS.map((target, place) => ({
      text: t(`target.${target}`), showarrow: false, xref: "paper", yref: "paper", x: domains(place).x[0], xanchor: "left", y: (domains(place).y[1] ?? 1) + 0.01, yanchor: "bottom",
      font: { size: 12, color: colour("ink") },
    }));
    return { traces, layout: { ...layout, ...axes, margin: { ...layout.margin, t: 28 }, annotations: titles } };
  };
  return draw(element, chart, t("backtest.chart_errors"));
}

/**
 * Draws a forecast from a past date, and what came.
 * @param {HTMLElement} element
 * @param {Backtest} backtest
 * @param {Backtest["plot"][number]} series
 * @param {number} place of the forecast among those of the series
 */
export function drawBacktest(element, backtest, series, place) {
  const forecast = series.forecasts[place];
  if (!forecast) return;
  const history = series.dates.map((date, at) => ({ date, ...Object.fromEntries(TARGETS.map((target) => [target, series.actual[target]?.[at] ?? null])) }));
  const predictions = forecast.dates.map((date, at) => ({
    date, closed: false,
    ...Object.fromEntries(TARGETS.flatMap((target) => {
      const path = forecast.per_target[target];
      const bounds = /** @type {const} */ (["lo80", "hi80", "lo95", "hi95"]).map((bound) => [`predicted_${target}_${bound}`, path?.[bound]?.[at] ?? null]);
      return [[`predicted_${target}`, path?.forecast[at] ?? null], ...bounds];
    })),
  }));
  const shown = /** @type {any} */ ({ step: backtest.step, as_of: forecast.origin, predictions });
  return drawForecast(element, { forecast: shown, history: /** @type {any} */ (history), isPast: true, description: t("backtest.picture") });
}
