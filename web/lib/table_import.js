// A table before it is stored: how it is read, its first rows, the meaning of its columns, its problems.

import { postFile } from "./api.js";
import { columnMeanings, DRIVER, OF_LOG, OF_ROWS, UNREAD } from "./column_meanings.js";
import { fill, h } from "./dom.js";
import { act, badge, busy, button, failure, notice, table } from "./parts.js";
import { choicesFor, optionFields, optionLabel } from "./read_options.js";
import { day, number, serviceText, t } from "./texts.js";

/** @typedef {import("../types").Schemas["PreviewReply"]} Preview */
/** @typedef {import("../types").Schemas["PreviewProblem"]} Problem */
/** @typedef {import("./api.js").Values} Values */
/**
 * What becomes of a table: `action` is the text of the button, `store` does it; it may show a question in `place`.
 * @typedef {{ action: string, store: (file: File, options: Values, place: HTMLElement) => Promise<unknown> }} Use
 */

const ROWS = 5; // that are shown
const PROBLEMS = 50; // that are listed

/** Returns a place where one table at a time is looked at, and then stored. @param {Use} use */
export function tableImport(use) {
  const element = h("div", { className: "import stack", "aria-live": "polite" });
  let run = new AbortController();

  /** @param {File} file */
  async function take(file) {
    const meanings = columnMeanings();
    /** @type {Record<string, string>} */
    const options = {};
    const values = () => ({ ...options, ...meanings.values() });
    fill(element, busy(t("drop.reading", { name: file.name })));
    const read = async () => {
      run.abort();
      run = new AbortController();
      element.setAttribute("aria-busy", "true");
      const { signal } = run;
      try {
        const preview = await postFile("/api/data/preview", file, values(), { signal });
        meanings.read(preview);
        draw(preview);
      } catch (error) {
        if (error instanceof DOMException) return;
        fill(element, h("p", {}, t("drop.refused", { name: file.name })), failure(error), h("p", {}, button(t("drop.again"), () => take(file))));
      } finally {
        if (!signal.aborted) element.removeAttribute("aria-busy");
      }
    };
    const change = (/** @type {string} */ name, /** @type {string} */ value) => {
      options[name] = value;
      read();
    };

    /** @param {Preview} preview */
    function draw(preview) {
      const place = h("div", {});
      const focused = element.contains(document.activeElement) ? document.activeElement?.getAttribute("name") : null;
      const isOpen = element.querySelector("details.options")?.hasAttribute("open") || preview.problems.some((each) => each.row === null && !isMissing(each) && choicesFor(each) === null);
      const isLog = preview.columns.some((column) => OF_LOG.some((role) => role === meanings.of(column.name)));
      const pressed = h("button", { type: "button", className: "primary", disabled: !preview.is_readable, onclick: () => act(pressed, place, () => use.store(file, values(), place)) }, use.action);
      fill(element,
        verdict(preview, file.name),
        problemsOf(preview, options, change),
        warnings(preview),
        preview.columns.length > 0 && asWritten(preview, meanings, read),
        preview.rows.length > 0 && asUnderstood(preview),
        h("details", { className: "options", open: isOpen }, h("summary", {}, t("options.title")), optionFields(options, isLog, change)),
        place, h("div", { className: "row" }, pressed));
      if (focused) /** @type {HTMLElement | null} */ (element.querySelector(`[name="${CSS.escape(focused)}"]`))?.focus();
    }

    await read();
  }

  return { element, take };
}

/** Can it be stored, and what is it? @param {Preview} preview @param {string} name */
function verdict(preview, name) {
  const { summary } = preview;
  const size = summary && t("preview.size", {
    rows: summary.total_points, n: summary.series, step: t(`step.${summary.step}`),
    start: day(summary.date_range.start), end: day(summary.date_range.end),
  });
  const kind = preview.kind === "event log" ? t("preview.log") : null;
  return h("div", {}, h("h3", { className: "row" }, name, preview.is_readable ? badge(t("preview.ready"), "good") : badge(t("preview.open"), "warn")),
    h("p", { className: "quiet" }, [kind, size].filter(Boolean).join(" ") || t("preview.nothing_stored")));
}

