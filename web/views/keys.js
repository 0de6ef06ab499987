// The keys of the service, for administrators: list, make, revoke.

import { apiKey, get, post, remove } from "../lib/api.js";
import { fill, h } from "../lib/dom.js";
import { act, badge, button, failure, field, notice, panel, select, show, table, toast } from "../lib/parts.js";
import { moment, t } from "../lib/texts.js";

/** @typedef {import("../types").Schemas["KeyInfo"]} Key */

const ROLES = /** @type {const} */ (["read", "write", "admin"]);
const LOOK = /** @type {const} */ ({ valid: "good", expired: "warn", revoked: "" });

/** Returns the list of keys and a form for a new one. @param {AbortSignal} signal */
export function keysPanel(signal) {
  const list = h("div", {}), made = h("div", { className: "stack", "aria-live": "polite" });
  const draw = () => show(list, async () => keysTable((await get("/api/keys", {}, signal)).keys, draw));
  draw();
  return panel(t("keys.title"), h("p", {}, t("keys.text")), h("div", { className: "stack" }, list, made, keyForm(made, draw)));
}

/** @param {Key[]} keys @param {() => void} changed */
function keysTable(keys, changed) {
  const own = apiKey()?.split("_")[1];
  const usable = keys.filter((key) => key.state === "valid"), ended = keys.filter((key) => key.state !== "valid");
  const shown = (/** @type {Key[]} */ some, /** @type {string} */ caption) => table(
    [{ text: t("keys.name") }, { text: t("keys.role") }, { text: t("jobs.status") }, { text: t("keys.made"), wide: true }, { text: t("keys.ends"), wide: true }, { text: h("span", { className: "unseen" }, t("table.actions")), actions: true }],
    some.map((key) => [
      h("span", {}, key.name, " ", h("span", { className: "small quiet mono" }, key.key_id)), key.role, badge(t(`keys.${key.state}`), LOOK[key.state]),
      moment(key.created_at), key.revoked_at ? moment(key.revoked_at) : key.expires_at ? moment(key.expires_at) : t("keys.never"),
      key.key_id === own ? h("span", { className: "small quiet" }, t("keys.own")) : key.state === "valid" && revokeButton(key, changed),
    ]), caption);
  return h("div", { className: "stack" }, shown(usable, t("keys.title")),
    ended.length > 0 && h("details", {}, h("summary", {}, t("keys.ended", { n: ended.length })), shown(ended, t("keys.ended", { n: ended.length }))));
}

/** A button that asks once more: a revoked key cannot come back. @param {Key} key @param {() => void} changed */
function revokeButton(key, changed) {
  const place = h("span", { className: "row" });
  const work = async () => {
    await remove("/api/keys/{key_id}", { key_id: key.key_id });
    toast(t("keys.is_revoked", { name: key.name }));
    changed();
  };
  const reset = () => fill(place, button(t("keys.revoke"), () => {
    const sure = h("button", { type: "button", className: "danger", "aria-label": t("keys.revoke_name", { name: key.name }), onclick: () => act(sure, place, work) }, t("keys.revoke_sure"));
    fill(place, button(t("keys.keep"), reset, "plain"), sure);
    sure.focus();
  }, "plain"));
  reset();
  return place;
}

/** @param {HTMLElement} made where the new key is shown @param {() => void} changed */
function keyForm(made, changed) {
  const name = h("input", { required: true, maxlength: 100, autocomplete: "off" });
  const role = select(ROLES.map((each) => [each, t(`role.${each}`)]), "read");
  const days = h("input", { type: "number", min: 1, max: 36_500, placeholder: t("keys.never") });
  const create = h("button", {}, t("keys.create")), problem = h("div", {});
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    act(create, problem, async () => {
      const given = days.value === "" ? {} : { days: Number(days.value) };
      const key = await post("/api/keys", { name: name.value, role: /** @type {Key["role"]} */ (role.value), ...given });
      fill(made, newKey(key.name, key.key));
      name.value = days.value = "";
      changed();
    });
  };
  return h("form", { className: "stack", onsubmit: submit }, h("h3", {}, t("keys.new")),
    h("div", { className: "fields" }, field(t("keys.name"), name, t("keys.name_hint")), field(t("keys.role"), role), field(t("keys.days"), days)),
    problem, h("div", {}, create));
}

/** @param {string} name @param {string} key */
function newKey(name, key) {
  const shown = h("input", { readonly: true, value: key, className: "mono", onfocus: () => shown.select() });
  const copy = () => navigator.clipboard.writeText(key).then(() => toast(t("keys.copied")), () => shown.focus());
  return notice("good", h("p", {}, t("keys.is_made", { name })), h("div", { className: "row bottom" }, h("div", { className: "wide" }, field(t("key.label"), shown)), button(t("keys.copy"), copy)));
}
