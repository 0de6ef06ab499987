"""The roll-out: a forecast of many steps, each from the steps before it, forecasts included.

    change(t + 1) = autoregression(rows up to t, calendar of t + 1) + LSTM correction
    value(t + 1)  = value(t) + change(t + 1), kept within the bounds of the look-back

This is the recursive strategy for several steps (S. Ben Taieb et al., "A review and comparison
of strategies for multi-step ahead time series forecasting", Expert Systems with Applications 39,
2012). All values here are scaled (`models.series.scaling`).

Example: an autoregression whose coefficients are all zero forecasts no change, so that
`roll_linear(autoregression, look_back, 30)` repeats the last row of each look-back 30 times.
"""

from __future__ import annotations

from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.forecast.autoregression import Autoregression
from models.forecast.look_back import LookBack
from models.series.calendar import features_ahead

Floats = NDArray[np.float64]


class StepCorrection(Protocol):
    """The correction of a roll-out, step by step."""

    def at(self, step: int, values: Floats) -> Floats:
        """Return what is added to the changes of a step, [n, 3], from its values, [n, 3]."""


def roll_linear(autoregression: Autoregression, look_back: LookBack, steps: int) -> Floats:
    """Return the roll-out of the autoregression alone, [n, steps, 3]."""
    return roll_out(autoregression, look_back, steps, None)


def roll_out(
    autoregression: Autoregression,
    look_back: LookBack,
    steps: int,
    correction: StepCorrection | None,
) -> Floats:
    """Return the roll-outs of n series side by side, [n, steps, 3].

    Args:
        look_back: the rows that they start from, at least as many as the autoregression's.
        correction: the LSTM correction of each step; None: the autoregression alone.
    """
    shape = autoregression.shape
    weights, ahead = shape.expand(autoregression.coefficients(look_back.series))
    change_scale = autoregression.change[:, None]
    weights, ahead = weights * change_scale, ahead * change_scale
    of_steps = partial(shape.ahead, calendar=look_back.calendar)
    calendar = features_ahead(look_back.last, 0, steps, of_steps)
    drift = np.matmul(calendar, np.swapaxes(ahead, 1, 2))
    count, rows = len(look_back.last), shape.look_back
    values = np.empty((count, rows + steps, 3))
    values[:, :rows] = look_back.scaled[:, -rows:]
    flat = values.reshape(count, -1, 1)
    now = values[:, rows - 1]
    for step in range(steps):
        change = np.matmul(weights, flat[:, 3 * step : 3 * (step + rows)])[..., 0]
        change += drift[:, step]
        if correction is not None:
            change += correction.at(step, now)
        now = np.minimum(np.maximum(now + change, look_back.lowest), look_back.highest)
        values[:, rows + step] = now
    return values[:, rows:]
