// What if: another WIP today, a planned throughput, another capacity, a target; kept ones are drawn over each other.

import { freshId, h } from "../lib/dom.js";
import { button, field, panel } from "../lib/parts.js";
import { number, percent, t } from "../lib/texts.js";

/** @typedef {import("../types").Schemas["PredictReply"]} Forecast */
/** @typedef {"wip" | "plan" | "capacity"} Name */
/** @typedef {Record<Name, number | null>} Change as a share of the usual one: capacity */

/** @type {Name[]} */
const NAMES = ["wip", "plan", "capacity"];
const MOST_CAPACITY = 1.5, LEAST_CAPACITY = 0.05;

/** A what-if without any change. @type {Change} */
export const NO_CHANGE = { wip: null, plan: null, capacity: null };

/** @param {Change} change */
export function isChanged(change) {
  return NAMES.some((name) => change[name] !== null);
}

/** A change in words. @param {Change} change */
export function words(change) {
  const parts = NAMES.filter((name) => change[name] !== null).map((name) => t(`whatif.words_${name}`, { n: textOf(name, change[name]) }));
  return parts.length > 0 ? parts.join(", ") : t("whatif.without");
}

/** A change as it stands in an address. @param {Change} change */
export function toAddress(change) {
  return NAMES.filter((name) => change[name] !== null).map((name) => `${name}:${change[name]}`).join(",");
}

/** The change in an address; without what cannot be read. @param {string} text @returns {Change} */
export function fromAddress(text) {
  const given = Object.fromEntries(text.split(",").map((part) => part.split(":")));
  const value = (/** @type {Name} */ name) => (Number(given[name]) > 0 ? Number(given[name]) : null);
  return { wip: value("wip"), plan: value("plan"), capacity: value("capacity") };
}

/** @param {Name} name @param {number | null} value */
function textOf(name, value) {
  return name === "capacity" ? percent(value) : number(value);
}

/**
 * Returns the controls of a what-if.
 * @param {{ change: Change, target: number | null }} start
 * @param {{ changed: () => void, keep: () => void, clear: () => void }} on
 */
export function whatIf(start, on) {
  const values = { ...start.change };
  let wanted = start.target;
  const sliders = { wip: slider("wip"), plan: slider("plan"), capacity: slider("capacity") };
  sliders.capacity.scale(1, MOST_CAPACITY, LEAST_CAPACITY);
  const target = h("input", { type: "number", min: 0, step: "any", value: wanted ?? "", oninput: () => {
    wanted = Number(target.value) > 0 ? Number(target.value) : null;
    on.changed();
  } });

  /** @param {Name} name */
  function slider(name) {
    const shown = h("output", {});
    const input = h("input", { type: "range", name, min: 0, max: 1, step: "any", oninput: () => {
      values[name] = rounded(Number(input.value));
      tell();
      on.changed();
    } });
    const tell = () => {
      shown.textContent = values[name] === null ? t(`whatif.${name}_unset`) : textOf(name, values[name]);
      input.setAttribute("aria-valuetext", shown.textContent);
    };
    tell();
    let usual = 0;
    input.id = freshId();
    return {
      element: h("div", { className: "field slider" }, h("div", {}, h("label", { for: input.id }, t(`whatif.${name}`)), shown), input),
      reset() {
        values[name] = null;
        input.value = String(usual);
        tell();
      },
      /** @param {number} middle where the slider stands without a change @param {number} most @param {number} [least] */
      scale(middle, most, least = Math.max(most / 200, 1e-6)) {
        usual = middle;
        input.min = String(least);
        input.max = String(Math.max(most, values[name] ?? 0));
        input.value = String(values[name] ?? usual);
      },
    };
  }

  const reset = () => NAMES.forEach((name) => sliders[name].reset());
  const element = panel(t("whatif.title"), h("div", { className: "stack" },
    h("p", { className: "small quiet" }, t("whatif.text")),
    NAMES.map((name) => sliders[name].element), field(t("whatif.target"), target, t("whatif.target_hint")),
    h("div", { className: "row" }, button(t("whatif.keep"), on.keep), button(t("whatif.reset"), () => {
      reset();
      on.clear();
    }))));
  return {
    element, reset,
    change: () => ({ ...values }),
    target: () => wanted,
    /** Fits the sliders to a series. @param {Forecast} forecast */
    scale(forecast) {
      const known = (/** @type {"wip" | "throughput"} */ name) => (forecast.history ?? []).map((row) => row[name] ?? 0);
      const level = (/** @type {number[]} */ numbers) => Math.max(...numbers, 1e-3);
      const flow = known("throughput"), recent = flow.slice(-14);
      sliders.wip.scale(known("wip").at(-1) || level(known("wip")), rounded(2 * level(known("wip"))));
      sliders.plan.scale(recent.reduce((a, b) => a + b, 0) / Math.max(1, recent.length), rounded(1.5 * level(flow)));
    },
  };
}

/** A number in three digits. @param {number} value */
function rounded(value) {
  return Number(value.toPrecision(3));
}
