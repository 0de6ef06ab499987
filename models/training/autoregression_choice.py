"""The strength of the autoregression's penalty, chosen by rolling origins in the training span.

Autoregressions of several strengths are fitted on the first part of the training span and rolled
out over the part that follows, three times with ever more data (rolling-origin evaluation: Tashman,
"Out-of-sample tests of forecasting accuracy", 2000). The strength with the least error is taken if
it beats repeating the last value by more than two standard errors in the first days; else the
autoregression hardly differs from repeating the last value. Data that wanders without a pattern is
forecast best that way, and a short or noisy history shows patterns that are not there. The same
choice is then made for each target: one whose error is not lowered repeats the last value.

The errors of those roll-outs are kept: prediction intervals learn from them how errors grow with
the horizon.

Example: of 100 training steps, autoregressions are fitted on the first 55, 70 and 85 and tried on
the 15 steps after each.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.forecast.autoregression import Autoregression, Kind, Shape, Strength
from models.forecast.look_back import LookBack
from models.forecast.rollout import roll_linear
from models.series.error_measures import mean_known
from models.series.panel import Panel
from models.training.least_squares import MOST_OWN, Sums

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_FOLDS = (0.55, 0.7, 0.85, 1.0)  # of the training span: fitted up to one, tried up to the next
_MOMENTUM = Strength(300.0, kind=Kind.MOMENTUM)
# Of those that are equally good, the first is taken: it lets series differ a little, as in their
# time of the year, which short trials cannot show.
_STRENGTHS = (
    Strength(1.0, 1000.0),
    Strength(1.0),
    Strength(1.0, 100.0),
    Strength(30.0, 10.0),
    Strength(100.0),
    Strength(1000.0, 1000.0),
    Strength(1e4),
)
_ORIGINS = 8  # per fold
_MOST_SERIES = 96  # tried; of more, as many evenly spaced ones
_ENOUGH = 2.0  # standard errors by which the last value must be beaten
_LEAST_GAIN = 0.05  # least share of the last value's error that must be saved
_NEAR = 2  # bands of horizons in which that is measured
_FEWEST_ORIGINS = 3
_ALIKE = 1.02  # errors within this factor of the least are equally good
_EXCEPTION = 0.9  # a series takes another strength whose error is less than this share
_STANDS_STILL = 1e-6  # a scaled change; a series that moves less is not counted
_WORST = 5.0  # last value's errors; larger relative errors are clipped
_FEWEST_ROWS = 1  # per feature; with fewer, no autoregression is tried
_BANDS = ((0, 1), (1, 7), (7, 14), (14, 28))  # of horizons, each with the same weight


@dataclass(frozen=True)
class Trials:
    """Errors of roll-outs within the training span.

    Attributes:
        errors: scaled, [n, S', H, 3]; NaN where no truth is known.
        series: numbers of the series that were tried, [S'].
        origins: first steps forecast, [n].
        knew_year: True if some were fitted on enough data to know the time of the year.
    """

    errors: Floats
    series: Ints
    origins: Ints
    knew_year: bool


@dataclass(frozen=True)
class Choice:
    """The autoregression of a training.

    Attributes:
        train_fit: fitted on the training span; the model is evaluated with it.
        calibration_fit: fitted on all rows before the calibration span.
        full_fit: fitted on all rows; it is published, as the newest rows tell most of the days to
            come.
        trials: errors within the training span; None where the data was too short for a trial.
        error_ratio: mean error of the trials relative to repeating the last value; None likewise.
    """

    train_fit: Autoregression
    calibration_fit: Autoregression
    full_fit: Autoregression
    trials: Trials | None
    error_ratio: float | None


class _Tried(NamedTuple):
    """Errors of all strengths, and of repeating the last value."""

    errors: Floats  # [strengths, n, S', H, 3]
    naive: Floats  # [n, S', H, 3] of the last value
    origins: Ints  # [n]
    knew_year: bool  # if the last fold was fitted on more than a year


def choose(
    panel: Panel, scaled: Floats, shape: Shape, cut: int, newest: int, horizon: int
) -> Choice:
    """Return the autoregression with the strength that the trials show to be best.

    Args:
        panel: series with at least one window before `cut`.
        scaled: its values scaled, unknown ones filled in, [rows, 3].
        shape: features of the autoregression.
        cut: first step after the training span.
        newest: first step of the calibration span, not before `cut`.
        horizon: steps of the roll-outs in the trials.
    """
    begin, end = int(panel.first.min()), int((panel.first + panel.lengths).max())
    cuts = [begin + round(share * (cut - begin)) for share in _FOLDS]
    sums = Sums.of(panel, scaled, shape, [*cuts, newest, end], cut)
    strengths, series = _strengths(len(panel.series_keys)), tried_series(panel)
    tried = _try(panel, scaled, shape, cuts, sums, strengths, horizon)
    knows_year = shape.knows_year(cut - begin)
    best = 0 if tried is None else _best(tried, knows_year)
    each = np.full(len(series), best)
    if tried is not None and best and 1 < len(panel.series_keys) <= MOST_OWN:
        each = _exceptions(tried, best, knows_year)
    kept = np.ones(3, bool)
    if tried is not None and best:
        kept = mean_known(_gains(tried, best), axis=0) > _LEAST_GAIN

    def fit(spans: int, last: int) -> Autoregression:
        fitted = sums.fit(shape, strengths[best], spans, last - begin)
        for other in np.unique(each[each != best]):
            theirs = sums.fit(shape, strengths[other], spans, last - begin)
            fitted = fitted.with_own(series[each == other], theirs, len(panel.series_keys))
        return fitted.kept(kept, sums.fit(shape, strengths[0], spans, last - begin))

    fits = fit(len(cuts), cut), fit(len(cuts) + 1, newest), fit(len(cuts) + 2, end)
    if tried is None:
        return Choice(*fits, None, None)
    errors = np.stack([tried.errors[each[s], :, s] for s in range(len(series))], axis=1)
    ratio = float(mean_known(_relative(errors, tried.naive)))
    errors = np.where(kept, errors, tried.errors[0])
    knew_year = tried.knew_year or not knows_year
    return Choice(*fits, Trials(errors, series, tried.origins, knew_year), ratio)


def _strengths(series: int) -> list[Strength]:
    """The strengths to try; the first all but repeats the last value."""
    own = 1 < series <= MOST_OWN
    return [_MOMENTUM, *(s for s in _STRENGTHS if own or s.own is None)]


def tried_series(panel: Panel) -> Ints:
    """Return the numbers of the series to try, at most 96, evenly spaced."""
    count = len(panel.series_keys)
    return np.unique(np.linspace(0, count - 1, min(count, _MOST_SERIES)).astype(int))


def _try(
    panel: Panel,
    scaled: Floats,
    shape: Shape,
    cuts: list[int],
    sums: Sums,
    strengths: list[Strength],
    horizon: int,
) -> _Tried | None:
    """Roll out every strength over every fold; None if there are too few rows for any."""
    chosen, errors, naive, every_origin = tried_series(panel), [], [], []
    for fold, (low, high) in enumerate(pairwise(cuts), start=1):
        rows = int(np.clip(low - panel.first - shape.fewest(0), 0, panel.lengths).sum())
        if rows < _FEWEST_ROWS * shape.width or high - low < 2:
            continue
        fitted = [sums.fit(shape, s, fold, low - int(panel.first.min())) for s in strengths]
        origins = np.unique(np.linspace(low, high - 2, _ORIGINS).astype(int))
        every = np.tile(chosen, len(origins))
        look_back = LookBack.of(panel, scaled, shape, every, np.repeat(origins, len(chosen)))
        size = (len(origins), len(chosen), horizon, 3)
        truth = np.stack(
            [truth_after(panel, scaled, chosen, int(o), horizon, cuts[-1]) for o in origins]
        )
        every_origin.append(origins)
        errors.append(
            np.stack([truth - roll_linear(a, look_back, horizon).reshape(size) for a in fitted])
        )
        naive.append(truth - look_back.scaled[:, -1].reshape(len(origins), len(chosen), 1, 3))
    if not errors or np.isnan(np.concatenate(naive)).all():
        return None
    knew_year = shape.knows_year(cuts[-2] - int(panel.first.min()))
    origins = np.concatenate(every_origin)
    return _Tried(np.concatenate(errors, axis=1), np.concatenate(naive), origins, knew_year)


def truth_after(
    panel: Panel, scaled: Floats, series: Ints, origin: int, horizon: int, end: int
) -> Floats:
    """Return the true values from step `origin` on, scaled, [S', H, 3]; NaN from `end` on."""
    steps = origin + np.arange(horizon)
    place = steps - panel.first[series][:, None]
    rows = np.clip(place, 0, panel.lengths[series][:, None] - 1) + panel.offsets[series][:, None]
    inside = (place >= 0) & (place < panel.lengths[series][:, None]) & (steps < end)
    known = inside[..., None] & ~np.isnan(panel.values[rows])
    # Without a row up to the origin there is nothing to forecast from.
    known &= (origin > panel.first[series])[:, None, None]
    return np.where(known, scaled[rows], np.nan)


def _relative(errors: Floats, naive: Floats) -> Floats:
    """Absolute errors relative to the last value's, by band of horizons, [..., n, S', B, 3].

    Each series is divided by its own errors, so that one that jumps weighs as much as a smooth one.

    Args:
        errors: [..., n, S', H, 3].
        naive: errors of repeating the last value, [n, S', H, 3].
    """
    parts = []
    for low, high in _BANDS:
        if low >= errors.shape[-2]:
            break
        usual = mean_known(np.abs(naive[..., low:high, :]), axis=(0, 2))  # [S', 3]
        size = mean_known(np.abs(errors[..., low:high, :]), axis=-2)
        moving = np.where(usual > _STANDS_STILL, usual, np.nan)
        parts.append(np.minimum(size / moving, _WORST))
    return np.stack(parts, axis=-2)


def _best(tried: _Tried, knows_year: bool) -> int:
    """Number of the strength with the least relative error; 0 (last value) if in doubt."""
    by_series = mean_known(_judged(tried, knows_year)[1:], axis=(1, 3, 4))
    known = ~np.isnan(by_series).any(axis=0)
    if not known.any():
        return 0
    # The median series decides: those unlike the others take their own (`_exceptions`).
    middle = np.median(by_series[:, known], axis=1)
    best = 1 + int(np.argmax(middle < _ALIKE * middle.min()))
    gains = mean_known(_gains(tried, best), axis=1)
    if len(gains) < _FEWEST_ORIGINS:
        return 0
    doubt = float(gains.std(ddof=1)) / np.sqrt(len(gains))
    return best if gains.mean() > max(_LEAST_GAIN, _ENOUGH * doubt) else 0


def _judged(tried: _Tried, knows_year: bool) -> Floats:
    """Relative errors by strength, [strengths, n, S', B, 3], in the bands that are comparable."""
    relative = _relative(tried.errors, tried.naive)
    # The trials lack the time of the year that the final fit has: far ahead they mislead.
    return relative[..., :_NEAR, :] if knows_year and not tried.knew_year else relative


def _gains(tried: _Tried, strength: int) -> Floats:
    """Share of the last value's error that is saved in the nearest bands, [n, 3].

    That of the median series, by origin and target: the others take their own strength.
    """
    both = np.stack([tried.naive, tried.errors[strength]])
    relative = mean_known(_relative(both, tried.naive)[..., :_NEAR, :], axis=3)
    saved = relative[0] - relative[1]
    known = saved[~np.isnan(saved).all(axis=(1, 2))]
    return np.array([[_median(target) for target in origin.T] for origin in known]).reshape(-1, 3)


def _median(values: Floats) -> float:
    """Median of the known values; NaN where none is."""
    known = values[~np.isnan(values)]
    return float(np.median(known)) if known.size else float("nan")


def _exceptions(tried: _Tried, best: int, knows_year: bool) -> Ints:
    """Number of the strength for each tried series, [S']: `best`, or one far better for it."""
    by_series = mean_known(_judged(tried, knows_year), axis=(1, 3, 4))  # [strengths, S']
    by_series = np.where(np.isnan(by_series), np.inf, by_series)
    other = by_series.argmin(axis=0)
    with np.errstate(invalid="ignore"):
        far_better = by_series.min(axis=0) < _EXCEPTION * by_series[best]
    return np.where(far_better, other, best)
