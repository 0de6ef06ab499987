// How much WIP a line should carry: its curve, a cap that is advised, plans side by side.

import { get, post } from "../lib/api.js";
import { fill, h } from "../lib/dom.js";
import { act, badge, button, field, figures, notice, panel, select, show, table } from "../lib/parts.js";
import { dashOf, drawCurve, drawPlans } from "../lib/plan_charts.js";
import { day, number, percent, serviceText, t } from "../lib/texts.js";

/** @typedef {import("./plan.js").Source} Source */
/** @typedef {import("./plan.js").Names} Names */
/** @typedef {import("../types").Schemas["CurveReply"]} Curve */
/** @typedef {import("../types").Schemas["PlanFields"]} Plan */

const HORIZON = 30; // steps over which plans are compared
const MOST_PLANS = 5;
const WEEK = 7; // days

/** @param {Source} by @param {Names} names @param {AbortSignal} signal */
export function linePanel(by, names, signal) {
  const shown = h("div", {});
  show(shown, async () => lineParts(await get("/api/plan/curve", { ...names, ...by }, signal), by, names, signal));
  return panel(t("line.title"), h("p", { className: "quiet" }, t("line.text")), shown);
}

/** @param {{ value: number, lower: number | null, upper: number | null } | null} figure */
function interval(figure) {
  if (figure === null) return "–";
  return [number(figure.value), " ", h("small", {}, figure.lower === null || figure.upper === null ? "" : `${number(figure.lower)} – ${number(figure.upper)}`)];
}

/** @param {Curve} curve @param {Source} by @param {Names} names @param {AbortSignal} signal */
function lineParts(curve, by, names, signal) {
  const chart = h("div", { className: "chart double" }), advice = h("div", { className: "stack", "aria-live": "polite" });
  const isKnown = curve.points.length > 0;
  const legend = h("ul", { className: "legend" });
  const draw = (/** @type {number | null} */ advised) => {
    const cap = advised !== null && advised <= (curve.points.at(-1)?.wip ?? 0) ? advised : null;
    fill(legend, h("li", { className: "left" }, t("target.throughput")), h("li", { className: "time" }, t("target.cycle_time")), h("li", { className: "point" }, t("line.now")),
      cap !== null && h("li", { className: "cap" }, t("line.cap", { n: cap })));
    drawCurve(chart, curve, cap);
  };
  if (isKnown) requestAnimationFrame(() => draw(null));
  return h("div", { className: "stack" },
    figures([
      [t("line.today"), number(curve.today.wip_now)], [t("line.throughput"), number(curve.today.throughput)],
      [t("line.critical"), interval(curve.critical_wip)], [t("line.capacity"), interval(curve.capacity)],
      ...(curve.state ? /** @type {[string, HTMLElement][]} */ ([[t("line.state"), badge(t(`line.${curve.state}`), curve.state === "balanced" ? "good" : "warn")]]) : []),
    ]),
    curve.reason && notice("", h("p", {}, serviceText(curve.reason))),
    curve.notes.length > 0 && h("ul", { className: "small quiet" }, curve.notes.map((note) => h("li", {}, serviceText(note)))),
    isKnown && [h("div", {}, legend, chart), adviceForm(curve, draw, advice, by, names, signal)], advice);
}

/** @param {Curve} curve @param {(cap: number) => void} draw @param {HTMLElement} place @param {Source} by @param {Names} names @param {AbortSignal} signal */
function adviceForm(curve, draw, place, by, names, signal) {
  const worked = 1 - curve.history.closed_weekdays.length / WEEK; // share of the steps; targets count closed days, too
  const target = h("input", { type: "number", min: 0, step: "any", required: true, value: Number(curve.today.throughput.toPrecision(3)) });
  const risk = select([["0.8", percent(0.8)], ["0.9", percent(0.9)], ["0.95", percent(0.95)]], "0.9");
  const pressed = h("button", { className: "primary" }, t("line.advise"));
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    act(pressed, place, async () => {
      const found = await post("/api/plan/advise", { ...by, ...names, target: { throughput: worked * Number(target.value) }, risk: Number(risk.value) }, {}, { signal });
      draw(found.wip_cap);
      const plans = [{ name: t("line.as_now") }, { name: t("line.cap", { n: found.wip_cap }), wipCap: found.wip_cap }];
      fill(place, adviceParts(found, curve.notes), plansParts(plans, by, names, signal));
    });
  };
  return h("form", { className: "stack", onsubmit: submit },
    h("div", { className: "fields" }, field(t("line.target"), target), field(t("line.risk"), risk)), h("div", {}, pressed));
}

