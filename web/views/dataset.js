// One data set: what was read, how good it is, its series.

import { download, get, post } from "../lib/api.js";
import { fill, h } from "../lib/dom.js";
import { readings } from "../lib/drop_zone.js";
import { pageOf, pagedList } from "../lib/paged_list.js";
import { badge, button, empty, figures, head, link, notice, panel, seriesName, serviceNotice, show, table, targetName } from "../lib/parts.js";
import { day, number, percent, t } from "../lib/texts.js";
import { deleteLater } from "../lib/undo.js";
import { addRowsParts } from "./add_rows.js";
import { calendarParts } from "./calendar.js";
import { flowPanels } from "./flow.js";
import { nameOf } from "./home.js";
import { planParts } from "./plan_rows.js";

/** @typedef {import("../types").Schemas["DatasetInfo"]} Dataset */
/** @typedef {import("../types").Schemas["DataQualityReply"]} Quality */

/** @param {import("../main.js").Context} context */
export async function view({ id, query, signal, access }) {
  const found = await get("/api/data", { q: id, limit: 1 }, signal);
  const dataset = found.datasets.find((each) => each.dataset_id === id);
  if (!dataset) {
    const damaged = found.damaged.find((each) => each.dataset_id === id);
    return h("div", {}, head(t("data.set")), damaged ? notice("bad", damaged.error) : panel(null, empty(t("data.gone"), t("data.gone_text"), link(t("nav.data"), "#/data"))));
  }
  const mayWrite = access.role !== "read";
  const read = h("div", { className: "stack" });
  const draw = (/** @type {Dataset} */ now) => fill(read,
    summaryPanel(now, mayWrite), readAsPanel(readings.get(id)), now.quality && readPanel(now.quality), qualityOf(id, signal));
  draw(dataset);
  const drawAnew = async () => {
    const { datasets } = await get("/api/data", { q: id, limit: 1 }, signal);
    datasets.filter((each) => each.dataset_id === id).forEach(draw);
  };
  return h("div", {},
    head(nameOf(dataset), t(dataset.source === "generated" ? "data.generated" : "data.uploaded") + `, ${id.slice(0, 8)}`,
      link(t("data.forecast_now"), `#/forecast?dataset=${id}`, "button primary"),
      mayWrite && link(t("data.train"), `#/train?dataset=${id}`, "button")),
    h("div", { className: "stack" },
      query.has("new") && notice("good", h("p", {}, t("data.is_stored"))),
      read,
      mayWrite && laterPanel(t("append.title"), async () => addRowsParts(id, drawAnew)),
      dataset.summary.step === "day" && laterPanel(t("calendar.title"), () => calendarParts(id, dataset.summary.date_range.end, mayWrite, signal)),
      laterPanel(t("rows.title"), () => planParts(id, dataset.summary, mayWrite, signal)),
      laterPanel(t("flow.title"), () => flowPanels(id, signal))));
}

/** How good a data set is, measured by the service. @param {string} id @param {AbortSignal} signal */
function qualityOf(id, signal) {
  const shown = h("div", {});
  show(shown, async () => {
    const found = await post("/api/data/validate", { datasetId: id }, {}, { signal });
    const { series, series_listed: listed } = found.quality.summary;
    return h("div", { className: "stack" }, qualityPanels(found, id), listed < series && allSeries(id, signal));
  }, t("quality.checking"));
  return shown;
}

/** A panel whose content is read when it is opened. @param {string} title @param {() => Promise<HTMLElement>} read */
function laterPanel(title, read) {
  const shown = h("div", {});
  const open = () => shown.childElementCount === 0 && show(shown, read);
  return h("section", { className: "panel" }, h("details", { ontoggle: open }, h("summary", {}, title), shown));
}

