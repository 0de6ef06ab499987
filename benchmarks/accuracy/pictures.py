"""The pictures of docs/accuracy.md: forecasts of the adversarial series, and the pretraining.

`python -m benchmarks.accuracy.pictures` trains a model on each kind of adversarial series with the
default settings, some five minutes in all, and writes docs/images/accuracy-*.png.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from threadpoolctl import threadpool_limits

from benchmarks.accuracy import adversarial
from benchmarks.accuracy.datasets import DataSet, until
from benchmarks.accuracy.protocol import Floats, Forecast
from benchmarks.accuracy.service import Service
from models.forecast.pretrained import FILE
from models.series.panel import TARGETS
from utils import palette

_IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
_COLUMNS = 4
_SHOWN = 56  # rows before the origin
_SEED, _LEVEL = 1, 80


def draw_adversarial(folder: Path) -> None:
    """Draw WIP and throughput of the first series of each kind, with the forecast.

    Args:
        folder: of the pictures.
    """
    found = {kind: _forecast(adversarial.build(kind, _SEED)) for kind in adversarial.KINDS}
    for target in (0, 1):
        rows = -(-len(found) // _COLUMNS)
        figure = Figure(figsize=(3.4 * _COLUMNS, 2.0 * rows), layout="constrained")
        axes = figure.subplots(rows, _COLUMNS, squeeze=False).ravel()
        for each in axes[len(found) :]:
            each.set_axis_off()
        for each, (kind, (data, forecast)) in zip(axes, found.items(), strict=False):
            _draw(each, data, forecast, target)
            each.set_title(kind, fontsize=9)
        axes[0].legend(fontsize=7)
        figure.savefig(folder / f"accuracy-adversarial-{TARGETS[target]}.png", dpi=80)


def _forecast(data: DataSet) -> tuple[DataSet, Forecast]:
    """A data set and the forecast from its first origin."""
    service = Service(_SEED)
    service.fit(data.train, data.pace.horizon)
    return data, service.forecast(until(data.panel, int(data.origins[0])))


def _draw(axes: Axes, data: DataSet, forecast: Forecast, target: int) -> None:
    """Draw a target of the first series: known rows, the truth after them, the forecast."""
    origin = int(data.origins[0] - data.panel.first[0])
    rows: Floats = data.panel.values[: data.panel.lengths[0], target]
    past, truth = rows[max(origin - _SHOWN, 0) : origin], data.truth()[0, 0, :, target]
    ahead = np.arange(1, len(truth) + 1)
    color = palette.TARGETS[TARGETS[target]]
    lower, upper = (bound[_LEVEL][0, :, target] for bound in (forecast.lower, forecast.upper))
    axes.fill_between(ahead, lower, upper, color=color, alpha=0.2, linewidth=0)
    axes.plot(np.arange(1 - len(past), 1), past, color=palette.ACTUAL, linewidth=0.8)
    axes.plot(ahead, truth, color=palette.ACTUAL, linewidth=0.8, label="known, and what came")
    label = f"forecast, {_LEVEL} % interval"
    axes.plot(ahead, forecast.values[0, :, target], color=color, linewidth=1.6, label=label)
    axes.axvline(0.5, color=palette.REFERENCE, linewidth=0.6, linestyle=":")
    largest = np.nanmax(np.concatenate([truth, upper, np.sort(past)[: max(len(past) - 2, 1)]]))
    axes.set_ylim(0, 1.15 * largest or 1.0)  # two wrong rows may lie beyond
    axes.tick_params(labelsize=7)


def draw_pretraining(path: Path) -> None:
    """Draw the loss on held-out simulated lines over the batches of the pretraining.

    The first stage is left out: the simulated lines were others, and so is its loss.

    Args:
        path: of the picture.
    """
    document: dict[str, Any] = json.loads(FILE.with_suffix(".json").read_text())
    figure = Figure(figsize=(7, 3.2), layout="constrained")
    first, *stages = [*document["earlier"], document]
    axes, begun = figure.subplots(), first["curve"][-1]["step"]
    for number, stage in enumerate(stages, 2):
        steps = [begun + point["step"] for point in stage["curve"]]
        losses = [point["loss"] for point in stage["curve"]]
        color = palette.SERIES[number - 1]
        axes.plot(steps, losses, "o-", markersize=2.5, color=color, label=f"stage {number}")
        begun = steps[-1]
    axes.set_xlabel("batches of 128 windows")
    axes.set_ylabel("loss on held-out simulated lines")
    axes.grid(alpha=0.25)
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=90)


if __name__ == "__main__":
    draw_pretraining(_IMAGES / "accuracy-pretraining.png")
    with threadpool_limits(1):
        draw_adversarial(_IMAGES)
