"""Figures of forecasts over closed days, for docs/calendars.md; used by `docs.pictures`.

Every number comes from the HTTP API.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from utils import palette

Floats = NDArray[np.float64]
Reply = dict[str, Any]

TARGETS = {"wip": "WIP, units", "throughput": "Throughput, units a day"}
_PAST = 28  # days before the forecast that are drawn


def closed_days(history: dict[str, Floats], forecasts: dict[str, Reply], path: Path) -> None:
    """Draw forecasts over closed days, which are shaded: a column for each, by its title."""
    figure = Figure(figsize=(12, 5.5), layout="constrained")
    panels = figure.subplots(len(TARGETS), len(forecasts), sharex="col", sharey="row")
    for column, (title, reply) in enumerate(forecasts.items()):
        panels[0, column].set_title(title)
        panels[-1, column].set_xlabel("days from the last known one")
        for row, (target, label) in enumerate(TARGETS.items()):
            axes = panels[row, column]
            _draw(axes, history[target][-_PAST:], reply["predictions"], target)
            axes.set_ylabel(label if column == 0 else "")
    panels[0, 0].legend(loc="lower left", frameon=False)
    figure.savefig(path, dpi=110)


def _draw(axes: Axes, past: Floats, days: list[Reply], target: str) -> None:
    color, ahead = palette.TARGETS[target], np.arange(1, len(days) + 1)
    values, low, high = (
        np.array([day[f"predicted_{target}{bound}"] for day in days])
        for bound in ("", "_lo80", "_hi80")
    )
    axes.plot(np.arange(1 - len(past), 1), past, color=palette.REFERENCE, label="history")
    axes.plot(ahead, values, color=color, label="forecast")
    axes.fill_between(ahead, low, high, color=color, alpha=0.2, linewidth=0, label="80 %")
    for day, reply in zip(ahead, days, strict=True):
        if reply["closed"]:
            axes.axvspan(day - 0.5, day + 0.5, color=palette.REFERENCE, alpha=0.18, linewidth=0)
    axes.set_ylim(bottom=0)
    axes.spines[["top", "right"]].set_visible(False)
