// Texts in the language of the reader, and numbers and dates as they are written there.

import { en } from "../texts/en.js";

/** @typedef {keyof typeof en} Key */
/** @typedef {string | { one: string, other: string }} Text */

const KEPT = "language";

/** @type {Record<Key, Text>} */
let texts = en;
/** Patterns of the service's sentences, and what each becomes. @type {[RegExp, string][]} */
let ofService = [];
let language = "en";

export const LANGUAGES = { en: "English", de: "Deutsch" };

/** Loads the texts of the chosen language, else of the browser's. */
export async function loadTexts() {
  const chosen = localStorage.getItem(KEPT) ?? navigator.language.slice(0, 2);
  if (chosen === "de") {
    const [page, service] = await Promise.all([import("../texts/de.js"), import("../texts/service_de.js")]);
    texts = page.de;
    ofService = service.sentences.map(([english, german]) => [patternOf(english), german]);
    language = "de";
  }
  document.documentElement.lang = language;
}

/** @param {string} sentence with `{}` for what differs */
function patternOf(sentence) {
  const parts = sentence.split("{}").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join("(.*?)")}$`, "s");
}

/**
 * Returns a sentence of the service in the language of the page, or as it is where that is not known.
 * @param {string} sentence
 */
export function serviceText(sentence) {
  for (const [pattern, german] of ofService) {
    const found = pattern.exec(sentence);
    if (found) return german.replace(/\{(\d)\}/g, (_, place) => found[Number(place) + 1] ?? "");
  }
  return sentence;
}

/** Returns the language of the texts. */
export function currentLanguage() {
  return language;
}

/** @param {string} chosen */
export function chooseLanguage(chosen) {
  localStorage.setItem(KEPT, chosen);
  location.reload();
}

/**
 * Returns a text with values in place of `{name}`; `n` chooses between singular and plural.
 * @param {Key} key
 * @param {Record<string, string | number>} [values]
 */
export function t(key, values = {}) {
  const found = texts[key];
  const count = typeof values.n === "number" ? values.n : 2;
  const form = new Intl.PluralRules(language).select(count) === "one" ? "one" : "other";
  const text = typeof found === "string" ? found : found[form];
  return text.replace(/\{(\w+)\}/g, (_, name) => {
    const value = values[name];
    return typeof value === "number" ? number(value) : String(value ?? "");
  });
}

/** The locale of dates and numbers: the browser's own where its language is that of the texts. */
function locale() {
  return navigator.language.startsWith(language) ? navigator.language : language;
}

/**
 * Returns a number in four significant digits at most, large ones as integers.
 * @param {number | null | undefined} value
 */
export function number(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  const digits = Number.isInteger(value) || size >= 1000 ? 0 : Math.max(0, 3 - Math.floor(Math.log10(size || 1)));
  return new Intl.NumberFormat(locale(), { maximumFractionDigits: Math.min(digits, 6) }).format(value);
}

/** @param {number | null | undefined} share @param {number} [digits] */
export function percent(share, digits = 0) {
  if (share === null || share === undefined) return "–";
  const options = { style: /** @type {"percent"} */ ("percent"), maximumFractionDigits: digits, signDisplay: /** @type {"negative"} */ ("negative") };
  return new Intl.NumberFormat(locale(), options).format(share);
}

/**
 * Returns a date of data as it is written in the reader's language; of hours and shifts, with the time.
 * @param {string | null | undefined} iso YYYY-MM-DD or YYYY-MM-DDThh:mm, without a time zone
 * @param {boolean} [withWeekday]
 */
export function day(iso, withWeekday = false) {
  if (!iso) return "–";
  return new Intl.DateTimeFormat(locale(), {
    day: "numeric", month: "short", year: "numeric", timeZone: "UTC",
    ...(iso.includes("T") ? { hour: /** @type {"2-digit"} */ ("2-digit"), minute: /** @type {"2-digit"} */ ("2-digit"), hourCycle: /** @type {"h23"} */ ("h23") } : {}),
    ...(withWeekday ? { weekday: /** @type {"short"} */ ("short") } : {}),
  }).format(timeOf(iso));
}

/** Returns the milliseconds of a date of data, counted as if it were in UTC. @param {string} iso as of `day` */
export function timeOf(iso) {
  return Date.parse(iso.includes("T") ? `${iso}Z` : iso);
}

/** Returns a date of data; the inverse of `timeOf`. @param {number} time @param {boolean} [withTime] */
export function dateOf(time, withTime = false) {
  return new Date(time).toISOString().slice(0, withTime ? 16 : 10);
}

/** @param {string} iso a date @returns {string} its month and year */
export function monthName(iso) {
  return new Intl.DateTimeFormat(locale(), { month: "long", year: "numeric", timeZone: "UTC" }).format(Date.parse(iso.slice(0, 10)));
}

/** Returns the names of the weekdays, from Monday on. */
export function weekdayNames() {
  const written = new Intl.DateTimeFormat(language, { weekday: "short", timeZone: "UTC" });
  return Array.from({ length: 7 }, (_, place) => written.format(Date.UTC(2024, 0, 1 + place)));
}

/** @param {string | null | undefined} iso a moment, with its time zone */
export function moment(iso) {
  if (!iso) return "–";
  return new Intl.DateTimeFormat(locale(), { dateStyle: "medium", timeStyle: "short" }).format(new Date(iso));
}

/** @param {string} iso a moment */
export function clock(iso) {
  return new Intl.DateTimeFormat(locale(), { timeStyle: "medium" }).format(new Date(iso));
}

/** @param {number | null | undefined} seconds */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 90) return t("unit.seconds", { n: Math.max(0, Math.round(seconds)) });
  if (seconds < 5400) return t("unit.minutes", { n: Math.round(seconds / 60) });
  return t("unit.hours", { n: Math.round(seconds / 360) / 10 });
}
