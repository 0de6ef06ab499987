// Charts of plans: finish dates, units by a date, the curve of a line, plans side by side.

import { colour, common, DASHES, draw, hoverFormat, tint } from "./charts.js";
import { dateOf, t, timeOf } from "./texts.js";

/** @typedef {import("../types").Schemas["OutputBy"]} OutputBy */

const DAY = 864e5; // milliseconds
/** The axis of some dates. @param {string} iso one of them */
const dated = (iso) => ({ type: "date", hoverformat: hoverFormat(iso) });
const SOLID = "solid";

/** The name of a chart's upper or lower part, at its top. @param {string} text @param {number} y */
function label(text, y) {
  return { text, showarrow: false, xref: "paper", yref: "paper", x: 0, xanchor: "left", y, yanchor: "bottom", font: { size: 12, color: colour("ink") } };
}

/** @param {string | number} x @param {string} color @param {string} dash */
function upright(x, color, dash) {
  return { type: "line", xref: "x", yref: "paper", x0: x, x1: x, y0: 0, y1: 1, line: { color, width: 1.5, dash } };
}

/**
 * Draws the probability that an order is finished by each date, and that of each date.
 * @param {HTMLElement} element
 * @param {{ date: string, share: number }[]} dates
 * @param {import("../types").Schemas["FinishDates"]} finish
 * @param {string | null} due
 */
export function drawFinish(element, dates, finish, due) {
  const chart = () => {
    const { axis, layout } = common();
    const own = colour("throughput"), x = dates.map((each) => each.date);
    const marks = /** @type {const} */ ([["50 %", finish.p50], ["80 %", finish.p80], ["95 %", finish.p95]]).filter(([, date]) => date !== null);
    return {
      traces: [
        { type: "scatter", mode: "lines", fill: "tozeroy", fillcolor: tint(own, 0.14), line: { color: own, width: 2.2 }, x, y: dates.map((each) => each.share), hovertemplate: `%{y:.0%}<extra>${t("plan.so_far")}</extra>` },
        { type: "bar", x, y: dates.map((each, place) => Math.max(0, each.share - (dates[place - 1]?.share ?? 0))), yaxis: "y2", marker: { color: own, opacity: 0.75 }, hovertemplate: `%{y:.1%}<extra>${t("plan.at_date")}</extra>` },
        { type: "scatter", mode: "markers+text", x: marks.map(([, date]) => date), y: marks.map(([, date]) => shareAt(dates, date ?? "")), text: marks.map(([name]) => name), textposition: "middle right", marker: { size: 8, color: own, line: { color: colour("surface"), width: 1.5 } }, textfont: { color: colour("ink"), size: 12 }, hoverinfo: "skip", cliponaxis: false },
      ],
      layout: {
        ...layout, margin: { ...layout.margin, t: 22, r: 30 }, bargap: 0.25,
        yaxis: { ...axis, domain: [0.5, 1], tickformat: ".0%", range: [0, 1.04], fixedrange: true, nticks: 5 },
        yaxis2: { ...axis, domain: [0, 0.36], tickformat: ".0%", rangemode: "tozero", fixedrange: true, nticks: 4 },
        xaxis: { ...axis, ...dated(dates[0]?.date ?? ""), anchor: "y2" },
        annotations: [label(t("plan.probability"), 1.01), label(t("plan.distribution"), 0.37)],
        shapes: due === null ? [] : [upright(due, colour("ink"), "dot")],
      },
    };
  };
  return draw(element, chart, t("plan.chart"));
}

/** The share of a date between those that are known. @param {{ date: string, share: number }[]} dates @param {string} date */
function shareAt(dates, date) {
  const after = dates.findIndex((each) => each.date >= date), next = dates[after], before = dates[after - 1] ?? next;
  if (!next || !before || next === before) return (next ?? dates.at(-1))?.share ?? null;
  const part = (timeOf(date) - timeOf(before.date)) / (timeOf(next.date) - timeOf(before.date));
  return before.share + part * (next.share - before.share);
}

/**
 * Draws the units that are out by each date, with intervals.
 * @param {HTMLElement} element
 * @param {OutputBy[]} outputs
 */
export function drawOutput(element, outputs) {
  const chart = () => {
    const { axis, layout } = common();
    const own = colour("throughput"), x = outputs.map((each) => each.date);
    const band = (/** @type {"p05" | "p10"} */ low, /** @type {"p90" | "p95"} */ high, /** @type {number} */ share) => ({
      type: "scatter", mode: "lines", hoverinfo: "skip", line: { width: 0 }, fill: "toself", fillcolor: tint(own, share),
      x: [...x, ...[...x].reverse()], y: [...outputs.map((each) => each.quantiles[low]), ...[...outputs].reverse().map((each) => each.quantiles[high])],
    });
    return {
      traces: [
        band("p05", "p95", 0.14), band("p10", "p90", 0.2),
        { type: "scatter", mode: "lines", x, y: outputs.map((each) => each.quantiles.p50), line: { color: own, width: 2.2 }, hovertemplate: "%{y:,.4g}<extra></extra>" },
      ],
      layout: { ...layout, yaxis: { ...axis, rangemode: "tozero", fixedrange: true, nticks: 5 }, xaxis: { ...axis, ...dated(outputs[0]?.date ?? "") } },
    };
  };
  return draw(element, chart, t("plan.chart_output"));
}

