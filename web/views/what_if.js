// What if: another WIP today, a planned throughput, a target; kept ones are drawn over each other.

import { freshId, h } from "../lib/dom.js";
import { button, field, panel } from "../lib/parts.js";
import { number, t } from "../lib/texts.js";

/** @typedef {{ wip: number | null, plan: number | null, target: number | null }} Change */

/**
 * Returns the controls of a what-if.
 * @param {Change} start
 * @param {() => void} changed
 * @param {() => void} kept the present one is to be kept
 * @param {() => void} cleared
 */
export function whatIf(start, changed, kept, cleared) {
  const values = { ...start };
  const wip = slider("wip"), plan = slider("plan");
  const target = h("input", { type: "number", min: 0, step: "any", value: start.target ?? "", oninput: () => {
    values.target = Number(target.value) > 0 ? Number(target.value) : null;
    changed();
  } });

  /** @param {"wip" | "plan"} name */
  function slider(name) {
    const shown = h("output", {});
    const input = h("input", { type: "range", min: 0, max: 1, step: "any", oninput: () => {
      values[name] = rounded(Number(input.value));
      tell();
      changed();
    } });
    const tell = () => {
      shown.textContent = values[name] === null ? t(`whatif.${name}_unset`) : number(values[name]);
      input.setAttribute("aria-valuetext", shown.textContent);
    };
    tell();
    input.id = freshId();
    const label = h("div", {}, h("label", { for: input.id }, t(`whatif.${name}`)), shown);
    return {
      element: h("div", { className: "field slider" }, label, input),
      reset() {
        values[name] = null;
        tell();
      },
      /** @param {number} usual @param {number} most */
      scale(usual, most) {
        if (input.max !== "1" && Number(input.max) === most) return;
        input.min = String(Math.max(most / 200, 1e-6));
        input.max = String(most);
        input.value = String(values[name] ?? usual);
      },
    };
  }

  const reset = () => {
    wip.reset();
    plan.reset();
    cleared();
    changed();
  };
  const element = panel(t("whatif.title"), h("div", { className: "stack" },
    h("p", { className: "small quiet" }, t("whatif.text")),
    wip.element, plan.element, field(t("whatif.target"), target, t("whatif.target_hint")),
    h("div", { className: "row" }, button(t("whatif.keep"), kept), button(t("whatif.reset"), reset))));
  return {
    element,
    change: () => ({ ...values }),
    reset() {
      wip.reset();
      plan.reset();
    },
    /** The change in words. */
    words() {
      const parts = [
        values.wip !== null && t("whatif.words_wip", { n: values.wip }),
        values.plan !== null && t("whatif.words_plan", { n: values.plan }),
      ].filter(Boolean);
      return parts.length > 0 ? parts.join(", ") : t("whatif.without");
    },
    /** Fits the sliders to a series. @param {import("../types").Schemas["PredictReply"]} forecast */
    scale(forecast) {
      const known = (/** @type {"wip" | "throughput"} */ target) => (forecast.history ?? []).map((row) => row[target] ?? 0);
      const level = (/** @type {number[]} */ numbers) => Math.max(...numbers, 1e-3);
      const last = known("wip").at(-1) ?? 0;
      wip.scale(last || level(known("wip")), rounded(2 * level(known("wip"))));
      const flow = known("throughput");
      plan.scale(flow.slice(-14).reduce((a, b) => a + b, 0) / Math.max(1, flow.slice(-14).length), rounded(1.5 * level(flow)));
    },
  };
}

/** A number in three digits. @param {number} value */
function rounded(value) {
  return Number(value.toPrecision(3));
}
