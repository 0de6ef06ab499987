// Parts that views are built of: panels, fields, badges, notices, messages.

import { ApiError } from "./api.js";
import { add, fill, freshId, h } from "./dom.js";
import { serviceText, t } from "./texts.js";

/** @typedef {import("./dom.js").Children} Children */
/** @typedef {"wip" | "throughput" | "cycle_time"} Target */

/** @type {Target[]} */
export const TARGETS = ["wip", "throughput", "cycle_time"];

/**
 * The head of a view.
 * @param {string} title
 * @param {string | null} lead
 * @param {Children[]} actions
 */
export function head(title, lead = null, ...actions) {
  document.title = `${title} · LSTM Backend`;
  return h("div", { className: "head" },
    h("div", {}, h("h1", { tabindex: -1 }, title), lead && h("p", {}, lead)),
    actions.length > 0 && h("div", { className: "row" }, ...actions));
}

/** @param {string | null} title @param {Children[]} children */
export function panel(title, ...children) {
  return h("section", { className: "panel" }, title && h("h2", {}, title), ...children);
}

/** @param {string} text @param {"good" | "warn" | "bad" | ""} [kind] */
export function badge(text, kind = "") {
  return h("span", { className: `badge ${kind}` }, text);
}

/** @param {"good" | "warn" | "bad" | ""} kind @param {Children[]} children */
export function notice(kind, ...children) {
  return h("div", { className: `notice ${kind}`, role: kind === "bad" ? "alert" : null }, ...children);
}

/** @param {Target} target */
export function targetName(target) {
  return h("span", { className: `target ${target}` }, t(`target.${target}`));
}

/** @param {[string, Children][]} pairs @param {boolean} [big] */
export function figures(pairs, big = false) {
  return h("ul", { className: `figures${big ? " big" : ""}` },
    pairs.map(([name, value]) => h("li", {}, h("span", {}, name), " ", h("strong", {}, value))));
}

/** @param {string} text @param {string} href @param {string} [look] */
export function link(text, href, look = "") {
  return h("a", { href, className: look || null }, text);
}

/** @param {string} text @param {() => unknown} press @param {string} [look] */
export function button(text, press, look = "") {
  return h("button", { type: "button", className: look || null, onclick: press }, text);
}

/**
 * A labelled field.
 * @param {string} label
 * @param {HTMLElement} input
 * @param {string} [hint]
 */
export function field(label, input, hint) {
  const id = input.id || freshId();
  input.id = id;
  const note = hint ? h("p", { className: "hint", id: `${id}-hint` }, hint) : null;
  if (note) input.setAttribute("aria-describedby", note.id);
  return h("div", { className: "field" }, h("label", { for: id }, label), input, note);
}

/**
 * @param {[string, string][]} options value and text
 * @param {string} [value]
 * @param {(value: string) => void} [change]
 */
export function select(options, value, change) {
  const found = h("select", { onchange: () => change?.(found.value) },
    options.map(([key, text]) => h("option", { value: key, selected: key === value }, text)));
  return found;
}

/**
 * A table.
 * @param {{ text: Children, number?: boolean, wide?: boolean, actions?: boolean }[]} columns `wide`: only on wide screens
 * @param {Children[][]} rows
 * @param {string} [caption]
 */
export function table(columns, rows, caption) {
  const look = (/** @type {{ number?: boolean, wide?: boolean, actions?: boolean }} */ column) =>
    [column.number && "number", column.actions && "actions", column.wide && "wide-only"].filter(Boolean).join(" ") || null;
  return h("div", { className: "scroll", tabindex: 0, role: "region", "aria-label": caption ?? t("table.region") },
    h("table", {}, caption && h("caption", {}, caption),
      h("thead", {}, h("tr", {}, columns.map((column) => h("th", { scope: "col", className: look(column) }, column.text)))),
      h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell, place) =>
        h("td", { className: look(columns[place] ?? { text: "" }) }, cell)))))));
}

/** @param {string} title @param {string} text @param {Children[]} actions */
export function empty(title, text, ...actions) {
  return h("div", { className: "empty" }, h("h2", {}, title), h("p", {}, text),
    actions.length > 0 && h("p", {}, ...actions));
}

/** @param {string} [text] */
export function busy(text) {
  return h("p", { className: "busy", role: "status" }, text ?? t("busy"));
}

/** A notice of sentences that the service wrote. @param {"warn" | "bad"} kind @param {string[]} sentences */
export function serviceNotice(kind, sentences) {
  return sentences.length > 0 && notice(kind, h("ul", {}, sentences.map((each) => h("li", {}, serviceText(each)))));
}

/** A refusal in words, with the field of each rule. @param {unknown} error */
export function failure(error) {
  if (!(error instanceof ApiError)) throw error;
  const message = error.status === 0 ? t("error.connection") : serviceText(error.message);
  const details = error.details.filter((detail) => !error.message.includes(detail.message));
  return notice("bad", h("p", {}, message), details.length > 0 && h("ul", {},
    details.slice(0, 8).map((detail) => h("li", {}, detail.field && h("code", {}, detail.field), " ", detail.message))));
}

/**
 * Fills an element with what some work returns; a refusal is shown in its place.
 * @param {HTMLElement} element
 * @param {() => Promise<Children>} work
 * @param {string} [waiting]
 */
export async function show(element, work, waiting) {
  fill(element, busy(waiting));
  element.setAttribute("aria-busy", "true");
  try {
    const found = await work();
    fill(element, found);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") return;
    fill(element, failure(error));
  } finally {
    element.removeAttribute("aria-busy");
  }
}

/**
 * Runs what a button does, disabled meanwhile; a refusal is shown in an element.
 * @param {HTMLButtonElement} pressed
 * @param {HTMLElement} place of a refusal
 * @param {() => Promise<unknown>} work
 */
export async function act(pressed, place, work) {
  const label = pressed.textContent;
  pressed.disabled = true;
  pressed.setAttribute("aria-busy", "true");
  pressed.textContent = t("busy");
  fill(place);
  try {
    await work();
  } catch (error) {
    if (!(error instanceof DOMException)) fill(place, failure(error));
  } finally {
    pressed.disabled = false;
    pressed.removeAttribute("aria-busy");
    pressed.textContent = label;
  }
}

/**
 * A message that leaves by itself.
 * @param {string} text
 * @param {{ label: string, press: () => void }} [action]
 * @param {number} [milliseconds]
 */
export function toast(text, action, milliseconds = 5000) {
  const shown = h("div", { className: "toast" }, h("span", {}, text));
  const close = () => shown.remove();
  if (action) {
    add(shown, button(action.label, () => {
      action.press();
      close();
    }));
  }
  document.getElementById("toasts")?.append(shown);
  setTimeout(close, milliseconds);
  return close;
}

/** @param {{ plant: string, application: string, panel_size: string }} series */
export function seriesName(series) {
  return [series.plant, series.application, series.panel_size].join(" / ");
}
