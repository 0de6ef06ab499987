"""Demand and capacity of simulated lines over time: seasons, calendars, shifts, noise.

Every line draws which of the parts it has, so that plain and complicated ones are mixed:

* a yearly season of smooth waves or of twelve steps, and a pattern of the week;
* closed days: weekends, holidays, shutdown weeks at the same time of each year;
* trends, level shifts, shocks that fade, ramps up and down, stops with a restart;
* noise of three time scales: of a step, of days to weeks, of months; or a random walk;
* intermittent releases; planned losses of capacity, and breakdowns that nobody planned.

    >>> plan = draw_plan(np.random.default_rng(1), Grid.of_days(5), 100)
    >>> plan.releases.shape, bool((plan.releases >= 0).all())
    ((100, 5), True)
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Rng = np.random.Generator

_NEVER = 1e-9  # a demand or a capacity that counts as none


@dataclass(frozen=True)
class Grid:
    """The steps that lines are simulated in, all [n].

    Attributes:
        year: steps of a year.
        weekly: true where a step is a day, so that weekdays differ.
    """

    year: Ints
    weekly: Flags

    @classmethod
    def of_days(cls, lines: int) -> Grid:
        """Return a grid of daily lines."""
        return cls(np.full(lines, 365), np.ones(lines, bool))


@dataclass(frozen=True)
class LinePlan:
    """Demand and capacity of lines of a usual demand of 1 a step, all [steps, n].

    Attributes:
        releases: expected releases.
        slow: the part of the demand that changes slowly, which capacity may follow.
        capacity: share of the usual capacity that is planned, 0 on closed steps.
        disturbance: share of the planned capacity that breakdowns leave.
        closed: steps on which nothing leaves.
    """

    releases: Floats
    slow: Floats
    capacity: Floats
    disturbance: Floats
    closed: Flags


def chosen(rng: Rng, share: float, lines: int) -> Flags:
    """Return which lines have a part that a share of all has, [n]."""
    return rng.random(lines) < share


def log_uniform(rng: Rng, low: float, high: float, size: int | tuple[int, ...]) -> Floats:
    """Return draws whose logarithms are uniform."""
    return np.exp(rng.uniform(np.log(low), np.log(high), size))


def autoregression(shocks: Floats, kept: Floats) -> Floats:
    """Return y(t) = kept · y(t − 1) + shocks(t), of the variance of the shocks where kept < 1.

    Args:
        shocks: [steps, n], overwritten.
        kept: [n]; 1 makes a random walk that starts at 0.
    """
    shocks[1:] *= np.sqrt(np.where(kept < 1, 1 - kept**2, 1.0))
    shocks[0] *= kept < 1
    for before, after in pairwise(shocks):
        after += kept * before
    return shocks


def draw_plan(rng: Rng, grid: Grid, steps: int) -> LinePlan:
    """Return demand and capacity of the lines of a grid."""
    n = len(grid.year)
    phase = rng.integers(0, grid.year)
    place = (np.arange(steps)[:, None] + phase) % grid.year  # in the year
    log_slow = season(rng, grid.year, place) + _level(rng, steps, n)
    slow = np.exp(log_slow) * _ramps(rng, steps, n)
    of_demand, of_capacity = _week(rng, grid.weekly, steps)
    shut = _shutdowns(rng, grid, place)
    closed = shut | (of_capacity < _NEVER)
    rests = chosen(rng, 0.6, n)  # no releases either when the line is shut
    noise = _noise(rng, steps, n)
    releases = slow * of_demand * np.where(shut & rests, 0.0, 1.0) * noise
    releases *= _lumps(rng, steps, n)
    capacity = of_capacity * ~shut * _planned_losses(rng, steps, n)
    return LinePlan(releases, slow, capacity, _breakdowns(rng, steps, n), closed)


def season(rng: Rng, year: Ints, place: Ints, share: float = 0.6) -> Floats:
    """Return yearly seasons, as logarithms, [steps, n].

    Args:
        year: steps of a year, [n].
        place: of each step in the year, [steps, n].
        share: of the lines that have a season.
    """
    steps, n = place.shape
    found = np.zeros((steps, n))
    smooth = np.flatnonzero(chosen(rng, share * 0.7, n))
    angle = 2 * np.pi * place[:, smooth] / year[smooth]
    size = log_uniform(rng, 0.03, 0.6, len(smooth))
    for harmonic in (1, 2, 3):
        some = size * rng.uniform(0.3, 1, len(smooth)) / harmonic**1.5
        some *= (harmonic == 1) | chosen(rng, 0.5, len(smooth))
        found[:, smooth] += some * np.sin(harmonic * angle + rng.uniform(0, 7, len(smooth)))
    stepped = np.flatnonzero(chosen(rng, share * 0.5, n) & (year < 300) | chosen(rng, 0.1, n))
    pattern = rng.standard_normal((12, len(stepped))) * log_uniform(rng, 0.02, 0.4, len(stepped))
    month = place[:, stepped] * 12 // year[stepped]
    found[:, stepped] += np.take_along_axis(pattern, month, axis=0)
    return found


def _level(rng: Rng, steps: int, n: int) -> Floats:
    """Trends, level shifts and fading shocks, as logarithms, [steps, n]."""
    time = np.arange(steps)[:, None]
    slope = rng.normal(0, 0.5, n) * chosen(rng, 0.3, n)
    found = slope * (time / steps - 0.5)
    for _ in range(3):
        size = rng.normal(0, 0.4, n) * chosen(rng, 0.2, n)
        begin = rng.integers(0, steps, n)
        fade = np.where(chosen(rng, 0.4, n), log_uniform(rng, 5, 100, n), np.inf)
        fading = np.exp(-np.maximum(time - begin, 0) / fade)
        found += size * (time >= begin) * fading
    return found


def _ramps(rng: Rng, steps: int, n: int) -> Floats:
    """Ramps up and down, and stops with a restart, as factors, [steps, n]."""
    found = np.ones((steps, n))
    time = np.arange(steps)[:, None]
    for share, sign in ((0.06, 1), (0.05, -1)):
        some = np.flatnonzero(chosen(rng, share, n))
        middle = rng.uniform(0.1, 1, len(some)) * steps
        width = log_uniform(rng, 2, 60, len(some))
        floor = rng.uniform(0, 0.3, len(some))
        argument = np.clip(-sign * (time - middle) / width, -50, 50)
        found[:, some] *= floor + (1 - floor) / (1 + np.exp(argument))
    for _ in range(2):
        some = np.flatnonzero(chosen(rng, 0.05, n))
        begin = rng.integers(0, steps, len(some))
        stopped = (time >= begin) & (time < begin + log_uniform(rng, 5, 120, len(some)))
        found[:, some] *= ~stopped
    return found


def _week(rng: Rng, weekly: Flags, steps: int) -> tuple[Floats, Floats]:
    """Factors of demand and of capacity by weekday, both [steps, n]."""
    n = len(weekly)
    kind = rng.choice(5, n, p=[0.25, 0.3, 0.1, 0.25, 0.1])
    soft = np.exp(rng.standard_normal((7, n)) * log_uniform(rng, 0.02, 0.4, n))
    soft[:, kind == 0] = 1.0
    weekend = np.zeros((7, n), bool)
    weekend[5:, (kind == 1) | (kind == 4)] = True
    weekend[6, kind == 2] = True
    quiet = rng.uniform(0, 0.5, n) * chosen(rng, 0.3, n)  # at weekends
    of_capacity = np.where(weekend, quiet, 1.0)
    # Of some lines the work goes on coming at weekends.
    of_demand = soft * np.where(kind == 4, 1.0, of_capacity)
    of_demand[:, ~weekly], of_capacity[:, ~weekly] = 1.0, 1.0
    of_demand /= of_demand.mean(axis=0)
    of_capacity = of_capacity / of_capacity.mean(axis=0)
    weekday = (np.arange(steps)[:, None] + rng.integers(0, 7, n)) % 7
    return np.take_along_axis(of_demand, weekday, 0), np.take_along_axis(of_capacity, weekday, 0)


def _shutdowns(rng: Rng, grid: Grid, place: Ints) -> Flags:
    """Holidays and shutdown weeks, at the same time of each year, [steps, n]."""
    n, year = len(grid.year), grid.year
    found = np.zeros(place.shape, bool)
    holidays = rng.integers(1, 12, n) * chosen(rng, 0.35, n) * grid.weekly
    for number in range(holidays.max(initial=0)):
        some = np.flatnonzero(holidays > number)
        found[:, some] |= place[:, some] == rng.integers(0, year[some])
    for _ in range(2):
        some = np.flatnonzero(chosen(rng, 0.15, n) & (year >= 48))
        longest = np.where(grid.weekly[some], 22, np.where(year[some] > 100, 12, 2))
        length = rng.integers(1, np.maximum(longest, 2))
        begin = rng.integers(0, year[some])
        found[:, some] |= (place[:, some] - begin) % year[some] < length
    return found


def _noise(rng: Rng, steps: int, n: int) -> Floats:
    """Noise of three time scales, as factors of mean 1, [steps, n]."""
    kept = np.stack(
        [
            np.zeros(n),
            rng.uniform(0.3, 0.95, n),
            np.where(chosen(rng, 0.25, n), 1.0, 1 - 1 / log_uniform(rng, 20, 300, n)),
        ]
    )
    size = np.stack(
        [
            log_uniform(rng, 0.02, 0.6, n) * chosen(rng, 0.85, n),
            log_uniform(rng, 0.03, 0.5, n) * chosen(rng, 0.7, n),
            log_uniform(rng, 0.05, 0.5, n) * chosen(rng, 0.6, n),
        ]
    )
    walk = kept[2] == 1
    size[2, walk] = log_uniform(rng, 0.003, 0.03, int(walk.sum()))
    found = np.zeros((steps, n))
    for number in range(3):
        shocks = rng.standard_normal((steps, n))
        found += size[number] * (autoregression(shocks, kept[number]) if number else shocks)
    found -= (size**2 * (kept < 1)).sum(axis=0) / 2
    return np.exp(np.clip(found, -5, 3))


def _lumps(rng: Rng, steps: int, n: int) -> Floats:
    """Factors of mean 1 by which some lines are released in lumps, [steps, n]."""
    found = np.ones((steps, n))
    some = np.flatnonzero(chosen(rng, 0.1, n))
    often = rng.uniform(0.05, 0.8, len(some))
    shape = log_uniform(rng, 0.5, 20, len(some))
    sizes = rng.standard_gamma(shape, (steps, len(some))) / shape
    found[:, some] = sizes * (rng.random((steps, len(some))) < often) / often
    return found


def _planned_losses(rng: Rng, steps: int, n: int) -> Floats:
    """Share of the capacity that is left during planned losses, [steps, n]."""
    found, time = np.ones((steps, n)), np.arange(steps)[:, None]
    for _ in range(2):
        some = np.flatnonzero(chosen(rng, 0.12, n))
        begin = rng.integers(0, steps, len(some))
        lost = (time >= begin) & (time < begin + log_uniform(rng, 3, 60, len(some)))
        found[:, some] *= np.where(lost, rng.uniform(0.2, 0.9, len(some)), 1.0)
    return found


def _breakdowns(rng: Rng, steps: int, n: int) -> Floats:
    """Share of the capacity that breakdowns leave, [steps, n]."""
    found = np.ones((steps, n))
    some = np.flatnonzero(chosen(rng, 0.2, n))
    begins = rng.random((steps, len(some))) < log_uniform(rng, 0.003, 0.05, len(some))
    mean = log_uniform(rng, 1, 12, len(some))
    depth = rng.uniform(0.2, 1, len(some))
    left = np.zeros(len(some))
    lengths = rng.standard_exponential((steps, len(some))) * mean
    for t in range(steps):
        left = np.where(begins[t], lengths[t] + 1, left - 1)
        found[t, some] = np.where(left > 0, 1 - depth, 1.0)
    return found