/** @param {import("../types").Schemas["AdviceReply"]} found @param {string[]} told notes that are shown already */
function adviceParts(found, told) {
  const notes = found.notes.filter((note) => !told.includes(note));
  return [
    notice(found.feasible ? "good" : "warn", h("p", {}, serviceText(found.summary))),
    figures([
      [t("line.wip_cap"), number(found.wip_cap)], [t("line.release"), number(found.release_rate)],
      [t("line.cycle_time"), [number(found.cycle_time.p50), " ", h("small", {}, t("line.p95", { n: found.cycle_time.p95 }))]],
      [t("line.met"), percent(found.probability)],
    ]),
    notes.length > 0 && h("ul", { className: "small quiet" }, notes.map((note) => h("li", {}, serviceText(note)))),
  ];
}

/** Plans side by side, to which others can be added. @param {Plan[]} plans @param {Source} by @param {Names} names @param {AbortSignal} signal */
function plansParts(plans, by, names, signal) {
  const shown = h("div", {}), place = h("div", {});
  const compare = () => post("/api/plan/compare", { ...by, ...names, horizonDays: HORIZON, plans }, {}, { signal });
  show(shown, async () => comparison(await compare()));
  const amount = () => h("input", { type: "number", min: 0, step: "any" });
  const inputs = { releases: amount(), wipCap: amount(), capacity: amount() };
  const add = button(t("line.add"), () => act(add, place, async () => {
    const given = Object.entries(inputs).filter(([, input]) => input.value !== "").map(([name, input]) => /** @type {[string, number]} */ ([name, Number(input.value)]));
    if (given.length === 0) return;
    const name = given.map(([key, value]) => t(/** @type {import("../lib/texts.js").Key} */ (`line.words_${key}`), { n: value })).join(", ");
    const others = plans.filter((plan) => plan.name !== name).slice(0, MOST_PLANS - 1);
    plans = [...others, /** @type {Plan} */ ({ name, ...Object.fromEntries(given) })];
    fill(shown, comparison(await compare()));
  }));
  return h("div", { className: "stack" }, shown,
    h("fieldset", { className: "stack" }, h("legend", {}, t("line.own")), h("div", { className: "fields bottom" },
      field(t("line.releases"), inputs.releases), field(t("line.wip_cap"), inputs.wipCap), field(t("line.most"), inputs.capacity)), place, h("div", {}, add)));
}

/** @param {import("../types").Schemas["CompareReply"]} found */
function comparison(found) {
  const range = (/** @type {{ p10: number, p50: number, p90: number }} */ q) => [number(q.p50), h("br", {}), h("span", { className: "small quiet" }, `${number(q.p10)} – ${number(q.p90)}`)];
  const chart = h("div", { className: "chart double" }), caption = t("line.plans", { date: day(found.last_date) });
  requestAnimationFrame(() => drawPlans(chart, found));
  return h("div", { className: "stack" }, h("div", {}, h("h3", {}, caption), table(
    [{ text: t("line.plan") }, { text: t("line.output"), number: true }, { text: t("line.mean_wip"), number: true }, { text: t("line.cycle_time"), number: true }],
    found.plans.map((plan) => [plan.name, range(plan.output), range(plan.mean_wip), plan.cycle_time ? range(plan.cycle_time) : "–"]), caption)),
  h("div", {}, h("ul", { className: "legend" }, found.plans.map((plan, place) => h("li", { className: dashOf(place) }, plan.name))), chart));
}
