// The working calendars of a data set: what was recognised, and how to change it.

import { get, put } from "../lib/api.js";
import { fill, h } from "../lib/dom.js";
import { act, badge, field, select, toast } from "../lib/parts.js";
import { day, t, weekdayNames } from "../lib/texts.js";

/** @typedef {import("../types").Schemas["PlantCalendar"]} Calendar */

const WEEKDAYS = [1, 2, 3, 4, 5, 6, 7];

/** @param {string} id of the data set @param {boolean} mayWrite @param {AbortSignal} signal */
export async function calendarParts(id, mayWrite, signal) {
  const { calendars } = await get("/api/data/{dataset_id}/calendar", { dataset_id: id }, signal);
  const plants = Object.keys(calendars);
  const shown = h("div", { className: "stack" });
  const choose = select(plants.map((plant) => [plant, plant]), plants[0], (plant) => draw(plant));
  const draw = (/** @type {string} */ plant) => fill(shown, calendarOf(calendars[plant] ?? {}, mayWrite
    ? async (changed) => {
      const reply = await put("/api/data/{dataset_id}/calendar", { calendar: /** @type {any} */ ({ ...calendars, [plant]: changed }) }, { dataset_id: id });
      Object.assign(calendars, reply.calendars);
      toast(t("calendar.saved"));
      draw(plant);
    } : null));
  draw(plants[0] ?? "");
  return h("div", { className: "stack" }, plants.length > 1 && h("div", { className: "fields" }, field(t("series.plant"), choose)), shown);
}

/** @param {Calendar} calendar @param {((changed: Calendar) => Promise<void>) | null} save null: may only be read */
function calendarOf(calendar, save) {
  const open = new Set(calendar.weekdays ?? WEEKDAYS);
  const names = weekdayNames();
  const boxes = WEEKDAYS.map((number, place) => {
    const box = h("input", { type: "checkbox", checked: open.has(number), disabled: save === null, value: number });
    return { box, label: h("label", { className: "row" }, box, names[place]) };
  });
  const country = h("input", { value: calendar.country ?? "", maxlength: 2, disabled: save === null, placeholder: "DE" });
  const subdivision = h("input", { value: calendar.subdivision ?? "", maxlength: 10, disabled: save === null, placeholder: "BY" });
  const closed = h("textarea", { rows: 4, disabled: save === null, placeholder: "2026-12-24/2027-01-02", value: (calendar.closed ?? []).join("\n") });
  const extra = h("textarea", { rows: 4, disabled: save === null, value: (calendar.open ?? []).join("\n") });
  const lines = (/** @type {HTMLTextAreaElement} */ input) => input.value.split(/[\s,]+/).filter(Boolean);
  const place = h("div", {});
  const pressed = h("button", { className: "primary" }, t("calendar.save"));
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    act(pressed, place, () => save?.({
      weekdays: boxes.filter(({ box }) => box.checked).map(({ box }) => Number(box.value)),
      every_second_week: calendar.every_second_week ?? [],
      country: country.value.trim() || null, subdivision: subdivision.value.trim() || null, closed: lines(closed), open: lines(extra),
    }) ?? Promise.resolve());
  };
  return h("form", { className: "stack", onsubmit: submit },
    h("fieldset", {}, h("legend", {}, t("calendar.weekdays")), h("div", { className: "row" }, boxes.map(({ label }) => label))),
    (calendar.every_second_week ?? []).length > 0 && h("p", {}, badge(t("calendar.second_week")), " ", (calendar.every_second_week ?? []).map((date) => day(date, true)).join(", ")),
    h("div", { className: "fields" }, field(t("calendar.country"), country, t("calendar.country_hint")), field(t("calendar.subdivision"), subdivision),
      field(t("calendar.closed"), closed, t("calendar.spans")), field(t("calendar.open"), extra)),
    place, save && h("div", {}, pressed));
}