/**
 * Draws throughput and cycle time of a line by its WIP, with today's point and a cap.
 * @param {HTMLElement} element
 * @param {import("../types").Schemas["CurveReply"]} curve
 * @param {number | null} cap
 */
export function drawCurve(element, curve, cap) {
  const chart = () => {
    const { axis, layout } = common();
    const x = curve.points.map((point) => point.wip);
    const flow = colour("throughput"), time = colour("cycle_time");
    const line = { type: "scatter", mode: "lines", x };
    const edge = { ...line, hoverinfo: "skip", line: { width: 0 } };
    const today = (/** @type {number | null} */ y, /** @type {string} */ yaxis, /** @type {string} */ color) => ({
      type: "scatter", mode: "markers", x: [curve.today.wip], y: [y], yaxis, marker: { size: 11, color, line: { color: colour("surface"), width: 2 } },
      hovertemplate: `%{y:.4g}<extra>${t("line.now")}</extra>`,
    });
    return {
      traces: [
        { ...edge, y: curve.points.map((point) => point.throughput_lower) },
        { ...edge, y: curve.points.map((point) => point.throughput_upper), fill: "tonexty", fillcolor: tint(flow, 0.2) },
        { ...line, y: curve.points.map((point) => point.throughput), line: { color: flow, width: 2.2 }, hovertemplate: `%{y:.4g}<extra>${t("target.throughput")}</extra>` },
        { ...line, y: curve.points.map((point) => point.cycle_time), yaxis: "y2", line: { color: time, width: 2.2 }, hovertemplate: `%{y:.4g}<extra>${t("target.cycle_time")}</extra>` },
        today(curve.today.throughput, "y", flow), today(curve.today.cycle_time, "y2", time),
      ],
      layout: {
        ...layout, margin: { ...layout.margin, t: 26 },
        yaxis: { ...axis, domain: [0.56, 1], rangemode: "tozero", fixedrange: true, nticks: 5 },
        yaxis2: { ...axis, domain: [0, 0.44], rangemode: "tozero", fixedrange: true, nticks: 5 },
        xaxis: { ...axis, anchor: "y2", rangemode: "tozero", title: { text: t("line.axis"), font: { size: 12 } } },
        annotations: [label(t("line.axis_throughput"), 1.01), label(t("line.axis_cycle_time"), 0.45)],
        shapes: cap === null ? [] : [upright(cap, colour("wip"), "dash")],
      },
    };
  };
  return draw(element, chart, t("line.chart"));
}

/** The line of a plan in charts and in their legends. @param {number} place */
export function dashOf(place) {
  return place === 0 ? SOLID : DASHES[(place - 1) % DASHES.length] ?? SOLID;
}

/**
 * Draws the WIP and the output so far of plans, each with a line of its own kind.
 * @param {HTMLElement} element
 * @param {import("../types").Schemas["CompareReply"]} found
 */
export function drawPlans(element, found) {
  const steps = found.plans[0]?.wip_by_step.length ?? 0, begin = timeOf(found.first_date);
  const every = (timeOf(found.last_date) - begin) / Math.max(1, steps - 1), withTime = found.first_date.includes("T");
  const isDated = withTime || every === DAY;
  const x = Array.from({ length: steps }, (_, place) => (isDated ? dateOf(begin + place * every, withTime) : place + 1));
  const chart = () => {
    const { axis, layout } = common();
    const lines = (/** @type {(plan: import("../types").Schemas["ComparedPlan"]) => number[]} */ values, /** @type {string} */ color, /** @type {string} */ yaxis) =>
      found.plans.map((plan, place) => ({
        type: "scatter", mode: "lines", x, y: values(plan), yaxis, line: { color, width: place === 0 ? 2.2 : 1.8, dash: dashOf(place) },
        hovertemplate: `%{y:,.4g}<extra>${place + 1}</extra>`,
      }));
    let sum = 0;
    const cumulated = (/** @type {number[]} */ values) => {
      sum = 0;
      return values.map((value) => (sum += value));
    };
    return {
      traces: [...lines((plan) => plan.wip_by_step, colour("wip"), "y"), ...lines((plan) => cumulated(plan.throughput_by_step), colour("throughput"), "y2")],
      layout: {
        ...layout, margin: { ...layout.margin, t: 22 },
        yaxis: { ...axis, domain: [0.56, 1], rangemode: "tozero", fixedrange: true, nticks: 5 },
        yaxis2: { ...axis, domain: [0, 0.42], rangemode: "tozero", fixedrange: true, nticks: 5 },
        xaxis: { ...axis, anchor: "y2", ...(isDated ? dated(found.first_date) : { title: { text: t("line.steps"), font: { size: 12 } } }) },
        annotations: [label(t("line.wip_by_step"), 1.01), label(t("line.output_so_far"), 0.43)],
      },
    };
  };
  return draw(element, chart, t("line.chart_plans"));
}
