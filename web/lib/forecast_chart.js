// The chart of a forecast: history, forecast with intervals, other scenarios, what came after it.

import { colour, common, DASHES, draw, hoverFormat, tint } from "./charts.js";
import { TARGETS } from "./parts.js";
import { number, t, timeOf } from "./texts.js";

/** @typedef {import("../types").Schemas["PredictReply"]} Forecast */
/** @typedef {import("../types").Schemas["HistoryRow"]} Row */
/** @typedef {import("./parts.js").Target} Target */
/** @typedef {{ name: string, forecast: Forecast, letter?: string }} Scenario by a letter: `A` for the first one */
/**
 * What is drawn: `after` are rows that came later than the forecast starts, `description` is the chart in words.
 * @typedef {{ forecast: Forecast, history: Row[], after?: Row[], scenarios?: Scenario[], isPast?: boolean, description?: string }} Shown
 */

const AXES = ["", "2", "3"]; // of the targets, as Plotly numbers them
const HALF_A_DAY = 12 * 36e5; // milliseconds

/**
 * Draws a forecast; the line where it starts can be dragged to another date.
 * @param {HTMLElement} element
 * @param {Shown} shown
 * @param {(date: string) => void} [moveOrigin] without it the line stays
 */
export async function drawForecast(element, shown, moveOrigin) {
  const { predictions } = shown.forecast;
  const description = shown.description ?? t("chart.forecast", { n: predictions.length, end: predictions.at(-1)?.date ?? "" });
  await draw(element, () => ({ traces: tracesOf(shown), layout: layoutOf(shown) }), description, moveOrigin ? { edits: { shapePosition: true } } : {});
  if (moveOrigin) followOrigin(element, moveOrigin);
}

/** @type {WeakMap<HTMLElement, (date: string) => void>} */
const listeners = new WeakMap();

/** @param {HTMLElement} element @param {(date: string) => void} moveOrigin */
function followOrigin(element, moveOrigin) {
  const plot = /** @type {any} */ (element);
  if (typeof plot.on !== "function") return; // the view was left meanwhile
  if (!listeners.has(element)) {
    plot.on("plotly_relayout", (/** @type {Record<string, unknown>} */ change) => {
      const moved = Object.entries(change).find(([name]) => /^shapes\[\d+\]\.x0$/.test(name));
      if (moved) listeners.get(element)?.(String(moved[1]).replace(" ", "T").slice(0, 16));
    });
  }
  listeners.set(element, moveOrigin);
}

/** @param {Shown} shown */
function layoutOf({ forecast, history, isPast = false }) {
  const { axis, layout } = common();
  const own = { ...axis, automargin: false };
  const origin = { type: "line", xref: "x", yref: "paper", x0: forecast.as_of, x1: forecast.as_of, y0: 0, y1: 1 };
  const axes = Object.fromEntries(TARGETS.map((_, place) => [`yaxis${AXES[place]}`, {
    ...own, domain: [1 - (place + 1) / 3 + 0.02, 1 - place / 3 - 0.045], rangemode: isPast ? "normal" : "tozero", fixedrange: true, nticks: 5,
  }]));
  const most = Math.max(...history.map((row) => Math.max(row.wip ?? 0, row.throughput ?? 0)), 1);
  return {
    ...layout, ...axes, margin: { l: 20 + 7 * number(Math.round(2 * most)).length, r: 8, t: 8, b: 40 },
    xaxis: { ...own, type: "date", anchor: "y3", hoverformat: hoverFormat(forecast.as_of) },
    annotations: TARGETS.map((target, place) => ({
      text: `${t(`target.${target}`)}, ${t(`unit.${target}.${forecast.step}`)}`, showarrow: false, xref: "paper", yref: "paper",
      x: 0, xanchor: "left", y: 1 - place / 3 + (place ? -0.005 : 0), yanchor: "top", font: { size: 12, color: colour("ink") },
    })),
    shapes: [...closedDays(forecast), { ...origin, line: { color: colour("field-line"), width: 2, dash: "dot" } }],
  };
}

