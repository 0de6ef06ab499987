"""Estimates of the flow through lines from their rows: what arrives, and what a load puts out.

Example: rows whose output is 80 × (1 − exp(−0.5 × load ÷ 80)) have a slope of 0.5 and a capacity of
80, as `models.forecast.line_flow` shows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_USES = np.linspace(0.02, 0.98, 17)  # mean output ÷ capacity, in the first trials
_NEARER = np.linspace(-1.0, 1.0, 9)  # of the distance between two trials, in those that follow
_ROUNDS = 4
_NEWTON_STEPS = 6
_ALIKE = 1.005  # errors within this factor of the least are equally good
_HEADROOM = 1.1  # of the capacity over the highest outputs seen, where the data cannot tell it
_PATTERN_PRIOR = 2.0  # steps of usual output that a weekday or month is shrunk by
_EXACT_INTAKE = 0.02  # share by which releases and output may differ by chance
_INTAKE = (0.2, 5.0)
_TINY = 1e-9


def cleared(load: Floats, capacity: Floats, slope: Floats) -> Floats:
    """Return the output of a load without a pattern; none without capacity."""
    there = np.maximum(capacity, _TINY)
    return np.where(capacity > _TINY, -there * np.expm1(-slope * load / there), 0.0)


def intake_of(wip: Floats, throughput: Floats, releases: Floats) -> Floats:
    """Return the units that arrive for each unit of releases, by the balance over all rows, [n]."""
    known = ~np.isnan(wip) & ~np.isnan(throughput) & ~np.isnan(releases)
    gained = np.array(
        [row[k][-1] - row[k][0] if k.any() else 0.0 for row, k in zip(wip, known, strict=True)]
    )
    arrived = np.where(known, throughput, 0.0).sum(axis=1) + gained
    released = np.where(known, releases, 0.0).sum(axis=1)
    ratio = np.divide(arrived, released, out=np.ones(len(wip)), where=released > 0)
    return np.where(np.abs(ratio - 1) < _EXACT_INTAKE, 1.0, np.clip(ratio, *_INTAKE))


def share_at_end(wip: Floats, net: Floats) -> Floats:
    """Return the share of a step's flow that the WIP of its row contains, by least squares, [n]."""
    change = np.diff(wip, axis=1) - net[:, :-1]
    more = np.diff(net, axis=1)
    known = ~np.isnan(change) & ~np.isnan(more)
    change, more = np.where(known, change, 0.0), np.where(known, more, 0.0)
    squares = (more**2).sum(axis=1)
    share = np.divide(
        (change * more).sum(axis=1), squares, out=np.zeros(len(wip)), where=squares > 0
    )
    return np.clip(share, 0.0, 1.0)


def clearing_of(
    load: Floats, output: Floats, shares: Floats, pattern: Floats
) -> tuple[Floats, Floats, Floats]:
    """Return slope, capacity and mean absolute error of each line, [n] each.

    For each trial of the capacity, the slope is that whose mean output is that of the data. Of
    capacities whose error is about the least, that nearest to the highest outputs is taken.
    """
    known = ~np.isnan(load) & ~np.isnan(output)
    load, output = np.where(known, np.maximum(load, 0.0), 0.0), np.where(known, output, 0.0)
    pattern = np.where(known, pattern, 0.0)
    number = np.maximum(known.sum(axis=1), 1)
    mean = np.maximum(output.sum(axis=1) / number, _TINY)
    highest = np.maximum(np.quantile(output, 0.98, axis=1), mean)
    expected_use = np.clip(mean / (_HEADROOM * highest), _USES[0], _USES[-1])
    uses = np.tile(_USES, (len(mean), 1))
    rows = np.arange(len(mean))
    for level in range(_ROUNDS):
        tried = [_tried(load, output, shares, pattern, mean, mean / use, number) for use in uses.T]
        slopes, errors = (np.stack(part, axis=1) for part in zip(*tried, strict=True))
        good = errors <= _ALIKE * errors.min(axis=1, keepdims=True) + _TINY * mean[:, None]
        # Where the error is all but zero, the least one is the truth; else the data cannot tell.
        sharp = errors.min(axis=1) < _TINY * mean
        distance = np.where(good, np.abs(uses - expected_use[:, None]), np.inf)
        best = np.where(sharp, errors.argmin(axis=1), distance.argmin(axis=1))
        slope, use, error = slopes[rows, best], uses[rows, best], errors[rows, best]
        width = (_USES[1] - _USES[0]) / 4**level
        uses = np.clip(use[:, None] + width * _NEARER, _USES[0] / 2, 0.995)
    return slope, mean / use, error


def _tried(
    load: Floats,
    output: Floats,
    shares: Floats,
    pattern: Floats,
    mean: Floats,
    capacity: Floats,
    number: Ints,
) -> tuple[Floats, Floats]:
    """Slope at which the mean output is that of the data, and its mean absolute error, [n] each."""
    there = np.maximum(capacity[:, None] * shares, _TINY)
    slope = mean / np.maximum(load.sum(axis=1) / number, _TINY)
    for _ in range(_NEWTON_STEPS):
        left = np.exp(-slope[:, None] * load / there)
        missing = mean - (pattern * there * (1 - left)).sum(axis=1) / number
        steepness = (pattern * load * left).sum(axis=1) / number
        step = missing / np.maximum(steepness, _TINY)
        slope = np.minimum(np.clip(slope + step, 0.3 * slope, 3 * slope), 1.0)
    expected = np.minimum(pattern * cleared(load, there, slope[:, None]), load)
    return slope, np.abs(output - expected).sum(axis=1) / number


def pattern_of(output: Floats, expected: Floats, places: Ints, count: int) -> Floats:
    """Return the output relative to that expected, by weekday or month, around 1, [n, count]."""
    known = ~np.isnan(output) & ~np.isnan(expected)
    output, expected = np.where(known, output, 0.0), np.where(known, expected, 0.0)
    total = np.maximum(expected.sum(axis=1), _TINY)
    expected = expected * (output.sum(axis=1) / total)[:, None]
    prior = _PATTERN_PRIOR * output.sum(axis=1) / np.maximum(known.sum(axis=1), 1) + _TINY
    found = np.empty((len(output), count))
    for place in range(count):
        here = places == place
        found[:, place] = ((output * here).sum(axis=1) + prior) / (
            (expected * here).sum(axis=1) + prior
        )
    return found
