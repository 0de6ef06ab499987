// One model: what it is good and bad at, in words; its training, its series, its files.

import { apiKey, download, get, post, save, text } from "../lib/api.js";
import { h } from "../lib/dom.js";
import { drawLosses, lossLegend } from "../lib/model_charts.js";
import { pageOf, pagedList } from "../lib/paged_list.js";
import { act, button, empty, field, figures, head, link, panel, select, seriesName, serviceNotice, table, targetName, TARGETS, toast } from "../lib/parts.js";
import { duration, moment, number, percent, t } from "../lib/texts.js";
import { deleteLater } from "../lib/undo.js";
import { skillOf, verdict } from "./home.js";
import { statusBadge } from "./job.js";
import { kindOf } from "./models.js";

/** @typedef {import("../types").Schemas["ModelReply"]} Model */

const MEMBERS = new Set(["autoregression", "lstm", "pretrained", "last_value", "last_season"]);

/** @param {import("../main.js").Context} context */
export async function view({ id, signal, access }) {
  const model = await get("/api/model/{model_id}", { model_id: id }, signal);
  const mayWrite = access.role !== "read";
  const backtests = await backtestsPanel(id, signal);
  return h("div", {},
    head(t("models.title", { id: id.slice(0, 8) }), `${kindOf(model.info)}, ${moment(model.info.created_at)}`,
      link(t("data.forecast"), `#/forecast?model=${id}`, "button primary"),
      model.info.dataset_id && link(t("models.data"), `#/dataset/${model.info.dataset_id}`, "button")),
    modelPanels(model),
    h("div", { className: "stack below" }, besidePanel(model), backtests, filesPanel(model, mayWrite), seriesPanel(model)));
}

/** What a model is good and bad at, and how it was trained. @param {Model} model */
export function modelPanels(model, withCurves = true) {
  const { info, training_history: history } = model;
  const chart = h("div", { className: "chart single" });
  const curves = withCurves && history?.loss && history.val_loss ? panel(t("train.curves"), lossLegend(), chart) : null;
  if (curves && history?.loss && history.val_loss) {
    requestAnimationFrame(() => drawLosses(chart, { loss: history.loss ?? [], val_loss: history.val_loss ?? [] }));
  }
  const metrics = info.metrics;
  return h("div", { className: "stack" },
    serviceNotice("warn", (info.warnings ?? []).slice(0, 8)),
    panel(t("models.good_at"), h("p", {}, verdict(metrics), " ", t("models.beside_naive", { n: metrics?.horizon ?? 0 })),
      metrics?.per_target && h("ul", {}, TARGETS.map((target) => h("li", {}, sentence(target, metrics.per_target?.[target])))),
      metrics?.per_target && targetsTable(metrics.per_target),
      metrics?.combination?.per_target && h("p", { className: "small quiet" }, t("models.made_of"), " ", TARGETS.map((target) => membersOf(target, metrics.combination?.per_target?.[target])).join("; "), ".")),
    curves,
    panel(null, figures([
      [t("data.series"), number(info.series_count)], [t("data.rows"), number(info.data_points)],
      [t("models.took"), duration(info.training_time)], [t("models.weights"), number(model.model_summary?.total_params)],
      [t("models.best_epoch"), number(history?.best_epoch ?? history?.epochs)],
      [t("models.as_of"), info.dataset_as_of ?? "–"],
    ]), info.continued_from && h("p", {}, t("models.continued_from"), " ", link(info.continued_from.slice(0, 8), `#/model/${info.continued_from}`)),
    h("details", {}, h("summary", {}, t("models.config")), table([{ text: t("models.parameter") }, { text: t("quality.value"), number: true }],
      Object.entries(info.config ?? {}).filter(([, value]) => value !== null && typeof value !== "object")
        .map(([name, value]) => [configName(name), typeof value === "number" ? number(value) : String(value)]), t("models.config")))));
}

/** @param {string} name of a field of the configuration */
function configName(name) {
  const camel = name.replace(/_units_(\d)/, "Units$1").replace(/_(\w)/g, (_, letter) => letter.toUpperCase());
  const known = ["lstmUnits1", "lstmUnits2", "sequenceLength", "epochs", "batchSize", "learningRate", "dropoutRate", "trainTestSplit", "seed"];
  return known.includes(camel) ? t(/** @type {import("../lib/texts.js").Key} */ (`parameter.${camel}`)) : name.replaceAll("_", " ");
}

/**
 * How the forecasts of a target compare with the better of two naive ones, in words.
 * @param {import("../lib/parts.js").Target} target @param {import("./home.js").Errors | null | undefined} errors
 */
export function sentence(target, errors) {
  const name = targetName(target);
  const skill = skillOf(errors);
  if (skill === null) return [name, ": ", t("models.not_measured")];
  const text = skill > 0.02 ? t("models.saves", { share: percent(skill) })
    : skill < -0.02 ? t("models.loses", { share: percent(-skill) }) : t("models.equal");
  return [name, ": ", text];
}

/**
 * The members that forecasts of a target are weighted means of.
 * @param {import("../lib/parts.js").Target} target @param {import("../types").Schemas["CombinedTarget"] | undefined} combined
 */
function membersOf(target, combined) {
  const used = Object.entries(combined?.members ?? {}).map(([name, member]) => /** @type {const} */ ([name, member.weight ?? 0])).filter(([, weight]) => weight > 0);
  const words = used.sort((one, other) => other[1] - one[1]).map(([name, weight]) => `${percent(weight)} ${MEMBERS.has(name) ? t(/** @type {import("../lib/texts.js").Key} */ (`member.${name}`)) : name}`);
  return `${t(`target.${target}`)}: ${words.join(", ")}`;
}

