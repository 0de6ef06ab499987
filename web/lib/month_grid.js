// Months as a calendar, in which a day is opened or closed by a click or by the keyboard.

import { fill, h } from "./dom.js";
import { day, monthName, t, weekdayNames } from "./texts.js";

const DAY = 864e5; // milliseconds
const WEEK = 7;
const MONTHS = 3; // shown at once
const STEPS = /** @type {Record<string, number>} */ ({ ArrowLeft: -1, ArrowRight: 1, ArrowUp: -WEEK, ArrowDown: WEEK });

/** @param {number} time in milliseconds since 1970 */
function isoOf(time) {
  return new Date(time).toISOString().slice(0, 10);
}

/** Returns the first day of the month that lies so many months after a date. @param {string} date @param {number} months */
function monthAfter(date, months) {
  const [year = 1970, month = 1] = date.split("-").map(Number);
  return isoOf(Date.UTC(year, month - 1 + months, 1));
}

/**
 * Returns some months as a calendar.
 * @param {{
 *   date: string, first: string, last: string,
 *   isClosed: (date: string) => boolean, isChanged: (date: string) => boolean, toggle: ((date: string) => void) | null,
 * }} parts `date`: in the first month that is shown; `first` and `last`: what may be shown; without `toggle` it may only be read
 */
export function monthGrid({ date, first, last, isClosed, isChanged, toggle }) {
  let shown = monthAfter(date, 0);
  let current = date; // the day that the tabulator reaches
  const months = h("div", { className: "months", onkeydown: move });
  const label = h("span", { className: "unseen", "aria-live": "polite" });
  const step = (/** @type {number} */ by) => {
    shown = monthAfter(shown, by);
    current = shown;
    draw();
  };
  const earlier = h("button", { type: "button", "aria-label": t("calendar.earlier"), onclick: () => step(-1) }, "←");
  const later = h("button", { type: "button", "aria-label": t("calendar.later"), onclick: () => step(1) }, "→");

  function draw() {
    fill(months, Array.from({ length: MONTHS }, (_, place) => month(monthAfter(shown, place))));
    earlier.disabled = shown <= first;
    later.disabled = monthAfter(shown, MONTHS) > last;
    label.textContent = monthName(shown);
  }

  /** @param {string} begin */
  function month(begin) {
    const start = Date.parse(begin), length = (Date.parse(monthAfter(begin, 1)) - start) / DAY;
    const before = (new Date(start).getUTCDay() + 6) % WEEK; // days of the week before it
    const weeks = Array.from({ length: Math.ceil((before + length) / WEEK) }, (_, week) => h("tr", {},
      Array.from({ length: WEEK }, (_, weekday) => {
        const place = week * WEEK + weekday - before;
        return h("td", {}, place >= 0 && place < length && dayButton(isoOf(start + place * DAY)));
      })));
    return h("table", { className: "month" }, h("caption", {}, monthName(begin)),
      h("thead", {}, h("tr", {}, weekdayNames().map((name) => h("th", { scope: "col" }, name)))), h("tbody", {}, weeks));
  }

  /** @param {string} date */
  function dayButton(date) {
    const closed = isClosed(date);
    const look = [closed && "closed", isChanged(date) && "changed"].filter(Boolean).join(" ");
    return h("button", {
      type: "button", className: look || null, "data-date": date, disabled: toggle === null, tabindex: date === current ? 0 : -1,
      "aria-pressed": String(closed), "aria-label": t(closed ? "calendar.day_closed" : "calendar.day_open", { date: day(date, true) }),
      onclick: () => {
        current = date;
        toggle?.(date);
        draw();
        focus();
      },
    }, Number(date.slice(8)));
  }

  /** @param {KeyboardEvent} event */
  function move(event) {
    const by = STEPS[event.key];
    if (by === undefined) return;
    event.preventDefault();
    const next = isoOf(Date.parse(current) + by * DAY);
    if (next < first || next > last) return;
    current = next;
    if (next < shown) shown = monthAfter(next, 0);
    else if (next >= monthAfter(shown, MONTHS)) shown = monthAfter(next, 1 - MONTHS);
    draw();
    focus();
  }

  function focus() {
    /** @type {HTMLElement | null} */ (months.querySelector(`[data-date="${current}"]`))?.focus();
  }

  draw();
  return { element: h("div", {}, h("div", { className: "row" }, earlier, later, label), months), draw };
}
