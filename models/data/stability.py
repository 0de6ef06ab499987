"""Trend of WIP: the slope of each series' WIP over time, and its standard error.

Ordinary least squares on up to MOST means over equal spans (whole weeks of daily data, so that
weekdays are no trend); from SEASONAL years on, beside a yearly wave. The standard error allows for
persistence, which makes any queue wander: Newey & West's, with Bartlett weights up to a quarter of
the data (Econometrica 55 (1987)), and the critical value that belongs to so wide a band, 2.72
instead of 1.96 (N. M. Kiefer & T. J. Vogelsang, "A new asymptotic theory for heteroskedasticity-
autocorrelation robust tests", Econometric Theory 21 (2005), table 1: 95 %, two-sided).

A trend is what the data shows, not a forecast: a highly loaded queue that is stable in the long
run still wanders over spans of few relaxation times, and then is growing or shrinking over them.

The verdict is about the change over the whole of the data, as a share of the mean WIP: a series of
100 units on average whose WIP grows by 0.1 units a day over 400 days changes by 40 %, and is
"growing" if the interval of that change leaves zero out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.series.calendar import DAYS_PER_YEAR
from models.series.panel import Panel

Floats = NDArray[np.float64]

STABLE, GROWING, SHRINKING, INCONCLUSIVE = "stable", "growing", "shrinking", "inconclusive"
VERDICTS = (STABLE, GROWING, SHRINKING, INCONCLUSIVE)

MATERIAL = 0.25  # of the mean WIP: a smaller change over all of the data is none
BOUNDED = 1.0  # of the mean WIP: "stable" means that no larger change can have hidden
LEAST = 8  # means that a slope is fitted to
MOST = 64  # means
SEASONAL = 1.25  # years of data from which on a yearly wave is fitted beside the trend
_BAND = 0.25  # of the means, over which they may depend on each other
CRITICAL = 2.72  # standard errors of the margin, for that band


@dataclass(frozen=True)
class Stability:
    """The trend of each series, [S] each; NaN where the series is too short.

    Attributes:
        verdict: one of VERDICTS.
        slope: units of WIP a step.
        standard_error: of the slope.
        change: over the whole data, a share of the mean WIP.
        margin: half the width of the change's 95 % interval.
    """

    verdict: NDArray[np.str_]
    slope: Floats
    standard_error: Floats
    change: Floats
    margin: Floats


def judge(panel: Panel) -> Stability:
    """Judge every series by the slope of its WIP.

    growing, shrinking: the 95 % interval of the change leaves zero out, and the change is at
    least MATERIAL. stable: else, if the interval lies within ±BOUNDED. inconclusive: else.
    """
    means, length, m, series = _means(panel)
    starts = np.concatenate([[0], np.cumsum(m)[:-1]])

    def total(values: Floats) -> Floats:
        return np.add.reduceat(values, starts)

    time = (np.arange(len(means)) - starts[series] - (m[series] - 1) / 2) * length[series]
    level = total(means) / m
    year = _year(panel, time, series, m, length)
    time, means = _without(year, time, starts, m), _without(year, means, starts, m)
    squares = np.maximum(total(time**2), 1e-300)
    slope = total(time * means) / squares
    rest = means - slope[series] * time
    error = np.sqrt(_long_run(time * rest, starts, m)) / squares
    share = np.divide(panel.lengths, level, out=np.zeros_like(level), where=level > 0)
    change, margin = slope * share, CRITICAL * error * share
    short = np.where(m < LEAST, np.nan, 0.0)
    found = _verdicts(change, margin, m < LEAST)
    return Stability(found, slope + short, error + short, change + short, margin + short)


def _verdicts(change: Floats, margin: Floats, short: NDArray[np.bool_]) -> NDArray[np.str_]:
    moves = (abs(change) > margin) & (abs(change) >= MATERIAL)
    bounded = abs(change) + margin <= BOUNDED
    return np.select(
        [short, moves & (change > 0), moves, bounded],
        [INCONCLUSIVE, GROWING, SHRINKING, STABLE],
        INCONCLUSIVE,
    )


def _means(panel: Panel) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Means of WIP over equal spans; steps of each, number of each series.

    Returns:
        the means [M], steps in each [S], number of means [S], each mean's series [M].
    """
    week = panel.calendar.season if panel.calendar.is_daily else 1
    unit = np.where(panel.lengths >= LEAST * week, week, 1)
    length = unit * -(-panel.lengths // (MOST * unit))
    count = panel.lengths // length
    series = np.repeat(np.arange(len(count)), count)
    first = np.concatenate([[0], np.cumsum(count)[:-1]])
    # The end of the data counts: what does not fill a week is left out at the start.
    start = panel.offsets[1:] - count * length
    begin = start[series] + (np.arange(len(series)) - first[series]) * length[series]
    total = np.concatenate([[0.0], np.cumsum(panel.values[:, 0])])
    return (total[begin + length[series]] - total[begin]) / length[series], length, count, series


def _year(
    panel: Panel,
    time: Floats,
    series: NDArray[np.int64],
    m: NDArray[np.int64],
    length: NDArray[np.int64],
) -> Floats:
    """A constant and, for series that are long enough, a yearly wave, [M, 3]."""
    calendar = panel.calendar
    worked = calendar.steps_per_year / calendar.usual_steps_per_year
    period = DAYS_PER_YEAR / calendar.days_of_step * worked
    seasonal = (m * length >= SEASONAL * period) & (m >= 16)
    angle = 2 * np.pi * time / period
    waves = np.column_stack([np.sin(angle), np.cos(angle)]) * seasonal[series][:, None]
    return np.column_stack([np.ones(len(time)), waves])


def _without(
    known: Floats, values: Floats, starts: NDArray[np.int64], m: NDArray[np.int64]
) -> Floats:
    """Residuals of each series' values after least squares on the known columns, [M]."""
    gram = np.add.reduceat(known[:, :, None] * known[:, None, :], starts)
    # Columns of zeros, of short series, get a coefficient of zero.
    gram += np.eye(known.shape[1]) * (gram.diagonal(axis1=1, axis2=2) == 0)[:, None, :]
    moments = np.add.reduceat(known * values[:, None], starts)
    found = np.linalg.solve(gram, moments[:, :, None])[:, :, 0]
    return values - (known * np.repeat(found, m, axis=0)).sum(axis=1)


def _long_run(scores: Floats, starts: NDArray[np.int64], m: NDArray[np.int64]) -> Floats:
    """Newey & West's variance of each series' sum of scores, [M] → [S]."""
    number = np.arange(len(scores)) - np.repeat(starts, m)
    width = np.maximum(np.ceil(_BAND * m), 1)
    variance = np.add.reduceat(scores**2, starts)
    for lag in range(1, int(width.max())):
        before = np.append(np.zeros(lag), scores[:-lag])
        products = np.where(number >= lag, scores * before, 0.0)
        weight = np.maximum(1 - lag / width, 0)
        variance = variance + 2 * weight * np.add.reduceat(products, starts)
    return np.maximum(variance, 0.0)
