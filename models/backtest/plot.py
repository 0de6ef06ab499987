"""The picture of a backtest: forecasts from past origins, with intervals, and the true values."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from models.series.panel import TARGETS
from utils import palette

_ACTUAL, _NAIVE = palette.ACTUAL, palette.REFERENCE
_OPACITY = {95: 0.16, 80: 0.22}  # of the bands; the narrower one lies on the wider
_TITLES = {
    "wip": "WIP, units in process",
    "throughput": "Throughput, units per {step}",
    "cycle_time": "Cycle time, {step}s",
}
_LONGEST = 70  # characters of a series' name


def draw(report: dict[str, Any], model_id: str) -> bytes:
    """Return a PNG of a backtest: a row for each series, a column for each target.

    Args:
        report: as `backtest.run` returned it.
    """
    plotted = report["plot"]
    layout = ConstrainedLayoutEngine(h_pad=0.08, w_pad=0.08)
    figure = Figure(figsize=(15, 1.5 + 3.0 * len(plotted)), layout=layout)
    figure.suptitle(
        f"Backtest of model {model_id[:8]}: forecasts of up to {report['horizon']} "
        f"{report['step']}s beside the true values",
        fontsize=13,
        fontweight="bold",
    )
    rows = figure.subfigures(len(plotted), 1, squeeze=False)[:, 0]
    for number, (row, series) in enumerate(zip(rows, plotted, strict=True)):
        # A name is no formula, whatever dollar signs it has.
        title = _short(" / ".join(series[kind] for kind in ("plant", "application", "panel_size")))
        row.suptitle(title, fontsize=11, parse_math=False)
        for axes, target in zip(row.subplots(1, len(TARGETS)), TARGETS, strict=True):
            _draw(axes, series, target)
            axes.set_ylabel(_TITLES[target].format(step=report["step"]), fontsize=9)
        if number == 0:
            figure.legend(handles=_legend(plotted), loc="outside lower center", ncols=6, fontsize=9)
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=100)
    return out.getvalue()


def _draw(axes: Axes, series: dict[str, Any], target: str) -> None:
    colour = palette.TARGETS[target]
    for path in series["forecasts"]:
        forecast, dates = path["per_target"][target], _dates(path["dates"])
        for level, opacity in _OPACITY.items():
            if f"lo{level}" in forecast:
                low, high = (_numbers(forecast[f"{side}{level}"]) for side in ("lo", "hi"))
                axes.fill_between(dates, low, high, color=colour, alpha=opacity, linewidth=0)
        last = [forecast["last_value"]] * len(dates)
        axes.plot(dates, last, color=_NAIVE, linestyle="--", linewidth=1.1, zorder=2)
        axes.axvline(_dates([path["origin"]])[0], color=_NAIVE, linestyle=":", linewidth=1)
        axes.plot(dates, _numbers(forecast["forecast"]), color=colour, linewidth=1.8, zorder=4)
    actual = _numbers(series["actual"][target])
    axes.plot(_dates(series["dates"]), actual, color=_ACTUAL, linewidth=1.3, zorder=3)
    locator = AutoDateLocator(minticks=3, maxticks=7)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.tick_params(labelsize=9)
    axes.grid(alpha=0.25)
    axes.margins(x=0.01)
    axes.spines[["top", "right"]].set_visible(False)


def _legend(plotted: list[dict[str, Any]]) -> list[Line2D | Patch]:
    forecast = plotted[0]["forecasts"][0]["per_target"]["wip"]
    bands = [
        Patch(color=_NAIVE, alpha=opacity * 1.5, label=f"{level} % interval")
        for level, opacity in reversed(_OPACITY.items())
        if f"lo{level}" in forecast
    ]
    return [
        Line2D([], [], color=_ACTUAL, label="actual"),
        Line2D([], [], color=_NAIVE, linewidth=1.8, label="forecast"),
        *bands,
        Line2D([], [], color=_NAIVE, linestyle="--", label="last value"),
        Line2D([], [], color=_NAIVE, linestyle=":", label="origin: the last date known"),
    ]


def _dates(dates: list[str]) -> NDArray[np.datetime64]:
    return np.array(dates, "datetime64[m]")


def _numbers(values: list[float | None]) -> NDArray[np.float64]:
    return np.array(values, float)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
