// The working calendars of a data set: what was recognised, and how to change it.

import { get, put } from "../lib/api.js";
import { fill, h } from "../lib/dom.js";
import { monthGrid } from "../lib/month_grid.js";
import { act, badge, field, select, toast } from "../lib/parts.js";
import { day, t, weekdayNames } from "../lib/texts.js";

/** @typedef {import("../types").Schemas["PlantCalendar"]} Calendar */

const WEEKDAYS = [1, 2, 3, 4, 5, 6, 7];
const DAY = 864e5; // milliseconds
const BEFORE = 730, AFTER = 1095; // days around the last row that are shown
const LONGEST = 5000; // days of a span that is looked into

/** @param {string} date @param {number} days */
function daysAfter(date, days) {
  return new Date(Date.parse(date) + days * DAY).toISOString().slice(0, 10);
}

/**
 * @param {string} id of the data set @param {string} end its last date
 * @param {boolean} mayWrite @param {AbortSignal} signal
 */
export async function calendarParts(id, end, mayWrite, signal) {
  const span = { from: daysAfter(end, -BEFORE), until: daysAfter(end, AFTER) };
  const read = () => get("/api/data/{dataset_id}/calendar", { dataset_id: id, ...span }, signal);
  let { calendars, closed_days: closedDays } = await read();
  const plants = Object.keys(calendars);
  const shown = h("div", { className: "stack" });
  const draw = (/** @type {string} */ plant) => fill(shown, calendarOf(calendars[plant] ?? {}, new Set(closedDays?.[plant]), { date: end, ...span }, mayWrite
    ? async (changed) => {
      await put("/api/data/{dataset_id}/calendar", { calendar: /** @type {any} */ ({ ...calendars, [plant]: changed }) }, { dataset_id: id });
      ({ calendars, closed_days: closedDays } = await read());
      toast(t("calendar.saved"));
      draw(plant);
    } : null));
  const choose = select(plants.map((plant) => [plant, plant]), plants[0], draw);
  draw(plants[0] ?? "");
  return h("div", { className: "stack" }, plants.length > 1 && h("div", { className: "fields" }, field(t("series.plant"), choose)), shown);
}

/**
 * @param {Calendar} calendar @param {Set<string>} closedDays as the service counts them
 * @param {{ date: string, from: string, until: string }} span
 * @param {((changed: Calendar) => Promise<void>) | null} save null: may only be read
 */
function calendarOf(calendar, closedDays, span, save) {
  const locked = save === null;
  const weekdays = weekdayBoxes(calendar.weekdays ?? WEEKDAYS, locked);
  const country = h("input", { value: calendar.country ?? "", maxlength: 2, disabled: locked, placeholder: "DE" });
  const subdivision = h("input", { value: calendar.subdivision ?? "", maxlength: 10, disabled: locked, placeholder: "BY" });
  const closed = h("textarea", { rows: 4, disabled: locked, placeholder: "2026-12-24/2027-01-02", value: (calendar.closed ?? []).join("\n") });
  const extra = h("textarea", { rows: 4, disabled: locked, value: (calendar.open ?? []).join("\n") });
  const second = calendar.every_second_week ?? [];
  /** The days that were clicked, and whether they are closed. @type {Map<string, boolean>} */
  const clicked = new Map();
  const isClosed = (/** @type {string} */ date) => clicked.get(date) ?? closedDays.has(date);
  const grid = monthGrid({
    date: span.date, first: span.from, last: span.until, isClosed, isChanged: (date) => clicked.has(date),
    toggle: locked ? null : (date) => {
      const close = !isClosed(date);
      if (clicked.has(date)) clicked.delete(date);
      else clicked.set(date, close);
      setDay(closed, date, close);
      setDay(extra, date, !close);
    },
  });
  const place = h("div", {});
  const pressed = h("button", { className: "primary" }, t("calendar.save"));
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    act(pressed, place, () => save?.({
      weekdays: weekdays.chosen(), every_second_week: second, country: country.value.trim() || null,
      subdivision: subdivision.value.trim() || null, closed: linesOf(closed), open: linesOf(extra),
    }) ?? Promise.resolve());
  };
  return h("form", { className: "stack", onsubmit: submit },
    !locked && h("p", { className: "quiet" }, t("calendar.text")), grid.element, weekdays.element,
    second.length > 0 && h("p", {}, badge(t("calendar.second_week")), " ", second.map((date) => day(date, true)).join(", ")),
    h("div", { className: "fields" }, field(t("calendar.country"), country, t("calendar.country_hint")), field(t("calendar.subdivision"), subdivision)),
    h("details", {}, h("summary", {}, t("calendar.as_text")), h("div", { className: "fields" },
      field(t("calendar.closed"), closed, t("calendar.spans")), field(t("calendar.open"), extra))),
    place, !locked && h("div", {}, pressed));
}

/** @param {number[]} worked @param {boolean} locked */
function weekdayBoxes(worked, locked) {
  const names = weekdayNames();
  const boxes = WEEKDAYS.map((value) => h("input", { type: "checkbox", checked: worked.includes(value), disabled: locked, value }));
  return {
    element: h("fieldset", {}, h("legend", {}, t("calendar.weekdays")),
      h("div", { className: "row" }, boxes.map((box, place) => h("label", { className: "row" }, box, names[place])))),
    chosen: () => boxes.filter((box) => box.checked).map((box) => Number(box.value)),
  };
}

/** @param {HTMLTextAreaElement} input */
function linesOf(input) {
  return input.value.split(/[\s,]+/).filter(Boolean);
}

/** Puts a day into the spans of a field, or takes it out of them. @param {HTMLTextAreaElement} input @param {string} date @param {boolean} isIn */
function setDay(input, date, isIn) {
  const lines = linesOf(input).flatMap((line) => {
    const [first = "", last = first] = line.split("/");
    if (date < first || date > last || (Date.parse(last) - Date.parse(first)) / DAY > LONGEST) return [line];
    const around = [[first, daysAfter(date, -1)], [daysAfter(date, 1), last]];
    return around.filter(([from = "", until = ""]) => from <= until).map(([from, until]) => (from === until ? from : `${from}/${until}`));
  });
  input.value = (isIn ? [...lines, date] : lines).sort().join("\n");
}
