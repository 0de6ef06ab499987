// The result of a backtest: errors beside naive forecasts, by how far ahead, and forecasts beside what came.

import { download } from "../lib/api.js";
import { fill, h } from "../lib/dom.js";
import { drawBacktest, drawErrorsByStep, errorLegend } from "../lib/model_charts.js";
import { act, field, link, panel, select, seriesName, serviceNotice, table, targetName, TARGETS } from "../lib/parts.js";
import { day, number, percent, t } from "../lib/texts.js";
import { sentence } from "./model.js";

/** @typedef {import("../types").Schemas["BacktestReply"]} Backtest */

/** @param {Backtest} backtest */
export function backtestPanels(backtest) {
  const steps = h("div", { className: "chart single steps" });
  requestAnimationFrame(() => drawErrorsByStep(steps, backtest));
  return h("div", { className: "stack" },
    serviceNotice("warn", backtest.warnings.slice(0, 8)),
    panel(t("backtest.good_at"),
      h("p", {}, t("backtest.measured", { origins: backtest.origins.length, series: backtest.series_count, horizon: t(`steps.${backtest.step}`, { n: backtest.horizon }) })),
      h("ul", {}, TARGETS.map((target) => h("li", {}, sentence(target, backtest.per_target[target]?.overall)))), targetsTable(backtest)),
    panel(t("backtest.by_step"), errorLegend(), steps), picturePanel(backtest), worstPanel(backtest));
}

/** @param {Backtest} backtest */
function targetsTable(backtest) {
  return table(
    [{ text: t("models.target") }, { text: t("models.relative"), number: true }, { text: t("backtest.last_value"), number: true }, { text: t("backtest.seasonal_naive"), number: true },
      { text: t("backtest.bias"), number: true, wide: true }, { text: t("models.coverage"), number: true, wide: true }],
    TARGETS.map((target) => {
      const found = backtest.per_target[target]?.overall;
      return [targetName(target), percent(found?.wape, 1), percent(found?.last_value.wape, 1), percent(found?.seasonal_naive.wape, 1), percent(found?.bias, 1), percent(found?.coverage_80)];
    }), t("models.errors"));
}

/** @param {Backtest} backtest */
function picturePanel(backtest) {
  if (backtest.plot.length === 0) return null;
  const chart = h("div", { className: "chart" }), place = h("div", {});
  const origin = h("select", { onchange: () => draw() });
  const series = select(backtest.plot.map((each, at) => [String(at), seriesName(each)]), "0", () => chooseSeries());
  const shown = () => backtest.plot[Number(series.value)];
  const draw = () => {
    const found = shown();
    if (found) drawBacktest(chart, backtest, found, Number(origin.value));
  };
  const chooseSeries = () => {
    const dates = shown()?.forecasts ?? [];
    fill(origin, dates.map((each, at) => h("option", { value: at, selected: at === dates.length - 1 }, day(each.origin))));
    draw();
  };
  requestAnimationFrame(chooseSeries);
  const save = h("button", { type: "button", onclick: () => act(save, place, () =>
    download("/api/model/{model_id}/backtest/{job_id}", { model_id: backtest.model_id, job_id: backtest.job_id, format: "png" }, `backtest-${backtest.job_id}.png`)) }, t("backtest.save"));
  return panel(t("backtest.title"), h("p", {}, t("backtest.text")),
    h("div", { className: "row bottom" }, field(t("series"), series), field(t("backtest.origin"), origin), save), place, chart);
}

/** The series that the model forecasts worst. @param {Backtest} backtest */
function worstPanel(backtest) {
  const rows = backtest.series.slice(0, 10).map((each) => [
    h("span", {}, link(seriesName(each), `#/forecast?${new URLSearchParams({ model: backtest.model_id, plant: each.plant, application: each.application, size: each.panel_size })}`),
      each.cold_start && h("span", { className: "small quiet" }, ` ${t("backtest.new_series")}`)),
    ...TARGETS.map((target) => percent(each.per_target[target]?.wape, 1)), percent(each.per_target.wip?.last_value_wape, 1),
  ]);
  return panel(t("backtest.worst"), table([{ text: t("series") }, ...TARGETS.map((target) => ({ text: t(`target.${target}`), number: true, wide: target !== "wip" })), { text: t("backtest.naive_wip"), number: true, wide: true }], rows, t("backtest.worst")),
    backtest.series_count > rows.length && h("p", { className: "small quiet" }, t("list.count", { shown: rows.length, total: number(backtest.series_count) })));
}