/** What has to be answered or put right first. @param {Preview} preview @param {Record<string, string>} options @param {(name: string, value: string) => void} change */
function problemsOf(preview, options, change) {
  const choices = preview.problems.filter((each) => choicesFor(each) !== null);
  const missing = preview.problems.filter((each) => !choices.includes(each) && isMissing(each));
  const isAsked = (/** @type {Problem} */ problem) => problem.received !== null && choices.some((each) => each.message.includes(String(problem.received)));
  const others = preview.problems.filter((each) => !choices.includes(each) && !missing.includes(each) && !isAsked(each));
  const ofRows = others.filter((each) => each.row !== null), ofTable = others.filter((each) => each.row === null);
  return [
    choices.map((each) => question(each, options, change)),
    missing.length > 0 && notice("warn", t("preview.missing", { names: missing.map((each) => meaningText(each.field ?? "")).join(", ") })),
    ofTable.length > 0 && notice("bad", h("ul", {}, ofTable.map((each) => h("li", {}, each.field && [h("code", {}, each.field), " "], ruleOf(each),
      each.received !== null && [": ", h("code", {}, String(each.received))])))),
    ofRows.length > 0 && h("div", {}, notice("bad", t("preview.rows_wrong", { n: ofRows.length })), table(
      [{ text: t("preview.row"), number: true }, { text: t("readas.column") }, { text: t("preview.rule") }, { text: t("quality.found") }],
      ofRows.slice(0, PROBLEMS).map((each) => [number(each.row), meaningText(each.field ?? ""), ruleOf(each), each.received === null ? t("preview.blank") : String(each.received)]), t("preview.rows_wrong", { n: ofRows.length }))),
  ];
}

/** The rule of a problem, in the language of the page where it is known. @param {Problem} problem */
function ruleOf({ field, message }) {
  const whole = `${field}: ${message}`, found = serviceText(whole);
  return found === whole ? serviceText(message) : found;
}

/** A column that is needed and was not found. @param {Problem} problem */
function isMissing(problem) {
  return problem.row === null && problem.message === "is required";
}

/** A choice that the table does not tell. @param {Problem} problem @param {Record<string, string>} options @param {(name: string, value: string) => void} change */
function question(problem, options, change) {
  const name = problem.field ?? "";
  return h("fieldset", { className: "notice warn" }, h("legend", { className: "unseen" }, t("preview.choose")),
    h("p", {}, h("strong", {}, optionLabel(name)), ": ", ruleOf(problem)),
    h("div", { className: "row" }, (choicesFor(problem) ?? []).map(([value, text]) =>
      h("button", { type: "button", "aria-pressed": String(options[name] === value), onclick: () => change(name, value) }, text))));
}

/** @param {Preview} preview */
function warnings(preview) {
  const found = preview.read_as?.warnings ?? [];
  return found.length > 0 && notice("", h("ul", {}, found.map((each) => h("li", {}, serviceText(each)))));
}

/**
 * The first rows as they are in the file, below the meaning of each column.
 * @param {Preview} preview @param {ReturnType<typeof columnMeanings>} meanings @param {() => void} read
 */
function asWritten(preview, meanings, read) {
  const heads = preview.columns.map((column, place) => {
    const input = meaningSelect(column, meanings.of(column.name), (meaning) => {
      meanings.choose(column.name, meaning);
      read();
    });
    input.name = `column-${place}`;
    input.setAttribute("aria-label", t("preview.meaning", { name: column.name }));
    return { text: h("div", { className: "field" }, h("span", { className: "label" }, column.name), input) };
  });
  return h("div", {}, h("h3", {}, t("preview.written")), h("p", { className: "small quiet" }, t("preview.written_text")),
    h("div", { className: "mapping" }, table(heads, preview.cells.slice(0, ROWS).map((cells) => cells.map((cell) => cell === null ? "" : String(cell))), t("preview.written"))));
}

/** @param {import("../types").Schemas["PreviewColumn"]} column @param {string} chosen @param {(meaning: string) => void} change */
function meaningSelect(column, chosen, change) {
  const option = (/** @type {string} */ value) => h("option", { value, selected: value === chosen }, meaningText(value));
  const found = h("select", { onchange: () => change(found.value) },
    h("option", { value: "", selected: chosen === "" }, column.meaning ? t("options.recognised") : t("preview.not_read")),
    column.meaning && h("option", { value: UNREAD, selected: chosen === UNREAD }, t("preview.not_read")),
    h("optgroup", { label: t("preview.of_rows") }, OF_ROWS.map(option), option(DRIVER)),
    h("optgroup", { label: t("preview.of_log") }, OF_LOG.map(option)));
  return found;
}

/** @param {string} meaning */
function meaningText(meaning) {
  const known = [...OF_ROWS, ...OF_LOG, DRIVER].some((each) => each === meaning);
  return known ? t(/** @type {import("./texts.js").Key} */ (`meaning.${meaning}`)) : meaning;
}

/** The first rows as they are understood. @param {Preview} preview */
function asUnderstood(preview) {
  const rows = preview.rows.slice(0, ROWS);
  const numbers = /** @type {const} */ (["wip", "throughput", "cycle_time", "releases", "finished_goods", "semi_finished_goods"]);
  const shown = numbers.filter((name) => rows.some((row) => row[name] !== null && row[name] !== undefined));
  return h("div", {}, h("h3", {}, t("preview.understood")), table(
    [...["date", "plant", "application", "panel_size"].map((name) => ({ text: meaningText(name) })), ...shown.map((name) => ({ text: meaningText(name), number: true }))],
    rows.map((row) => [day(row.date), row.plant, row.application, row.panel_size, ...shown.map((name) => number(row[name]))]), t("preview.understood")));
}
