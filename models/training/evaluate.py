"""Evaluation of a trained network on the held-back end, and the parts of the model fitted on it.

The held-back end has two parts. On the first the model is evaluated: one step ahead, and rolled
out from many origins, beside naive forecasts and the autoregression alone. There it is decided to
which targets the LSTM correction is applied. On the newest part the prediction intervals are
calibrated; their coverage is then measured on the first.

Sources of the measures: Hyndman & Koehler, "Another look at measures of forecast accuracy", 2006
(MASE); see `models.series.error_measures`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.forecast.correction import Network
from models.forecast.intervals import LEVELS
from models.forecast.naive import SEASONS, repeated, usual_errors
from models.forecast.published_model import PublishedModel
from models.forecast.what_if import WhatIfEffect
from models.series import error_measures
from models.series.panel import TARGETS
from models.training.calibration import fit_intervals, fit_reconciliation
from models.training.correction_choice import choose_correction
from models.training.held_back_forecasts import RollOuts, origins_of, roll
from models.training.prepare import PreparedData

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_WINDOWS_AT_ONCE = 512  # in one call of the network


def evaluate(prepared: PreparedData, network: Network) -> tuple[PublishedModel, dict[str, Any]]:
    """Return the model with all its parts fitted, and its metrics on the held-back end.

    Its autoregression is fitted on the training span only; the published one, `Choice.full_fit`,
    on all rows.

    Args:
        network: the trained network.
    """
    cut = _cut(prepared)
    model = PublishedModel(
        prepared.encoding,
        prepared.choice.train_fit,
        network,
        prepared.residual_scale,
        None,
        None,
        WhatIfEffect.fit(prepared.panel, prepared.panel.filled(), cut),
    )
    rows = origins_of(prepared.windows.held_back)
    model, correction = choose_correction(model, prepared, rows)
    newest = replace(model, autoregression=prepared.choice.calibration_fit)
    newest = replace(newest, reconciliation=fit_reconciliation(newest, prepared, cut))
    model = replace(
        model,
        reconciliation=newest.reconciliation,
        intervals=fit_intervals(newest, prepared),
    )
    return model, _metrics(model, prepared, rows) | {"network": correction}


def _cut(prepared: PreparedData) -> int:
    """The first step that is held back."""
    return int(prepared.panel.time[prepared.windows.held_back].min())


def one_step_ahead(model: PublishedModel, prepared: PreparedData, rows: Ints) -> Floats:
    """Return forecasts of rows, each from the true rows before it, in units, [n, 3]."""
    panel, encoding = prepared.panel, prepared.encoding
    series = panel.series
    scaled = prepared.linear_forecast[rows].copy()
    if model.residual_scale.any():
        shown, time = encoding.value_features(prepared.scaled, panel.position), panel.time
        for begin in range(0, len(rows), _WINDOWS_AT_ONCE):
            some = rows[begin : begin + _WINDOWS_AT_ONCE]
            place = some[:, None] + np.arange(-encoding.length, 0)
            ahead = encoding.ahead(time[place].ravel()).reshape(*place.shape, -1)
            windows = np.concatenate([shown[place], ahead], axis=2)
            output = model.network(windows, encoding.identities(series[some]))
            scaled[begin : begin + len(some)] += output * model.residual_scale
    return encoding.scaling.inverse(scaled, series[rows])


# --- metrics -----------------------------------------------------------------------------------


def _metrics(model: PublishedModel, prepared: PreparedData, origins: Ints) -> dict[str, Any]:
    """Errors over the held-back end in units, overall and by target.

    Overall, `rmse` and `mae` pool the three targets; `r2_score` and `mase` are the means of the
    targets'. MASE, WAPE and the skills are of roll-outs, the others of one-step forecasts.
    """
    panel, rows = prepared.panel, prepared.windows.held_back
    truth, forecast = panel.values[rows], one_step_ahead(model, prepared, rows)
    rolled = roll(model, prepared, origins, rows)
    naive = repeated(panel, panel.filled(), origins, prepared.horizon)
    usual = usual_errors(panel, _cut(prepared), SEASONS[panel.calendar.step])
    usual = np.broadcast_to(usual[rolled.look_back.series][:, None], rolled.values.shape)
    per_target = {
        target: _of_target(i, truth, forecast, rolled, naive, usual, model, prepared)
        for i, target in enumerate(TARGETS)
    }
    scores = [m["r2_score"] for m in per_target.values() if m["r2_score"] is not None]
    scaled = [m["mase"] for m in per_target.values() if m["mase"] is not None]
    reconciliation = model.reconciliation
    return {
        "rmse": error_measures.rmse(truth, forecast),
        "mae": error_measures.mae(truth, forecast),
        "r2_score": float(np.mean(scores)),
        "mase": float(np.mean(scaled)) if scaled else None,
        "per_target": per_target,
        "held_back_rows": len(rows),
        "calibration_rows": len(prepared.windows.calibration),
        "horizon": prepared.horizon,
        "season": SEASONS[panel.calendar.step],
        "littles_law": {
            "series_that_obey": None if reconciliation is None else reconciliation.obeyed,
            "gap": error_measures.mean_or_none(_littles_law_gap(rolled.values)),
        },
    }


def _littles_law_gap(values: Floats) -> Floats:
    """Relative gap of forecasts in Little's Law, |WIP − TH × CT| ÷ the larger, [n, H]."""
    expected = values[..., 1] * values[..., 2]
    larger = np.maximum(values[..., 0], expected)
    unknown = np.full(larger.shape, np.nan)
    return np.divide(np.abs(values[..., 0] - expected), larger, out=unknown, where=larger > 0)


