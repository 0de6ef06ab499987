"""Naive forecasts, the benchmarks of a model, and their errors, the scale of MASE.

See R. J. Hyndman & G. Athanasopoulos, "Forecasting: Principles and Practice", 3rd ed., 2021,
section 5.2. Example: after the days 1, 2, …, 7 the last value forecasts 7, 7, 7 and the seasonal
naive forecast of a week 1, 2, 3.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.series import error_measures
from models.series.panel import Panel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def repeated(panel: Panel, values: Floats, rows: Ints, horizon: int) -> dict[str, Floats]:
    """Return the last value and the last season repeated, `last_value` and `seasonal_naive`.

    Args:
        values: of the panel, unknown ones filled in, [all rows, 3].
        rows: row numbers of the first forecast step, [n].
        horizon: steps to forecast, H.

    Returns:
        Forecasts by their names, each [n, H, 3].
    """
    steps = np.arange(horizon)
    season = panel.calendar.seasons(panel.dated_first)[panel.series[rows]][:, None]
    begin = panel.offsets[:-1][panel.series[rows]][:, None]
    seasonal = rows[:, None] - season + steps % season
    # For a series shorter than a season it is the last value.
    seasonal = np.where(seasonal >= begin, seasonal, rows[:, None] - 1)
    return {
        "last_value": np.repeat(values[rows - 1][:, None], horizon, axis=1),
        "seasonal_naive": values[seasonal],
    }


def usual_errors(panel: Panel, before: int) -> Floats:
    """Return the mean absolute error of the seasonal naive forecast, the scale of MASE, [S, 3].

    NaN for series shorter than a season, or that repeat themselves exactly.

    Args:
        before: first step that is not used.
    """
    found = np.full((len(panel.series_keys), 3), np.nan)
    seasons = panel.calendar.seasons(panel.dated_first)
    for s, begin in enumerate(panel.offsets[:-1]):
        early = int(np.clip(before - panel.first[s], 0, panel.lengths[s]))
        rows = panel.values[begin : begin + early]
        season = seasons[s]
        found[s] = error_measures.mean_known(np.abs(rows[season:] - rows[:-season]), axis=0)
    return np.where(found > 0, found, np.nan)
