"""Pictures of the flow of a data set: cumulative flow, cycle times, ages, throughput, stations."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from utils import palette

_WIP, _LEFT, _TIME = (palette.TARGETS[name] for name in ("wip", "throughput", "cycle_time"))
_LINE = palette.ACTUAL
_MOST_STATIONS = 12


def draw_flow(document: dict[str, Any], chart: str, title: str) -> bytes:
    """Return a PNG of the flow that a `flow_figures.UnitFlow.to_document` holds.

    Args:
        chart: `cumulative`, `scatter`, `ageing`, `throughput` or `stations`; `all`: those of them
            that the data has.
        title: names of the series.
    """
    charts = {
        "cumulative": _draw_cumulative,
        "scatter": _draw_scatter,
        "ageing": _draw_ageing,
        "throughput": _draw_throughput,
        "stations": _draw_stations,
    }
    chosen = [charts[name] for name in (_known(document) if chart == "all" else [chart])]
    wide = len(chosen) > 1
    rows = (len(chosen) + 1) // 2
    figure = Figure(figsize=(13, 4.2 * rows) if wide else (9, 5), layout="constrained")
    figure.suptitle(title, fontsize=11, parse_math=False)
    grid = figure.add_gridspec(rows, 2 if wide else 1)
    places = [figure.add_subplot(grid[i // 2, i % 2]) for i in range(len(chosen) - len(chosen) % 2)]
    if len(chosen) % 2:  # the last one has a row of its own
        places.append(figure.add_subplot(grid[rows - 1, :]))
    for draw, axes in zip(chosen, places, strict=True):
        draw(axes, document)
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=90)
    return out.getvalue()


def _known(document: dict[str, Any]) -> list[str]:
    """The charts that the data has."""
    more = [name for name in ("ageing", "stations") if document.get(name)]
    return ["cumulative", "scatter", *more[:1], "throughput", *more[1:]]


def _draw_cumulative(axes: Axes, document: dict[str, Any]) -> None:
    flow = document["cumulative_flow"]
    dates = np.array(flow["date"], "datetime64[m]")
    left, came = np.array(flow["departures"]), np.array(flow["arrivals"])
    axes.fill_between(
        dates, left, came, step="post", color=_WIP, alpha=0.6, label="in process (WIP)"
    )
    axes.fill_between(dates, 0, left, step="post", color=_LEFT, alpha=0.35, label="left")
    axes.set_title("Cumulative flow", fontsize=10)
    axes.set_ylabel("units")
    axes.set_ylim(bottom=0)
    _dated(axes)
    beside = axes.twinx()  # where much flows through, WIP is a thin band
    beside.plot(dates, flow["wip"], color=_WIP, linewidth=1.0, label="WIP (right)")
    beside.set_ylim(0, 2.2 * max(*flow["wip"], 1.0))
    handles = [*axes.get_legend_handles_labels()[0], *beside.get_legend_handles_labels()[0]]
    axes.legend(handles=handles, loc="upper left", fontsize=8)


def _draw_scatter(axes: Axes, document: dict[str, Any]) -> None:
    found, step = document["cycle_times"], document["step"]
    axes.set_title(f"Cycle times of {found['units']:,.0f} units that left", fontsize=10)
    if not found["points"]:
        return _nothing(axes, "No cycle time is known.")
    finish = np.array([point["finish"].replace(" ", "T") for point in found["points"]], "M8[s]")
    values = np.array([point["cycle_time"] for point in found["points"]])
    axes.scatter(finish, values, s=7, color=_TIME, alpha=0.4, linewidths=0)
    last = (found["percentiles"] or {}).get("p95", values.max())
    top = max(float(np.quantile(values, 0.995)), 1.15 * last) or 1.0
    hidden = int((values > top).sum())
    _percent_lines(axes, found["percentiles"], top)
    axes.set_ylim(0, top)
    axes.set_ylabel(f"{step}s in process")
    axes.set_xlabel("finish" + (f" ({hidden} points above the picture)" if hidden else ""))
    return _dated(axes)


def _percent_lines(axes: Axes, percentiles: dict[str, float], top: float) -> None:
    """Lines of the percentiles; labels that would lie on each other share a line of text."""
    labels: list[tuple[float, str]] = []
    for name, value in percentiles.items():
        axes.axhline(value, color=_LINE, linewidth=0.9, linestyle="--")
        text = f"{name[1:]} %: {value:.3g}"
        if labels and value - labels[-1][0] < 0.06 * top:
            labels[-1] = labels[-1][0], f"{labels[-1][1]}, {text}"
        else:
            labels.append((value, text))
    for value, text in labels:
        axes.annotate(
            text, (1.0, value), xycoords=("axes fraction", "data"), xytext=(-3, 2),
            textcoords="offset points", ha="right", fontsize=8, color=_LINE,
            bbox={"facecolor": "white", "alpha": 0.75, "pad": 0.6, "linewidth": 0},
        )  # fmt: skip


def _draw_ageing(axes: Axes, document: dict[str, Any]) -> None:
    found, step = document.get("ageing"), document["step"]
    if found is None:
        axes.set_title("Ages of what is in process", fontsize=10)
        return _nothing(axes, "Ages are known of event logs only.")
    axes.set_title(f"{found['units']:,} units in process on {found['as_of'][:10]}", fontsize=10)
    ages = np.array([unit["age"] for unit in found["oldest"]])
    if not ages.size:
        return _nothing(axes, "Nothing is in process.")
    limit = found["older_than"]
    old = ages > limit if limit is not None else np.zeros(len(ages), bool)
    place = np.arange(1, len(ages) + 1)
    for mask, colour in ((~old, _TIME), (old, palette.ALERT)):
        axes.vlines(place[mask], 0, ages[mask], color=colour, alpha=0.35, linewidth=0.8)
        axes.scatter(place[mask], ages[mask], s=10, color=colour, linewidths=0)
    if limit is not None:
        axes.axhline(limit, color=palette.ALERT, linewidth=0.9, linestyle="--")
        axes.annotate(
            f"{found['older_units']:,} units are older than 85 % of what left ({limit:.3g})",
            (1.0, limit), xycoords=("axes fraction", "data"), xytext=(-3, 3),
            textcoords="offset points", ha="right", fontsize=8, color=palette.ALERT,
        )  # fmt: skip
    axes.set_ylim(0, 1.12 * max(float(ages.max()), limit or 0.0) or 1.0)
    axes.set_ylabel(f"age in {step}s")
    axes.set_xlabel("units, the oldest first")
    axes.grid(alpha=0.3)
    return None


def _draw_throughput(axes: Axes, document: dict[str, Any]) -> None:
    found, step = document["throughput"], document["step"]
    begins, ends = np.array(found["at_least"]), np.array(found["below"])
    width = ends - begins
    axes.bar(begins, found["steps"], 0.9 * width, align="edge", color=_LEFT, alpha=0.75)
    for name, value in (("mean", found["mean"]), ("15 %", found["p15"]), ("85 %", found["p85"])):
        middle = value if name == "mean" or width[0] != 1 else value + 0.45
        colour = _LINE if name == "mean" else palette.REFERENCE
        label = f"{name}: {value:.4g}"
        axes.axvline(middle, color=colour, linestyle="--", linewidth=0.9, label=label)
    axes.legend(fontsize=8)
    axes.set_title(f"Throughput per {step}", fontsize=10)
    axes.set_xlabel(f"units that left per {step}")
    axes.set_ylabel(f"{step}s")
    axes.grid(alpha=0.3)


def _draw_stations(axes: Axes, document: dict[str, Any]) -> None:
    found, step = document.get("stations"), document["step"]
    axes.set_title("Stations: WIP that waits and WIP in service", fontsize=10)
    if not found:
        return _nothing(axes, "Stations are known of logs with steps only.")
    shown = found["stations"][:_MOST_STATIONS][::-1]
    waiting = np.array([station["wip_waiting"] for station in shown])
    service = np.array([station["wip_in_service"] for station in shown])
    place = np.arange(len(shown))
    axes.barh(place, waiting, color=_WIP, alpha=0.4, label="waiting")
    axes.barh(place, service, left=waiting, color=_WIP, alpha=0.85, label="in service")
    for y, station in enumerate(shown):
        times = f"waits {station['waiting_time']:.3g}, served {station['service_time']:.3g}"
        x = float(waiting[y] + service[y])
        axes.text(x, y, f"  {times} {step}s", va="center", fontsize=7, color=_LINE)
    axes.set_yticks(place, [_short(station["step"]) for station in shown], fontsize=8)
    axes.set_xlim(0, 1.35 * float((waiting + service).max()) or 1.0)
    axes.set_xlabel("units, mean over the span")
    axes.legend(fontsize=8, loc="lower right")
    return None


def _short(name: str) -> str:
    text = name if len(name) <= 32 else f"{name[:31]}…"
    return text.replace("$", r"\$")


def _nothing(axes: Axes, sentence: str) -> None:
    axes.axis("off")
    axes.text(0.5, 0.5, sentence, ha="center", va="center", color=_LINE)


def _dated(axes: Axes) -> None:
    locator = AutoDateLocator(maxticks=8)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.grid(alpha=0.3)
