"""The distribution of a value that the quantiles of the pretrained network describe.

It is even between neighbouring quantiles. Beyond the outer ones, it ends within the distance
between the two outer ones.

    >>> even = np.array(LEVELS) * 100
    >>> values_at(even[None], np.array([[0.3], [0.5]])).ravel().round(1).tolist()
    [30.0, 50.0]
    >>> float(expected_value(even).round(1)), float(share_below(even, np.array(30.0)).round(3))
    (50.1, 0.3)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.forecast.pretrained import LEVELS

Floats = NDArray[np.float64]


def distribution(quantiles: Floats) -> tuple[Floats, Floats]:
    """Return levels with 0 and 1, and the values at them, [..., levels + 2].

    Args:
        quantiles: by `LEVELS`, [..., levels].
    """
    first = 2 * quantiles[..., :1] - quantiles[..., 1:2]
    last = 2 * quantiles[..., -1:] - quantiles[..., -2:-1]
    return np.array([0.0, *LEVELS, 1.0]), np.concatenate([first, quantiles, last], axis=-1)


def share_below(quantiles: Floats, at: Floats) -> Floats:
    """Return the share of the distribution up to a number, [..., levels] and [...] → [...]."""
    levels, edges = distribution(quantiles)
    place = np.clip((edges <= at[..., None]).sum(axis=-1) - 1, 0, len(levels) - 2)
    low, high = (np.take_along_axis(edges, (place + k)[..., None], -1)[..., 0] for k in (0, 1))
    part = np.divide(at - low, high - low, out=np.ones_like(low), where=high > low)
    return levels[place] + np.clip(part, 0, 1) * np.diff(levels)[place]


def values_at(quantiles: Floats, shares: Floats) -> Floats:
    """Return the values up to which shares of the distributions lie, but not below 0.

    Args:
        quantiles: by `LEVELS`, [..., levels].
        shares: 0 to 1, with the axes of the distributions, and any number of axes before them.
    """
    levels, edges = distribution(quantiles)
    place = np.clip(np.searchsorted(levels, shares, side="right") - 1, 0, len(levels) - 2)
    part = (shares - levels[place]) / np.diff(levels)[place]
    at = place + np.arange(0, edges.size, len(levels)).reshape(edges.shape[:-1])
    low, high = (edges.ravel().take(at + k) for k in (0, 1))
    return np.maximum(low + part * (high - low), 0.0)


def expected_value(quantiles: Floats) -> Floats:
    """Return the mean of the distribution of values that are never negative, [...]."""
    levels, edges = distribution(quantiles)
    edges = np.maximum(edges, 0.0)
    found: Floats = (np.diff(levels) * (edges[..., 1:] + edges[..., :-1]) / 2).sum(axis=-1)
    return found
