// The jobs: list, filter, cancel.

import { get, remove } from "../lib/api.js";
import { h } from "../lib/dom.js";
import { pagedList } from "../lib/paged_list.js";
import { act, empty, field, head, link, panel, select, table } from "../lib/parts.js";
import { duration, moment, serviceText, t } from "../lib/texts.js";
import { nameOf } from "./home.js";
import { statusBadge } from "./job.js";

/** @typedef {import("../types").Schemas["JobInfo"]} Job */

const EVERY = 4000; // milliseconds between two readings
const STATUSES = /** @type {const} */ (["running", "queued", "succeeded", "failed", "cancelled"]);
const KINDS = /** @type {const} */ (["train", "backtest"]);

/** @param {import("../main.js").Context} context */
export async function view({ signal, access }) {
  const { datasets } = await get("/api/data", { limit: 1000 }, signal);
  const names = new Map(datasets.map((each) => [each.dataset_id, nameOf(each)]));
  const status = select([["", t("jobs.all")], ...STATUSES.map((each) => /** @type {[string, string]} */ ([each, t(`status.${each}`)]))], "", () => list.reload());
  const kind = select([["", t("jobs.all")], ...KINDS.map((each) => /** @type {[string, string]} */ ([each, t(`job.kind.${each}`)]))], "", () => list.reload());
  const problem = h("div", {});
  const list = pagedList({
    load: async (query) => {
      const found = await get("/api/jobs", { ...query, status: status.value, kind: kind.value }, signal);
      return { entries: found.jobs, total: found.total, next: found.next_cursor };
    },
    draw: (jobs) => table(
      [{ text: t("jobs.job") }, { text: t("jobs.status") }, { text: t("jobs.progress") }, { text: t("train.data"), wide: true }, { text: t("jobs.left"), number: true, wide: true }, { text: t("jobs.queued"), wide: true },
        { text: h("span", { className: "unseen" }, t("table.actions")), actions: true }],
      jobs.map((job) => [
        link(`${t(`job.kind.${job.kind}`)} ${job.job_id.slice(0, 8)}`, `#/job/${job.job_id}`), statusBadge(job.status), progressOf(job),
        job.plant ?? names.get(job.dataset_id ?? "") ?? "–", job.status === "running" ? duration(job.progress?.eta_seconds) : "–", moment(job.queued_at),
        access.role !== "read" && ["queued", "running"].includes(job.status) && cancelButton(job, problem, () => list.refresh()),
      ]), t("nav.jobs")),
    none: (searched) => searched || isFiltered() ? empty(t("list.nothing"), t("list.nothing_text")) : empty(t("jobs.none"), t("jobs.none_text"), link(t("nav.train"), "#/train", "button")),
    sorts: [["-queued_at", t("sort.newest")], ["queued_at", t("sort.oldest")]],
    filters: [field(t("jobs.status"), status), field(t("jobs.kind"), kind)],
    isFiltered: () => isFiltered(),
  });
  const isFiltered = () => status.value !== "" || kind.value !== "";
  const timer = setInterval(() => !document.hidden && !list.element.querySelector("table")?.contains(document.activeElement) && list.refresh(), EVERY);
  signal.addEventListener("abort", () => clearInterval(timer));
  return h("div", {}, head(t("nav.jobs"), t("jobs.lead")), panel(null, problem, list.element));
}

/** @param {Job} job */
function progressOf(job) {
  if (job.error) return h("span", { className: "small" }, serviceText(job.error));
  if (job.progress === null) return "–";
  return "epoch" in job.progress
    ? t("jobs.epoch", { epoch: job.progress.epoch, epochs: job.progress.epochs })
    : t("jobs.origins_done", { done: job.progress.origins_done, all: job.progress.origins });
}

/** @param {Job} job @param {HTMLElement} problem @param {() => void} changed */
function cancelButton(job, problem, changed) {
  const id = job.job_id;
  const pressed = h("button", { type: "button", className: "plain", "aria-label": `${t("jobs.cancel")} ${id.slice(0, 8)}`, onclick: () => act(pressed, problem, async () => {
    await remove("/api/jobs/{job_id}", { job_id: id });
    changed();
  }) }, t("jobs.cancel_short"));
  return pressed;
}