/** The days, hours or shifts on which the plant is closed, shaded. @param {Forecast} forecast */
function closedDays(forecast) {
  const [first, second] = forecast.predictions.map((step) => timeOf(step.date));
  const half = first && second ? (second - first) / 2 : HALF_A_DAY;
  return forecast.predictions.filter((step) => step.closed).map((step) => ({
    type: "rect", xref: "x", yref: "paper", y0: 0, y1: 1, layer: "below", line: { width: 0 }, fillcolor: colour("hover"),
    x0: timeOf(step.date) - half, x1: timeOf(step.date) + half,
  }));
}

/** @param {Shown} shown */
function tracesOf({ forecast, history, after = [], scenarios = [] }) {
  return TARGETS.flatMap((target, place) => {
    const base = { type: "scatter", mode: "lines", xaxis: "x", yaxis: `y${AXES[place]}` };
    const own = colour(target), name = t(`target.${target}`);
    const known = (/** @type {Row[]} */ rows, /** @type {object} */ line, /** @type {string} */ label) => ({
      ...base, x: rows.map((row) => row.date), y: rows.map((row) => row[target]), line, hovertemplate: `%{y:.4g}<extra>${label}</extra>`,
    });
    return [
      ...bands(forecast, target, base, own),
      known(history, { color: colour("ink"), width: 1.3 }, name),
      ...(after.length > 0 ? [known(after, { color: colour("ink"), width: 1, dash: "dot" }, t("chart.after"))] : []),
      {
        ...base, x: datesOf(forecast), y: valuesOf(forecast, target), line: { color: own, width: 2.2 },
        customdata: ranges(forecast, target), hovertemplate: `%{y:.4g}%{customdata}<extra>${name}</extra>`,
      },
      ...scenarios.map((scenario, at) => ({
        ...base, x: datesOf(scenario.forecast), y: valuesOf(scenario.forecast, target),
        line: { color: own, width: 1.6, dash: DASHES[at % DASHES.length] }, hovertemplate: `%{y:.4g}<extra>${scenario.letter ?? letter(at)}</extra>`,
      })),
    ];
  });
}

/** The letter by which a scenario is named. @param {number} place */
export function letter(place) {
  return String.fromCharCode(65 + place);
}

/** @param {Forecast} forecast */
function datesOf(forecast) {
  return forecast.predictions.map((step) => step.date);
}

/** The forecast of a target, or a bound of its interval such as `_lo80`. @param {Forecast} forecast @param {Target} target @param {string} [bound] @returns {(number | null)[]} */
export function valuesOf(forecast, target, bound = "") {
  return forecast.predictions.map((step) => /** @type {any} */ (step)[`predicted_${target}${bound}`]);
}

/** Each interval as one closed line. @param {Forecast} forecast @param {Target} target @param {object} base @param {string} own */
function bands(forecast, target, base, own) {
  return [95, 80].flatMap((level) => {
    const low = valuesOf(forecast, target, `_lo${level}`), high = valuesOf(forecast, target, `_hi${level}`), dates = datesOf(forecast);
    const known = dates.map((_, place) => place).filter((place) => low[place] !== null && high[place] !== null);
    if (known.length === 0) return [];
    const back = [...known].reverse();
    return [{
      ...base, hoverinfo: "skip", line: { width: 0 }, fill: "toself", fillcolor: tint(own, level === 95 ? 0.14 : 0.2),
      x: [...known, ...back].map((place) => dates[place]), y: [...known.map((place) => low[place]), ...back.map((place) => high[place])],
    }];
  });
}

/** The 80 % interval of each step, as text for the pointer. @param {Forecast} forecast @param {Target} target */
function ranges(forecast, target) {
  const low = valuesOf(forecast, target, "_lo80"), high = valuesOf(forecast, target, "_hi80");
  return low.map((value, place) => (value === null ? "" : ` (${number(value)}–${number(high[place])})`));
}
