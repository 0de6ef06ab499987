"""The naive forecasts that a model stands beside, and what they are usually off by."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.series import error_measures
from models.series.calendar import Step
from models.series.panel import Panel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SEASONS = {Step.DAY: 7, Step.WEEK: 52, Step.MONTH: 12}


def repeated(panel: Panel, values: Floats, rows: Ints, horizon: int) -> dict[str, Floats]:
    """The last value and the last season repeated, [n, H, 3], from some rows of a panel on.

    Args:
        values: of the panel, unknown ones filled in, [all rows, 3].
        rows: the first rows that are forecast, [n].
    """
    season, steps = SEASONS[panel.calendar.step], np.arange(horizon)
    begin = panel.offsets[:-1][panel.series[rows]][:, None]
    seasonal = rows[:, None] - season + steps % season
    # A series shorter than a season has its last value only.
    seasonal = np.where(seasonal >= begin, seasonal, rows[:, None] - 1)
    return {
        "last_value": np.repeat(values[rows - 1][:, None], horizon, axis=1),
        "seasonal_naive": values[seasonal],
    }


def usual_errors(panel: Panel, before: int, season: int) -> Floats:
    """Mean error of the seasonal naive one season ahead, before step `before`, [S, 3].

    The scale of MASE; NaN where the past is shorter than a season, or repeats itself exactly.
    """
    found = np.full((len(panel.series_keys), 3), np.nan)
    for s, begin in enumerate(panel.offsets[:-1]):
        early = int(np.clip(before - panel.first[s], 0, panel.lengths[s]))
        past = panel.values[begin : begin + early]
        found[s] = error_measures.mean_known(np.abs(past[season:] - past[:-season]), axis=0)
    return np.where(found > 0, found, np.nan)
