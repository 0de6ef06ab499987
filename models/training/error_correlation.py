"""The correlation of forecast errors over steps and targets, for the sample paths of a model.

Errors are known at origins in the trials and on the held-back end, some of them for a part of the
horizon only. The correlation of two steps and targets is

    (number × measured + 3 × usual of their distance) ÷ (number + 3)

where `number` counts the independent errors behind it, and the usual correlation is the mean over
all pairs of steps as far from each other (a shrinkage estimate with a stationary target: O. Ledoit
& M. Wolf, "Improved estimation of the covariance matrix of stock returns", Journal of Empirical
Finance 10, 2003). Where nothing is known, four fifths of a correlation are left a step farther.

Example: errors that are independent from day to day, as those of counts, get a correlation near 0,
and totals over 28 days the narrow intervals that follow from it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.forecast.error_quantiles import ErrorSamples, independent_series
from models.forecast.intervals import Intervals
from models.forecast.sample_paths import KEPT, ErrorPaths

Floats = NDArray[np.float64]

_SHRUNK = 3.0  # errors at which a measured correlation weighs as much as the usual one
_UNKNOWN = 1.0  # errors at which the usual one weighs as much as four fifths of the one nearer
_OUTLYING = 3.0  # standard deviations; larger errors are cut to this
_TO_SIGMA = 1.2816  # half width of an 80 % interval, in standard deviations


def fit_error_paths(
    samples: Sequence[tuple[ErrorSamples, float]], intervals: Intervals
) -> ErrorPaths:
    """Return the sample paths that the errors of a model give.

    Args:
        samples: errors, and the most independent ones that they count for.
        intervals: of the model.
    """
    horizon = intervals.horizon
    size = 3 * horizon
    products, number = np.zeros((size, size)), np.zeros((size, size))
    for errors, most in samples:
        mean, count = _products(errors, intervals, most)
        products += mean * count
        number += count
    deviation = np.sqrt(np.diag(products) / np.maximum(np.diag(number), 1e-12))
    unit = np.outer(deviation, deviation) * number
    measured = np.divide(products, unit, out=np.zeros_like(unit), where=unit > 0).clip(-1, 1)
    number = np.where(unit > 0, number, 0.0)
    usual = _by_distance(measured, number, horizon)
    mixed = (number * measured + _SHRUNK * usual) / (number + _SHRUNK)
    np.fill_diagonal(mixed, 1.0)
    return ErrorPaths.of_correlation(mixed)


def _products(samples: ErrorSamples, intervals: Intervals, most: float) -> tuple[Floats, Floats]:
    """Mean products of standardised errors, and their numbers, [3 H, 3 H] each."""
    horizon = intervals.horizon
    unit = np.maximum(intervals.half_width(80, samples.series, horizon), 1e-12) / _TO_SIGMA
    scaled = (samples.values / unit).clip(-_OUTLYING, _OUTLYING)
    known = ~np.isnan(scaled)
    independent = float(np.mean([independent_series(scaled[..., i]) for i in range(3)]))
    flat = scaled[known.any(axis=(2, 3))].reshape(-1, 3 * horizon)
    there = (~np.isnan(flat)).astype(float)
    flat = np.nan_to_num(flat)
    count = there.T @ there
    mean = np.divide(flat.T @ flat, count, out=np.zeros_like(count), where=count > 0)
    by_origin = known.any(axis=1).reshape(len(known), -1).astype(float)
    step = np.repeat(np.arange(1, horizon + 1), 3)
    # Forecasts from origins closer to each other than the horizon share their truths.
    blocks = (by_origin.T @ by_origin) / np.maximum(step[:, None], step)
    number = np.minimum(np.maximum(blocks, 1.0) * independent, most)
    return mean, np.where(count > 0, number, 0.0)


def _by_distance(measured: Floats, number: Floats, horizon: int) -> Floats:
    """Mean correlation of all pairs of steps as far from each other, [3 H, 3 H]."""
    found = np.empty_like(measured)
    steps = np.arange(horizon)
    distance = steps - steps[:, None] + horizon - 1  # 0 to 2 H − 2
    for one in range(3):
        for other in range(3):
            pair = (slice(one, None, 3), slice(other, None, 3))
            known = np.bincount(distance.ravel(), number[pair].ravel())
            total = np.bincount(distance.ravel(), (number * measured)[pair].ravel())
            same = horizon - 1
            mean = np.zeros(2 * horizon - 1)
            mean[same] = one == other or total[same] / (known[same] + _UNKNOWN)
            for away in range(1, horizon):
                for at, nearer in ((same - away, 1), (same + away, -1)):
                    fading = KEPT * mean[at + nearer]
                    mean[at] = (total[at] + _UNKNOWN * fading) / (known[at] + _UNKNOWN)
            found[pair] = mean[distance]
    return found
