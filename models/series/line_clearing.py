"""The clearing function of generated lines: throughput by load, with the mean WIP that is wanted.

    X = C · (1 − exp(−α · load / C))

All values are in units of the base rate: a line of size one has mean releases of 1 a day.

    >>> usual = Clearing.steady(ratio=2.0, seasonality=0.2, noise=0.1)
    >>> steady = np.ones((400, 1))
    >>> clearing = calibrated(steady, 2.0, usual, judged=365)
    >>> load = 2.0 + 1.0
    >>> output = clearing.capacity * -np.expm1(-clearing.slope * load / clearing.capacity)
    >>> output.round(6).tolist()
    [1.0]
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Factors on the ease of clearing in the first trials, to find the one at which mean WIP is the
# base WIP.
TRIALS = np.geomspace(0.5, 8.0, 17)
# Factors on the result of the first trials, in the second ones.
NEAR_TRIALS = np.geomspace(1 / 1.1, 1.1, 5)
_DAYS_AT_ONCE = 64  # of all trials, whose loads are computed at once


@dataclass(frozen=True)
class Clearing:
    """Capacity C and slope α of the clearing function, in units of the base rate."""

    capacity: Floats
    slope: Floats

    @classmethod
    def steady(cls, ratio: float, seasonality: float, noise: float) -> Clearing:
        """Return the clearing whose steady state at the base rate has the base WIP.

        The capacity exceeds the peaks of season and demand. If even α = 1 holds more than the base
        WIP, the capacity is chosen instead (by bisection).

        Args:
            ratio: base WIP ÷ base throughput, in days.
            seasonality, noise: as of `models.data_generator.PlantSpec`.
        """
        capacity = 1.1 * (1 + seasonality) * (1 + noise)
        slope = -capacity * math.log1p(-1 / capacity) / (1 + ratio)
        if slope > 1:
            low, high = capacity, 1e6 * (1 + 1 / ratio)
            for _ in range(200):
                middle = math.sqrt(low * high)
                left_over = -middle * math.log1p(-1 / middle) - 1 - ratio
                low, high = (middle, high) if left_over > 0 else (low, middle)
            capacity, slope = math.sqrt(low * high), 1.0
        return cls(np.array(capacity), np.array(slope))

    def eased(self, ease: Floats) -> Clearing:
        """Return the clearing `ease` times as steep; beyond α = 1 it has more capacity instead."""
        slope = self.slope * ease
        return Clearing(self.capacity * np.maximum(1, slope), np.minimum(1, slope))


def calibrated(releases: Floats, ratio: float, base: Clearing, judged: int) -> Clearing:
    """Return the clearing of each line at which its mean WIP over the judged days is the base WIP.

    Fluctuating releases hold more WIP than steady ones, because the clearing function is concave.
    All trials run side by side and the result is interpolated between them; twice, because mean
    WIP has a kink where the capacity begins to grow.

    Args:
        releases: by day and line, [days, S].
        ratio: WIP that is wanted, in days of the base rate.
        base: the clearing that is eased.
        judged: days at the end.
    """
    trials = np.tile(TRIALS[:, None], releases.shape[1])
    for narrower in (NEAR_TRIALS[:, None], 1.0):
        means = _mean_wip(releases, ratio, base.eased(trials), judged)
        # More ease holds less WIP; np.interp needs rising values, hence the negatives.
        logs = zip(-np.log(np.maximum(means, 1e-300)).T, np.log(trials).T, strict=True)
        found = [np.interp(-math.log(ratio), held, tried) for held, tried in logs]
        trials = np.exp(found) * narrower
    return base.eased(trials)


def _mean_wip(releases: Floats, ratio: float, clearing: Clearing, judged: int) -> Floats:
    """Mean WIP of lines over their last `judged` days, by trial and line, as in `clearing`.

    With y = log α − α · load / C and releases r, a day is y(t + 1) = y(t) − exp(y(t)) + α −
    α · r(t + 1) / C: one exponential and two sums. `line_simulation` is slower, but more exact
    where little of the capacity is used.
    """
    decay, offset = -clearing.slope / clearing.capacity, np.log(clearing.slope)
    left = decay * ratio + offset - clearing.slope  # y(t) − exp(y(t)) of the day before the first
    idle, total = np.empty_like(left), np.zeros_like(left)
    unjudged = len(releases) - judged
    for begin in range(0, len(releases), _DAYS_AT_ONCE):
        some = releases[begin : begin + _DAYS_AT_ONCE]
        levels = np.einsum("ts,ds->dts", decay, some)  # by day, trial and series
        levels += clearing.slope
        for level in levels:
            level += left
            np.exp(level, idle)
            np.subtract(level, idle, left)
        total += levels[max(0, unjudged - begin) :].sum(axis=0)
    mean_load = (total / judged - offset) / decay
    return mean_load - releases[unjudged:].mean(axis=0)
