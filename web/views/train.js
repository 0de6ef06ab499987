// A training: data, preset, hyperparameters behind "more"; it is followed on its job's view.

import { get, post } from "../lib/api.js";
import { h } from "../lib/dom.js";
import { act, empty, field, head, link, notice, panel, select } from "../lib/parts.js";
import { number, t } from "../lib/texts.js";
import { nameOf } from "./home.js";

const PRESETS = /** @type {const} */ (["auto", "quick", "enhanced"]);
/** Name in a request, lowest and highest value, step of the field. @type {[string, number, number, number | "any"][]} */
const PARAMETERS = [
  ["lstmUnits1", 1, 1024, 1], ["lstmUnits2", 1, 1024, 1], ["sequenceLength", 1, 365, 1], ["epochs", 1, 10_000, 1],
  ["batchSize", 1, 8192, 1], ["learningRate", 0, 1, "any"], ["dropoutRate", 0, 0.9, "any"], ["trainTestSplit", 0.1, 0.99, "any"],
  ["seed", -1e15, 1e15, 1],
];

/** @param {import("../main.js").Context} context */
export async function view({ query, signal, access }) {
  const [datasets, health] = await Promise.all([get("/api/data", { limit: 100 }, signal), get("/health", {}, signal)]);
  const title = head(t("nav.train"), t("train.lead"));
  if (access.role === "read") return h("div", {}, title, notice("warn", h("p", {}, t("read_only"))));
  if (datasets.datasets.length === 0) {
    return h("div", {}, title, panel(null, empty(t("train.no_data"), t("train.no_data_text"), link(t("nav.data"), "#/data", "button primary"))));
  }
  const asked = query.get("dataset") ?? datasets.datasets[0]?.dataset_id ?? "";
  /** @type {[string, string][]} */
  const options = datasets.datasets.map((each) => [each.dataset_id, t("train.dataset", { name: nameOf(each), rows: number(each.data_points), id: each.dataset_id.slice(0, 8) })]);
  const dataset = select(options, asked);
  const presets = h("fieldset", { className: "field" }, h("legend", {}, t("train.preset")));
  const inputs = PARAMETERS.map(([name, low, high, step]) =>
    /** @type {const} */ ([name, h("input", { type: "number", min: low, max: high, step, placeholder: t("train.by_preset") })]));
  const each = h("input", { type: "checkbox" });
  presets.append(h("div", { className: "columns" }, PRESETS.map((name, place) =>
    h("label", { className: "panel preset" },
      h("span", { className: "row" }, h("input", { type: "radio", name: "preset", value: name, checked: place === 0 }), h("strong", {}, t(`preset.${name}`))),
      h("span", { className: "small quiet" }, t(`preset.${name}_text`))))));
  const place = h("div", {});
  const start = h("button", { className: "primary" }, t("train.start"));
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    act(start, place, async () => {
      const preset = /** @type {HTMLInputElement} */ (presets.querySelector(":checked")).value;
      const given = Object.fromEntries(inputs.filter(([, input]) => input.value !== "").map(([name, input]) => [name, Number(input.value)]));
      location.hash = await submitTraining(preset, dataset.value, given, each.checked);
    });
  };
  return h("div", {}, title, h("div", { className: "stack" },
    health.workers_alive === 0 && notice("warn", h("p", {}, t("home.no_workers"))),
    (health.jobs_queued ?? 0) > 0 && notice("", h("p", {}, t("train.queue", { n: health.jobs_queued ?? 0 }))),
    h("form", { className: "panel stack", onsubmit: submit },
      field(t("train.data"), dataset), presets,
      h("details", {}, h("summary", {}, t("more")),
        h("div", { className: "fields" }, inputs.map(([name, input]) => field(t(/** @type {import("../lib/texts.js").Key} */ (`parameter.${name}`)), input, t(/** @type {import("../lib/texts.js").Key} */ (`parameter.${name}_hint`))))),
        h("p", {}, h("label", { className: "row" }, each, t("train.each_plant")))),
      place, h("div", {}, start))));
}

/**
 * Submits a training; returns the address of where it is followed.
 * @param {string} preset @param {string} datasetId @param {Record<string, number>} given @param {boolean} eachPlant
 */
async function submitTraining(preset, datasetId, given, eachPlant) {
  const chosen = preset === "auto" ? { preset: /** @type {const} */ ("auto") } : preset === "quick" ? { epochs: 10, learningRate: 0.002, lstmUnits1: 32, lstmUnits2: 16 } : {};
  const body = { datasetId, background: true, ...chosen, ...given };
  const enhanced = preset === "enhanced";
  if (eachPlant) {
    await post(enhanced ? "/api/model/train/parallel/enhanced" : "/api/model/train/parallel/plants", /** @type {any} */ (body), {}, { once: true });
    return "#/jobs";
  }
  const accepted = await post(enhanced ? "/api/model/train/enhanced" : "/api/model/train", /** @type {any} */ (body), {}, { once: true });
  return `#/job/${/** @type {any} */ (accepted).job_id}`;
}