_FIGURES = (
    "rmse",
    "mae",
    "r2_score",
    "last_value_mae",
    "skill",
    "wape",
    "mase",
    "skill_over_last_value",
    "skill_over_seasonal_naive",
    "coverage",
)


def _of_target(
    i: int,
    truth: Floats,
    forecast: Floats,
    rolled: RollOuts,
    naive: dict[str, Floats],
    usual: Floats,
    model: PublishedModel,
    prepared: PreparedData,
) -> dict[str, Any]:
    """Figures of one target; all None where its truth is not known.

    Args:
        i: number of the target.
        truth: true values of the held-back rows, [rows, 3].
        forecast: one-step forecasts of the same rows.
        naive: naive forecasts from the origins of `rolled`, by name, [n, H, 3].
        usual: errors of the seasonal naive in the training span, the scale of MASE, [n, H, 3].
    """
    if np.isnan(truth[:, i]).all() or np.isnan(rolled.truth[..., i]).all():
        return dict.fromkeys(_FIGURES)
    actual, predicted = rolled.truth[..., i], rolled.values[..., i]
    error = error_measures.mae(actual, predicted)
    one_step = error_measures.mae(truth[:, i], forecast[:, i])
    rows = prepared.windows.held_back
    scaling = prepared.encoding.scaling
    last = scaling.inverse(prepared.scaled[rows - 1], prepared.panel.series[rows])
    baseline = error_measures.mae(truth[:, i], last[:, i])
    errors = {name: error_measures.mae(actual, values[..., i]) for name, values in naive.items()}
    return {
        "rmse": error_measures.rmse(truth[:, i], forecast[:, i]),
        "mae": one_step,
        "r2_score": error_measures.r2(truth[:, i], forecast[:, i]),
        "last_value_mae": baseline,
        "skill": error_measures.skill(one_step, baseline),
        "wape": error_measures.finite(error_measures.wape(actual, predicted)),
        "mase": error_measures.finite(error_measures.mase(actual, predicted, usual[..., i])),
        "skill_over_last_value": error_measures.skill(error, errors["last_value"]),
        "skill_over_seasonal_naive": error_measures.skill(error, errors["seasonal_naive"]),
        "coverage": _coverage(i, rolled, model),
    }


def _coverage(i: int, rolled: RollOuts, model: PublishedModel) -> dict[str, float] | None:
    """Share of the true values of a target within the intervals of each level."""
    if model.intervals is None:
        return None
    series, steps = rolled.look_back.series, rolled.values.shape[1]
    forecast = model.encoding.scaling.forward_paths(rolled.values, series)
    errors = np.abs(rolled.scaled_truth - forecast)[..., i]
    known = ~np.isnan(errors)
    widths = {level: model.intervals.half_width(level, series, steps)[..., i] for level in LEVELS}
    return {str(level): float((errors <= width)[known].mean()) for level, width in widths.items()}