/** All series of a data set, where the quality lists only those that need attention. @param {string} id @param {AbortSignal} signal */
function allSeries(id, signal) {
  return panel(t("data.all_series"), pagedList({
    load: async (query) => {
      const found = await get("/api/data/{dataset_id}/series", { dataset_id: id, q: query.q, cursor: query.cursor, limit: query.limit }, signal);
      return { entries: found.series, total: found.total, next: found.next_cursor };
    },
    draw: (entries) => table(
      [{ text: t("series") }, { text: t("data.rows"), number: true, wide: true }, { text: t("data.until"), wide: true }, { text: t("data.mean_wip"), number: true },
        { text: t("data.mean_throughput"), number: true }, { text: h("span", { className: "unseen" }, t("table.actions")), actions: true }],
      entries.map((each) => [seriesName(each), number(each.steps), day(each.last_date), number(each.mean_wip), number(each.mean_throughput),
        link(t("data.forecast"), `#/forecast?${new URLSearchParams({ dataset: id, plant: each.plant, application: each.application, size: each.panel_size })}`)]), t("data.all_series")),
    none: () => empty(t("list.nothing"), t("list.nothing_text")),
  }).element);
}

/** @param {Dataset} dataset @param {boolean} mayWrite */
function summaryPanel(dataset, mayWrite) {
  const { summary, dataset_id: id } = dataset;
  const place = h("div", {});
  const save = (/** @type {string} */ format) => button(format.toUpperCase(), () =>
    show(place, async () => {
      await download("/api/data/{dataset_id}", { dataset_id: id, format }, `${id}.${format}`);
      return null;
    }, t("saving")), "");
  return panel(null, figures([
    [t("data.series"), number(summary.series)], [t("data.rows"), number(dataset.data_points)],
    [t("data.step"), t(`step.${summary.step}`)],
    [t("data.span"), `${day(summary.date_range.start)} – ${day(summary.date_range.end)}`],
    [t("data.version"), t("data.version_of", { version: dataset.version ?? 1, date: day(dataset.as_of) })],
  ]), h("div", { className: "row" }, h("span", { className: "small quiet" }, t("data.download")), save("csv"), save("parquet"),
    mayWrite && button(t("data.delete"), () => deleteLater("/api/data/{dataset_id}", id, nameOf(dataset), (state) => {
      if (state === "hidden") location.hash = "#/data";
      if (state === "back") location.hash = `#/dataset/${id}`;
    }), "danger")), place);
}

/** How a table was read that was uploaded in this tab. @param {import("../lib/drop_zone.js").ReadAs | undefined} read */
function readAsPanel(read) {
  if (!read) return null;
  const columns = Object.entries(read.columns ?? {});
  return panel(t("readas.title"), figures(/** @type {[string, string][]} */ ([
    [t("readas.format"), read.format], [t("readas.encoding"), read.encoding], [t("options.sheet"), read.sheet],
    [t("options.numberFormat"), read.number_format], [t("readas.dates"), read.dates?.form],
  ].filter(([, value]) => value))),
  serviceNotice("warn", read.warnings ?? []),
  columns.length > 0 && h("details", {}, h("summary", {}, t("readas.columns")), table([{ text: t("readas.meaning") }, { text: t("readas.column") }],
    columns.map(([meaning, column]) => [meaning.replaceAll("_", " "), Array.isArray(column) ? column.join(" + ") : String(column)]), t("readas.columns"))),
  h("p", { className: "small quiet" }, t("readas.wrong")));
}

