"""Errors that the pretrained network expects of its own forecasts: a prior for intervals.

A table of a few weeks has hardly any forecasts whose truth is known, and none of the far steps.
How far the truth of such series usually lies from a forecast, the pretrained network has learned
from simulated lines: it is the distance of its quantiles from its median. They count as few
independent errors (`models.forecast.intervals`), and make no difference to long data.

Example: a series of 20 rows has one or two known errors one step ahead, and none 28 steps ahead,
where the intervals are then as wide as those of a zero-shot forecast.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.forecast.error_quantiles import ErrorSamples
from models.forecast.error_size import heights_of
from models.forecast.pretrained import LEVELS, MEDIAN, PretrainedModel
from models.forecast.pretrained_member import quantiles_of, rows_used
from models.forecast.standing_places import without_standing_errors
from models.training.autoregression_choice import tried_series
from models.training.member_errors import look_back_at
from models.training.prepare import PreparedData

Floats = NDArray[np.float64]

_SHARES = (np.arange(20) + 0.5) / 20  # of the distribution, equally likely


def expected_errors(prepared: PreparedData) -> ErrorSamples:
    """Return equally likely errors of each step after the data, scaled, [20, S', H, 3].

    NaN for a target of which nothing is known.
    """
    panel, scaling = prepared.panel, prepared.encoding.scaling
    series, rows = tried_series(panel), rows_used(panel.calendar)
    origin = panel.time.max(keepdims=True) + 1
    look_back = look_back_at(prepared, origin, series, rows)
    recent = scaling.inverse(look_back.last_rows(rows), series)
    model, steps = PretrainedModel.open(), prepared.horizon
    quantiles = quantiles_of(model, recent, look_back.calendar, look_back.last, steps)
    # Beyond the outer quantiles, the distribution goes on as between the two outer ones.
    levels = np.searchsorted(LEVELS, _SHARES).clip(1, len(LEVELS) - 1)
    low, high = quantiles[..., levels - 1], quantiles[..., levels]
    known = np.array(LEVELS)
    part = (_SHARES - known[levels - 1]) / (known[levels] - known[levels - 1])
    drawn = np.maximum(low + part * (high - low), 0.0)
    values = np.moveaxis(np.concatenate([drawn, quantiles[..., MEDIAN, None]], axis=-1), -1, 0)
    scaled = np.stack([scaling.forward_paths(each, series) for each in values])
    errors = scaled[:-1] - scaled[-1]
    heights = np.broadcast_to(heights_of(scaled[-1], scaling, series), errors.shape)
    known = without_standing_errors(errors, origin.repeat(len(errors)), series, panel)
    return ErrorSamples(known, series, heights)
