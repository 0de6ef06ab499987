"""First passage: the step in which the cumulated output of sample paths reaches a quantity.

The quantile of a finish date is the first step by which at least that share of the paths is
through; it is a step of the calendar, so a closed day never is one.

>>> paths = np.full((4, 10), [[1.0], [2.0], [4.0], [0.5]])
>>> steps = steps_to_reach(cumulated(paths), np.full(4, 8.0))
>>> steps.tolist(), quantile_step(steps, 0.5, horizon=10), quantile_step(steps, 0.8, horizon=10)
([8, 4, 2, 11], 4, None)
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_TOLERANCE = 1e-9  # of a quantity: rounding of sums


def cumulated(paths: Floats) -> Floats:
    """Return the output from the start up to the end of each step, [K, H] → [K, 1 + H]."""
    return np.concatenate([np.zeros((len(paths), 1)), np.cumsum(paths, axis=1)], axis=1)


def steps_to_reach(cumulated: Floats, level: Floats) -> Ints:
    """Return the first step, from 1, by which each path has put out a quantity, [K].

    Args:
        cumulated: output up to the end of each step, from zero on, [K, 1 + H].
        level: the quantity of each path, in units, [K]; H + 1: not within the horizon.
    """
    short = cumulated[:, 1:] < (level * (1 - _TOLERANCE))[:, None]
    return short.sum(axis=1) + 1


def quantile_step(steps: Ints, share: float, horizon: int) -> int | None:
    """Return the step by which a share of the paths has finished; None: beyond the horizon."""
    return quantile_steps(steps, {"": share}, horizon)[""]


def quantile_steps(steps: Ints, shares: dict[str, float], horizon: int) -> dict[str, int | None]:
    """Return `quantile_step` of several shares, by their names."""
    ordered = np.sort(steps)
    places = [max(math.ceil(share * len(steps) - 1e-9) - 1, 0) for share in shares.values()]
    found = zip(shares, ordered[places].tolist(), strict=True)
    return {name: step if step <= horizon else None for name, step in found}
