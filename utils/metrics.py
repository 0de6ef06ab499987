"""Measures of a forecast against the truth. Arrays of any equal shape; NaN truths do not count."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]


def _pairs(truth: Floats, forecast: Floats) -> tuple[Floats, Floats]:
    known = ~np.isnan(truth)
    if not known.any():
        raise ValueError("No known truth to measure against.")
    return truth[known], forecast[known]


def rmse(truth: Floats, forecast: Floats) -> float:
    """Root mean squared error, in the unit of the data."""
    truth, forecast = _pairs(truth, forecast)
    return float(np.sqrt(np.mean((truth - forecast) ** 2)))


def mae(truth: Floats, forecast: Floats) -> float:
    """Mean absolute error, in the unit of the data."""
    truth, forecast = _pairs(truth, forecast)
    return float(np.mean(np.abs(truth - forecast)))


def r2(truth: Floats, forecast: Floats) -> float:
    """Coefficient of determination; of a constant truth 1 when met exactly, else 0."""
    truth, forecast = _pairs(truth, forecast)
    residual = float(np.sum((truth - forecast) ** 2))
    total = float(np.sum((truth - truth.mean()) ** 2))
    if total == 0:
        return 1.0 if residual == 0 else 0.0
    return 1 - residual / total


def skill(error: float, baseline_error: float) -> float:
    """Share of the baseline's error that the forecast saves; negative when it is worse."""
    if baseline_error == 0:
        return 0.0 if error == 0 else -1.0
    return 1 - error / baseline_error


def share_within(truth: Floats, forecast: Floats, tolerance: float) -> float:
    """Share of forecasts no farther from the truth than `tolerance` × the truth."""
    truth, forecast = _pairs(truth, forecast)
    return float(np.mean(np.abs(truth - forecast) <= tolerance * np.abs(truth)))
