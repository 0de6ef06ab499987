"""Measures of a forecast against the truth. Arrays of any equal shape; NaN truths do not count."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]


def _pairs(truth: Floats, forecast: Floats) -> tuple[Floats, Floats]:
    known = ~np.isnan(truth)
    if not known.any():
        raise ValueError("No known truth to measure against.")
    return truth[known], forecast[known]


def mean_known(values: Floats, axis: int | tuple[int, ...] | None = None) -> Any:
    """Mean along `axis` of what is not NaN; NaN where nothing is known."""
    known = ~np.isnan(values)
    total, count = np.where(known, values, 0.0).sum(axis=axis), known.sum(axis=axis)
    nothing = np.full(np.shape(total), np.nan)
    return np.divide(total, count, out=nothing, where=count > 0)


def finite(value: float) -> float | None:
    """A number as JSON has it: None instead of NaN or infinity."""
    return float(value) if np.isfinite(value) else None


def mean_or_none(values: Floats) -> float | None:
    """Mean of what is not NaN; None where nothing is known."""
    return finite(float(mean_known(values)))


def wape(truth: Floats, forecast: Floats) -> float:
    """Weighted absolute percentage error: Σ|error| ÷ Σ|truth|; NaN where all truth is zero."""
    truth, forecast = _pairs(truth, forecast)
    total = float(np.sum(np.abs(truth)))
    return float(np.sum(np.abs(truth - forecast))) / total if total else float("nan")


def mase(truth: Floats, forecast: Floats, scale: Floats) -> float:
    """Mean absolute scaled error: |error| ÷ the seasonal naive's mean error in the training span.

    R. J. Hyndman & A. B. Koehler, "Another look at measures of forecast accuracy", International
    Journal of Forecasting 22 (2006). `scale` has the shape of `truth`.
    """
    return float(mean_known(np.abs(truth - forecast) / np.maximum(scale, 1e-12)))


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
