"""Finish dates of orders: first passage of cumulated throughput over joint sample paths.

Units leave a line in the order in which they entered it (FIFO). So an order of q units that counts
from what is in process now is finished when q units are out; one on top of the units in process,
when these and q more are out; and the next order of the line begins where the one before ends.

    >>> rng = np.random.default_rng(1)
    >>> line = LinePaths(rng.poisson(5.0, (20_000, 60)).astype(float), np.zeros((20_000, 61)))
    >>> steps = finish_steps(line, [Order(100.0)])[0]
    >>> [quantile_step(steps, share, 60) for share in (0.5, 0.8, 0.85, 0.95)]
    [20, 22, 23, 24]
    >>> round(float((steps <= 20).mean()), 2)
    0.51
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.series.first_passage import cumulated, quantile_step, steps_to_reach

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_SEED = 1
_FEWEST_CHANGES = 26  # of weekly output, without which series are taken as independent
_MOST_ALIKE = 0.95
__all__ = ["LinePaths", "Order", "correlation", "finish_steps", "joint", "quantile_step"]


@dataclass(frozen=True)
class Order:
    """Units to be finished by one line.

    Attributes:
        quantity: in units.
        starts_after: steps ahead, whose output does not count; 0: from now on.
        on_top: true: what is in process at the start leaves first.
    """

    quantity: float
    starts_after: int = 0
    on_top: bool = False


@dataclass(frozen=True)
class LinePaths:
    """Sample paths of one line.

    Attributes:
        throughput: units finished in each step, [K, H].
        wip: units in process now, and at the end of each step, [K, 1 + H].
    """

    throughput: Floats
    wip: Floats


def finish_steps(line: LinePaths, orders: Sequence[Order]) -> Ints:
    """Return the step by which each order is finished on each path, [orders, K].

    Args:
        orders: of the line, in the sequence in which they are worked.

    Returns:
        steps from 1; H + 1 where an order is not finished within the horizon H.
    """
    total = cumulated(line.throughput)
    level = np.zeros(len(total))
    found = []
    for order in orders:
        start = min(order.starts_after, total.shape[1] - 1)
        begins = total[:, start] + (line.wip[:, start] if order.on_top else 0.0)
        level = np.maximum(level, begins) + order.quantity
        found.append(steps_to_reach(total, level))
    return np.stack(found)


def correlation(throughput: Sequence[Floats]) -> float:
    """Return how alike the unforeseen changes of several lines' output are, 0 to 0.95.

    The mean correlation of the lines' changes of output from one week of steps to the next.

    Args:
        throughput: recent steps of each line, newest last.
    """
    length = min(len(rows) for rows in throughput)
    weeks = np.stack([_sums(rows[-length:]) for rows in throughput])
    changes = weeks[:, 7:] - weeks[:, :-7]
    changes = changes[(changes.std(axis=1) > 0) if changes.size else []]
    if len(changes) < 2 or changes.shape[1] < _FEWEST_CHANGES:
        return 0.0
    together = np.corrcoef(changes)
    mean = (together.sum() - len(changes)) / (len(changes) * (len(changes) - 1))
    return float(np.clip(mean, 0.0, _MOST_ALIKE))


def _sums(rows: Floats) -> Floats:
    return np.convolve(rows, np.ones(7), "valid") if len(rows) >= 7 else rows[:0]


def joint(totals: Sequence[Floats], alike: float) -> list[Ints]:
    """Return an order of the paths of each line, by which equal places go together.

    Paths of different lines are drawn apart. They are put together by normal scores with one
    common factor, rank for rank of their total output (the Schaake shuffle: see
    `models.forecast.sample_paths`).

    Args:
        totals: output of each path over the horizon, of each line, [K] each.
        alike: correlation of two lines, 0 to 1.
    """
    draw = np.random.default_rng(_SEED)
    common = draw.standard_normal(len(totals[0])) * np.sqrt(alike)
    orders = []
    for own in totals:
        scores = common + draw.standard_normal(len(own)) * np.sqrt(1 - alike)
        orders.append(np.argsort(own, kind="stable")[scores.argsort().argsort()])
    return orders
