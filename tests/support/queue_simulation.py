"""Queues simulated unit by unit, and what a table would state of them."""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LOAD = 0.8
CYCLE_TIME = 1 / (1 - LOAD)  # of M/M/1 at a service rate of one a step


def units(seed: int, count: int, servers: int = 1) -> tuple[Floats, Floats]:
    """Times of arrival and departure of an M/M/c queue, first come, first served."""
    rng = np.random.default_rng(seed)
    arrivals = np.cumsum(rng.exponential(1 / LOAD, count))
    work = rng.exponential(servers, count)
    departures, free = np.empty(count), [0.0] * servers
    for i in range(count):
        departures[i] = max(arrivals[i], heapq.heappop(free)) + work[i]
        heapq.heappush(free, departures[i])
    return arrivals, departures


def table(arrivals: Floats, departures: Floats, begin: int, steps: int, stock: bool) -> Floats:
    """Rows of `steps` steps from `begin` on: WIP (a step's mean, or its stock at the start),
    throughput, mean cycle time of what left (NaN where nothing did), [steps, 3]."""
    clock = begin + np.arange(steps, dtype=float)
    if stock:
        leaving = np.sort(departures)
        wip = (np.searchsorted(arrivals, clock) - np.searchsorted(leaving, clock)).astype(float)
    else:
        spent = np.minimum(departures, clock[:, None] + 1) - np.maximum(arrivals, clock[:, None])
        wip = np.maximum(spent, 0).sum(axis=1)
    step = np.floor(departures - begin).astype(int)
    inside = (step >= 0) & (step < steps)
    throughput = np.bincount(step[inside], minlength=steps).astype(float)
    times = np.bincount(step[inside], (departures - arrivals)[inside], minlength=steps)
    cycle_time = np.full(steps, np.nan)
    np.divide(times, throughput, out=cycle_time, where=throughput > 0)
    return np.column_stack([wip, throughput, cycle_time])


def queue(seed: int, cycle_times: int, stock: bool = False, servers: int = 1) -> Floats:
    """Rows of a window of so many cycle times, long after the start."""
    begin, steps = 100, int(cycle_times * CYCLE_TIME)
    arrivals, departures = units(seed, int(1.5 * (begin + steps)) + 100, servers)
    return table(arrivals, departures, begin, steps, stock)
