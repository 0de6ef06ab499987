// The shell of the page: navigation, routes, the state of the service, sign-in.

import { ApiError, apiKey, get, setApiKey } from "./lib/api.js";
import { connection } from "./lib/connection.js";
import { fill, h } from "./lib/dom.js";
import { busy, failure, field, head, notice, panel } from "./lib/parts.js";
import { loadTexts, serviceText, t } from "./lib/texts.js";

/** @typedef {import("./types").Schemas["AccessReply"]} Access */
/**
 * What a view is shown with.
 * @typedef {{ id: string, query: URLSearchParams, signal: AbortSignal, access: Access, setQuery: (query: Record<string, string>) => void }} Context
 */
/** @typedef {{ view: (context: Context) => Promise<HTMLElement> | HTMLElement }} View */

const EVERY = 10_000; // milliseconds between two looks at the state

/** @type {Record<string, () => Promise<View>>} */
const VIEWS = {
  "": () => import("./views/home.js"),
  data: () => import("./views/data.js"),
  dataset: () => import("./views/dataset.js"),
  forecast: () => import("./views/forecast.js"),
  train: () => import("./views/train.js"),
  plan: () => import("./views/plan.js"),
  models: () => import("./views/models.js"),
  model: () => import("./views/model.js"),
  compare: () => import("./views/compare.js"),
  jobs: () => import("./views/jobs.js"),
  job: () => import("./views/job.js"),
  settings: () => import("./views/settings.js"),
};
const LISTED = /** @type {const} */ (["", "data", "forecast", "train", "plan", "models", "jobs", "settings"]);
/** @type {Record<string, string>} */
const UNDER = { dataset: "data", model: "models", compare: "models", job: "jobs" };

const main = element("main");
let left = new AbortController();
/** @type {Access | null} */
let access = null;

/** @param {string} id */
function element(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}

/** The view, the id and the query that the address names: `#/model/ID?…`. */
function route() {
  const [path = "", query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [name = "", id = ""] = path.split("/");
  return { name, id: decodeURIComponent(id), query: new URLSearchParams(query) };
}

async function show(focus = true) {
  left.abort();
  left = new AbortController();
  const { signal } = left;
  const { name, id, query } = route();
  markCurrent(UNDER[name] ?? name);
  const waiting = setTimeout(() => fill(main, busy()), 100);
  try {
    access ??= await get("/api/access", {}, signal);
    const load = VIEWS[name];
    if (load === undefined) return fill(main, head(t("missing.title")), panel(null, h("p", {}, t("missing.text")), h("a", { href: "#/" }, t("nav.home"))));
    const { view } = await load().catch(() => loadAnew(signal));
    const shown = await view({ id, query, signal, access, setQuery });
    if (!signal.aborted) fill(main, shown);
  } catch (error) {
    if (signal.aborted || (error instanceof ApiError && error.status === 401)) return;
    fill(main, head(t("failed.title")), error instanceof ApiError ? failure(error) : notice("bad", String(error)));
    if (!(error instanceof ApiError)) throw error;
  } finally {
    clearTimeout(waiting);
    if (focus && !signal.aborted) main.querySelector("h1")?.focus();
  }
}

/** Loads the page anew once the service answers: a module did not come. @param {AbortSignal} signal @returns {Promise<never>} */
async function loadAnew(signal) {
  connection.lost();
  await connection.back(signal);
  location.reload();
  return new Promise(() => undefined);
}

/** Puts what is chosen in a view into the address, so that its link shows the same. @param {Record<string, string>} query */
function setQuery(query) {
  const { name, id } = route();
  const kept = Object.entries(query).filter(([, value]) => value !== "");
  const text = new URLSearchParams(kept).toString();
  history.replaceState(null, "", `#/${name}${id ? `/${encodeURIComponent(id)}` : ""}${text ? `?${text}` : ""}`);
}

function drawNavigation() {
  element("skip").textContent = t("skip");
  const nav = element("nav");
  nav.setAttribute("aria-label", t("nav.label"));
  element("messages").setAttribute("aria-label", t("messages"));
  fill(nav, h("ul", {}, LISTED.map((name) =>
    h("li", {}, h("a", { href: `#/${name}`, "data-view": name }, t(`nav.${name || "home"}`))))));
}

/** @param {string} name */
function markCurrent(name) {
  for (const link of element("nav").querySelectorAll("a")) {
    const current = link.dataset.view === name;
    link.toggleAttribute("aria-current", false);
    if (current) {
      link.setAttribute("aria-current", "page");
      link.scrollIntoView?.({ block: "nearest", inline: "nearest" });
    }
  }
}

async function drawState() {
  if (document.hidden || connection.isLost || (access?.needs_key && apiKey() === null)) return;
  try {
    const health = await get("/health");
    const busyJobs = health.jobs_queued ?? 0;
    element("state").textContent = [
      health.workers_alive === 0 ? t("state.no_workers") : t("state.workers", { n: health.workers_alive ?? 0 }),
      busyJobs > 0 && t("state.queued", { n: busyJobs }),
    ].filter(Boolean).join(" · ");
  } catch (error) {
    if (!(error instanceof ApiError)) throw error; // signed out: the page asks for a key
  }
}

/** @param {string} reason of the refusal */
function signIn(reason) {
  if (document.getElementById("sign-in")) return; // several calls may be refused at once
  left.abort();
  access = null;
  const had = apiKey() !== null;
  setApiKey(null);
  const input = h("input", { type: "password", required: true, spellcheck: "false", autocomplete: "current-password" });
  const form = h("form", {
    className: "stack", id: "sign-in",
    onsubmit: (/** @type {Event} */ event) => {
      event.preventDefault();
      setApiKey(input.value.trim());
      show().then(drawState);
    },
  }, had && notice("bad", h("p", {}, serviceText(reason))), h("p", {}, t("key.text")),
  h("input", { autocomplete: "username", hidden: true }), // browsers ask for one beside a password
  field(t("key.label"), input, t("key.hint")),
  h("div", {}, h("button", { className: "primary" }, t("key.enter"))));
  fill(main, head(t("key.title")), panel(null, form));
  input.focus();
}

function showConnection() {
  const lost = element("lost");
  lost.hidden = !connection.isLost;
  lost.textContent = connection.isLost ? t("error.lost") : "";
  if (!connection.isLost) drawState();
}

await loadTexts();
drawNavigation();
window.addEventListener("hashchange", () => show());
window.addEventListener("signed-out", (event) => signIn(/** @type {CustomEvent<string>} */ (event).detail));
document.addEventListener("visibilitychange", () => drawState());
connection.addEventListener("change", showConnection);
element("skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
setInterval(drawState, EVERY);
await show(false);
drawState();
// The other views, so that they open at once, also without a connection.
setTimeout(() => Object.values(VIEWS).forEach((load) => load().catch(() => undefined)), 1000);

