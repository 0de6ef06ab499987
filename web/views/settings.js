// Settings of this page, access and keys, the limits as they are, links to the documents.

import { apiKey, get, setApiKey } from "../lib/api.js";
import { h } from "../lib/dom.js";
import { button, field, figures, head, panel, select, table } from "../lib/parts.js";
import { chooseLanguage, currentLanguage, duration, LANGUAGES, number, t } from "../lib/texts.js";
import { keysPanel } from "./keys.js";

/** @typedef {import("../types").Schemas["LimitsReply"]} Limits */

const COUNTS = /** @type {const} */ (["max_rows", "max_series", "max_horizon", "max_epochs", "max_units", "max_queued_jobs", "max_streams_per_caller", "jobs_kept_days"]);
const SIZES = /** @type {const} */ (["max_upload_mb", "max_json_mb"]);
const FIRST_KEY = "python run.py keys create NAME --role admin";

/** @param {import("../main.js").Context} context */
export async function view({ signal, access }) {
  const [health, limits] = await Promise.all([get("/health", {}, signal), get("/api/limits", {}, signal)]);
  const language = select(Object.entries(LANGUAGES), currentLanguage(), chooseLanguage);
  return h("div", {}, head(t("nav.settings")), h("div", { className: "stack" },
    panel(t("settings.page"), h("div", { className: "fields" }, field(t("settings.language"), language))),
    accessPanel(access),
    access.needs_key && access.role === "admin" && keysPanel(signal),
    limitsPanel(limits),
    panel(t("settings.service"), figures([[t("settings.version"), health.version], [t("home.uptime"), duration(health.uptime_seconds)]])),
    panel(t("settings.documents"), h("ul", {},
      h("li", {}, h("a", { href: "api/docs/" }, t("settings.docs"))),
      h("li", {}, h("a", { href: "api/openapi.json" }, "OpenAPI 3.1"))))));
}

/** @param {import("../main.js").Access} access */
function accessPanel(access) {
  if (!access.needs_key) {
    return panel(t("settings.access"), h("p", {}, t("settings.open")), h("p", {}, t("settings.first_key")), h("p", {}, h("code", {}, FIRST_KEY)));
  }
  return panel(t("settings.access"), h("p", {}, t("settings.key", { name: access.name, role: access.role })),
    apiKey() !== null && h("p", {}, button(t("settings.sign_out"), () => {
      setApiKey(null);
      location.hash = "#/";
      location.reload();
    })));
}

/** @param {Limits} limits */
function limitsPanel(limits) {
  const setting = (/** @type {string} */ name) => h("code", { className: "small" }, name.toUpperCase());
  const stored = (/** @type {"data" | "models"} */ kind) => [
    t(`limits.max_${kind}_mb`), t("limits.stored", { used: number(rounded(limits[`stored_${kind}_mb`])), most: number(limits[`max_${kind}_mb`]) }), setting(`max_${kind}_mb`)];
  const rate = (/** @type {"rate_cheap" | "rate_expensive"} */ name) => [t(`limits.${name}`), rateText(limits[name] ?? null), setting(name)];
  return panel(t("limits.title"), h("p", {}, t("limits.text")), table(
    [{ text: t("limits.limit") }, { text: t("quality.value"), number: true }, { text: t("limits.setting"), wide: true }],
    [
      ...COUNTS.map((name) => [t(`limits.${name}`), number(limits[name]), setting(name)]),
      ...SIZES.map((name) => [t(`limits.${name}`), t("limits.mb", { size: number(limits[name]) }), setting(name)]),
      stored("data"), stored("models"), rate("rate_cheap"), rate("rate_expensive"),
    ], t("limits.title")));
}

/** @param {number | null} size in MB, to a tenth */
function rounded(size) {
  return size === null ? null : Math.round(size * 10) / 10;
}

/** @param {string | null} rate as `60/minute` */
function rateText(rate) {
  if (rate === null) return t("limits.unlimited");
  const [amount, unit] = rate.split("/");
  return t(/** @type {import("../lib/texts.js").Key} */ (`limits.per_${unit}`), { amount: Number(amount) });
}
