// The flow of a data set: what came and left, how long it took, what is still in process.

import { get } from "../lib/api.js";
import { drawCycleTimes, drawFlow } from "../lib/charts.js";
import { h } from "../lib/dom.js";
import { badge, figures, panel, table } from "../lib/parts.js";
import { day, number, percent, t } from "../lib/texts.js";

/** @typedef {import("../types").Schemas["FlowReply"]} Flow */

const OLDEST = 10; // units in process that are listed

/** @param {string} id of the data set @param {AbortSignal} signal */
export async function flowPanels(id, signal) {
  const flow = await get("/api/data/{dataset_id}/flow", { dataset_id: id }, signal);
  const cumulative = h("div", { className: "chart single" }), scatter = h("div", { className: "chart single" });
  requestAnimationFrame(() => {
    drawFlow(cumulative, flow);
    drawCycleTimes(scatter, flow);
  });
  const { percentiles } = flow.cycle_times;
  return h("div", { className: "stack" },
    panel(t("flow.cumulative"), h("ul", { className: "legend" }, h("li", { className: "came" }, t("flow.came")), h("li", { className: "left" }, t("flow.left"))), cumulative,
      flow.notes.length > 0 && h("ul", { className: "small quiet" }, flow.notes.map((note) => h("li", {}, note)))),
    panel(t("flow.cycle_times"), figures([
      [t("flow.finished"), number(flow.cycle_times.units)], [t("flow.mean"), number(flow.cycle_times.mean)],
      [t("flow.half"), number(percentiles.p50)], [t("flow.most"), number(percentiles.p85)], [t("flow.nearly_all"), number(percentiles.p95)],
    ]), scatter),
    flow.ageing && ageing(flow.ageing),
    flow.stations && stations(flow.stations));
}

/** @param {NonNullable<Flow["ageing"]>} found */
function ageing(found) {
  return panel(t("flow.ageing"), figures([
    [t("flow.in_process"), number(found.units)], [t("flow.mean_age"), number(found.mean_age)],
    ...(found.older_units === null ? [] : /** @type {[string, string][]} */ ([[t("flow.older", { n: found.older_than ?? 0 }), number(found.older_units)]])),
  ]), found.oldest.length > 0 && table(
    [{ text: t("flow.unit") }, { text: t("flow.since") }, { text: t("flow.age"), number: true }, { text: t("flow.sooner"), number: true }],
    found.oldest.slice(0, OLDEST).map((unit) => [unit.unit, day(unit.start.slice(0, 10)), number(unit.age),
      unit.share_that_left_sooner > 0.85 ? badge(percent(unit.share_that_left_sooner), "warn") : percent(unit.share_that_left_sooner)]), t("flow.ageing")));
}

/** @param {NonNullable<Flow["stations"]>} found */
function stations(found) {
  return panel(t("flow.stations"), table(
    [{ text: t("flow.station") }, { text: t("flow.waiting"), number: true }, { text: t("flow.service"), number: true, wide: true }, { text: t("target.wip"), number: true }, { text: t("flow.share"), number: true }],
    found.stations.map((each) => [each.step, number(each.waiting_time), number(each.service_time), number(each.wip), percent(each.waiting_share)]), t("flow.stations")));
}
