"""A line as one server whose rate depends on its WIP, and its expected course over some steps.

By Norton's theorem for queueing networks, a line is equivalent to a single server that works at the
rate TH(n) while n units are in process (K. M. Chandy, U. Herzog & L. Woo, "Parametric analysis of
queueing networks", IBM Journal of Research and Development 19, 1975). Mean m and variance v of n
follow

    m' = releases − E[TH(n)],    v' = release lot · a · releases + lot · E[TH(n)] − 2 Cov[n, TH(n)],

where n is taken as log-normal, and a is the share of the releases' chance that is left where their
sum within each step is known. Given the WIP at the start and the releases, what comes within the
steps depends on the line alone: its chance deviations do not bias the estimate of the line, as they
do where throughput is plotted over the WIP of the same day.

    >>> line = ClearingFunction(capacity=20.0, critical_wip=5.0, evenness=1.0)
    >>> course = expected_course(line, np.array([5.0]), np.full((1, 60), 16.0), lot=0.0)
    >>> round(float(course.throughput[0, -1]), 2), round(line.least_wip(16.0), 2)
    (16.0, 20.0)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.planning.clearing_function import ClearingFunction

Floats = NDArray[np.float64]

_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(5)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()
_FEWEST_PARTS, _MOST_PARTS = 2, 16  # of a step
_LEAST = 1e-6  # of the critical WIP


@dataclass(frozen=True)
class Course:
    """The expected course of n lines over H steps.

    Attributes:
        throughput: units finished in each step, [n, H].
        mean_wip: mean number of units in process within each step, [n, H].
        variance: of the number in process at the end, which is that of all units finished, [n].
    """

    throughput: Floats
    mean_wip: Floats
    variance: Floats


def expected_course(
    line: ClearingFunction,
    start: Floats,
    releases: Floats,
    lot: float,
    open_share: Floats | None = None,
    release_lot: float | None = None,
) -> Course:
    """Return the expected course of a line from n starts.

    Args:
        start: units in process, [n].
        releases: units released in each step, [n, H].
        lot: units that move together; 0: a flow without chance.
        open_share: of each step, in which the line works, [n, H]; None: all of it.
        release_lot: units that are released together; None: as `lot`.
    """
    release_lot = lot if release_lot is None else release_lot
    parts = math.ceil(2 * line.capacity / line.critical_wip)
    parts = min(max(parts, _FEWEST_PARTS), _MOST_PARTS)
    length = 1 / parts
    least = _LEAST * line.critical_wip
    mean, variance = np.maximum(start, least), np.zeros(len(start))
    out, held = np.zeros_like(releases), np.zeros_like(releases)
    for step in range(releases.shape[1]):
        enters = releases[:, step]
        works = 1.0 if open_share is None else open_share[:, step]
        for _ in range(parts):
            rate, together = _moments(line, mean, variance)
            rate, together = works * rate, works * together
            # The slope, by which deviations fade: exact for a linear line of any speed.
            slope = np.maximum(together / np.maximum(variance, 1e-300), 1e-9)
            slope = np.where(variance > 0, slope, works * _slope(line, mean) + 1e-9)
            moved = (enters - rate) * -np.expm1(-slope * length) / slope
            new = np.maximum(mean + moved, least)
            left = mean + enters * length - new
            noise = release_lot * enters * _unknown(slope) + lot * rate
            variance = variance * np.exp(-2 * slope * length) + noise * -np.expm1(
                -2 * slope * length
            ) / (2 * slope)
            out[:, step] += left
            held[:, step] += (mean + new) / 2 * length
            mean = new
    return Course(out, held, variance)


def _unknown(slope: Floats) -> Floats:
    """Share of the variance of random releases that is left where each step's sum is known.

    Of a deviation that fades at a rate, driven by a Brownian bridge over each step.
    """
    series = slope / 3 - slope**2 / 12  # where the closed form would cancel out
    return np.where(slope < 1e-3, series, 1 - 2 / slope * (1 + np.expm1(-slope) / slope))


def _moments(line: ClearingFunction, mean: Floats, variance: Floats) -> tuple[Floats, Floats]:
    """E[TH(n)] and Cov[n, TH(n)] of a log-normal n, [n] each."""
    spread = np.sqrt(np.log1p(variance / mean**2))[:, None]
    units = mean[:, None] * np.exp(spread * _NODES - spread**2 / 2)
    rates = line.throughput(units)
    expected = rates @ _WEIGHTS
    return expected, ((units - mean[:, None]) * rates) @ _WEIGHTS


def _slope(line: ClearingFunction, wip: Floats) -> Floats:
    """Derivative of the throughput by WIP."""
    share = line.throughput(wip) / (wip / line.raw_process_time)
    return share ** (line.evenness + 1) / line.raw_process_time