/** What was found in an uploaded table, and repaired. @param {NonNullable<Dataset["quality"]>} quality */
function readPanel(quality) {
  const sum = (/** @type {Record<string, number> | undefined} */ counts) => Object.values(counts ?? {}).reduce((a, b) => a + b, 0);
  /** @type {[string, number][]} */
  const counts = [
    [t("read.rows"), quality.rows_received ?? 0],
    [t("read.duplicates"), quality.duplicates ?? 0],
    [t("read.blanks"), sum(/** @type {any} */ (quality.blanks))],
    [t("read.negatives"), sum(/** @type {any} */ (quality.negatives))],
    [t("read.gaps"), quality.gaps?.steps ?? 0],
    [t("read.filled"), quality.interpolated_values ?? 0],
  ];
  const ignored = quality.ignored_columns ?? [], lost = quality.empty_series ?? [], places = quality.gaps?.places ?? [];
  return panel(t("read.title"), figures(counts.map(([name, count]) => [name, number(count)])),
    ignored.length > 0 && h("p", {}, t("read.ignored"), " ", ignored.join(", ")),
    lost.length > 0 && notice("warn", t("read.lost"), " ", lost.join(", ")),
    places.length > 0 && h("details", {}, h("summary", {}, t("read.gap_places")), table(
      [{ text: t("series") }, { text: t("read.after") }, { text: t("read.before") }, { text: t("read.steps"), number: true }],
      places.map((gap) => [gap.series, day(gap.after), day(gap.before), number(gap.steps)]), t("read.gap_places"))));
}

/** @param {Quality} found @param {string} id */
function qualityPanels(found, id) {
  const { summary, series } = found.quality;
  const law = summary.littles_law, stability = summary.stability;
  return h("div", { className: "stack" },
    panel(t("quality.title"), figures([
      [t("quality.law_pass"), number(law.pass ?? 0)], [t("quality.law_open"), number(law.inconclusive ?? 0)],
      [t("quality.law_fail"), number(law.fail ?? 0)],
      [t("quality.drifting"), number((stability.growing ?? 0) + (stability.shrinking ?? 0))],
      [t("quality.outliers"), number(summary.outliers)],
    ]), h("p", { className: "small quiet" }, t("quality.law_text")),
    serviceNotice("warn", summary.recommendations)),
    panel(t("quality.series"), pagedList({
      load: async (query) => pageOf(series, query, seriesName),
      draw: (entries) => table(
        [{ text: t("series") }, { text: t("quality.law") }, { text: t("quality.wip") }, { text: t("quality.outliers"), number: true }, { text: h("span", { className: "unseen" }, t("table.actions")), actions: true, wide: true }],
        entries.map((each) => [
          h("span", {}, seriesName(each), details(each)), lawBadge(each.littles_law), stabilityBadge(each.stability),
          number(each.outlier_count),
          link(t("data.forecast"), `#/forecast?${new URLSearchParams({ dataset: id, plant: each.plant, application: each.application, size: each.panel_size })}`),
        ]), t("quality.series")),
      none: () => empty(t("list.nothing"), t("list.nothing_text")),
    }).element));
}

/** @param {Quality["quality"]["series"][number]} series */
function details(series) {
  const window = series.littles_law.worst_window;
  if (!window && series.outliers.length === 0) return null;
  const shown = h("div", {});
  return h("details", {
    className: "small", ontoggle: () => shown.childElementCount === 0 && fill(shown,
      window && h("p", {}, t("quality.worst", { start: day(window.start), end: day(window.end), share: percent(Math.abs(window.deviation)) })),
      series.outliers.length > 0 && table([{ text: t("date") }, { text: t("models.target") }, { text: t("quality.found"), number: true }, { text: t("quality.usual"), number: true }],
        series.outliers.map((each) => [day(each.date), targetName(each.target), number(each.value),
          each.expected_range.map(number).join(" – ")]), t("quality.outliers"))),
  }, h("summary", {}, t("quality.details")), shown);
}

/** @param {Quality["quality"]["series"][number]["littles_law"]} law */
function lawBadge(law) {
  const kind = { pass: /** @type {const} */ ("good"), inconclusive: /** @type {const} */ (""), fail: /** @type {const} */ ("bad") }[law.verdict];
  return badge(t(`law.${law.verdict}`), kind);
}

/** @param {Quality["quality"]["series"][number]["stability"]} stability */
function stabilityBadge(stability) {
  const moves = stability.verdict === "growing" || stability.verdict === "shrinking";
  const text = t(`stability.${stability.verdict}`);
  return badge(moves && stability.change !== null ? `${text} ${percent(stability.change)}` : text, moves ? "warn" : "");
}
