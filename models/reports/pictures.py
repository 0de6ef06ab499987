"""Pictures of a model: its layers, its loss curves, its forecasts beside the true values."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.legend_handler import HandlerTuple
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from models.series.panel import TARGETS
from utils import palette

Floats = NDArray[np.float64]

_TRAINING, _VALIDATION = palette.REFERENCE, palette.TARGETS["throughput"]  # losses
_OPACITY = 0.16  # of a band; the narrower one lies on the wider
_TINTS = dict(zip(("LSTM", "Dense", "Embedding"), palette.BOXES, strict=True))
_COLUMNS = (0.02, 0.37, 0.66, 0.98)  # where the columns of the table of layers begin or end
_NAMES = {"wip": "WIP", "throughput": "Throughput", "cycle_time": "Cycle time"}
_LOSSES = {"loss": "training loss", "val_loss": "validation loss"}


@dataclass(frozen=True)
class Layer:
    """A layer of a network; the first entry of its shape, the batch, is None."""

    name: str
    kind: str
    shape: tuple[int | None, ...]
    params: int


@dataclass(frozen=True)
class HeldBack:
    """A series over the held-back end of its data.

    Attributes:
        name: of the series.
        dates: of the n steps.
        forecast: in units, [n, 3].
        actual: true values in units, [n, 3]; NaN where unknown.
        lower: lower bounds of the prediction intervals by their per cent, [n, 3].
        upper: upper bounds likewise.
    """

    name: str
    dates: list[str]
    forecast: Floats
    actual: Floats
    lower: dict[int, Floats]
    upper: dict[int, Floats]


def layers_of(network: Any) -> list[Layer]:
    """Return the layers of a Keras network, from the input on."""
    return [
        Layer(layer.name, type(layer).__name__, tuple(layer.output.shape), layer.count_params())
        for layer in network.layers
    ]


def draw_model(
    title: str, layers: Sequence[Layer], history: dict[str, Any], path: Path | io.BytesIO
) -> None:
    """Draw layers and training curves as PNG.

    Args:
        title: above the picture.
        layers: of the network.
        history: `loss` and `val_loss` by epoch; {} where the training is not known.
        path: the file to write.
    """
    figure = Figure(figsize=(12, max(4.0, 1.5 + 0.42 * len(layers))), layout="constrained")
    figure.suptitle(title, fontsize=11, parse_math=False)
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    _draw_layers(left, layers)
    _draw_curves(right, history)
    figure.savefig(path, format="png", dpi=100)


def _draw_layers(axes: Axes, layers: Sequence[Layer]) -> None:
    axes.axis("off")
    axes.set_xlim(0, 1)
    axes.set_ylim(len(layers) - 0.4, -1.6)
    total = f"{sum(layer.params for layer in layers):,}"
    rows = [("layer", "kind", "output", "parameters")]
    rows += [
        (layer.name, layer.kind, _shape(layer), f"{layer.params:,}" if layer.params else "–")
        for layer in layers
    ]
    axes.set_title(f"{len(layers)} layers, {total} parameters", fontsize=10)
    for place, row in enumerate(rows, start=-1):
        colour = palette.HEAD if place < 0 else _TINTS.get(row[1], palette.BOX)
        box = Rectangle((0, place - 0.42), 1, 0.84, facecolor=colour, edgecolor=palette.EDGE)
        axes.add_patch(box)
        for x, text, side in zip(_COLUMNS, row, ("left", "left", "left", "right"), strict=True):
            axes.text(x, place, text, ha=side, va="center", fontsize=9, parse_math=False)


def _shape(layer: Layer) -> str:
    return " × ".join(str(size) for size in layer.shape[1:])


def _draw_curves(axes: Axes, history: dict[str, Any]) -> None:
    curves = {name: history[name] for name in ("loss", "val_loss") if history.get(name)}
    axes.set_title("Training" if curves else "The training is not known.", fontsize=10)
    for (name, values), colour in zip(curves.items(), (_TRAINING, _VALIDATION), strict=False):
        axes.plot(range(1, len(values) + 1), values, label=_LOSSES[name], color=colour, marker=".")
    if curves:
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_ylabel("loss")
        axes.grid(alpha=0.3)
        axes.legend()


def draw_forecasts(series: Sequence[HeldBack]) -> bytes:
    """Return a PNG of forecasts and true values: a row per series, a column per target."""
    figure = Figure(figsize=(13, 0.5 + 2.7 * len(series)), layout="constrained")
    rows = figure.subfigures(len(series), 1, squeeze=False)[:, 0]
    for row, each in zip(rows, series, strict=True):
        row.suptitle(each.name, fontsize=11, x=0.01, ha="left", parse_math=False)
        for axes, target in zip(row.subplots(1, len(TARGETS)), TARGETS, strict=True):
            _draw_forecast(axes, each, target)
    handles, labels = _legend(series[0])
    figure.legend(handles, labels, loc="outside lower left", ncols=5, fontsize=9, handlelength=3,
                  handler_map={tuple: HandlerTuple(None, pad=0)})  # fmt: skip
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=90)
    return out.getvalue()


def _draw_forecast(axes: Axes, each: HeldBack, target: str) -> None:
    column, colour = TARGETS.index(target), palette.TARGETS[target]
    dates = np.array(each.dates, "datetime64[m]")
    for level in sorted(each.lower, reverse=True):
        low, high = each.lower[level][:, column], each.upper[level][:, column]
        axes.fill_between(dates, low, high, color=colour, alpha=_OPACITY, linewidth=0)
    axes.plot(dates, each.actual[:, column], color=palette.ACTUAL, linewidth=1.2)
    axes.plot(dates, each.forecast[:, column], color=colour, linewidth=1.8)
    axes.set_title(_NAMES[target], fontsize=10, loc="left")
    bottom, top = axes.get_ylim()
    if bottom < top / 2:  # else the zero line would press all that is to be seen to the top
        axes.set_ylim(bottom=0)
    locator = AutoDateLocator(minticks=3, maxticks=6)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def _legend(each: HeldBack) -> tuple[list[Any], list[str]]:
    """One legend for all: forecasts in the colours of the targets, bands in grey."""
    forecasts = tuple(
        Line2D([], [], color=palette.TARGETS[each], linewidth=1.8) for each in TARGETS
    )
    levels = sorted(each.lower)
    bands = [Patch(color=palette.REFERENCE, alpha=_OPACITY * (2 - i)) for i in range(len(levels))]
    handles = [Line2D([], [], color=palette.ACTUAL, linewidth=1.2), forecasts, *bands]
    return handles, ["actual", "forecast", *(f"{level} % interval" for level in levels)]
