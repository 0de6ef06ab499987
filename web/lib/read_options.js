// The options by which a table is read, where the service does not recognise it or is wrong.

import { freshId, h } from "./dom.js";
import { field, select } from "./parts.js";
import { t } from "./texts.js";

/** @typedef {import("./texts.js").Key} Key */
/** @typedef {Record<string, string>} Options */

/** Options with few values; "" leaves it to the service. */
const CHOICES = /** @type {const} */ ({
  numberFormat: ["1,234.5", "1.234,5"], dateOrder: ["dmy", "mdy", "ymd"], datesSince: ["1900", "1904"], fillDown: ["true"],
  duplicates: ["times", "lines", "last"], step: ["hour", "shift", "day", "week", "month"],
});
const SEPARATORS = { ",": ",", ";": ";", "\t": "Tab", "|": "|" };
const ENCODINGS = ["utf-8", "utf-16", "cp1252", "cp1250", "cp1251", "gb18030", "big5", "shift_jis", "euc_jp", "euc_kr", "mac_roman"];
const OF_TABLE = /** @type {const} */ (["sheet", "encoding"]);
const OF_LOG = /** @type {const} */ (["from", "until", "finishSteps", "waitingStates"]);

/** Returns the name of an option for its field. @param {string} name */
export function optionLabel(name) {
  return t(/** @type {Key} */ (`options.${name}`));
}

/** @param {string} name @param {string} value */
function valueText(name, value) {
  return t(/** @type {Key} */ (`options.${name}.${value}`));
}

/**
 * Returns the values to choose from, if a problem of a preview is a choice; else null.
 * @param {import("../types").Schemas["PreviewProblem"]} problem
 * @returns {[string, string][] | null}
 */
export function choicesFor(problem) {
  const name = problem.field ?? "";
  if (problem.choices.length > 0) return problem.choices.map((value) => [value, value]);
  const values = name in CHOICES ? CHOICES[/** @type {keyof typeof CHOICES} */ (name)] : null;
  const named = values?.filter((value) => problem.message.includes(value)) ?? [];
  return values && (named.length > 0 ? named : [...values]).map((value) => [value, valueText(name, value)]);
}

/** @param {Options} options @param {boolean} isLog @param {(name: string, value: string) => void} change */
export function optionFields(options, isLog, change) {
  const list = h("datalist", { id: freshId() }, ENCODINGS.map((value) => h("option", { value })));
  const text = (/** @type {string} */ name) => h("input", {
    name, value: options[name] ?? "", placeholder: t("options.recognised"), list: name === "encoding" ? list.id : null,
    onchange: (/** @type {Event} */ event) => change(name, /** @type {HTMLInputElement} */ (event.target).value.trim()),
  });
  const among = (/** @type {string} */ name, /** @type {[string, string][]} */ values) => {
    const input = select([["", t("options.recognised")], ...values], options[name] ?? "", (value) => change(name, value));
    input.name = name;
    return field(optionLabel(name), input);
  };
  return h("div", { className: "fields" }, list,
    Object.entries(CHOICES).map(([name, values]) => among(name, values.map((value) => [value, valueText(name, value)]))),
    options.step === "shift" && field(optionLabel("shifts"), text("shifts"), t("options.shifts_hint")),
    options.step === "shift" && field(optionLabel("shiftNames"), text("shiftNames"), t("options.shiftNames_hint")),
    among("separator", Object.entries(SEPARATORS)),
    [...OF_TABLE, ...(isLog ? OF_LOG : [])].map((name) => field(optionLabel(name), text(name))));
}
