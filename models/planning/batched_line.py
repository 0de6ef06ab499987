"""A line with a WIP cap and stations that process jobs in batches: its throughput by simulation.

Mean value analysis does not know jobs that wait for one another: with it, wait-to-batch times of
(k − 1) ÷ (2 · rate) were 2 to 21 % beside simulations. So the line is simulated, finish by finish,
at some WIP caps with the same random numbers; between them the throughput is interpolated. Times of
a batch are gamma distributed with the mean and c² of its station (`models.planning.queueing`).

A batch of 4 and a machine behind it, with 4 jobs in all, take turns: 4 ÷ (2 + 4 · 0.5) = 1.

    >>> line = [Station("oven", te=0.5, batch=4), Station("test", te=0.5)]
    >>> found = batched_line(line, 12)
    >>> found.least_running, found.line.throughput[[2, 3]].round(2).tolist()
    (4, [0.0, 1.0])
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from models.planning.closed_line import ClosedLine
from models.planning.queueing import Station

Floats = NDArray[np.float64]

_SEED = 1
_CAPS = 16  # that are simulated all over the range
_FINISHES = 50_000  # of batches at stations, at each cap
_TURNS = 5  # times that each job of a line leaves it at least, of which two are before the count
_BATCHES = 60  # of the largest size, at least
_PARTS = 10  # of a run, by whose differences its error is known


@dataclass(frozen=True)
class SimulatedLine:
    """A line at each WIP from 1 to the largest one that was asked for.

    Attributes:
        line: throughput and cycle time; 0 and infinite below `least_running`.
        least_running: jobs with which no incomplete batches can stop the line.
        caps: number of them that were simulated.
        error: largest standard error of a simulated throughput ÷ the throughput.
    """

    line: ClosedLine
    least_running: int
    caps: int
    error: float


def least_running(batches: Sequence[int]) -> int:
    """Return the number of jobs from which on incomplete batches cannot stop a line for good.

    Each station can hold one job less than its batch. What reaches a station after the first comes
    in whole batches of the one before, so that it can hold a multiple of the greatest common
    divisor of both sizes only.

    Args:
        batches: sizes of more than one job, in the order in which jobs visit the stations.
    """
    held = [size - math.gcd(before, size) for before, size in pairwise(batches)]
    return batches[0] + sum(held)


def batched_line(stations: Sequence[Station], most_wip: int) -> SimulatedLine | None:
    """Return a line at each WIP from 1 to `most_wip`; None: it stops for good at each of them."""
    sizes = [station.batch for station in stations if station.batch > 1]
    least = least_running(sizes)
    if least > most_wip:
        return None
    caps = _caps(least, most_wip, math.gcd(*sizes))
    largest = max(sizes)
    usual = _FINISHES / sum(1 / station.batch for station in stations)
    jobs = np.maximum(max(int(usual), _BATCHES * largest), _TURNS * caps)
    times = _times(stations, int(jobs.max()) + largest + most_wip)
    runs = [
        _rate(_finishes(stations, cap, number, times), 2 * cap)
        for cap, number in zip(caps.tolist(), jobs.tolist(), strict=True)
    ]
    rates, errors = np.array(runs).T
    wips = np.arange(1, most_wip + 1)
    known = np.minimum(np.maximum.accumulate(rates), min(own.capacity for own in stations))
    throughput = np.interp(wips, caps, known)
    throughput[: least - 1] = 0.0
    cycle_time = np.full(most_wip, np.inf)
    np.divide(wips, throughput, out=cycle_time, where=throughput > 0)
    return SimulatedLine(ClosedLine(throughput, cycle_time), least, len(caps), float(errors.max()))


def _caps(least: int, most: int, common: int) -> NDArray[np.int64]:
    """The caps to simulate: all over the range, and those about the steps of the throughput.

    Incomplete batches hold multiples of a common divisor of all sizes, so that the throughput
    rises in steps at its multiples, which are large up to twice the least WIP.
    """
    end = min(2 * least, most)
    steps = np.arange(-(-least // common) * common, end + 1, common)
    steps = steps[:: -(-len(steps) // _CAPS)] if steps.size else steps
    before = steps[(steps > least) & (common > 1)] - 1
    return np.unique([*steps, *before, *np.geomspace(least, most, _CAPS).round().astype(int)])


def _times(stations: Sequence[Station], jobs: int) -> list[list[float]]:
    """Times of the batches of so many jobs at each station; their mean is the exact one."""
    rng = np.random.default_rng(_SEED)
    found = []
    for station in stations:
        count, scv = -(-jobs // station.batch), station.batch_scv
        drawn = rng.gamma(1 / scv, scv, count) if scv > 0 else np.ones(count)
        found.append((drawn * (station.batch_time / drawn.mean())).tolist())
    return found


def _finishes(
    stations: Sequence[Station], wip: int, jobs: int, times: Sequence[Sequence[float]]
) -> Floats:
    """Simulate until so many jobs have left; returns times and numbers of all that left, [n, 2]."""
    batch = [station.batch for station in stations]
    idle = [station.machines for station in stations]
    next_time = [iter(own).__next__ for own in times]
    waiting = [0] * len(stations)
    running: list[tuple[float, int]] = []
    last, gone = len(stations) - 1, 0
    left: list[tuple[float, int]] = []

    def start(place: int, now: float) -> None:
        while idle[place] and waiting[place] >= batch[place]:
            idle[place] -= 1
            waiting[place] -= batch[place]
            heappush(running, (now + next_time[place](), place))

    waiting[0] = wip
    start(0, 0.0)
    while gone < jobs:
        now, place = heappop(running)
        idle[place] += 1
        if place == last:
            gone += batch[place]
            left.append((now, gone))
        behind = 0 if place == last else place + 1
        waiting[behind] += batch[place]
        start(place, now)
        start(behind, now)
    return np.array(left)


def _rate(left: Floats, before: int) -> tuple[float, float]:
    """Throughput after the first jobs, and its standard error ÷ the throughput."""
    counted = left[np.searchsorted(left[:, 1], before) :]
    ends = counted[np.linspace(0, len(counted) - 1, _PARTS + 1).astype(int)]
    time, number = np.diff(ends, axis=0).T
    rate = (ends[-1, 1] - ends[0, 1]) / (ends[-1, 0] - ends[0, 0])
    return float(rate), float((number / time).std(ddof=1) / rate / math.sqrt(_PARTS))
