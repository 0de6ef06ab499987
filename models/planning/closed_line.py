"""A line with a WIP cap (CONWIP): throughput and cycle time by mean value analysis.

Exact for exponential process times with any number of machines (M. Reiser & S. S. Lavenberg,
"Mean-value analysis of closed multichain queuing networks", Journal of the ACM 27, 1980). For other
process times, the remaining time of jobs on the machines is corrected by (ce² − 1) ÷ 2 (W. J. Hopp
& M. L. Spearman, "Throughput of a constant work in process manufacturing line subject to failures",
International Journal of Production Research 29, 1991).

    >>> line = [Station(str(i), te=1.0) for i in range(5)]
    >>> curve = closed_line(line, 16)
    >>> round(float(curve.throughput[15]), 4), round(float(curve.cycle_time[15]), 2)
    (0.8, 20.0)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.planning.queueing import Station

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ClosedLine:
    """A line at each WIP from 1 to the largest one that was asked for.

    Attributes:
        throughput: jobs per unit of time, [W].
        cycle_time: mean time through the line, [W].
    """

    throughput: Floats
    cycle_time: Floats

    def least_wip(self, throughput: float) -> int | None:
        """Return the smallest WIP with at least a throughput; None: no WIP up to W has."""
        reached = np.flatnonzero(self.throughput >= throughput * (1 - 1e-12))
        return int(reached[0]) + 1 if reached.size else None

    def best_wip(self, unit_value: float, wip_cost: float) -> tuple[int, float]:
        """Return the WIP of the largest profit, and that profit.

        Args:
            unit_value: earned by each job that is finished.
            wip_cost: of a job in process, per unit of time.
        """
        profit = unit_value * self.throughput - wip_cost * np.arange(1, len(self.throughput) + 1)
        best = int(profit.argmax())
        return best + 1, float(profit[best])


def closed_line(stations: Sequence[Station], most_wip: int) -> ClosedLine:
    """Return a line at each WIP from 1 to `most_wip`."""
    times = np.array([station.job_time for station in stations])
    excess = np.array([(station.job_scv - 1) / 2 for station in stations])
    machines = np.array([station.machines for station in stations])
    most = int(machines.max())
    idle = np.maximum(machines[:, None] - 1 - np.arange(most), 0)  # machines left beside one more
    place = np.arange(most)
    # Shares of time with i jobs at a station, i below the number of its machines.
    shares = np.where(place == 0, 1.0, 0.0) * np.ones((len(stations), 1))
    queue = np.zeros(len(stations))
    throughput = np.zeros(most_wip)
    for wip in range(1, most_wip + 1):
        busy = 1 - np.where(place < machines[:, None], shares, 0.0).sum(axis=1)
        waits = queue + (idle * shares).sum(axis=1) + np.clip(busy, 0, 1) * excess
        at_station = times / machines * (1 + waits)
        rate = wip / at_station.sum()
        queue = rate * at_station
        shares = _shares(shares, rate * times, machines)
        throughput[wip - 1] = rate
    wips = np.arange(1, most_wip + 1)
    return ClosedLine(throughput, wips / throughput)


def _shares(shares: Floats, load: Floats, machines: NDArray[np.int64]) -> Floats:
    """Shares of time with each number of jobs, from those at a WIP of one less."""
    number = np.arange(1, shares.shape[1])
    new = np.zeros_like(shares)
    new[:, 1:] = load[:, None] / number * shares[:, :-1]
    new[:, 1:][number >= machines[:, None]] = 0.0
    unused = (np.maximum(machines[:, None] - number, 0) * new[:, 1:]).sum(axis=1)
    new[:, 0] = np.maximum(0.0, 1 - (load + unused) / machines)
    return new
