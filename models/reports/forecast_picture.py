"""The picture of a forecast: history, forecast and intervals of the three targets by date."""

from __future__ import annotations

import io
from threading import Lock
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from models.series.panel import TARGETS, SeriesKey
from utils import palette
from utils.api.replies.forecasting import PredictReply

_LABELS = {
    "wip": "WIP, units",
    "throughput": "Throughput, units per {step}",
    "cycle_time": "Cycle time, {step}s",
}
_OPACITY = {95: 0.16, 80: 0.26}
_LONGEST = 80  # characters of a title
_DRAWING = Lock()  # Matplotlib's fonts are not for several threads at once


def draw(reply: PredictReply, series_key: SeriesKey) -> bytes:
    """Return a PNG of a forecast: a row for each target, on one axis of dates.

    Args:
        reply: with a `history`, if that is to be drawn.
    """
    with _DRAWING:
        return _drawn(reply, series_key)


def _drawn(reply: PredictReply, series_key: SeriesKey) -> bytes:
    figure = Figure(figsize=(10, 8), layout="constrained")
    # A name is no formula, whatever dollar signs it has.
    title = _short(" / ".join(series_key))
    figure.suptitle(title, fontsize=13, x=0.01, ha="left", parse_math=False)
    for axes, target in zip(figure.subplots(3, 1, sharex=True), TARGETS, strict=True):
        _draw_target(axes, reply, target)
        axes.set_title(_LABELS[target].format(step=reply.step), fontsize=10, loc="left")
        _style(axes)
    figure.legend(handles=_legend(reply), loc="outside lower left", ncols=5, fontsize=9)
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=110)
    return out.getvalue()


def _draw_target(axes: Axes, reply: PredictReply, target: str) -> None:
    colour, steps = palette.TARGETS[target], reply.predictions
    dates = _dates([step.date for step in steps])
    for begin, end in _closed_spans(reply, dates):
        axes.axvspan(begin, end, color=palette.REFERENCE, alpha=0.12, linewidth=0)
    for level, opacity in _OPACITY.items():
        low, high = (
            _numbers([getattr(step, f"predicted_{target}_{side}{level}") for step in steps])
            for side in ("lo", "hi")
        )
        axes.fill_between(dates, low, high, color=colour, alpha=opacity, linewidth=0)
    if reply.history:
        known = _numbers([getattr(row, target) for row in reply.history])
        past = _dates([row.date for row in reply.history])
        axes.plot(past, known, color=palette.ACTUAL, linewidth=1.1)
        axes.axvline(past[-1], color=palette.REFERENCE, linestyle=":", linewidth=1)
    values = _numbers([getattr(step, f"predicted_{target}") for step in steps])
    axes.plot(dates, values, color=colour, linewidth=2, marker="." if len(steps) == 1 else "")


def _closed_spans(reply: PredictReply, dates: NDArray[np.datetime64]) -> list[tuple[Any, Any]]:
    """The days, hours or shifts on which the plant is closed, each around the point of its date."""
    middle = dates.astype("datetime64[m]")
    half = min([np.timedelta64(1440, "m"), *np.diff(middle)]) // 2
    closed = [place for place, step in enumerate(reply.predictions) if step.closed]
    return [(middle[place] - half, middle[place] + half) for place in closed]


def _style(axes: Axes) -> None:
    axes.set_ylim(bottom=0)
    locator = AutoDateLocator(minticks=4, maxticks=9)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.tick_params(labelsize=9)
    axes.grid(alpha=0.25)
    axes.margins(x=0.01)
    axes.spines[["top", "right"]].set_visible(False)


def _legend(reply: PredictReply) -> list[Line2D | Patch]:
    grey = palette.REFERENCE
    history = [Line2D([], [], color=palette.ACTUAL, linewidth=1.1, label="history")]
    bands = [
        Patch(color=grey, alpha=opacity, label=f"{level} % interval")
        for level, opacity in reversed(_OPACITY.items())
        if getattr(reply.predictions[0], f"predicted_wip_lo{level}") is not None
    ]
    closed = any(step.closed for step in reply.predictions)
    return [
        *(history if reply.history else []),
        Line2D([], [], color=grey, linewidth=2, label="forecast"),
        *bands,
        *([Patch(color=grey, alpha=0.12, label="closed")] if closed else []),
    ]


def _dates(dates: list[str]) -> NDArray[np.datetime64]:
    return np.array(dates, "datetime64[m]")


def _numbers(values: list[float | None]) -> NDArray[np.float64]:
    return np.array(values, float)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
