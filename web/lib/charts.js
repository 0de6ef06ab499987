// Charts by Plotly, whose script is loaded when the first one is shown.

import { currentLanguage, t } from "./texts.js";

export const DASHES = ["dash", "dot", "dashdot", "longdash"];
// Plotly adds the styles of its maps to the page, which the policy forbids and no chart here needs;
// it does not where an element of this id is there already.
const MAP_STYLES = "9f215cf04c5486422605d13261cb87401f4e7763b6296af81e98efbc0130da53";

/** @type {Promise<void> | null} */
let loading = null;

/** Loads the script that draws the charts, once; a view that will draw one calls it early. */
export function loadPlotly() {
  loading ??= new Promise((resolve, reject) => {
    const styles = document.createElement("link");
    styles.rel = "stylesheet";
    styles.href = new URL("../plotly.css", import.meta.url).href;
    styles.id = "plotly.js-style-global";
    styles.className = "no-inline-styles"; // Plotly: these rules are here, add none
    const maps = document.createElement("meta");
    maps.id = MAP_STYLES;
    const script = document.createElement("script");
    script.src = new URL("../plotly.min.js", import.meta.url).href;
    script.onload = () => {
      window.Plotly.register(names());
      resolve();
    };
    script.onerror = () => {
      loading = null;
      reject(new Error("Plotly's script cannot be loaded."));
    };
    document.head.append(maps, styles, script);
  });
  return loading;
}

/** Returns the names of days and months in the language of the page, as Plotly takes them. */
function names() {
  const language = currentLanguage();
  const written = (/** @type {Date[]} */ dates, /** @type {Intl.DateTimeFormatOptions} */ options) =>
    dates.map((date) => new Intl.DateTimeFormat(language, { ...options, timeZone: "UTC" }).format(date));
  const week = Array.from({ length: 7 }, (_, place) => new Date(Date.UTC(2023, 0, 1 + place))); // from a Sunday on
  const year = Array.from({ length: 12 }, (_, place) => new Date(Date.UTC(2023, place, 1)));
  return {
    moduleType: "locale", name: "page", dictionary: {},
    format: {
      days: written(week, { weekday: "long" }), shortDays: written(week, { weekday: "short" }),
      months: written(year, { month: "long" }), shortMonths: written(year, { month: "short" }),
      date: language === "de" ? "%d.%m.%Y" : "%-d %b %Y",
    },
  };
}

/** @param {string} name of a variable of the style sheet */
export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name.replace("_", "-")}`).trim();
}

/** @param {string} hex @param {number} share */
export function tint(hex, share) {
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  return `rgba(${red},${green},${blue},${share})`;
}

/** @type {Set<() => void>} */
const redraws = new Set();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => redraws.forEach((draw) => draw()));

/**
 * Draws a chart, and draws it anew when the colours change.
 * @param {HTMLElement} element
 * @param {() => { traces: object[], layout: object }} chart made anew when the colours change
 * @param {string} description for those who do not see it
 * @param {object} [config] of Plotly, besides the usual one
 */
export async function draw(element, chart, description, config = {}) {
  await loadPlotly();
  if (!element.isConnected) return;
  element.setAttribute("role", "img");
  element.setAttribute("aria-label", description);
  const redraw = () => {
    if (!element.isConnected) return void redraws.delete(redraw);
    const { traces, layout } = chart();
    window.Plotly.react(element, traces, layout, {
      displaylogo: false, responsive: true, scrollZoom: false, displayModeBar: false,
      locale: "page", doubleClick: "reset", showTips: false, ...config,
    });
    // Where Plotly measures texts: not for screen readers.
    document.getElementById("js-plotly-tester")?.setAttribute("aria-hidden", "true");
  };
  redraws.add(redraw);
  redraw();
}

export function common() {
  const axis = {
    gridcolor: colour("line"), linecolor: colour("line"), zeroline: false, automargin: true,
    tickfont: { size: 12 },
  };
  return {
    axis,
    layout: {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false,
      font: { family: "system-ui, sans-serif", size: 12, color: colour("quiet") },
      margin: { l: 8, r: 8, t: 8, b: 8 }, hovermode: "x unified", dragmode: "zoom",
      separators: currentLanguage() === "de" ? ",." : ".,",
      hoverlabel: { bgcolor: colour("surface"), bordercolor: colour("line"), font: { color: colour("ink") } },
    },
  };
}

/** The format of dates where the pointer is. @param {string} iso one of them */
export function hoverFormat(iso) {
  return iso.includes("T") ? "%a %d %b %Y %H:%M" : "%a %d %b %Y";
}

/** @typedef {import("../types").Schemas["FlowReply"]} Flow */

/**
 * Draws the cumulative flow: what has come and what has left; the distance between them is WIP.
 * @param {HTMLElement} element
 * @param {Flow} flow
 */
export function drawFlow(element, flow) {
  const chart = () => {
    const { axis, layout } = common();
    const { date: x, arrivals, departures } = flow.cumulative_flow;
    const line = { type: "scatter", mode: "lines", x };
    return {
      traces: [
        { ...line, y: departures, line: { color: colour("throughput"), width: 1.8 }, hovertemplate: `%{y:.5g}<extra>${t("flow.left")}</extra>` },
        { ...line, y: arrivals, line: { color: colour("wip"), width: 1.8 }, fill: "tonexty", fillcolor: tint(colour("wip"), 0.2), hovertemplate: `%{y:.5g}<extra>${t("flow.came")}</extra>` },
      ],
      layout: { ...layout, yaxis: { ...axis, fixedrange: true }, xaxis: { ...axis, type: "date" } },
    };
  };
  return draw(element, chart, t("flow.chart_cumulative"));
}

/**
 * Draws the cycle time of what left by the date, with lines that half and most did not exceed.
 * @param {HTMLElement} element
 * @param {Flow} flow
 */
export function drawCycleTimes(element, flow) {
  const chart = () => {
    const { axis, layout } = common();
    const { points, percentiles } = flow.cycle_times;
    const own = colour("cycle_time");
    const lines = [percentiles.p50, percentiles.p85, percentiles.p95].filter((each) => each !== null && each !== undefined);
    return {
      traces: [{
        type: "scatter", mode: "markers", x: points.map((point) => point.finish), y: points.map((point) => point.cycle_time),
        marker: { color: own, size: 5, opacity: 0.6 }, hovertemplate: "%{y:.4g}<extra></extra>",
      }],
      layout: {
        ...layout, hovermode: "closest", yaxis: { ...axis, rangemode: "tozero", fixedrange: true }, xaxis: { ...axis, type: "date" },
        shapes: lines.map((y, place) => ({ type: "line", xref: "paper", yref: "y", x0: 0, x1: 1, y0: y, y1: y, line: { color: colour("ink"), width: 1, dash: DASHES[place] } })),
      },
    };
  };
  return draw(element, chart, t("flow.chart_cycle_times"));
}
