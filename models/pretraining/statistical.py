"""Plain statistical processes: little but a level, a season or noise can be foreseen.

They keep the network from seeing factories everywhere: on a random walk the last value is best, on
noise the mean. Level, trend, season and noise as in exponential smoothing (Hyndman et al.,
"Forecasting with exponential smoothing", 2008), additive or multiplicative; WIP, throughput and
cycle time share a part of their movement, or Little's Law ties the three together.

    >>> rows = draw(np.random.default_rng(1), Grid.of_days(5), 60)
    >>> rows.shape, bool((rows >= 0).all())
    ((5, 60, 3), True)
"""

from __future__ import annotations

import numpy as np

from models.pretraining.demand import (
    Flags,
    Floats,
    Grid,
    Rng,
    autoregression,
    chosen,
    log_uniform,
    season,
)


def draw(rng: Rng, grid: Grid, steps: int) -> Floats:
    """Return WIP, throughput and cycle time of lines, [n, steps, 3]."""
    n = len(grid.year)
    common = chosen(rng, 0.5, n) * rng.uniform(0.3, 1, n)
    shared, plain = _process(rng, grid, steps)
    targets, quiet = [], []
    for _ in range(3):
        own, plain_own = _process(rng, grid, steps)
        mixed = common * shared + (1 - common) * own
        alone = plain | plain_own
        targets.append(np.where(alone, own, mixed))
        quiet.append(alone & chosen(rng, 0.7, n))
    wip, throughput, cycle_time = (np.exp(np.clip(target, -6, 4)) for target in targets)
    wip = np.where(chosen(rng, 0.4, n), throughput * cycle_time, wip)
    rows = np.stack([wip.T, throughput.T, cycle_time.T], axis=-1)
    noise = np.where(np.stack(quiet, axis=-1)[:, None], 1.0, _noise(rng, grid, steps))
    return np.maximum(rows * noise * _gaps_in_demand(rng, steps, n), 0.0)


def _process(rng: Rng, grid: Grid, steps: int) -> tuple[Floats, Flags]:
    """Logarithms of level, trend, season and autocorrelated noise, [steps, n]; which are plain.

    Plain ones are random walks or constants.
    """
    n = len(grid.year)
    plain = chosen(rng, 0.35, n)
    walks = chosen(rng, 0.6, n)
    size = log_uniform(rng, 0.002, 0.12, n) * walks
    found = autoregression(rng.standard_normal((steps, n)), np.ones(n)) * size
    time = np.arange(steps)[:, None] / steps
    slope = rng.normal(0, 0.8, n) * chosen(rng, 0.3, n)
    damped = np.where(chosen(rng, 0.5, n), (1 - np.exp(-4 * time)), time)
    phase = rng.integers(0, grid.year)
    place = (np.arange(steps)[:, None] + phase) % grid.year
    rest = slope * damped + season(rng, grid.year, place, 0.7) + _week(rng, grid, steps)
    kept = rng.uniform(0.2, 0.98, n)
    noise = autoregression(rng.standard_normal((steps, n)), kept)
    rest += noise * log_uniform(rng, 0.01, 0.4, n) * chosen(rng, 0.5, n)
    return np.where(plain, found, found + rest), plain


def _week(rng: Rng, grid: Grid, steps: int) -> Floats:
    """Patterns of the week, as logarithms, [steps, n]."""
    n = len(grid.year)
    size = log_uniform(rng, 0.02, 0.8, n) * chosen(rng, 0.5, n) * grid.weekly
    pattern = rng.standard_normal((7, n)) * size
    return np.tile(pattern, (steps // 7 + 1, 1))[:steps]


def _noise(rng: Rng, grid: Grid, steps: int) -> Floats:
    """Factors of mean 1 without memory, normal or with heavy tails, [n, steps, 3].

    Sums of weeks and months are less noisy than days.
    """
    n = len(grid.year)
    size = log_uniform(rng, 0.005, 0.6, (n, 1, 3)) * (rng.random((n, 1, 3)) < 0.65)
    size *= np.where(grid.weekly, 1.0, 0.4)[:, None, None]
    normal = rng.standard_normal((n, steps, 3))
    heavy = (np.exp(np.abs(normal)) - 1) * np.sign(normal) / 2
    return 1 + size * np.where(chosen(rng, 0.2, n)[:, None, None], heavy, normal)


def _gaps_in_demand(rng: Rng, steps: int, n: int) -> Floats:
    """Factors by which some targets are intermittent: zero but now and then, [n, steps, 3]."""
    found = np.ones((n, steps, 3))
    some = np.flatnonzero(chosen(rng, 0.06, n))
    often = rng.uniform(0.05, 0.9, (len(some), 1, 1))
    found[some] = rng.random((len(some), steps, 3)) < often
    return found
