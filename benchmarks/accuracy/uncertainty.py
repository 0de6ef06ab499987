"""Standard errors of ratios of scores, by what chance makes of time and of series.

Forecasts within a span as long as the horizon share their truths, and those of a series its
course. So scores are summed by block of time and by series, and the standard error of a ratio of
two sums is the larger of the one over blocks and the one over series (linearised, as of a ratio
estimator in cluster sampling: W. G. Cochran, "Sampling Techniques", 3rd ed., 1977, section 6.8).

    >>> own, other = np.array([[3.0, 1.0], [1.0, 3.0]]), np.full((2, 2), 2.0)
    >>> round(ratio_error(own, other), 2)  # blocks are alike, series as well
    0.0
    >>> round(ratio_error(own[:, :1], other[:, :1]), 2)  # of 1.5 and 0.5
    0.5
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def by_block(values: Floats, origins: Ints) -> Floats:
    """Return sums by block of time as long as the horizon and by series, [B, S].

    Args:
        values: by origin, series and step, [O, S, H]; NaN where unknown.
        origins: steps, [O].
    """
    block = (origins - origins[0]) // values.shape[2]
    sums = np.nansum(values, axis=2)
    return np.stack([sums[block == k].sum(axis=0) for k in np.unique(block)])


def ratio_error(own: Floats, other: Floats) -> float | None:
    """Return the standard error of Σ own ÷ Σ other; None of one block of one series.

    Args:
        own: sums by block and series, [B, S].
        other: the same.
    """
    total = float(np.sum(other))
    if total <= 0 or own.size < 2:
        return None
    off = (own - np.sum(own) / total * other) / total
    parts = [off.sum(axis=axis) for axis in (0, 1)]
    return max(
        float(np.sqrt(len(part) / (len(part) - 1) * (part**2).sum()))
        for part in parts
        if len(part) > 1
    )
