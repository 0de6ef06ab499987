"""Evaluation of a combination on the held-back end, and the parts of the model fitted on it.

The held-back end has two parts. On the first the model is evaluated: one step ahead, and over the
horizon from many origins, beside naive forecasts and each member alone, with the weights that the
errors within the training span gave. On the newest part the prediction intervals are calibrated;
their coverage is then measured on the first. The published weights are learned from the errors of
all of these parts.

Sources of the measures: Hyndman & Koehler, "Another look at measures of forecast accuracy", 2006
(MASE); see `models.series.error_measures`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.forecast.autoregression import Autoregression, Kind
from models.forecast.combination import Combination
from models.forecast.direct_network import DirectNetwork, Network
from models.forecast.error_quantiles import ErrorSamples
from models.forecast.intervals import LEVELS
from models.forecast.members import LinearRollOut, Member, MemberName
from models.forecast.naive import repeated, usual_errors
from models.forecast.pretrained_member import untrained_members
from models.forecast.published_model import PublishedModel
from models.forecast.sample_paths import ErrorPaths
from models.series import error_measures
from models.series.panel import TARGETS
from models.training.autoregression_choice import tried_series
from models.training.calibration import (
    HeldBackErrors,
    errors_on,
    fit_intervals,
    fit_reconciliation,
    fit_sample_paths,
    follows_shifts,
    samples_of,
)
from models.training.combination_choice import Weights, choose_weights, usual_weights
from models.training.combination_summary import summary
from models.training.held_back_forecasts import RollOuts, origins_of, roll
from models.training.interval_growth import measured_growth
from models.training.member_errors import (
    MemberErrors,
    earlier_errors,
    held_back_errors,
    trial_errors,
)
from models.training.plan_choice import PlanChoice, choose_plan_effect
from models.training.prepare import PreparedData

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_PRETRAINED_ALONE: Weights = {MemberName.PRETRAINED: np.ones((1, 3))}


@dataclass(frozen=True)
class Evaluation:
    """An evaluated model.

    Attributes:
        model: as it is published, with the autoregression and the weights learned from all rows.
        weights: of its combination.
        metrics: errors on the held-back end, of what was learned from the rows before it.
        plans: the effect of plans; None for data without columns of plans or releases.
    """

    model: PublishedModel
    weights: Weights
    metrics: dict[str, Any]
    plans: PlanChoice | None


def evaluate(
    prepared: PreparedData,
    network: Network,
    trial_path: Floats | None,
    lstm_share: Floats | None = None,
) -> Evaluation:
    """Return the model with all its parts fitted, and its metrics on the held-back end.

    Args:
        network: the trained network.
        trial_path: its forecasts in the trials; see `EpochLoop.trial_path`.
        lstm_share: its weight by target where too few of its errors are known to tell, [3].
    """
    choice = prepared.choice
    lstm = DirectNetwork(network, prepared.encoding, prepared.change_scale)
    fitted = _members(prepared, lstm, choice.train_fit)
    newest = _members(prepared, lstm, choice.calibration_fit)
    tried = trial_errors(prepared, trial_path)
    weights = _weights(prepared, tried, list(fitted), lstm_share)
    model = PublishedModel(
        prepared.encoding,
        Combination(fitted, weights),
        None,
        None,
        ErrorPaths.usual(prepared.horizon),
    )

    def using(members: dict[MemberName, Member], own: Weights) -> PublishedModel:
        return replace(model, paths=Combination(members, own))

    def before(end: int, own: Weights) -> list[ErrorSamples]:
        earlier = samples_of(prepared, earlier_errors(prepared, end), _PRETRAINED_ALONE)
        return [*samples_of(prepared, tried, own), *earlier]

    model = replace(model, follows_shifts=follows_shifts(using(newest, weights), prepared))
    law = fit_reconciliation(using(newest, weights), prepared, prepared.cut)
    model = replace(model, reconciliation=law)
    windows, series = prepared.windows, tried_series(prepared.panel)
    newest_errors = errors_on(using(newest, weights), prepared, windows.calibration)
    intervals = fit_intervals(prepared, newest_errors, before(prepared.cut, weights))
    evaluated = held_back_errors(prepared, fitted, windows.held_back, series)
    judged = replace(using(fitted, weights), intervals=intervals)
    metrics = _metrics(judged, prepared, origins_of(windows.held_back))
    metrics["combination"] = summary(evaluated, weights, prepared.encoding.scaling)
    known = evaluated if tried is None else tried.joined(evaluated)
    if windows.calibration.size:
        known = known.joined(held_back_errors(prepared, newest, windows.calibration, series))
    final = _weights(prepared, known, list(fitted), lstm_share)
    parts = [
        *errors_on(using(fitted, final), prepared, windows.held_back),
        *errors_on(using(newest, final), prepared, windows.calibration),
    ]
    published = using(_members(prepared, lstm, choice.full_fit), final)
    plans = choose_plan_effect(prepared, known, final)
    if plans is not None:
        metrics["plans"] = plans.metrics
    model = _calibrated(
        published, prepared, parts, before(int(prepared.panel.time.max()) + 1, final)
    )
    return Evaluation(model, final, metrics, plans)


def _calibrated(
    model: PublishedModel,
    prepared: PreparedData,
    parts: Sequence[HeldBackErrors],
    earlier: Sequence[ErrorSamples],
) -> PublishedModel:
    """The model with the intervals and the sample paths that its errors give."""
    intervals = fit_intervals(prepared, parts, earlier)
    raw = None
    if model.reconciliation is not None:
        raw = fit_intervals(prepared, parts, earlier, is_raw=True)
    paths = fit_sample_paths(prepared, parts, earlier, intervals)
    model = replace(model, intervals=intervals, raw_intervals=raw, error_paths=paths)
    growth = measured_growth(model, prepared)
    if growth is None:
        return model
    raw = raw and replace(raw, growth=growth)
    return replace(model, intervals=replace(intervals, growth=growth), raw_intervals=raw)


def _members(
    prepared: PreparedData, lstm: DirectNetwork, autoregression: Autoregression
) -> dict[MemberName, Member]:
    return {
        MemberName.AUTOREGRESSION: LinearRollOut(autoregression),
        MemberName.LSTM: lstm,
        **untrained_members(prepared.panel.calendar, prepared.encoding.scaling),
    }


def _weights(
    prepared: PreparedData,
    errors: MemberErrors | None,
    members: list[MemberName],
    lstm_share: Floats | None,
) -> Weights:
    """The weights that errors give; the usual ones where there are none."""
    regresses = prepared.choice.train_fit.strength.kind is Kind.REGRESSION
    usual = usual_weights(members, prepared.horizon, regresses, lstm_share)
    if errors is None:
        return usual
    trials = prepared.choice.trials
    near_only = trials is not None and not trials.knew_year
    scaling = prepared.encoding.scaling
    return usual | choose_weights(errors, scaling, near_only, regresses, lstm_share)


# --- metrics -----------------------------------------------------------------------------------


def _metrics(model: PublishedModel, prepared: PreparedData, origins: Ints) -> dict[str, Any]:
    """Errors over the held-back end in units, overall and by target.

    Overall, `rmse` and `mae` pool the three targets; `r2_score` and `mase` are the means of the
    targets'. MASE, WAPE and the skills are over the horizon, the others one step ahead.
    """
    panel, rows = prepared.panel, prepared.windows.held_back
    rolled = roll(model, prepared, origins, rows)
    truth, forecast = panel.values[origins], rolled.values[:, 0]
    naive = repeated(panel, panel.filled(), origins, prepared.horizon)
    usual = usual_errors(panel, prepared.cut)
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
        "season": panel.calendar.season,
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
        truth: true values of the rows of `rolled`, [n, 3].
        forecast: one-step forecasts of the same rows.
        naive: naive forecasts from the origins of `rolled`, by name, [n, H, 3].
        usual: errors of the seasonal naive in the training span, the scale of MASE, [n, H, 3].
    """
    if np.isnan(truth[:, i]).all() or np.isnan(rolled.truth[..., i]).all():
        return dict.fromkeys(_FIGURES)
    actual, predicted = rolled.truth[..., i], rolled.values[..., i]
    error = error_measures.mae(actual, predicted)
    one_step = error_measures.mae(truth[:, i], forecast[:, i])
    rows, scaling = rolled.rows, prepared.encoding.scaling
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
    heights, ones = model.heights(rolled.values, series), np.ones((1, 3))
    intervals, every = model.intervals.of_forecasts(series, ones, heights), np.arange(len(series))
    widths = {level: intervals.half_width(level, every, steps)[..., i] for level in LEVELS}
    return {str(level): float((errors <= width)[known].mean()) for level, width in widths.items()}
