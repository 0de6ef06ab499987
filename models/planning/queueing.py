"""Stations in a row: utilisation, queues, cycle times, and the variability that each passes on.

All formulas are those of W. J. Hopp & M. L. Spearman, "Factory Physics" (3rd edition, 2008),
chapters 8 and 9; `c²` is a squared coefficient of variation, variance ÷ mean².

* Breakdowns: availability A = mttf ÷ (mttf + mttr); te = t0 ÷ A;
  ce² = c0² + (1 + cr²) · A · (1 − A) · mttr ÷ t0, with repair times that are exponential: cr² = 1.
* Setups after N jobs in the mean: te = t0 + ts ÷ N; variance = σ0² + (N − 1) ÷ N² · ts².
* Batches of k jobs behind one setup: ts + k · t0; the first waits (k − 1) ÷ (2 · rate) in the mean
  until the batch is complete.
* Queue time (VUT; several machines: H. Sakasegawa, "An approximation formula L ≈ α·ρ^β/(1 − ρ)",
  Annals of the Institute of Statistical Mathematics 29, 1977):
  (ca² + ce²) ÷ 2 · u^(√(2(m + 1)) − 1) ÷ (m · (1 − u)) · te.
* Departures: cd² = 1 + (1 − u²)(ca² − 1) + u² ÷ √m · (ce² − 1).

A station with one machine, without breakdowns, is exact where it is M/M/1.

    >>> press = Station("press", te=1.0, ce2=0.25, mttf=40.0, mttr=10.0)
    >>> round(press.job_scv, 2), round(flow_through([press], rate=0.7)[0].queue_time, 2)
    (3.45, 19.47)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from models.planning.time_distribution import GammaTimes


@dataclass(frozen=True)
class Station:
    """Equal machines behind one queue. All times in one unit, the caller's.

    Attributes:
        name: of the station.
        te: mean time to process a job, without breakdowns and setups.
        ce2: its c².
        machines: number of them.
        mttf: mean running time between breakdowns; infinite: none.
        mttr: mean time to repair.
        setup: time of a setup.
        setup_every: jobs between setups, in the mean; None: a setup for each batch.
        batch: jobs that wait for one another, are processed behind one setup and move on together.
    """

    name: str
    te: float
    ce2: float = 1.0
    machines: int = 1
    mttf: float = math.inf
    mttr: float = 0.0
    setup: float = 0.0
    setup_every: float | None = None
    batch: int = 1

    @property
    def availability(self) -> float:
        """Share of the time in which a machine is not broken down."""
        return 1.0 if math.isinf(self.mttf) else self.mttf / (self.mttf + self.mttr)

    @property
    def batch_time(self) -> float:
        """Mean time on a machine of a batch, with breakdowns and setups."""
        return self._batch[0]

    @property
    def batch_scv(self) -> float:
        """The c² of `batch_time`."""
        return self._batch[1]

    @property
    def job_time(self) -> float:
        """Mean time on a machine of a job, its share of a batch."""
        return self.batch_time / self.batch

    @property
    def job_scv(self) -> float:
        """The c² of the time of a job, if those of a batch are independent of each other."""
        return self.batch_scv * self.batch

    @property
    def capacity(self) -> float:
        """Most jobs per unit of time."""
        return self.machines / self.job_time

    @property
    def _batch(self) -> tuple[float, float]:
        up = self.availability
        time = self.te / up
        variance = (self.ce2 + 2 * up * (1 - up) * self.mttr / self.te) * time**2
        if self.setup_every is not None:
            every = self.setup_every
            time += self.setup / every
            variance += (every - 1) / every**2 * self.setup**2
            mean = self.batch * time
        else:
            mean = self.setup + self.batch * time
        return mean, self.batch * variance / mean**2


@dataclass(frozen=True)
class StationFlow:
    """A station at a rate of jobs. Queue and cycle times are infinite from its capacity on.

    Attributes:
        utilization: share of the machines' time that is taken.
        arrival_scv, departure_scv: c² of the times between arrivals, between departures.
        batching_time: mean wait until a batch is complete.
        queue_time: mean wait for a machine.
        process_time: mean time on the machine.
        cycle_time_variance: variance of the whole time at the station.
        wip: mean number of jobs at the station.
    """

    station: Station
    utilization: float
    arrival_scv: float
    departure_scv: float
    batching_time: float
    queue_time: float
    process_time: float
    cycle_time_variance: float
    wip: float

    @property
    def cycle_time(self) -> float:
        """Mean time at the station."""
        return self.batching_time + self.queue_time + self.process_time


def flow_through(
    stations: Sequence[Station], rate: float, arrival_scv: float = 1.0
) -> list[StationFlow]:
    """Return the stations of a line at a release rate.

    Args:
        stations: in the order in which jobs visit them.
        rate: jobs released per unit of time.
        arrival_scv: c² of the times between releases.
    """
    found, scv, together = [], arrival_scv, 1
    for station in stations:
        scv = _rebatched(scv, together, station.batch)
        waits = max(0.0, (station.batch - together) / (2 * rate))
        flow = _at(station, rate, scv, waits)
        found.append(flow)
        scv, together = flow.departure_scv, station.batch
    return found


def cycle_times(flows: Sequence[StationFlow]) -> GammaTimes:
    """Return the distribution of the time through a line, its stations taken as independent."""
    return GammaTimes(
        sum(flow.cycle_time for flow in flows), sum(flow.cycle_time_variance for flow in flows)
    )


def largest_rate(
    stations: Sequence[Station], limit: float, share: float, arrival_scv: float = 1.0
) -> float:
    """Return the largest release rate at which a share of cycle times stays within a limit.

    It is 0 where even a line without queues is slower.
    """
    low, high = 0.0, min(station.capacity for station in stations)
    for _ in range(60):
        middle = (low + high) / 2
        within = cycle_times(flow_through(stations, middle, arrival_scv)).quantile(share) <= limit
        low, high = (middle, high) if within else (low, middle)
    return low


def _rebatched(scv: float, together: int, batch: int) -> float:
    """The c² between arrivals of batches, of jobs that arrive in batches of another size.

    Larger batches are sums of independent times. Smaller ones arrive at once: E[X²] of the times
    between them is that of a whole batch ÷ their number.
    """
    if batch >= together:
        return scv * together / batch
    return together / batch * (1 + scv) - 1


def _at(station: Station, rate: float, scv: float, waits: float) -> StationFlow:
    machines, time, own = station.machines, station.batch_time, station.batch_scv
    used = rate * time / (station.batch * machines)
    if used >= 1:
        at_capacity = 1 + (own - 1) / math.sqrt(machines)
        never = math.inf
        return StationFlow(station, used, scv, at_capacity, waits, never, time, never, never)
    wait_share = used ** (math.sqrt(2 * (machines + 1)) - 1)
    queue = (scv + own) / 2 * wait_share / (machines * (1 - used)) * time
    departure = 1 + (1 - used**2) * (scv - 1) + used**2 / math.sqrt(machines) * (own - 1)
    # Those that wait do so for an exponential time, about; of a batch, jobs wait uniformly long.
    waiting = 2 * queue**2 / wait_share - queue**2 if queue > 0 else 0.0
    variance = waiting + own * time**2 + waits**2 / 3
    held = rate * (waits + queue + time)
    return StationFlow(station, used, scv, departure, waits, queue, time, variance, held)
