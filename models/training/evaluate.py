"""How good a trained network is, on the held-back end, and how far off its forecasts will be.

The held-back end has two parts. The first judges: one step ahead, and rolled out from many
origins, beside the naive forecasts and beside the anchor without the network. Where the network
makes a target's roll-outs worse there, it is not heard. The newest part calibrates the intervals,
which are then tried on the first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.forecast.autoregression import Kind
from models.forecast.correction import Network
from models.forecast.intervals import LEVELS, ErrorSamples, Intervals, series_scale
from models.forecast.look_back import LookBack
from models.forecast.naive import SEASONS, repeated, usual_errors
from models.forecast.published_model import PublishedModel
from models.forecast.reconciliation import Reconciliation
from models.forecast.what_if import WhatIfEffect
from models.series import error_measures
from models.series.panel import TARGETS
from models.training.prepare import PreparedData

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_AT_ONCE = 512  # windows that are judged in one call of the network
_MOST_ROLL_OUTS = 768  # of one part of the held-back end
_FEWEST_ROLL_OUTS = 40  # from which it is learned how they are made to agree


@dataclass(frozen=True)
class RollOuts:
    """Roll-outs from rows of a panel: where from, what came of them, the truth, all in order.

    `rows` [n] are the first rows forecast; `scaled` [n, H, 3] the forecasts, `values` the same in
    units, made to agree; `truth` and `scaled_truth` [n, H, 3], NaN where nothing is known or the
    part of the data that they may look at has ended.
    """

    past: LookBack
    rows: Ints
    scaled: Floats
    values: Floats
    truth: Floats
    scaled_truth: Floats


def assemble(task: PreparedData, network: Network) -> tuple[PublishedModel, dict[str, Any]]:
    """The model as it is judged, all its parts fitted, and its metrics.

    Its anchor is fitted on the training span only; the published one is `Choice.refitted`.
    """
    cut = _cut(task)
    model = PublishedModel(
        task.encoding,
        task.choice.anchor,
        network,
        task.size,
        None,
        None,
        WhatIfEffect.fit(task.panel, task.panel.filled(), cut),
    )
    judged = _origins(task, task.windows.held_back)
    model, verdict = _heard(model, task, judged)
    newest = replace(model, autoregression=task.choice.calibrating)
    newest = replace(newest, reconciliation=_coherence(newest, task, cut))
    model = replace(model, reconciliation=newest.reconciliation, intervals=_spread(newest, task))
    return model, _report(model, task, judged) | {"network": verdict}


def _cut(task: PreparedData) -> int:
    """The first step that is held back."""
    return int(task.panel.time[task.windows.held_back].min())


def _coherence(model: PublishedModel, task: PreparedData, cut: int) -> Reconciliation | None:
    """How far the forecasts are made to agree, learned on the calibration span."""
    rows = task.windows.calibration
    if len(rows) < _FEWEST_ROLL_OUTS:
        return None
    rolled = roll(model, task, _origins(task, rows), rows)
    time = rolled.past.last[:, None] + np.arange(1, task.horizon + 1)
    return Reconciliation.fit(
        task.panel, cut, rolled.values, rolled.truth, rolled.past.series, time
    )


def _origins(task: PreparedData, rows: Ints) -> Ints:
    """Rows to roll out from: all, or as many as can be, spread over series and time alike."""
    if len(rows) <= _MOST_ROLL_OUTS:
        return rows
    return np.sort(np.random.default_rng(0).permutation(rows)[:_MOST_ROLL_OUTS])


def roll(model: PublishedModel, task: PreparedData, rows: Ints, allowed: Ints) -> RollOuts:
    """Roll a model out from rows of its training's panel.

    Args:
        allowed: rows whose truth may be looked at.
    """
    panel = task.panel
    series, steps = panel.series[rows], task.horizon
    shown = model.encoding.lowest, model.encoding.highest
    past = LookBack.of(
        panel, task.scaled, task.shape, series, panel.time[rows], shown, model.look_back
    )
    scaled = model.scaled_path(past, steps)
    _, values = model.in_units(scaled, past)
    place = rows[:, None] + np.arange(steps)
    free = np.zeros(len(panel.values) + 1, bool)
    free[allowed] = True
    inside = (place < panel.offsets[1:][series][:, None]) & free[np.minimum(place, len(free) - 1)]
    place = np.minimum(place, len(panel.values) - 1)
    known = inside[..., None] & ~np.isnan(panel.values[place])
    truth = np.where(known, panel.values[place], np.nan)
    return RollOuts(past, rows, scaled, values, truth, np.where(known, task.scaled[place], np.nan))


# --- is the network heard? ---------------------------------------------------------------------


def _heard(
    model: PublishedModel, task: PreparedData, rows: Ints
) -> tuple[PublishedModel, dict[str, Any]]:
    """The model with the network silent where it makes the held-back end worse, and the figures."""
    allowed = task.windows.held_back
    alone = _wapes(roll(replace(model, residual_scale=np.zeros(3)), task, rows, allowed))
    both = _wapes(roll(model, task, rows, allowed))
    helps = np.nan_to_num(both, nan=np.inf) < np.nan_to_num(alone, nan=np.inf)
    heard = replace(model, residual_scale=np.where(helps, model.residual_scale, 0.0))
    final = both if helps.all() else alone
    if helps.any() and not helps.all():
        final = _wapes(roll(heard, task, rows, allowed))
        if error_measures.mean_known(final / alone) >= 1:
            heard, final, helps = (
                replace(model, residual_scale=np.zeros(3)),
                alone,
                np.zeros(3, bool),
            )
    return heard, _verdict(task, helps, alone, both, final)


def _wapes(rolled: RollOuts) -> Floats:
    """Share of the truth that roll-outs are off by, per target, [3]; NaN where none is known."""
    errors = np.abs(rolled.truth - rolled.values)
    total = np.nansum(np.abs(rolled.truth), axis=(0, 1))
    return np.divide(np.nansum(errors, axis=(0, 1)), total, out=np.full(3, np.nan), where=total > 0)


def _verdict(
    task: PreparedData, helps: NDArray[np.bool_], alone: Floats, both: Floats, final: Floats
) -> dict[str, Any]:
    """What the network adds: held-back errors of roll-outs without it, with it, as published."""
    heard = [target for target, helped in zip(TARGETS, helps, strict=True) if helped]
    kind = task.choice.anchor.strength.kind
    anchor = "linear autoregression" if kind is Kind.REGRESSION else "last value"
    silent = [target for target in TARGETS if target not in heard]
    sentence = (
        f"The network improves on the {anchor} for {', '.join(heard)}."
        if heard
        else f"The network does not improve on the {anchor} held back: the model forecasts by that."
    )
    if heard and silent:
        sentence += f" It is not heard for {', '.join(silent)}, where it does not."
    return {
        "used": bool(heard),
        "targets": heard,
        "anchor": anchor,
        "sentence": sentence,
        "per_target": {
            target: {
                "wape_without": error_measures.finite(alone[i]),
                "wape_with": error_measures.finite(both[i]),
                "wape_published": error_measures.finite(final[i]),
            }
            for i, target in enumerate(TARGETS)
        },
    }


# --- how far off -------------------------------------------------------------------------------


def _spread(model: PublishedModel, task: PreparedData) -> Intervals | None:
    """Quantiles of errors, from the calibration span and the anchor's trials."""
    panel, rows = task.panel, task.windows.calibration
    count = len(panel.series_keys)
    learned = task.windows.train
    scale = series_scale(_left(task), panel.series[learned], count)
    calibration = None
    if rows.size:
        rolled = roll(model, task, _origins(task, rows), rows)
        said = model.encoding.scaling.forward_paths(rolled.values, rolled.past.series)
        errors = rolled.scaled_truth - said
        calibration = _by_origin(errors, rolled, task)
    trials = task.choice.trials
    given = None if trials is None else ErrorSamples(trials.errors, trials.series)
    if calibration is None and given is None:
        grown = _left(task)[:, None, :] * np.sqrt(np.arange(1, task.horizon + 1))[None, :, None]
        given = ErrorSamples(grown[:, None], np.zeros(1, np.int64))
    return Intervals.fit(calibration, given, scale)


