"""How strongly the anchor is held back, chosen by rolling origins within the training span.

Anchors of several strengths are fitted on the first part of the training span and rolled out
over the part that follows, three times with ever more data. The strength of the least error is
taken, if it beats repeating the last value beyond doubt a few steps ahead; else the anchor all
but repeats it. Data that wanders without a pattern is forecast best that way, and a short or
shaken past shows patterns that are none. That is decided once for all targets, and then for each
of them: one that is not forecast better is repeated.

What those roll-outs were off by is kept: it tells how errors grow with the horizon.
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
# In the order in which they are taken where several do alike: the first lets series differ a
# little, as in their time of the year, which short trials cannot show.
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
_ENOUGH = 2.0  # standard errors by which the last value must be beaten,
_LEAST_GAIN = 0.05  # and the share of its error to be saved, at the nearest horizons
_NEAR = 2  # bands of horizons that count for that
_FEWEST_ORIGINS = 3
_ALIKE = 1.02  # of the least error: strengths that near it do alike
_EXCEPTION = 0.9  # of the error: a series that does so much better with another strength has it
_STANDS_STILL = 1e-6  # a scaled change; a series that moves less says nothing
_WORST = 5.0  # of the last value's errors; larger ones count as that
_FEWEST_ROWS = 1  # per feature, without which an anchor is not tried
_BANDS = ((0, 1), (1, 7), (7, 14), (14, 28))  # horizons that count alike, however long


@dataclass(frozen=True)
class Trials:
    """What roll-outs within the training span were off by.

    `errors` [n, S', H, 3] scaled, NaN where no truth is known; of the series numbered `series`.
    """

    errors: Floats
    series: Ints


@dataclass(frozen=True)
class Choice:
    """The anchor of a training, its trials, and how it did in them.

    `anchor` is fitted on the training span: it is judged. `calibrating` is the same on all rows
    before the calibration span, `refitted` on all rows: it is published, as the newest rows tell
    most of the days to come. `error_ratio` is the trials'
     error relative to repeating the last value, over horizons and targets
    alike; None where the data was too short for a trial.
    """

    anchor: Autoregression
    calibrating: Autoregression
    refitted: Autoregression
    trials: Trials | None
    error_ratio: float | None


class _Tried(NamedTuple):
    errors: Floats  # [strengths, n, S', H, 3]
    naive: Floats  # [n, S', H, 3] of the last value
    knew_year: bool


def choose(
    panel: Panel, scaled: Floats, shape: Shape, cut: int, newest: int, horizon: int
) -> Choice:
    """The anchor for the steps before `cut`, judged on horizons up to `horizon`.

    Args:
        panel: series with at least one window before `cut`.
        scaled: its values scaled, unknown ones filled in, [rows, 3].
        newest: where the calibration span begins, not before `cut`.
    """
    begin, end = int(panel.first.min()), int((panel.first + panel.lengths).max())
    cuts = [begin + round(share * (cut - begin)) for share in _FOLDS]
    sums = Sums.of(panel, scaled, shape, [*cuts, newest, end], cut)
    strengths, series = _strengths(len(panel.series_keys)), _series(panel)
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
        anchor = sums.fit(shape, strengths[best], spans, last - begin)
        for other in np.unique(each[each != best]):
            theirs = sums.fit(shape, strengths[other], spans, last - begin)
            anchor = anchor.with_own(series[each == other], theirs, len(panel.series_keys))
        return anchor.kept(kept, sums.fit(shape, strengths[0], spans, last - begin))

    fits = fit(len(cuts), cut), fit(len(cuts) + 1, newest), fit(len(cuts) + 2, end)
    if tried is None:
        return Choice(*fits, None, None)
    errors = np.stack([tried.errors[each[s], :, s] for s in range(len(series))], axis=1)
    ratio = float(mean_known(_relative(errors, tried.naive)))
    return Choice(*fits, Trials(np.where(kept, errors, tried.errors[0]), series), ratio)


def _strengths(series: int) -> list[Strength]:
    """What is tried, all but the last value first."""
    own = 1 < series <= MOST_OWN
    return [_MOMENTUM, *(s for s in _STRENGTHS if own or s.own is None)]


def _series(panel: Panel) -> Ints:
    """The series that are tried."""
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
    chosen, errors, naive = _series(panel), [], []
    for fold, (low, high) in enumerate(pairwise(cuts), start=1):
        rows = int(np.clip(low - panel.first - shape.fewest(0), 0, panel.lengths).sum())
        if rows < _FEWEST_ROWS * shape.width or high - low < 2:
            continue
        anchors = [sums.fit(shape, s, fold, low - int(panel.first.min())) for s in strengths]
        origins = np.unique(np.linspace(low, high - 2, _ORIGINS).astype(int))
        every = np.tile(chosen, len(origins))
        past = LookBack.of(panel, scaled, shape, every, np.repeat(origins, len(chosen)))
        size = (len(origins), len(chosen), horizon, 3)
        truth = np.stack(
            [_truth(panel, scaled, chosen, int(o), horizon, cuts[-1]) for o in origins]
        )
        errors.append(
            np.stack([truth - roll_linear(a, past, horizon).reshape(size) for a in anchors])
        )
        naive.append(truth - past.scaled[:, -1].reshape(len(origins), len(chosen), 1, 3))
    if not errors or np.isnan(np.concatenate(naive)).all():
        return None
    knew_year = shape.knows_year(cuts[-2] - int(panel.first.min()))
    return _Tried(np.concatenate(errors, axis=1), np.concatenate(naive), knew_year)


def _truth(
    panel: Panel, scaled: Floats, series: Ints, origin: int, horizon: int, end: int
) -> Floats:
    """What the steps from `origin` on turned out to be, scaled, [S', H, 3]; NaN from `end` on."""
    steps = origin + np.arange(horizon)
    place = steps - panel.first[series][:, None]
    rows = np.clip(place, 0, panel.lengths[series][:, None] - 1) + panel.offsets[series][:, None]
    inside = (place >= 0) & (place < panel.lengths[series][:, None]) & (steps < end)
    known = inside[..., None] & ~np.isnan(panel.values[rows])
    # Without a row up to the origin there is nothing to forecast from.
    known &= (origin > panel.first[series])[:, None, None]
    return np.where(known, scaled[rows], np.nan)


def _relative(errors: Floats, naive: Floats) -> Floats:
    """Sizes of errors [..., n, S', H, 3] over the last value's, by band: [..., n, S', B, 3].

    Each series is measured by its own: one that jumps counts no more than one that runs smoothly.
    """
    parts = []
    for low, high in _BANDS:
        if low >= errors.shape[-2]:
            break
        usual = mean_known(np.abs(naive[..., low:high, :]), axis=(0, 2))  # [S', 3]
        mine = mean_known(np.abs(errors[..., low:high, :]), axis=-2)
        unusual = np.where(usual > _STANDS_STILL, usual, np.nan)
        parts.append(np.minimum(mine / unusual, _WORST))
    return np.stack(parts, axis=-2)


def _best(tried: _Tried, knows_year: bool) -> int:
    """The strength of the least relative error, or 0 (the last value) if in doubt."""
    by_series = mean_known(_judged(tried, knows_year)[1:], axis=(1, 3, 4))
    known = ~np.isnan(by_series).any(axis=0)
    if not known.any():
        return 0
    # The middle series decides: a few that are unlike the others have their own (`_exceptions`).
    middle = np.median(by_series[:, known], axis=1)
    best = 1 + int(np.argmax(middle < _ALIKE * middle.min()))
    gains = mean_known(_gains(tried, best), axis=1)
    if len(gains) < _FEWEST_ORIGINS:
        return 0
    doubt = float(gains.std(ddof=1)) / np.sqrt(len(gains))
    return best if gains.mean() > max(_LEAST_GAIN, _ENOUGH * doubt) else 0


def _judged(tried: _Tried, knows_year: bool) -> Floats:
    """Relative errors by strength, [strengths, n, S', B, 3], in the bands that tell."""
    relative = _relative(tried.errors, tried.naive)
    # The trials know less of the year than the anchor will: far ahead they mislead.
    return relative[..., :_NEAR, :] if knows_year and not tried.knew_year else relative


def _gains(tried: _Tried, strength: int) -> Floats:
    """Share of the last value's error that is saved near ahead, by origin and target, [n, 3].

    That of the middle series: those of another kind have their own strength.
    """
    both = np.stack([tried.naive, tried.errors[strength]])
    relative = mean_known(_relative(both, tried.naive)[..., :_NEAR, :], axis=3)
    saved = relative[0] - relative[1]
    told = saved[~np.isnan(saved).all(axis=(1, 2))]
    return np.array([[_middle(target) for target in origin.T] for origin in told]).reshape(-1, 3)


def _middle(values: Floats) -> float:
    """Median of what is not NaN; NaN where nothing is known."""
    known = values[~np.isnan(values)]
    return float(np.median(known)) if known.size else float("nan")


def _exceptions(tried: _Tried, best: int, knows_year: bool) -> Ints:
    """The strength for each tried series, [S']: `best`, or one that is far better for it."""
    by_series = mean_known(_judged(tried, knows_year), axis=(1, 3, 4))  # [strengths, S']
    by_series = np.where(np.isnan(by_series), np.inf, by_series)
    other = by_series.argmin(axis=0)
    with np.errstate(invalid="ignore"):
        far_better = by_series.min(axis=0) < _EXCEPTION * by_series[best]
    return np.where(far_better, other, best)
