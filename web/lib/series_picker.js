// The choice of a series: plant, application and panel size, each among those that exist.

import { get } from "./api.js";
import { fill, freshId, h } from "./dom.js";
import { field } from "./parts.js";
import { t } from "./texts.js";

/** @typedef {{ plant: string, application: string, panel_size: string }} Series */
/**
 * Where series are: the plants, and the series of one of them.
 * @typedef {{ plants: string[], step: import("../types").Schemas["DataSummary"]["step"], of: (plant: string) => Promise<Series[]> }} Source
 */

const MOST = 1000; // series of a plant that are read at once
const MANY = 200; // names, of which more are searched instead of listed
const SHOWN = 50; // names that a search lists

/** @param {string} id @param {AbortSignal} signal @returns {Promise<Source | null>} null: there is no such data set */
export async function seriesOfDataset(id, signal) {
  const found = await get("/api/data", { q: id, limit: 1 }, signal);
  const dataset = found.datasets.find((each) => each.dataset_id === id);
  if (!dataset) return null;
  /** @type {Map<string, Promise<Series[]>>} */
  const kept = new Map();
  const of = (/** @type {string} */ plant) => {
    const reading = kept.get(plant) ?? readAll(id, plant, signal);
    kept.set(plant, reading);
    return reading;
  };
  return { plants: dataset.summary.plants, step: dataset.summary.step, of };
}

/** @param {string} id @param {string} plant @param {AbortSignal} signal */
async function readAll(id, plant, signal) {
  /** @type {Series[]} */
  const all = [];
  /** @type {string | null} */
  let cursor = null;
  do {
    /** @type {import("../types").Schemas["DatasetSeriesReply"]} */
    const page = await get("/api/data/{dataset_id}/series", { dataset_id: id, q: plant.slice(0, 200), limit: MOST, cursor }, signal);
    all.push(...page.series.filter((each) => each.plant === plant));
    cursor = page.next_cursor;
  } while (cursor !== null);
  return all;
}

/** @param {import("../types").Schemas["ModelReply"]} model @returns {Source} */
export function seriesOfModel(model) {
  return {
    plants: [...new Set(model.series.map((each) => each.plant))],
    step: model.step,
    of: async (plant) => model.series.filter((each) => each.plant === plant),
  };
}

/**
 * Returns a field to choose one of many names: what is typed lists those that contain it.
 * @param {string[]} names @param {string} first @param {() => void} changed
 */
function searched(names, first, changed) {
  const list = h("datalist", { id: freshId() });
  const input = h("input", { type: "search", list: list.id, value: first, onfocus: () => input.select(), oninput: () => offer(), onchange: () => take() });
  let value = first;
  const found = () => {
    const typed = input.value.trim().toLowerCase();
    return names.filter((name) => name.toLowerCase().includes(typed));
  };
  const offer = () => fill(list, found().slice(0, SHOWN).map((name) => h("option", { value: name })));
  /** The name that was typed, else the first one that contains it; without any the one before stays. */
  function take() {
    const chosen = names.includes(input.value) ? input.value : input.value.trim() === "" ? value : found()[0] ?? value;
    input.value = chosen;
    if (chosen === value) return;
    value = chosen;
    changed();
  }
  offer();
  return { input, list, value: () => value };
}

/**
 * Returns the fields to choose a series; the first one that exists where the wanted one does not.
 * @param {Source} source
 * @param {Partial<Series>} wanted
 * @param {(series: Series) => void} chosen
 */
export async function seriesPicker(source, wanted, chosen) {
  const one = source.plants.includes(wanted.plant ?? "") ? wanted.plant ?? "" : source.plants[0] ?? "";
  const many = source.plants.length > MANY ? searched(source.plants, one, () => plantChosen()) : null;
  const plant = h("select", {}), application = h("select", {}), size = h("select", {});
  /** @type {Series[]} */
  let known = [];

  const options = (/** @type {HTMLSelectElement} */ input, /** @type {string[]} */ names, /** @type {string | undefined} */ value) => {
    const distinct = [...new Set(names)];
    const kept = value !== undefined && distinct.includes(value) ? value : distinct[0];
    fill(input, distinct.map((name) => h("option", { value: name, selected: name === kept }, name)));
    input.value = kept ?? "";
  };
  const plantName = () => many?.value() ?? plant.value;
  const tell = () => chosen({ plant: plantName(), application: application.value, panel_size: size.value });
  const ofApplication = (/** @type {string | undefined} */ value) =>
    options(size, known.filter((each) => each.application === application.value).map((each) => each.panel_size), value);
  const ofPlant = async (/** @type {Partial<Series>} */ value) => {
    known = await source.of(plantName());
    options(application, known.map((each) => each.application), value.application);
    ofApplication(value.panel_size);
  };

  async function plantChosen() {
    await ofPlant({ application: application.value, panel_size: size.value });
    tell();
  }

  if (!many) options(plant, source.plants, wanted.plant);
  await ofPlant(wanted);
  plant.addEventListener("change", plantChosen);
  application.addEventListener("change", () => {
    ofApplication(size.value);
    tell();
  });
  size.addEventListener("change", tell);
  const element = h("div", { className: "fields" },
    many ? [field(t("series.plant"), many.input, t("series.many", { n: source.plants.length })), many.list] : field(t("series.plant"), plant), field(t("series.application"), application), field(t("series.size"), size));
  return { element, series: { plant: plantName(), application: application.value, panel_size: size.value } };
}