def _left(task: PreparedData) -> Floats:
    """What the anchor leaves of the changes that the network learned from, [n, 3] scaled."""
    return task.residual[task.windows.train].astype(float) * task.size


def _by_origin(errors: Floats, rolled: RollOuts, task: PreparedData) -> ErrorSamples | None:
    """ErrorSamples [n, H, 3] of roll-outs in order of time and series: [origins, S, H, 3]."""
    if np.isnan(errors).all():
        return None
    times, place = np.unique(task.panel.time[rolled.rows], return_inverse=True)
    count = len(task.panel.series_keys)
    # Few of them are known where there are many series: half the size is enough.
    whole = np.full((len(times), count, *errors.shape[1:]), np.nan, np.float32)
    whole[place, rolled.past.series] = errors
    return ErrorSamples(whole, np.arange(count))


# --- the report --------------------------------------------------------------------------------


def one_step_ahead(model: PublishedModel, task: PreparedData, rows: Ints) -> Floats:
    """Forecasts of rows, each from the true rows before it, [n, 3] in units."""
    panel, encoding = task.panel, task.encoding
    series = panel.series
    scaled = task.anchored[rows].copy()
    if model.residual_scale.any():
        shown, time = encoding.value_features(task.scaled, panel.position), panel.time
        for begin in range(0, len(rows), _AT_ONCE):
            some = rows[begin : begin + _AT_ONCE]
            place = some[:, None] + np.arange(-encoding.length, 0)
            ahead = encoding.ahead(time[place].ravel()).reshape(*place.shape, -1)
            windows = np.concatenate([shown[place], ahead], axis=2)
            said = model.network(windows, encoding.identities(series[some]))
            scaled[begin : begin + len(some)] += said * model.residual_scale
    return encoding.scaling.inverse(scaled, series[rows])


