"""The correlation of forecast errors by distance, measured on the past rows of one series.

Errors are divided by the half width of their 80 % interval. Their correlation at a distance of d
steps, from the k pairs of errors that far apart, is

    (sum of their products ÷ mean square + 8 × usual) ÷ (k + 8)

where the usual correlation is four fifths of the one a step nearer: a measured correlation counts
as much as the usual one once there are eight pairs.

    >>> errors = np.random.default_rng(1).normal(size=(4, 1, 28, 3))  # independent of each other
    >>> by_distance(errors)[0, :, 1].round(1)
    array([0.1, 0.1, 0.1])
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.forecast.sample_paths import KEPT

Floats = NDArray[np.float64]

_SHRUNK = 8.0  # pairs of errors at which their correlation weighs as much as the usual one
_OUTLYING = 3.0  # half widths; larger errors are cut to this


def extended(correlation: Floats, steps: int) -> Floats:
    """Return a correlation by distance up to more steps; four fifths are left at each more.

    Args:
        correlation: by distance from 0, [targets, H].
    """
    beyond = np.arange(1, steps - correlation.shape[1] + 1)
    return np.hstack([correlation, correlation[:, -1:] * KEPT**beyond])[:, :steps]


def by_distance(errors: Floats) -> Floats:
    """Return the correlation of errors by their distance in steps, from 0, [n, 3, H].

    Args:
        errors: standardised, by origin and series, [k, n, H, 3]; NaN where unknown.
    """
    known = ~np.isnan(errors)
    cut = np.where(known, errors.clip(-_OUTLYING, _OUTLYING), 0.0)
    steps = errors.shape[2]
    square = (cut**2).sum(axis=(0, 2)) / np.maximum(known.sum(axis=(0, 2)), 1)
    found = np.ones((*square.shape, steps))
    for away in range(1, steps):
        pairs = (known[:, :, away:] & known[:, :, :-away]).sum(axis=(0, 2))
        products = (cut[:, :, away:] * cut[:, :, :-away]).sum(axis=(0, 2))
        measured = np.divide(products, square, out=np.zeros_like(square), where=square > 0)
        usual = KEPT * found[..., away - 1]
        found[..., away] = (measured + _SHRUNK * usual) / (pairs + _SHRUNK)
    return found.clip(-1, 1)
