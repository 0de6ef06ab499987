// The jobs: list, filter, cancel.

import { get } from "../lib/api.js";
import { h } from "../lib/dom.js";
import { pagedList } from "../lib/paged_list.js";
import { empty, field, head, link, panel, select, table } from "../lib/parts.js";
import { duration, moment, t } from "../lib/texts.js";
import { statusBadge } from "./job.js";

const EVERY = 4000; // milliseconds between two readings
const STATUSES = /** @type {const} */ (["running", "queued", "succeeded", "failed", "cancelled"]);

/** @param {import("../main.js").Context} context */
export function view({ signal }) {
  const status = select([["", t("jobs.all")], ...STATUSES.map((each) => /** @type {[string, string]} */ ([each, t(`status.${each}`)]))], "", () => list.reload());
  const list = pagedList({
    load: async (query) => {
      const found = await get("/api/jobs", { ...query, status: status.value }, signal);
      return { entries: found.jobs, total: found.total, next: found.next_cursor };
    },
    draw: (jobs) => table(
      [{ text: t("jobs.job") }, { text: t("jobs.status") }, { text: t("jobs.progress") }, { text: t("jobs.left"), number: true, wide: true }, { text: t("jobs.queued"), wide: true }],
      jobs.map((job) => [
        h("span", {}, link(`${t(`job.kind.${job.kind}`)} ${job.job_id.slice(0, 8)}`, `#/job/${job.job_id}`), job.plant && h("span", { className: "small quiet" }, ` ${job.plant}`)),
        statusBadge(job.status),
        job.error ? h("span", { className: "small" }, job.error) : job.progress === null ? "–" : "epoch" in job.progress
          ? t("jobs.epoch", { epoch: job.progress.epoch, epochs: job.progress.epochs })
          : t("jobs.origins_done", { done: job.progress.origins_done, all: job.progress.origins }),
        job.status === "running" ? duration(job.progress?.eta_seconds) : "–",
        moment(job.queued_at),
      ]), t("nav.jobs")),
    none: (searched) => searched || status.value ? empty(t("list.nothing"), t("list.nothing_text")) : empty(t("jobs.none"), t("jobs.none_text"), link(t("nav.train"), "#/train", "button")),
    sorts: [["-queued_at", t("sort.newest")], ["queued_at", t("sort.oldest")]],
    filters: [field(t("jobs.status"), status)],
  });
  const timer = setInterval(() => !document.hidden && list.refresh(), EVERY);
  signal.addEventListener("abort", () => clearInterval(timer));
  return h("div", {}, head(t("nav.jobs"), t("jobs.lead")), panel(null, list.element));
}
