// Charts by Plotly, whose script is loaded when the first one is shown.

import { TARGETS } from "./parts.js";
import { currentLanguage, t } from "./texts.js";

/** @typedef {import("../types").Schemas["PredictReply"]} Forecast */
/** @typedef {{ name: string, forecast: Forecast, letter?: string }} Scenario by a letter: `A` for the first one */

const AXES = ["", "2", "3"]; // of the targets, as Plotly numbers them
const DASHES = ["dash", "dot", "dashdot", "longdash"];
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
function tint(hex, share) {
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
 */
export async function draw(element, chart, description) {
  await loadPlotly();
  if (!element.isConnected) return;
  element.setAttribute("role", "img");
  element.setAttribute("aria-label", description);
  const redraw = () => {
    if (!element.isConnected) return void redraws.delete(redraw);
    const { traces, layout } = chart();
    window.Plotly.react(element, traces, layout, {
      displaylogo: false, responsive: true, scrollZoom: false, displayModeBar: false,
      locale: "page", doubleClick: "reset", showTips: false,
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

/**
 * Draws the history and the forecast of the three targets, one under the other.
 * @param {HTMLElement} element
 * @param {Forecast} forecast
 * @param {Scenario[]} [scenarios] drawn over it
 * @param {{ last?: string, description?: string }} [backtest] of a forecast from a past date: that date, and the chart in words
 */
export function drawForecast(element, forecast, scenarios = [], backtest = {}) {
  const chart = () => {
    const { axis, layout } = common();
    const traces = TARGETS.flatMap((target, place) => targetTraces(forecast, scenarios, target, place));
    const last = backtest.last ?? forecast.history?.at(-1)?.date;
    const line = { type: "line", xref: "x", yref: "paper", x0: last, x1: last, y0: 0, y1: 1 };
    const axes = Object.fromEntries(TARGETS.map((_, place) => [`yaxis${AXES[place]}`, {
      ...axis, domain: [1 - (place + 1) / 3 + 0.02, 1 - place / 3 - 0.045], rangemode: backtest.last ? "normal" : "tozero",
      fixedrange: true, nticks: 5,
    }]));
    return {
      traces,
      layout: {
        ...layout, ...axes,
        xaxis: { ...axis, type: "date", anchor: "y3", hoverformat: "%a %d %b %Y" },
        annotations: TARGETS.map((target, place) => ({
          text: `${t(`target.${target}`)}, ${t(`unit.${target}.${forecast.step}`)}`, showarrow: false, xref: "paper", yref: "paper",
          x: 0, xanchor: "left", y: 1 - place / 3 + (place ? -0.005 : 0), yanchor: "top", font: { size: 12, color: colour("ink") },
        })),
        shapes: [...closedDays(forecast), ...(last ? [{ ...line, line: { color: colour("field-line"), width: 1, dash: "dot" } }] : [])],
      },
    };
  };
  const end = forecast.predictions.at(-1);
  return draw(element, chart, backtest.description ?? t("chart.forecast", { n: forecast.predictions.length, end: end?.date ?? "" }));
}

/** The days on which the plant is closed, shaded. @param {Forecast} forecast */
function closedDays(forecast) {
  const half = 12 * 36e5;
  return forecast.predictions.filter((step) => step.closed).map((step) => ({
    type: "rect", xref: "x", yref: "paper", y0: 0, y1: 1, layer: "below", line: { width: 0 }, fillcolor: colour("hover"),
    x0: Date.parse(step.date) - half, x1: Date.parse(step.date) + half,
  }));
}

/** @param {Forecast} forecast @param {Scenario[]} scenarios @param {import("./parts.js").Target} target @param {number} place */
function targetTraces(forecast, scenarios, target, place) {
  const yaxis = `y${AXES[place]}`;
  const own = colour(target);
  const history = forecast.history ?? [];
  const ahead = forecast.predictions;
  const base = { type: "scatter", mode: "lines", xaxis: "x", yaxis };
  const bands = /** @type {const} */ ([95, 80]).flatMap((level) => {
    const low = `predicted_${target}_lo${level}`, high = `predicted_${target}_hi${level}`;
    const known = ahead.filter((step) => /** @type {any} */ (step)[low] !== null);
    if (known.length === 0) return [];
    const hidden = { ...base, hoverinfo: "skip", line: { width: 0 }, x: known.map((step) => step.date) };
    return [
      { ...hidden, y: known.map((step) => /** @type {any} */ (step)[low]) },
      { ...hidden, y: known.map((step) => /** @type {any} */ (step)[high]), fill: "tonexty", fillcolor: tint(own, level === 95 ? 0.14 : 0.2) },
    ];
  });
  const range = ahead.map((step) => /** @type {any} */ (step)).map((step) => step[`predicted_${target}_lo80`] === null ? "" :
    ` (${step[`predicted_${target}_lo80`].toPrecision(3)}–${step[`predicted_${target}_hi80`].toPrecision(3)})`);
  const value = `predicted_${target}`;
  return [
    ...bands,
    { ...base, x: history.map((row) => row.date), y: history.map((row) => row[target]), line: { color: colour("ink"), width: 1.3 },
      hovertemplate: `%{y:.4g}<extra>${t(`target.${target}`)}</extra>`, connectgaps: false },
    { ...base, x: ahead.map((step) => step.date), y: ahead.map((step) => /** @type {any} */ (step)[value]), line: { color: own, width: 2.2 },
      customdata: range, hovertemplate: `%{y:.4g}%{customdata}<extra>${t(`target.${target}`)}</extra>` },
    ...scenarios.map((scenario, number) => ({
      ...base, x: scenario.forecast.predictions.map((step) => step.date),
      y: scenario.forecast.predictions.map((step) => /** @type {any} */ (step)[value]),
      line: { color: own, width: 1.6, dash: DASHES[number % DASHES.length] },
      hovertemplate: `%{y:.4g}<extra>${scenario.letter ?? String.fromCharCode(65 + number)}</extra>`,
    })),
  ];
}

/**
 * Draws the probability that something is done, by date.
 * @param {HTMLElement} element
 * @param {{ date: string, share: number }[]} dates
 * @param {string} description
 */
export function drawProbability(element, dates, description) {
  const chart = () => {
    const { axis, layout } = common();
    const own = colour("throughput");
    return {
      traces: [{
        type: "scatter", mode: "lines", fill: "tozeroy", fillcolor: tint(own, 0.14), line: { color: own, width: 2.2 },
        x: dates.map((each) => each.date), y: dates.map((each) => each.share), hovertemplate: "%{y:.0%}<extra></extra>",
      }],
      layout: {
        ...layout, yaxis: { ...axis, tickformat: ".0%", range: [0, 1.02], fixedrange: true },
        xaxis: { ...axis, type: "date", hoverformat: "%a %d %b %Y" },
      },
    };
  };
  return draw(element, chart, description);
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
      type: "scatter", mode: "markers", x: [curve.today.wip], y: [y], yaxis, marker: { size: 10, color, line: { color: colour("surface"), width: 2 } },
      hovertemplate: `%{y:.4g}<extra>${t("line.now")}</extra>`,
    });
    const label = (/** @type {string} */ text, /** @type {number} */ y) => ({
      text, showarrow: false, xref: "paper", yref: "paper", x: 0, xanchor: "left", y, yanchor: "bottom", font: { size: 12, color: colour("ink") },
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
        yaxis: { ...axis, domain: [0.56, 1], rangemode: "tozero", fixedrange: true },
        yaxis2: { ...axis, domain: [0, 0.44], rangemode: "tozero", fixedrange: true },
        xaxis: { ...axis, anchor: "y2", rangemode: "tozero", title: { text: t("line.axis"), font: { size: 12 } } },
        annotations: [label(t("line.axis_throughput"), 1.01), label(t("line.axis_cycle_time"), 0.45)],
        shapes: cap === null ? [] : [{ type: "line", xref: "x", yref: "paper", x0: cap, x1: cap, y0: 0, y1: 1, line: { color: colour("wip"), width: 2, dash: "dash" } }],
      },
    };
  };
  return draw(element, chart, t("line.chart"));
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
