"""Records of simulated lines, as a plant would keep them: by week or month, rounded, with gaps.

WIP is recorded at the start or the end of a step or as its mean; the cycle time as simulated, as
WIP ÷ throughput, or not at all. Of several steps, WIP is the mean, throughput the sum, and cycle
time the mean of what left. Some records have measurement errors, outliers, rounded values, and
values that are missing.

    >>> from models.pretraining.demand import Grid
    >>> from models.pretraining.simulator import simulate
    >>> flow = simulate(np.random.default_rng(1), Grid.of_days(4), 56)
    >>> record(np.random.default_rng(1), flow, 7).rows.shape
    (4, 8, 3)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.pretraining.demand import Flags, Floats, Rng, chosen, log_uniform
from models.pretraining.simulator import SimulatedFlow
from models.series.error_measures import mean_known


@dataclass(frozen=True)
class Records:
    """Rows of n lines.

    Attributes:
        rows: WIP, throughput and cycle time, [n, steps, 3]; NaN where missing.
        truth: the same without gaps and outliers, what a forecast is compared with.
        future: releases, share of the capacity and closed steps, [n, steps, 3]; NaN where there
            are none.
    """

    rows: Floats
    truth: Floats
    future: Floats

    @classmethod
    def joined(cls, *several: Records) -> Records:
        """Return the records of several groups of lines of equal length."""
        return cls(
            *(
                np.concatenate([getattr(some, name) for some in several])
                for name in ("rows", "truth", "future")
            )
        )


def record(rng: Rng, flow: SimulatedFlow, steps: int) -> Records:
    """Return the records of a flow.

    Args:
        steps: of the simulation that make one step of the records; what is left over at the
            beginning is not recorded.
    """
    n = flow.wip.shape[1]
    after = flow.wip + flow.releases - flow.throughput
    when = rng.choice([0.0, 0.5, 1.0], n)
    wip = _grouped(flow.wip * (1 - when) + after * when, steps).mean(axis=1)
    throughput = _grouped(flow.throughput, steps).sum(axis=1)
    times = _grouped(flow.cycle_time, steps)
    weights = np.where(np.isnan(times), 0.0, _grouped(flow.throughput, steps))
    total = weights.sum(axis=1)
    cycle_time = np.full(total.shape, np.nan)
    np.divide((np.nan_to_num(times) * weights).sum(axis=1), total, out=cycle_time, where=total > 0)
    kind = rng.choice(4, n, p=[0.6, 0.1, 0.15, 0.15])
    by_law = np.full(total.shape, np.nan)
    np.divide(wip, throughput / steps, out=by_law, where=throughput > 0)
    cycle_time = np.where(kind == 1, by_law, cycle_time)
    cycle_time = _without_output(rng, cycle_time)
    # Hidden cycle times are forecast too: by Little's Law from WIP and throughput.
    truth = np.stack([wip.T, throughput.T, cycle_time.T], axis=-1)
    truth = np.where(np.isnan(truth), np.nan, _measured(rng, truth))
    rows = _gaps(rng, _outliers(rng, truth))
    rows[kind == 2, :, 2] = np.nan
    future = np.stack(
        [
            _grouped(flow.releases, steps).sum(axis=1).T,
            _grouped(flow.capacity, steps).mean(axis=1).T,
            _grouped(flow.closed, steps).all(axis=1).T,
        ],
        axis=-1,
    )
    return Records(rows, truth, future)


def _grouped(values: Floats | Flags, steps: int) -> Floats:
    """Values of the simulated steps in each recorded one, [recorded, steps, n]."""
    count = len(values) // steps
    kept = np.asarray(values[len(values) - count * steps :], float)
    return kept.reshape(count, steps, -1)


def _without_output(rng: Rng, times: Floats) -> Floats:
    """Cycle times of steps without output: missing, the last one, or zero, by line."""
    n = times.shape[1]
    kind = rng.choice(3, n, p=[0.6, 0.3, 0.1])
    missing = np.isnan(times)
    last = np.maximum.accumulate(np.where(missing, -1, np.arange(len(times))[:, None]), axis=0)
    carried = np.where(last >= 0, np.take_along_axis(times, np.maximum(last, 0), 0), np.nan)
    filled = np.where(kind == 1, carried, np.where(kind == 2, 0.0, times))
    return np.where(missing, filled, times)


def _measured(rng: Rng, truth: Floats) -> Floats:
    """Values with errors of measurement, and rounded ones."""
    n = len(truth)
    size = log_uniform(rng, 0.005, 0.2, (n, 1, 3)) * (rng.random((n, 1, 3)) < 0.25)
    found = truth * np.maximum(1 + size * rng.standard_normal(truth.shape), 0.0)
    unit = np.nan_to_num(mean_known(found, axis=1))[:, None]
    unit = unit * log_uniform(rng, 0.005, 0.3, (n, 1, 3))
    rounds = (rng.random((n, 1, 3)) < 0.1) & (unit > 0)
    unit = np.where(rounds, unit, 1.0)
    return np.where(rounds, np.round(found / unit) * unit, found)


def _outliers(rng: Rng, truth: Floats) -> Floats:
    """Rows in which some lines have a few wrong values."""
    n = len(truth)
    wrong = rng.random(truth.shape) < 0.006 * chosen(rng, 0.08, n)[:, None, None]
    factor = np.where(rng.random(truth.shape) < 0.4, 0.0, 1 + rng.exponential(4.0, truth.shape))
    return np.where(wrong, truth * factor, truth)


def _gaps(rng: Rng, rows: Floats) -> Floats:
    """Rows in which some lines have missing values, single ones and runs."""
    n, steps, _ = rows.shape
    often = rng.uniform(0, 0.25, n) * chosen(rng, 0.15, n)
    missing = rng.random((n, steps, 1)) < often[:, None, None]
    singly = rng.uniform(0, 0.3, (n, 1, 3)) * (rng.random((n, 1, 3)) < 0.06)
    single = rng.random(rows.shape) < singly
    time = np.arange(steps)
    begin = rng.integers(0, steps, (n, 1))
    run = (time >= begin) & (time < begin + log_uniform(rng, 2, 30, (n, 1)))
    run &= chosen(rng, 0.1, n)[:, None]
    return np.where(missing | single | run[..., None], np.nan, rows)