/** @param {import("../types").Schemas["MetricsByTarget"]} targets */
function targetsTable(targets) {
  return table(
    [{ text: t("models.target") }, { text: t("models.typical"), number: true }, { text: t("models.relative"), number: true, wide: true },
      { text: t("models.over_last"), number: true }, { text: t("models.over_season"), number: true }, { text: t("models.coverage"), number: true, wide: true }],
    TARGETS.map((target) => {
      const errors = targets[target];
      return [targetName(target), number(errors?.mae), percent(errors?.wape, 1), percent(errors?.skill_over_last_value),
        percent(errors?.skill_over_seasonal_naive), percent(errors?.coverage?.["80"])];
    }), t("models.errors"));
}

/** @param {Model} model */
function besidePanel(model) {
  if (model.beside.length === 0) return null;
  const rows = [
    [t("models.this"), number(model.info.metrics?.mase), number(model.info.metrics?.r2_score)],
    ...model.beside.map((each) => [
      [link(each.model_id.slice(0, 8), `#/model/${each.model_id}`), ` ${each.architecture === "enhanced" ? t("models.enhanced") : t("models.plain")}`],
      number(each.mase), number(each.r2_score),
    ]),
  ];
  return panel(t("models.beside"), table([{ text: t("models.model") }, { text: t("models.mase"), number: true }, { text: t("models.r2"), number: true }], rows, t("models.beside")));
}

/** The backtests of a model. @param {string} id @param {AbortSignal} signal */
async function backtestsPanel(id, signal) {
  const { jobs } = await get("/api/jobs", { kind: "backtest", q: id, limit: 10 }, signal);
  if (jobs.length === 0) return null;
  return panel(t("models.backtests"), table([{ text: t("jobs.job") }, { text: t("jobs.status") }, { text: t("jobs.queued") }],
    jobs.map((job) => [link(`${t("job.kind.backtest")} ${job.job_id.slice(0, 8)}`, `#/job/${job.job_id}`), statusBadge(job.status), moment(job.queued_at)]), t("models.backtests")));
}

/** @param {Model} model */
function seriesPanel(model) {
  return panel(t("data.series"), pagedList({
    limit: 10,
    load: async (query) => pageOf(model.series, query, seriesName),
    draw: (entries) => table([{ text: t("series") }, { text: h("span", { className: "unseen" }, t("table.actions")), actions: true }], entries.map((each) => [seriesName(each),
      link(t("data.forecast"), `#/forecast?${new URLSearchParams({ model: model.model_id, plant: each.plant, application: each.application, size: each.panel_size })}`)]), t("data.series")),
    none: () => empty(t("list.nothing"), t("list.nothing_text")),
  }).element);
}

/** @param {Model} model @param {boolean} mayWrite */
function filesPanel(model, mayWrite) {
  const id = model.model_id, place = h("div", {});
  const doing = (/** @type {string} */ label, /** @type {() => Promise<unknown>} */ work, look = "") => {
    const pressed = h("button", { type: "button", className: look || null, onclick: () => act(pressed, place, work) }, label);
    return pressed;
  };
  const file = (/** @type {string} */ format) => doing(format, () => download("/api/model/{model_id}/download", { model_id: id, format }, `${id}.${format}`));
  const report = apiKey() === null ? link(t("models.report"), `api/model/${id}/report`, "button") : doing(t("models.report"), async () =>
    save(new Blob([await text("/api/model/{model_id}/report", { model_id: id })], { type: "text/html" }), `${id}.html`));
  const weights = select([["float32", t("weights.float32")], ["float16", t("weights.float16")], ["int8", t("weights.int8")]], model.info.serves ?? "float32");
  return panel(t("models.files"), h("div", { className: "stack" },
    h("div", { className: "row" }, report, h("span", { className: "small quiet" }, t("models.report_text"))),
    h("div", { className: "row" }, file("keras"), file("onnx"), file("litert"), h("span", { className: "small quiet" }, t("models.files_text"))),
    mayWrite && model.info.source === "trained" && h("div", { className: "row" },
      doing(t("models.continue"), async () => {
        const job = await post("/api/model/{model_id}/continue", { background: true }, { model_id: id }, { once: true });
        location.hash = `#/job/${/** @type {any} */ (job).job_id}`;
      }), h("span", { className: "small quiet" }, t("models.continue_text"))),
    mayWrite && h("div", { className: "row" },
      doing(t("models.backtest"), async () => {
        const job = await post("/api/model/{model_id}/backtest", { background: true }, { model_id: id }, { once: true });
        location.hash = `#/job/${/** @type {any} */ (job).job_id}`;
      }), h("span", { className: "small quiet" }, t("models.backtest_text"))),
    mayWrite && h("div", { className: "row bottom" }, field(t("models.serves"), weights), doing(t("models.compress"), async () => {
      const found = await post("/api/model/{model_id}/compress", { serves: /** @type {any} */ (weights.value) }, { model_id: id });
      toast(t("models.compressed", { before: Math.round(found.bytes_before / 1000), after: Math.round(found.bytes_after / 1000) }));
    }), h("span", { className: "small quiet" }, t("models.serves_text"))),
    place,
    mayWrite && h("div", {}, button(t("models.delete"), () => deleteLater("/api/model/{model_id}", id, id.slice(0, 8), (state) => {
      if (state === "hidden") location.hash = "#/models";
      if (state === "back") location.hash = `#/model/${id}`;
    }), "danger"))));
}
