"""Growth of intervals beyond the horizon that errors are calibrated over.

The published model forecasts two horizons ahead, from origins in the second half of all data. It
has learned from some of these rows, so only the ratio of its errors is used:

    growth = ln(error after two horizons ÷ error after one) ÷ ln 2

A random walk has a growth of ½, a line that returns to its level of 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.forecast.published_model import PublishedModel
from models.training.autoregression_choice import tried_series, truth_after
from models.training.member_errors import look_back_at
from models.training.prepare import PreparedData

Floats = NDArray[np.float64]

_ORIGINS = 12
_LEVEL = 0.8  # quantile of the errors that are compared
_MOST = 1.0  # growth; errors of a trend grow with the horizon


def measured_growth(model: PublishedModel, prepared: PreparedData) -> Floats | None:
    """Return the power of the horizon by which errors grow, [3]; None if the data is too short.

    Args:
        model: as it is published, with intervals.
    """
    panel, horizon, intervals = prepared.panel, prepared.horizon, model.intervals
    begin, end = int(panel.first.min()), int(panel.time.max()) + 1
    middle, last = (begin + end) // 2, end - 2 * horizon
    if intervals is None or middle > last:
        return None
    origins = np.unique(np.linspace(middle, last, _ORIGINS).astype(int))
    series = tried_series(panel)
    look_back = look_back_at(prepared, origins, series, model.look_back)
    values = model.in_units(look_back, 2 * horizon).values
    forecast = model.encoding.scaling.forward_paths(values, look_back.series)
    truth = np.concatenate(
        [truth_after(panel, prepared.scaled, series, int(o), 2 * horizon, end) for o in origins]
    )
    unit = np.maximum(intervals.half_width(80, look_back.series, 1), 1e-12)
    sizes = np.abs(truth - forecast) / unit
    return np.array([_growth(sizes[..., i], horizon) for i in range(3)])


def _growth(sizes: Floats, horizon: int) -> float:
    """The growth of one target from its absolute errors, [n, 2 H]; ½ where it is not known."""
    ends = []
    for h in (horizon, 2 * horizon):
        near = sizes[:, h - h // 4 : h]
        known = near[~np.isnan(near)]
        ends.append(float(np.quantile(known, _LEVEL)) if known.size else 0.0)
    if min(ends) <= 0:
        return 0.5
    return float(np.clip(np.log(ends[1] / ends[0]) / np.log(2), 0.0, _MOST))
