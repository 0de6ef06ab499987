// The first view: the state of the service, data sets and models at a glance, what to do next.

import { get } from "../lib/api.js";
import { h } from "../lib/dom.js";
import { dropZone } from "../lib/drop_zone.js";
import { badge, figures, head, link, notice, panel, table, TARGETS } from "../lib/parts.js";
import { day, duration, moment, number, percent, t } from "../lib/texts.js";
import { beingDeleted } from "../lib/undo.js";

/** @param {import("../main.js").Context} context */
export async function view({ signal, access }) {
  const [health, models, datasets, jobs] = await Promise.all([
    get("/health", {}, signal),
    get("/api/models", { limit: 5 }, signal),
    get("/api/data", { limit: 5 }, signal),
    get("/api/jobs", { limit: 5, status: "running" }, signal),
  ]);
  const mayWrite = access.role !== "read";
  const isNew = datasets.total === 0 && models.total === 0;
  return h("div", {},
    head(t("home.title"), t("home.lead")),
    h("div", { className: "stack" },
      health.workers_alive === 0 && workersNotice(signal),
      isNew ? welcome(mayWrite) : [
        panel(null, figures([
          [t("home.datasets"), number(datasets.total)],
          [t("home.models"), number(models.total)],
          [t("home.workers"), number(health.workers_alive)],
          [t("home.queued"), number(health.jobs_queued)],
          [t("home.uptime"), duration(health.uptime_seconds)],
        ], true)),
        jobs.jobs.length > 0 && running(jobs.jobs),
        newestData(datasets.datasets.filter((each) => !beingDeleted().has(each.dataset_id))),
        newestModels(models.models.filter((each) => !beingDeleted().has(each.model_id))),
        mayWrite && more(),
      ]));
}

/** A notice that leaves once a worker is there: it takes some seconds to start. @param {AbortSignal} signal */
function workersNotice(signal) {
  const shown = notice("warn", h("p", {}, t("home.no_workers")));
  const timer = setInterval(async () => {
    const now = await get("/health", {}, signal).catch(() => null);
    if (now?.workers_alive) {
      clearInterval(timer);
      shown.remove();
    }
  }, 3000);
  signal.addEventListener("abort", () => clearInterval(timer));
  return shown;
}

/** @param {boolean} mayWrite */
function welcome(mayWrite) {
  if (!mayWrite) return panel(null, h("h2", {}, t("home.nothing")), h("p", {}, t("home.nothing_read")));
  return [
    dropZone().element,
    h("div", { className: "columns" },
      panel(t("home.try_title"), h("p", {}, t("home.try_text")),
        h("p", {}, link(t("home.try_action"), "#/data?generate=1", "button primary"))),
      panel(t("home.way_title"), h("ol", {},
        h("li", {}, t("home.way_1")), h("li", {}, t("home.way_2")), h("li", {}, t("home.way_3"))))),
  ];
}

function more() {
  return h("div", { className: "columns" },
    panel(t("home.more_title"), h("div", { className: "row" },
      link(t("home.more_data"), "#/data", "button"),
      link(t("home.more_train"), "#/train", "button"),
      link(t("home.more_plan"), "#/plan", "button"))));
}

/** @param {import("../types").Schemas["JobInfo"][]} jobs */
function running(jobs) {
  return panel(t("home.running"), table([{ text: t("jobs.job") }, { text: t("jobs.progress") }, { text: t("jobs.left"), number: true }],
    jobs.map((job) => [
      link(`${t(`job.kind.${job.kind}`)} ${job.job_id.slice(0, 8)}`, `#/job/${job.job_id}`),
      job.progress && "epoch" in job.progress ? t("jobs.epoch", { epoch: job.progress.epoch, epochs: job.progress.epochs }) : "–",
      duration(job.progress?.eta_seconds),
    ]), t("home.running")));
}

/** @param {import("../types").Schemas["DatasetInfo"][]} datasets */
function newestData(datasets) {
  return panel(t("home.newest_data"), table(
    [{ text: t("data.set") }, { text: t("data.series"), number: true }, { text: t("data.rows"), number: true, wide: true }, { text: t("data.until"), wide: true }, { text: h("span", { className: "unseen" }, t("table.actions")), actions: true }],
    datasets.map((each) => [
      h("a", { href: `#/dataset/${each.dataset_id}` }, nameOf(each)),
      number(each.summary.series), number(each.data_points), day(each.summary.date_range.end),
      link(t("data.forecast"), `#/forecast?dataset=${each.dataset_id}`),
    ]), t("home.newest_data")));
}

/** @param {import("../types").Schemas["ModelEntry"][]} models */
function newestModels(models) {
  if (models.length === 0) {
    return panel(t("home.newest_models"), h("p", {}, t("home.no_models")), h("p", {}, link(t("home.more_train"), "#/train", "button")));
  }
  return panel(t("home.newest_models"), table(
    [{ text: t("models.model") }, { text: t("models.made"), wide: true }, { text: t("models.quality") }, { text: h("span", { className: "unseen" }, t("table.actions")), actions: true }],
    models.map(({ model_id, info }) => [
      h("a", { href: `#/model/${model_id}`, className: "mono" }, model_id.slice(0, 8)),
      moment(info.created_at), verdict(info.metrics),
      link(t("data.forecast"), `#/forecast?model=${model_id}`),
    ]), t("home.newest_models")));
}

/** @typedef {{ skill_over_last_value?: number | null, skill_over_seasonal_naive?: number | null }} Errors */

/** The share of the error that a model saves over the better of two naive forecasts. @param {Errors | null | undefined} errors */
export function skillOf(errors) {
  const skills = [errors?.skill_over_last_value, errors?.skill_over_seasonal_naive].filter((each) => typeof each === "number");
  return skills.length > 0 ? Math.min(...skills) : null;
}

/** How a model compares with naive forecasts over all targets. @param {import("../types").Schemas["ModelMetrics"] | null | undefined} metrics */
export function verdict(metrics) {
  const skills = TARGETS.map((target) => skillOf(metrics?.per_target?.[target])).filter((each) => each !== null);
  if (skills.length === 0) return badge(t("models.unknown"));
  const skill = skills.reduce((a, b) => a + b, 0) / skills.length;
  if (skill > 0.02) return badge(t("models.better", { share: percent(skill) }), "good");
  return skill >= -0.02 ? badge(t("models.same"), "warn") : badge(t("models.worse", { share: percent(-skill) }), "bad");
}

/** What a data set is called: its plants, as it has no name. @param {import("../types").Schemas["DatasetInfo"]} dataset */
export function nameOf(dataset) {
  const { plants } = dataset.summary;
  const shown = plants.slice(0, 3).join(", ");
  return plants.length > 3 ? t("data.and_more", { names: shown, n: plants.length - 3 }) : shown;
}

