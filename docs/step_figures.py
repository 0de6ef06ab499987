"""One figure for each step of a forecast, for docs/forecasts.md; used by `docs.pictures`.

Every number comes from the HTTP API: histories, forecasts, backtests and metrics.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from utils import palette

Floats = NDArray[np.float64]
Reply = dict[str, Any]

TARGETS = {"wip": "WIP", "throughput": "throughput", "cycle_time": "cycle time"}
COLORS, _GREY = palette.TARGETS, palette.REFERENCE


def columns(table: bytes, series: dict[str, str]) -> dict[str, Floats]:
    """Return the three targets of one series of a CSV export, each [rows]."""
    return {name: column(table, series, name) for name in TARGETS}


def column(table: bytes, series: dict[str, str], target: str) -> Floats:
    """Return one target of one series of a CSV export, [rows]."""
    names = {"plant": "plant", "application": "application", "panel_size": "panelSize"}
    rows = [
        row
        for row in csv.DictReader(io.StringIO(table.decode()))
        if all(row[name] == series[field] for name, field in names.items())
    ]
    return np.array([float(row[target]) for row in rows])


def scale(history: dict[str, Floats], path: Path) -> None:
    """Draw step 1: the targets in units, and their logarithms centred and scaled."""
    figure, (left, right) = _panels("Units", "Logarithms, centred and scaled")
    for name, values in history.items():
        logs = np.log(values)
        left.plot(values[-180:], color=COLORS[name], label=TARGETS[name])
        right.plot(((logs - logs.mean()) / logs.std())[-180:], color=COLORS[name])
    left.set_yscale("log")
    left.set_ylabel("units, units a day, days")
    _finish(figure, (left, right), "days", path)


def by_horizon(backtest: Reply, path: Path) -> None:
    """Draw step 2: the error of a model by horizon, beside naive rules."""
    figure, axes = _panels(*TARGETS.values())
    for each, target in zip(axes, TARGETS, strict=True):
        steps = backtest["per_target"][target]["by_horizon"]
        days = [step["step"] for step in steps]
        for field, label, style in (
            ("wape", "combination", {"color": COLORS[target], "linewidth": 2}),
            ("last_value_wape", "last value", {"color": _GREY, "linestyle": "--"}),
            ("seasonal_naive_wape", "last season", {"color": _GREY, "linestyle": ":"}),
        ):
            each.plot(days, [100 * step[field] for step in steps], label=label, **style)
    axes[0].set_ylabel("WAPE, %")
    _finish(figure, axes, "days ahead", path)


def members(metrics: Reply, path: Path) -> None:
    """Draw step 3: the held-back error of each member and of the combination, by target."""
    figure, axes = _panels(*TARGETS.values())
    found = metrics["combination"]["per_target"]
    for each, target in zip(axes, TARGETS, strict=True):
        of_target = found[target]
        names = [*of_target["members"], "combination"]
        heights = [100 * figures["wape"] for figures in of_target["members"].values()]
        colors = [_GREY] * len(heights) + [COLORS[target]]
        each.barh(names, [*heights, 100 * of_target["wape"]], color=colors)
    _finish(figure, axes, "WAPE, %", path)


def forecast_path(history: dict[str, Floats], forecast: Reply, path: Path) -> None:
    """Draw step 4: the last 60 days and the forecast that continues them."""
    figure, axes = _panels(*TARGETS.values())
    for each, target in zip(axes, TARGETS, strict=True):
        past, ahead = history[target][-60:], _path(forecast, f"predicted_{target}")
        each.plot(np.arange(-len(past) + 1, 1), past, color=_GREY, label="history")
        days = np.arange(len(ahead) + 1)
        each.plot(days, [past[-1], *ahead], color=COLORS[target], label="forecast")
    _finish(figure, axes, "days from the last known one", path)


def reconciliation(forecast: Reply, raw: Reply, path: Path) -> None:
    """Draw step 5: the gap of each forecast day to Little's Law, before and after."""
    figure, (axes,) = _panels("ln WIP − ln throughput − ln cycle time")
    for reply, label, style in (
        (raw, "before", {"color": _GREY, "linestyle": "--"}),
        (forecast, "after reconciliation", {"color": COLORS["wip"]}),
    ):
        wip, throughput, cycle_time = (np.log(_path(reply, f"predicted_{t}")) for t in TARGETS)
        axes.plot(np.arange(1, len(wip) + 1), wip - throughput - cycle_time, label=label, **style)
    _finish(figure, (axes,), "days ahead", path)


def intervals(forecast: Reply, path: Path) -> None:
    """Draw the widths of the intervals relative to the forecast, and the confidence."""
    figure, (left, right) = _panels("Half width of the intervals, % of the forecast", "Confidence")
    days = np.arange(1, len(forecast["predictions"]) + 1)
    for target in TARGETS:
        middle = _path(forecast, f"predicted_{target}")
        for level, style in ((80, "-"), (95, "--")):
            bounds = [_path(forecast, f"predicted_{target}_{side}{level}") for side in ("lo", "hi")]
            width = 50 * (bounds[1] - bounds[0]) / middle
            label = f"{TARGETS[target]}, {level} %"
            left.plot(days, width, style, color=COLORS[target], label=label)
    right.plot(days, _path(forecast, "confidence"), color=_GREY, label="confidence")
    right.set_ylim(0, 1.02)
    _finish(figure, (left, right), "days ahead", path)


def what_if(forecasts: dict[str, Reply], path: Path) -> None:
    """Draw forecasts from several values of the current WIP."""
    figure, axes = _panels(*TARGETS.values())
    for (label, reply), color in zip(forecasts.items(), palette.SHADES, strict=True):
        for each, target in zip(axes, TARGETS, strict=True):
            ahead = _path(reply, f"predicted_{target}")
            each.plot(np.arange(1, len(ahead) + 1), ahead, color=color, label=label)
    _finish(figure, axes, "days ahead", path)


def _path(reply: Reply, field: str) -> Floats:
    return np.array([day[field] for day in reply["predictions"]])


def _panels(*titles: str) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(4.2 * max(len(titles), 1.6), 3.2), layout="constrained")
    axes = figure.subplots(1, len(titles), squeeze=False)[0]
    for each, title in zip(axes, titles, strict=True):
        each.set_title(title, fontsize=10)
    return figure, list(axes)


def _finish(figure: Figure, axes: Any, label: str, path: Path) -> None:
    for each in axes:
        each.set_xlabel(label)
        each.grid(alpha=0.25)
        each.spines[["top", "right"]].set_visible(False)
    if axes[0].get_legend_handles_labels()[0]:
        axes[0].legend(fontsize=8)
    figure.savefig(path, dpi=90)
