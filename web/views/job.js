// One job: its progress as it happens, its log, its result.

import { get, remove } from "../lib/api.js";
import { fill, h } from "../lib/dom.js";
import { follow } from "../lib/job_events.js";
import { drawLosses, lossLegend } from "../lib/model_charts.js";
import { act, badge, failure, figures, head, link, notice, panel, show } from "../lib/parts.js";
import { clock, duration, moment, number, serviceText, t } from "../lib/texts.js";
import { backtestPanels } from "./backtest.js";
import { modelPanels } from "./model.js";

/** @typedef {import("../types").Schemas["JobInfo"]} Job */
/** @typedef {import("../lib/job_events.js").Epoch} Epoch */

const KINDS = /** @type {const} */ ({ queued: "", running: "warn", succeeded: "good", failed: "bad", cancelled: "" });

/** @param {Job["status"]} status */
export function statusBadge(status) {
  return badge(t(`status.${status}`), KINDS[status]);
}

/** @param {import("../main.js").Context} context */
export async function view({ id, signal, access }) {
  const job = await get("/api/jobs/{job_id}", { job_id: id }, signal);
  const screen = jobScreen(job, access.role !== "read");
  follow(id, screen, signal).then((ended) => screen.ended(ended, signal)).catch((error) => {
    if (!(error instanceof DOMException)) fill(screen.problem, failure(error));
  });
  return screen.element;
}

/** @param {Job} job @param {boolean} mayCancel */
function jobScreen(job, mayCancel) {
  const isTraining = job.kind === "train";
  const facts = h("div", {}), queue = h("p", { className: "quiet" }, t("jobs.waits")), result = h("div", { className: "stack" }), problem = h("div", {});
  const bar = h("progress", { max: 1, value: 0, "aria-label": t("jobs.progress") });
  const chart = h("div", { className: "chart single" });
  const log = h("ol", { className: "log", tabindex: 0, "aria-label": t("jobs.log") });
  const cancel = h("button", { type: "button", className: "danger", onclick: () => act(cancel, problem, () => remove("/api/jobs/{job_id}", { job_id: job.job_id })) }, t("jobs.cancel"));
  const losses = { loss: /** @type {number[]} */ ([]), val_loss: /** @type {number[]} */ ([]) };
  let drawn = false;
  const draw = () => {
    if (drawn) return;
    drawn = true; // at most once per frame: epochs may come by the hundred
    requestAnimationFrame(() => {
      drawn = false;
      drawLosses(chart, losses).catch((error) => fill(problem, notice("bad", String(error.message))));
    });
  };
  const chartPanel = h("section", { className: "panel", hidden: true }, h("h2", {}, t("train.curves")), lossLegend(), chart);
  const logPanel = h("section", { className: "panel", hidden: true }, h("details", {}, h("summary", {}, t("jobs.log")), log));
  const element = h("div", {},
    head(`${t(`job.kind.${job.kind}`)} ${job.job_id.slice(0, 8)}`, [job.plant, t("jobs.queued_at", { date: moment(job.queued_at) })].filter(Boolean).join(", "),
      job.dataset_id && link(t("models.data"), `#/dataset/${job.dataset_id}`, "button"), job.kind === "backtest" && job.model_id && link(t("models.details"), `#/model/${job.model_id}`, "button"), mayCancel && cancel),
    h("div", { className: "stack" }, problem, panel(null, facts, bar), result, isTraining && [chartPanel, logPanel]));
  return {
    element,
    problem,
    /** @param {Epoch & { at?: string }} epoch */
    epoch(epoch) {
      losses.loss[epoch.epoch - 1] = epoch.loss;
      losses.val_loss[epoch.epoch - 1] = epoch.val_loss;
      logPanel.hidden = chartPanel.hidden = false;
      log.prepend(h("li", {}, epoch.at && h("time", { datetime: epoch.at }, clock(epoch.at)),
        h("span", {}, t("jobs.log_line", { epoch: epoch.epoch, epochs: epoch.epochs, loss: epoch.loss, val_loss: epoch.val_loss, r2: epoch.r2_score }))));
      draw();
    },
    /** @param {Job} now */
    job(now) {
      const progress = now.progress;
      const isRunning = now.status === "running" || now.status === "queued";
      fill(facts, figures([
        [t("jobs.status"), statusBadge(now.status)],
        ...(progress && "epoch" in progress ? /** @type {[string, string][]} */ ([[t("train.epoch"), `${number(progress.epoch)} / ${number(progress.epochs)}`], [t("train.val_loss"), number(progress.val_loss)]]) : []),
        ...(progress && "origins" in progress ? /** @type {[string, string][]} */ ([[t("jobs.origins"), `${number(progress.origins_done)} / ${number(progress.origins)}`]]) : []),
        ...(isRunning && progress ? /** @type {[string, string][]} */ ([[t("jobs.left"), duration(progress.eta_seconds)]]) : []),
        ...(now.ended_at && now.started_at ? /** @type {[string, string][]} */ ([[t("jobs.took"), duration((Date.parse(now.ended_at) - Date.parse(now.started_at)) / 1000)]]) : []),
      ]), now.waiting && notice("warn", h("p", {}, now.waiting)), now.status === "queued" && queue);
      if (now.status === "queued") placeInQueue(job.job_id).then((text) => { queue.textContent = text; }, () => undefined);
      if (now.status === "running" && !progress) bar.removeAttribute("value");
      if (progress) bar.value = "epoch" in progress ? progress.epoch / progress.epochs : progress.share;
      if (now.status === "succeeded") bar.value = 1;
      bar.hidden = !isRunning;
      cancel.hidden = !isRunning;
    },
    /** @param {Job} now @param {AbortSignal} signal */
    async ended(now, signal) {
      this.job(now);
      if (now.error) fill(result, notice("bad", h("p", {}, serviceText(now.error))));
      if (now.status !== "succeeded") return;
      if (isTraining && now.model_id) {
        const model = h("div", {});
        fill(result, notice("good", h("p", {}, t("train.done")), h("p", { className: "row" },
          link(t("data.forecast"), `#/forecast?model=${now.model_id}`, "button primary"), link(t("models.details"), `#/model/${now.model_id}`, "button"))), model);
        await show(model, async () => modelPanels(await get("/api/model/{model_id}", { model_id: now.model_id }, signal), false));
      } else if (now.model_id && now.kind === "backtest") {
        const names = { model_id: now.model_id, job_id: now.job_id };
        await show(result, async () => backtestPanels(await get("/api/model/{model_id}/backtest/{job_id}", names, signal)));
      }
    },
  };
}

/** How many jobs stand before one that waits. @param {string} jobId */
async function placeInQueue(jobId) {
  const found = await get("/api/jobs", { status: "queued", sort: "queued_at", limit: 1000 });
  const place = found.jobs.findIndex((each) => each.job_id === jobId);
  return place < 0 ? t("jobs.waits") : t("jobs.place", { n: place });
}
