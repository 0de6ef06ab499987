// Settings of this page, the key in use, links to the documents.

import { apiKey, get, setApiKey } from "../lib/api.js";
import { h } from "../lib/dom.js";
import { button, field, figures, head, panel, select } from "../lib/parts.js";
import { chooseLanguage, currentLanguage, duration, LANGUAGES, t } from "../lib/texts.js";

/** @param {import("../main.js").Context} context */
export async function view({ signal, access }) {
  const health = await get("/health", {}, signal);
  const language = select(Object.entries(LANGUAGES), currentLanguage(), chooseLanguage);
  return h("div", {}, head(t("nav.settings")), h("div", { className: "stack" },
    panel(t("settings.page"), h("div", { className: "fields" }, field(t("settings.language"), language, t("settings.language_hint")))),
    panel(t("settings.access"), h("p", {}, access.needs_key ? t("settings.key", { name: access.name, role: access.role }) : t("settings.open")),
      apiKey() !== null && h("p", {}, button(t("settings.sign_out"), () => {
        setApiKey(null);
        location.hash = "#/";
        location.reload();
      }))),
    panel(t("settings.service"), figures([[t("settings.version"), health.version], [t("home.uptime"), duration(health.uptime_seconds)]])),
    panel(t("settings.documents"), h("ul", {},
      h("li", {}, h("a", { href: "api/docs/" }, t("settings.docs"))),
      h("li", {}, h("a", { href: "api/openapi.json" }, "OpenAPI 3.1"))))));
}
