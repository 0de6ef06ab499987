"""Flow of each series and the boundaries between which windows lie, for the Little's Law test.

See `littles_law` for the test.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.series.panel import Panel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

EDGES = 32  # boundaries in a series where windows start and end


def sums_by_series(panel: Panel, values: Floats) -> Floats:
    """Return the sum of each series' values, [rows] → [S]."""
    return np.add.reduceat(values, panel.offsets[:-1])


@dataclass(frozen=True)
class Edges:
    """Up to EDGES boundaries of each series, [S, EDGES]; amounts in units of its mean WIP.

    Boundary `row` lies before that row, between WIP `before` and `after`. `stock`, `service` and
    `untimed` are sums up to it, `low` is the lowest WIP up to the next boundary. `valid` is false
    where there is none, behind those that are.
    """

    valid: NDArray[np.bool_]
    row: Ints
    before: Floats
    after: Floats
    oldest: Floats
    stock: Floats
    service: Floats
    untimed: Floats
    low: Floats


@dataclass(frozen=True)
class Flow:
    """Rows in units of their series' mean WIP, [rows], and figures of each series, [S]."""

    wip: Floats
    service: Floats  # throughput × cycle time, the unknown by the mean of the known
    untimed: Floats  # throughput whose cycle time is not known
    departs: NDArray[np.bool_]
    longest: Floats  # [S], cycle time seen
    mean_time: Floats  # [S], cycle time of a unit
    jitter: Floats  # [S], standard deviation of a stock from the mean of its step
    known: Ints  # [S]

    @classmethod
    def of(cls, panel: Panel) -> Flow:
        """Return the flow of a panel."""
        series, (wip, throughput, cycle_time) = panel.series, panel.values.T
        timed = (throughput > 0) & ~np.isnan(cycle_time)
        level = sums_by_series(panel, wip) / panel.lengths
        level = np.where(level > 0, level, 1.0)
        flow, spent = np.where(timed, throughput, 0.0), np.where(timed, cycle_time, 0.0)
        timed_flow = sums_by_series(panel, flow)
        mean = np.divide(
            sums_by_series(panel, flow * spent),
            timed_flow,
            out=np.full(len(level), np.nan),
            where=timed_flow > 0,
        )
        wip, throughput = wip / level[series], throughput / level[series]
        return cls(
            wip,
            throughput * np.where(timed, spent, mean[series]),
            np.where(timed, 0.0, throughput),
            throughput > 0,
            np.maximum.reduceat(spent, panel.offsets[:-1]),
            mean,
            _jitter(panel, wip),
            sums_by_series(panel, timed.astype(float)).astype(np.int64),
        )

    def edges(self, panel: Panel) -> Edges:
        """Choose the boundary of least WIP in each span; the outermost steps are left out."""
        chosen = self._boundaries(panel)
        owner = np.searchsorted(panel.offsets, chosen, side="right") - 1
        number = np.arange(len(chosen)) - np.searchsorted(owner, owner)
        last_exit = np.maximum.accumulate(np.where(self.departs, np.arange(len(self.wip)), -1))
        idle = np.minimum(chosen - 1 - last_exit[chosen - 1], chosen - panel.offsets[owner])

        def table(values: NDArray[Any]) -> Floats:
            filled = np.zeros((len(panel.series_keys), EDGES))
            filled[owner, number] = values
            return filled

        def before(values: Floats) -> Floats:
            return table(np.nancumsum(values)[chosen - 1])

        return Edges(
            valid=table(np.ones(len(chosen))) > 0,
            row=table(chosen).astype(np.int64),
            before=table(self.wip[chosen - 1]),
            after=table(self.wip[chosen]),
            oldest=table(self.longest[owner] + idle + 1),
            stock=before(self.wip),
            service=before(self.service),
            untimed=before(self.untimed),
            low=table(np.minimum.reduceat(self.wip, chosen)),
        )

    def _boundaries(self, panel: Panel) -> Ints:
        """The row after the boundary of least WIP in each span of each series, in order."""
        wip = np.maximum(self.wip, np.roll(self.wip, 1))
        wip[panel.offsets[:-1]] = np.inf  # what lies before a series is no boundary of it
        spans = (panel.lengths[:, None] - 1) * np.arange(1, EDGES)
        begins = panel.offsets[:-1, None] + 1 - spans // -EDGES  # rounded up
        begins = np.unique(np.column_stack([panel.offsets[:-1], begins]))
        begins = begins[begins < panel.offsets[-1]]
        least = np.minimum.reduceat(wip, begins)
        lowest = np.flatnonzero(wip == np.repeat(least, np.diff(begins, append=len(wip))))
        chosen = lowest[np.searchsorted(lowest, begins)]
        return chosen[least < np.inf]


def _jitter(panel: Panel, wip: Floats) -> Floats:
    """Standard deviation of a step's mean WIP from the mean of the stocks at its ends, [S].

    In units of the changes from step to step, the variance is 1/12 for a WIP that wanders (a
    Brownian bridge) and 1/2 for one that is drawn anew each step; the changes' autocorrelation
    at lag one, 0 and −1/2, tells which.
    """
    changes = np.append(np.diff(wip), 0.0)
    changes[panel.offsets[1:] - 1] = 0.0
    variance = sums_by_series(panel, changes**2)
    together = sums_by_series(panel, np.append(changes[1:] * changes[:-1], 0.0))
    correlation = np.divide(together, variance, out=np.zeros_like(variance), where=variance > 0)
    share = 1 / 12 + 5 / 6 * np.clip(-correlation, 0, 0.5)
    return np.sqrt(share * variance / np.maximum(panel.lengths - 1, 1))
