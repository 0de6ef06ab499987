"""Panels ↔ the long data frames that Nixtla's libraries work on."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.accuracy.protocol import LEVELS, Forecast
from models.series.calendar import Step
from models.series.panel import Panel

Floats = NDArray[np.float64]

FREQUENCIES = {Step.DAY: "D", Step.WEEK: "W-MON", Step.MONTH: "MS"}


def long_frame(panel: Panel, target: int) -> pd.DataFrame:
    """unique_id, ds and y of one target, blanks filled. Weeks are dated by their Monday, months
    by their first day."""
    days = panel.calendar.days(panel.time)
    if panel.calendar.step is Step.WEEK:
        days = days - (days + 3) % 7  # 1970-01-01 was a Thursday
    dates = days.astype("datetime64[D]")
    if panel.calendar.step is Step.MONTH:
        dates = dates.astype("datetime64[M]")
    return pd.DataFrame(
        {
            "unique_id": panel.series,
            "ds": dates.astype("datetime64[ns]"),
            "y": panel.filled()[:, target],
        }
    )


def from_frames(frames: list[pd.DataFrame], model: str, middle: str, horizon: int) -> Forecast:
    """The forecast in frames of each target, with the columns of `model` and its intervals.

    Args:
        middle: what follows the model's name in the column of the values.
    """
    frames = [frame.sort_values(["unique_id", "ds"]) for frame in frames]

    def stacked(column: str) -> Floats:
        parts = [frame[column].to_numpy(float).reshape(-1, horizon) for frame in frames]
        return np.stack(parts, axis=-1)

    levels = [level for level in LEVELS if f"{model}-lo-{level}" in frames[0]]
    return Forecast(
        stacked(model + middle),
        {level: stacked(f"{model}-lo-{level}") for level in levels},
        {level: stacked(f"{model}-hi-{level}") for level in levels},
    )
