"""Reconciliation and prediction intervals of a model, fitted on the calibration span.

The calibration span is the newest part of the held-back end. Quantiles of the errors there give
the widths of the intervals (split conformal prediction: Papadopoulos et al., "Inductive confidence
machines for regression", 2002); the errors of the trials within the training span
add how errors grow with the horizon.

Example: without trials and without a calibration span, an error of 1 in one step is taken to grow
to √28 ≈ 5.3 in 28 steps, as that of a random walk does.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.forecast.intervals import ErrorSamples, Intervals, series_scale
from models.forecast.published_model import PublishedModel
from models.forecast.reconciliation import Reconciliation
from models.series import error_measures
from models.training.held_back_forecasts import RollOuts, origins_of, roll
from models.training.prepare import PreparedData

Floats = NDArray[np.float64]

_FEWEST_ROLL_OUTS = 40  # to fit a reconciliation on


def fit_reconciliation(
    model: PublishedModel, prepared: PreparedData, cut: int
) -> Reconciliation | None:
    """Return the reconciliation by Little's Law; None if it makes forecasts no better.

    None also if the calibration span is too short to tell.

    Args:
        model: not reconciled, fitted on the rows before the calibration span.
        cut: first step that is held back.
    """
    rows = prepared.windows.calibration
    if len(rows) < _FEWEST_ROLL_OUTS:
        return None
    rolled = roll(model, prepared, origins_of(rows), rows)
    time = rolled.look_back.last[:, None] + np.arange(1, prepared.horizon + 1)
    series = rolled.look_back.series
    fitted = Reconciliation.fit(prepared.panel, cut, rolled.values, rolled.truth, series, time)
    reconciled = fitted.apply(rolled.values, series, time, prepared.panel.calendar)
    return fitted if _loss(rolled, reconciled) < _loss(rolled, rolled.values) else None


def _loss(rolled: RollOuts, values: Floats) -> float:
    """Mean over the targets of the errors of forecasts, relative to those of `rolled`."""
    wrong = error_measures.mean_known(np.abs(rolled.truth - values), axis=(0, 1))
    before = error_measures.mean_known(np.abs(rolled.truth - rolled.values), axis=(0, 1))
    ratio = np.divide(wrong, before, out=np.full(3, np.nan), where=before > 0)
    return float(error_measures.mean_known(ratio))


def fit_intervals(
    model: PublishedModel, prepared: PreparedData, tried: Floats | None
) -> Intervals | None:
    """Return the prediction intervals of a reconciled model; None if nothing is known.

    Args:
        tried: errors of the combination in the trials, scaled, [n, S', H, 3]; None: there are none.
    """
    panel, rows = prepared.panel, prepared.windows.calibration
    residuals = _training_residuals(prepared)
    series = panel.series[prepared.windows.train]
    scale = series_scale(residuals, series, len(panel.series_keys))
    calibration = None
    if rows.size:
        rolled = roll(model, prepared, origins_of(rows), rows)
        scaling = model.encoding.scaling
        forecast = scaling.forward_paths(rolled.values, rolled.look_back.series)
        calibration = _by_origin(rolled.scaled_truth - forecast, rolled, prepared)
    trials = prepared.choice.trials
    samples = None
    if trials is not None and tried is not None:
        samples = ErrorSamples(tried, trials.series)
    if calibration is None and samples is None:
        steps = np.sqrt(np.arange(1, prepared.horizon + 1))
        grown = residuals[:, None, :] * steps[None, :, None]
        samples = ErrorSamples(grown[:, None], np.zeros(1, np.int64))
    return Intervals.fit(calibration, samples, scale)


def _training_residuals(prepared: PreparedData) -> Floats:
    """Residuals of the autoregression in the training span, scaled, [n, 3]."""
    return prepared.residual[prepared.windows.train]


def _by_origin(errors: Floats, rolled: RollOuts, prepared: PreparedData) -> ErrorSamples | None:
    """Errors [n, H, 3] of roll-outs by origin and series, [origins, S, H, 3]."""
    if np.isnan(errors).all():
        return None
    times, place = np.unique(prepared.panel.time[rolled.rows], return_inverse=True)
    count = len(prepared.panel.series_keys)
    # Most are unknown where there are many series: float32 halves the memory.
    by_origin = np.full((len(times), count, *errors.shape[1:]), np.nan, np.float32)
    by_origin[place, rolled.look_back.series] = errors
    return ErrorSamples(by_origin, np.arange(count))
