// Several models side by side: errors beside naive forecasts, and their forecasts of one series over each other.

import { get, post } from "../lib/api.js";
import { loadPlotly } from "../lib/charts.js";
import { h } from "../lib/dom.js";
import { drawForecast } from "../lib/forecast_chart.js";
import { drawSkills } from "../lib/model_charts.js";
import { empty, failure, head, link, notice, panel, show, table, targetName, TARGETS } from "../lib/parts.js";
import { seriesOfModel, seriesPicker } from "../lib/series_picker.js";
import { duration, moment, number, percent, t } from "../lib/texts.js";
import { skillOf, verdict } from "./home.js";
import { kindOf, MOST } from "./models.js";

/** @typedef {import("../types").Schemas["ModelReply"]} Model */
/** @typedef {import("../lib/series_picker.js").Series} Series */

const LETTERS = "ABCD";
const STEPS = { hour: 48, shift: 42, day: 28, week: 12, month: 12 };

/** @param {import("../main.js").Context} context */
export async function view({ query, signal }) {
  const ids = [...new Set((query.get("models") ?? "").split(",").filter(Boolean))].slice(0, MOST);
  const title = head(t("compare.title"), t("compare.lead"), link(t("nav.models"), "#/models", "button"));
  if (ids.length < 2) return h("div", {}, title, panel(null, empty(t("compare.few"), t("compare.few_text"), link(t("nav.models"), "#/models", "button primary"))));
  const models = await Promise.all(ids.map((id) => get("/api/model/{model_id}", { model_id: id }, signal)));
  loadPlotly();
  const forecasts = await forecastsPanel(models, signal);
  const chart = h("div", { className: "chart single" });
  requestAnimationFrame(() => drawSkills(chart, models.map((model, place) => ({ name: LETTERS[place] ?? "", skills: TARGETS.map((target) => skillOf(model.info.metrics?.per_target?.[target])) }))));
  return h("div", {}, title, h("div", { className: "stack" }, differences(models),
    panel(t("compare.errors"), comparison(models)),
    panel(t("compare.picture"), h("p", {}, t("compare.picture_text")), chart),
    forecasts));
}

/** What keeps the errors from being compared. @param {Model[]} models */
function differences(models) {
  const differ = (/** @type {(model: Model) => unknown} */ of) => new Set(models.map(of)).size > 1;
  if (differ((model) => model.info.dataset_id)) return notice("warn", h("p", {}, t("compare.other_data")));
  const measured = differ((model) => model.info.config?.train_test_split) || differ((model) => model.info.metrics?.held_back_rows) || differ((model) => model.info.metrics?.horizon);
  return measured && notice("warn", h("p", {}, t("compare.other_split")));
}

/** @param {Model[]} models */
function comparison(models) {
  /** @param {string | HTMLElement} name @param {(model: Model) => number | null | undefined} of @param {(value: number | null | undefined) => string} written @param {1 | -1 | 0} better 1: the highest, -1: the lowest is best */
  const row = (name, of, written, better = 0) => {
    const values = models.map((model) => of(model) ?? null);
    const known = values.filter((value) => value !== null).map((value) => value * better);
    return [name, ...values.map((value) => better && value !== null && known.length > 1 && value * better === Math.max(...known)
      ? h("strong", {}, written(value), h("span", { className: "unseen" }, ` ${t("compare.best")}`)) : written(value))];
  };
  const errors = (/** @type {Model} */ model, /** @type {import("../lib/parts.js").Target} */ target) => model.info.metrics?.per_target?.[target];
  const named = (/** @type {import("../lib/parts.js").Target} */ target, /** @type {string} */ what) => h("span", {}, targetName(target), `, ${what}`);
  return table(
    [{ text: t("compare.measure") }, ...models.map((model, place) => ({ number: true, text: [`${LETTERS[place]} `, link(model.model_id.slice(0, 8), `#/model/${model.model_id}`, "mono")] }))],
    [
      [t("models.quality"), ...models.map((model) => verdict(model.info.metrics))],
      ...TARGETS.map((target) => row(named(target, t("compare.saved")), (model) => skillOf(errors(model, target)), percent, 1)),
      ...TARGETS.map((target) => row(named(target, t("compare.relative")), (model) => errors(model, target)?.wape, (value) => percent(value, 1), -1)),
      ...TARGETS.map((target) => row(named(target, t("compare.coverage")), (model) => errors(model, target)?.coverage?.["80"], percent)),
      row(t("models.mase"), (model) => model.info.metrics?.mase, number, -1),
      [t("models.kind"), ...models.map((model) => kindOf(model.info))],
      [t("parameter.epochs"), ...models.map((model) => number(model.training_history?.epochs))],
      row(t("parameter.sequenceLength"), (model) => model.info.config?.sequence_length, number),
      row(t("models.weights"), (model) => model.model_summary?.total_params, number),
      [t("models.took"), ...models.map((model) => duration(model.info.training_time))],
      [t("models.made"), ...models.map((model) => moment(model.info.created_at))],
    ], t("compare.errors"));
}

/** @param {Model[]} models @param {AbortSignal} signal */
async function forecastsPanel(models, signal) {
  const [first] = models;
  if (!first || first.series.length === 0) return null;
  const chart = h("div", { className: "chart" }), place = h("div", {});
  const draw = (/** @type {Series} */ series) => show(place, async () => {
    const made = await Promise.all(models.map((model) => forecastOf(model, series, signal)));
    const known = made.flatMap((each, at) => each.forecast ? [{ name: LETTERS[at] ?? "", letter: LETTERS[at] ?? "", forecast: each.forecast }] : []);
    const [base, ...others] = known;
    chart.hidden = base === undefined;
    if (base) drawForecast(chart, { forecast: base.forecast, history: base.forecast.history ?? [], scenarios: others });
    return [...made.map((each) => each.error !== undefined && failure(each.error)),
      h("ul", { className: "legend below" }, known.map((each, at) => h("li", { className: ["", "other", "dots", "mixed"][at] ?? "" }, each.name)))];
  });
  const picker = await seriesPicker(seriesOfModel(first), {}, draw);
  draw(picker.series);
  return panel(t("compare.forecasts"), picker.element, place, chart);
}

/** @param {Model} model @param {Series} series @param {AbortSignal} signal */
async function forecastOf(model, series, signal) {
  const horizon = STEPS[model.step];
  const asked = { model_id: model.model_id, plant: series.plant, application: series.application, panelSize: series.panel_size, predictionDays: horizon, historySteps: 2 * horizon };
  try {
    return { forecast: await post("/api/model/predict", asked, {}, { signal }) };
  } catch (error) {
    return { error };
  }
}
