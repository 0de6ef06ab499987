"""The parts of a model that are fitted on the held-back end, above all its prediction intervals.

Quantiles of the errors there give the widths of the intervals (split conformal prediction:
Papadopoulos et al., "Inductive confidence machines for regression", 2002); errors from earlier
origins, in the trials and of the pretrained network, add how errors grow with the horizon. How wide
the intervals of a series are follows from its own errors, shrunk towards those of all
(`models.forecast.error_record`). The quantiles are then taken of errors divided by widths that the
other part of the held-back end gave (cross-fitting), so that they are not too narrow.

Example: without trials and without a calibration span, errors are taken to be as large as the
pretrained network expects them to be (`models.training.expected_errors`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.forecast.error_quantiles import ErrorSamples
from models.forecast.error_record import record_ratio
from models.forecast.error_size import evened, fit_slopes, heights_of, relative_size
from models.forecast.intervals import MOST_EARLIER, Intervals, series_scale
from models.forecast.past_stops import without_stop_errors
from models.forecast.published_model import PublishedModel
from models.forecast.reconciliation import Reconciliation
from models.forecast.sample_paths import ErrorPaths
from models.forecast.standing_places import without_standing_errors
from models.series import error_measures
from models.series.calendar import Step
from models.series.panel import Panel
from models.training.combination_choice import Weights
from models.training.error_correlation import fit_error_paths
from models.training.expected_errors import expected_errors
from models.training.held_back_forecasts import RollOuts, origins_of, roll
from models.training.member_errors import MemberErrors
from models.training.prepare import PreparedData

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_FEWEST_ROLL_OUTS = 40  # to fit a reconciliation on


def follows_shifts(model: PublishedModel, prepared: PreparedData) -> bool:
    """Return False if forecasts of the calibration span are worse for following shifts.

    On some lines a change of the level is the usual course, which the members know.

    Args:
        model: that follows them, fitted on the rows before the calibration span.
    """
    rows = prepared.windows.calibration
    if not rows.size or prepared.panel.calendar.step is not Step.DAY:
        return True
    origins = origins_of(rows)
    usual = roll(replace(model, follows_shifts=False), prepared, origins, rows)
    return _loss(usual, roll(model, prepared, origins, rows).values) <= 1


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


@dataclass(frozen=True)
class HeldBackErrors:
    """Errors of a model on one part of the held-back end.

    Attributes:
        errors: truth − forecast, scaled, by origin, series and step, [n, S, H, 3]; NaN: unknown.
        raw: the same before reconciliation.
        heights: of the forecasts, likewise.
        blocks: independent errors of each series, [S].
    """

    errors: Floats
    raw: Floats
    heights: Floats
    blocks: Floats


def errors_on(model: PublishedModel, prepared: PreparedData, rows: Ints) -> list[HeldBackErrors]:
    """Return the errors of a model on a part of the held-back end; [] where none are known."""
    if not rows.size:
        return []
    rolled = roll(model, prepared, origins_of(rows), rows)
    if np.isnan(rolled.scaled_truth).all():
        return []
    scaling, series = model.encoding.scaling, rolled.look_back.series

    def by_origin(values: Floats) -> Floats:
        return _by_origin(
            rolled.scaled_truth - scaling.forward_paths(values, series), rolled, panel
        )

    panel = prepared.panel
    errors = by_origin(rolled.values)
    raw = errors if model.reconciliation is None else by_origin(rolled.raw)
    heights = _by_origin(model.heights(rolled.values, series), rolled, panel)
    count = np.bincount(series, minlength=len(panel.series_keys))
    blocks = np.minimum(count, len(np.unique(panel.time[rows])) / prepared.horizon)
    return [HeldBackErrors(errors, raw, heights, blocks)]


def fit_intervals(
    prepared: PreparedData,
    parts: Sequence[HeldBackErrors],
    earlier: Sequence[ErrorSamples],
    is_raw: bool = False,
) -> Intervals:
    """Return the prediction intervals of a model.

    Args:
        parts: its errors on the parts of the held-back end.
        earlier: sets of errors of other forecasts from origins in the data (`Intervals.fit`).
        is_raw: True for the intervals of values before reconciliation.
    """
    panel = prepared.panel
    residuals = prepared.residual[prepared.windows.train]
    every = np.arange(len(panel.series_keys))
    scale = series_scale(residuals, panel.series[prepared.windows.train], len(every))
    usual = expected_errors(prepared)
    if not parts:
        return Intervals.fit(None, earlier, scale, usual)
    known = [part.raw if is_raw else part.errors for part in parts]
    slopes = fit_slopes(
        np.concatenate(known) / scale[:, None], np.concatenate([part.heights for part in parts])
    )
    known = [
        errors / relative_size(slopes, part.heights).astype(errors.dtype)
        for errors, part in zip(known, parts, strict=True)
    ]

    def fit(errors: list[Floats], scale: Floats) -> Intervals:
        return Intervals.fit(
            ErrorSamples(np.concatenate(errors), every), earlier, scale, usual, slopes
        )

    pooled = fit(known, scale)

    def ratio(chosen: Sequence[int]) -> Floats:
        if not chosen:
            return np.ones_like(scale)
        errors = np.concatenate([known[k] for k in chosen])
        blocks = np.sum([parts[k].blocks for k in chosen], axis=0)
        return record_ratio(errors, pooled, every, blocks, of_all=True)

    numbers = range(len(parts))
    own = ratio(numbers)
    judged = [
        known[k] * (own / ratio([j for j in numbers if j != k]))[:, None].astype(known[k].dtype)
        for k in numbers
    ]
    return fit(judged, scale * own)


def fit_sample_paths(
    prepared: PreparedData,
    parts: Sequence[HeldBackErrors],
    earlier: Sequence[ErrorSamples],
    intervals: Intervals,
) -> ErrorPaths:
    """Return how the errors of all steps and targets go together. Arguments as `fit_intervals`.

    Of the earlier errors, the first set that reaches the last step is enough; without one, all are.
    """
    every = np.arange(len(prepared.panel.series_keys))
    samples = [(ErrorSamples(part.errors, every, part.heights), np.inf) for part in parts]
    reaching = [each for each in earlier if not np.isnan(each.values[:, :, -1]).all()]
    samples += [(each, MOST_EARLIER) for each in reaching[:1] or earlier]
    slopes = intervals.slopes
    return fit_error_paths([(evened(each, slopes), most) for each, most in samples], intervals)


def samples_of(
    prepared: PreparedData, members: MemberErrors | None, weights: Weights
) -> list[ErrorSamples]:
    """Return the errors of a combination of members; [] without members or known errors."""
    if members is None:
        return []
    errors = members.of(weights)
    if np.isnan(errors).all():
        return []
    known = _usual_errors(errors, members.origins, members.series, prepared.panel)
    scaling, forecasts = prepared.encoding.scaling, members.truth - errors
    heights = np.stack([heights_of(each, scaling, members.series) for each in forecasts])
    return [ErrorSamples(known, members.series, heights)]


def _by_origin(errors: Floats, rolled: RollOuts, panel: Panel) -> Floats:
    """Errors [n, H, 3] of roll-outs by origin and series, [origins, S, H, 3]."""
    times, place = np.unique(panel.time[rolled.rows], return_inverse=True)
    # Most are unknown where there are many series: float32 halves the memory.
    shape = (len(times), len(panel.series_keys), *errors.shape[1:])
    by_origin = np.full(shape, np.nan, np.float32)
    by_origin[place, rolled.look_back.series] = errors
    return _usual_errors(by_origin, times, np.arange(shape[1]), panel)


def _usual_errors(errors: Floats, origins: Ints, series: Ints, panel: Panel) -> Floats:
    """Errors, [n, S, H, 3], without those at rows that tell nothing of the widths."""
    known = without_standing_errors(errors, origins, series, panel)
    return without_stop_errors(known, origins, series, panel)