def _report(model: PublishedModel, task: PreparedData, judged: Ints) -> dict[str, Any]:
    """ErrorSamples over the judged part in units, overall and per target.

    Overall, `rmse` and `mae` pool the three targets; `r2_score` and `mase` are the means of
    theirs. MASE is of roll-outs, as the other figures beside the naive forecasts are.
    """
    panel, rows = task.panel, task.windows.held_back
    truth, forecast = panel.values[rows], one_step_ahead(model, task, rows)
    rolled = roll(model, task, judged, rows)
    naive = repeated(panel, panel.filled(), judged, task.horizon)
    usual = usual_errors(panel, _cut(task), SEASONS[panel.calendar.step])[rolled.past.series]
    usual = np.broadcast_to(usual[:, None], rolled.values.shape)
    per_target = {
        target: _of_target(i, truth, forecast, rolled, naive, usual, model, task)
        for i, target in enumerate(TARGETS)
    }
    scores = [m["r2_score"] for m in per_target.values() if m["r2_score"] is not None]
    scaled = [m["mase"] for m in per_target.values() if m["mase"] is not None]
    return {
        "rmse": error_measures.rmse(truth, forecast),
        "mae": error_measures.mae(truth, forecast),
        "r2_score": float(np.mean(scores)),
        "mase": float(np.mean(scaled)) if scaled else None,
        "per_target": per_target,
        "held_back_rows": len(rows),
        "calibration_rows": len(task.windows.calibration),
        "horizon": task.horizon,
        "season": SEASONS[panel.calendar.step],
        "littles_law": {
            "series_that_obey": None
            if model.reconciliation is None
            else model.reconciliation.obeyed,
            "gap": error_measures.mean_or_none(_gap(rolled.values)),
        },
    }


def _gap(values: Floats) -> Floats:
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
    task: PreparedData,
) -> dict[str, Any]:
    """Figures of one target; all None where its truth is not known.

    Args:
        usual: errors of the seasonal naive in the training span, the scale of MASE, [n, H, 3].
    """
    if np.isnan(truth[:, i]).all() or np.isnan(rolled.truth[..., i]).all():
        return dict.fromkeys(_FIGURES)
    actual, said = rolled.truth[..., i], rolled.values[..., i]
    error = error_measures.mae(actual, said)
    one_step = error_measures.mae(truth[:, i], forecast[:, i])
    last = task.encoding.scaling.inverse(
        task.scaled[task.windows.held_back - 1], task.panel.series[task.windows.held_back]
    )
    baseline = error_measures.mae(truth[:, i], last[:, i])
    errors = {name: error_measures.mae(actual, values[..., i]) for name, values in naive.items()}
    return {
        "rmse": error_measures.rmse(truth[:, i], forecast[:, i]),
        "mae": one_step,
        "r2_score": error_measures.r2(truth[:, i], forecast[:, i]),
        "last_value_mae": baseline,
        "skill": error_measures.skill(one_step, baseline),
        "wape": error_measures.finite(error_measures.wape(actual, said)),
        "mase": error_measures.finite(error_measures.mase(actual, said, usual[..., i])),
        "skill_over_last_value": error_measures.skill(error, errors["last_value"]),
        "skill_over_seasonal_naive": error_measures.skill(error, errors["seasonal_naive"]),
        "coverage": _coverage(i, rolled, model),
    }


def _coverage(i: int, rolled: RollOuts, model: PublishedModel) -> dict[str, float] | None:
    """Share of the judged truths within the intervals of each level."""
    if model.intervals is None:
        return None
    series, steps = rolled.past.series, rolled.values.shape[1]
    said = model.encoding.scaling.forward_paths(rolled.values, series)
    off = np.abs(rolled.scaled_truth - said)[..., i]
    known = ~np.isnan(off)
    return {
        str(level): float(
            (off <= model.intervals.half_width(level, series, steps)[..., i])[known].mean()
        )
        for level in LEVELS
    }
