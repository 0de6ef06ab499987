"""The record of a series: the size of its errors, relative to the size that was expected.

    ratio = (mean error ÷ expected error) ^ (blocks ÷ (blocks + 4))

Errors are divided by the half width of their 80 % interval, so that those of all steps count alike.
A block is as many steps as the horizon; errors within it share what they are wrong about. Four of
them count as much as the errors of all series, towards which the ratio is shrunk (as an empirical
Bayes estimate is: B. Efron & C. Morris, "Stein's estimation rule and its competitors", 1973).
Where the series of a training differ by more, as smooth and lumpy lines do, fewer are enough.

Rows that follow the training data show how good the forecasts have been since: forecasts are made
from up to eight origins within them, and the intervals become as much wider or narrower.

    >>> from models.forecast.error_quantiles import ErrorSamples
    >>> errors = np.random.default_rng(1).normal(size=(400, 1, 2, 3))
    >>> intervals = Intervals.fit(ErrorSamples(errors, np.zeros(1, int)), [], np.ones((1, 3)))
    >>> record_ratio(2 * errors, intervals, np.zeros(1, int), blocks=np.array([4.0])).round(1)
    array([[1.4, 1.4, 1.4]])
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.forecast.error_size import relative_size
from models.forecast.intervals import Intervals
from models.forecast.published_model import PublishedModel
from models.forecast.standing_places import without_standing
from models.series.calendar import Calendar
from models.series.error_measures import mean_known

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_CHANCE = 0.2  # variance of the logarithm of a block's mean error, by chance
_SPREAD = 0.05  # variance of that logarithm over series, at the least
OUTLYING = 3.0  # half widths; larger errors are cut to this
_FARTHEST = 4.0  # ratio, and its inverse the least
_ORIGINS = 8  # forecasts that a recent record is taken from
_SPAN = 4  # horizons before the last row, within which they begin


def record_ratio(
    errors: Floats, intervals: Intervals, series: Ints, blocks: Floats, *, of_all: bool = False
) -> Floats:
    """Return the ratio by which the intervals of each series are to be widened, [S, 3].

    Args:
        errors: truth − forecast, scaled and relative to the size of their height, by origin,
            [n, S, H, 3]; NaN where unknown.
        series: number of each series, [S].
        blocks: independent errors of each series, [S].
        of_all: True for all series of the intervals, which tell how much series differ.
    """
    steps = errors.shape[2]
    expected = intervals.mean_size(OUTLYING, steps)
    unit = np.maximum(intervals.half_width(80, series, steps), 1e-12)
    ratio = np.ones((len(series), 3))
    for target in range(3):
        sizes = np.abs(errors[..., target]) / unit[..., target]
        sizes = np.minimum(sizes, OUTLYING, out=sizes) / expected[:, target]
        mean = mean_known(sizes, axis=(0, 2))
        spread = _spread(mean, blocks) if of_all else _SPREAD
        ratio[:, target] = shrunk_ratio(mean, blocks, spread)
    return ratio


def shrunk_ratio(mean: Floats, blocks: Floats, spread: float = _SPREAD) -> Floats:
    """Return the ratio that a mean error ÷ expected error stands for; 1 where it is not known.

    Args:
        mean: of each series, [S]; NaN where unknown.
        blocks: independent errors of each series, [S].
        spread: variance of the logarithm of the true ratio over series.
    """
    ratio = np.ones(len(mean))
    known = (blocks > 0) & (mean > 0)
    power = blocks[known] / (blocks[known] + _CHANCE / spread)
    ratio[known] = np.exp(_logarithms(mean[known]) * power)
    return ratio


def _spread(mean: Floats, blocks: Floats) -> float:
    """The variance of the logarithm of the true ratio over series: what chance leaves of it."""
    known = (blocks > 0) & (mean > 0)
    if not known.any():
        return _SPREAD
    beyond = np.mean(_logarithms(mean[known]) ** 2 - _CHANCE / blocks[known])
    return max(float(beyond), _SPREAD)


def _logarithms(ratios: Floats) -> Floats:
    """Logarithms of ratios, bounded."""
    logs: Floats = np.log(np.clip(ratios, 1 / _FARTHEST, _FARTHEST))
    return logs


def recent_ratios(
    model: PublishedModel,
    numbers: Ints,
    rows: Sequence[Floats],
    last: Ints,
    new: Ints,
    calendar: Calendar,
) -> Floats:
    """Return the ratios that the rows after the training data give, [n, 3]; 1 without such rows.

    Args:
        model: that forecasts.
        numbers: number of each series, [n].
        rows: of each in units, oldest first, [m, 3].
        last: dated step number of the last row of each, [n].
        new: how many of the rows, at the end, the model has not learned from, [n].
        calendar: that the step numbers are of.
    """
    ratios = np.ones((len(rows), 3))
    if model.intervals is None or not (new > 0).any():
        return ratios
    horizon = model.intervals.horizon
    new = np.minimum(new, _SPAN * horizon)
    # By series and origin: rows that come after it.
    after = np.stack([np.linspace(count, 1, _ORIGINS).round().astype(int) for count in new])
    known = np.flatnonzero(new > 0)
    series, after = np.repeat(known, _ORIGINS), after[known].ravel()
    pairs = list(zip(series.tolist(), after.tolist(), strict=True))
    before = [rows[s][: len(rows[s]) - k] for s, k in pairs]
    look_back = model.look_back_of(numbers[series], before, last[series] - after, calendar)
    values = model.in_units(look_back, horizon).values
    truth = np.full(values.shape, np.nan)
    came_of = {s: without_standing(rows[s], calendar, last[s]) for s in known.tolist()}
    for i, (s, k) in enumerate(pairs):
        came = came_of[s][len(rows[s]) - k :][:horizon]
        truth[i, : len(came)] = came
    scaling = model.encoding.scaling
    errors = scaling.forward_paths(truth, look_back.series)
    errors -= scaling.forward_paths(values, look_back.series)
    errors /= relative_size(model.intervals.slopes, model.heights(values, look_back.series))
    by_origin = errors.reshape(-1, _ORIGINS, horizon, 3).swapaxes(0, 1)
    ratios[known] = record_ratio(by_origin, model.intervals, numbers[known], new[known] / horizon)
    return ratios
