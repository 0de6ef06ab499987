"""Random production lines and their simulation: also re-entrant, with breakdowns and batches.

The simulation is a loop over the finishes of batches, in the sequence of their times.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Job = tuple[float, int]  # entry, and stations visited before

_AHEAD = 4096  # random numbers that are drawn at once


@dataclass(frozen=True)
class Machine:
    """Equal machines behind one queue; times in days.

    Attributes:
        time: mean time to process a job.
        scv: its variance ÷ its square; gamma distributed.
        count: number of machines.
        mttf, mttr: mean running time between breakdowns, and to repair; 0: none.
        batch: jobs that are processed together, in the time of one.
    """

    time: float
    scv: float
    count: int
    mttf: float
    mttr: float
    batch: int


@dataclass(frozen=True)
class RandomLine:
    """A line.

    Attributes:
        machines: its stations.
        route: the stations that a job visits, in sequence.
        kind: in words.
        capacity: jobs a day of the slowest station.
    """

    machines: tuple[Machine, ...]
    route: tuple[int, ...]
    kind: str
    capacity: float


def random_line(seed: int) -> RandomLine:
    """Return the line of a seed."""
    draw = np.random.default_rng([seed, 7])
    stations = int(draw.integers(3, 8))
    capacity = float(draw.uniform(12, 30))
    kinds = []
    route = list(range(stations))
    if draw.random() < 0.3:
        route += route[1 : 1 + int(draw.integers(1, 3))]
        kinds.append("re-entrant")
    batched = int(draw.integers(stations)) if draw.random() < 0.25 else -1
    slack = draw.uniform(1.0, 1.5, stations)
    slack[draw.integers(stations)] = 1.0
    machines = []
    for place in range(stations):
        count = int(draw.integers(1, 4))
        scv = float(draw.choice([0.25, 0.5, 1.0, 1.5]))
        broken = draw.random() < 0.4
        up = float(draw.uniform(0.8, 0.95)) if broken else 1.0
        mttr = float(draw.uniform(0.03, 0.2)) if broken else 0.0
        batch = int(draw.integers(3, 7)) if place == batched else 1
        visits = route.count(place)
        time = count * up * batch / (capacity * float(slack[place]) * visits)
        machines.append(
            Machine(time, scv, count, mttr * up / (1 - up) if broken else 0, mttr, batch)
        )
    if any(machine.mttr for machine in machines):
        kinds.append("breakdowns")
    if batched >= 0:
        kinds.append("batches")
    return RandomLine(tuple(machines), tuple(route), ", ".join(kinds) or "in a row", capacity)


class Simulation:
    """A line that runs, and what came of it by day. Each station has random numbers of its own.

    Args:
        levels: jobs that enter a day, at random, by day; None: as many as the cap has room for.
        cap: jobs in process, where there are no levels.
    """

    def __init__(
        self, line: RandomLine, seed: int, levels: Floats | None = None, cap: int = 0
    ) -> None:
        self._line, self._cap = line, cap
        self._times = work_times(line, seed)
        self._entries: list[float] = []
        if levels is not None:
            draw = np.random.default_rng([seed, 12])
            days = np.repeat(np.arange(len(levels)), draw.poisson(levels))
            self._entries = np.sort(days + draw.random(len(days))).tolist()
        self._idle = [machine.count for machine in line.machines]
        self._queues: list[deque[list[Job]]] = [deque() for _ in line.machines]
        self._batches: list[list[Job]] = [[] for _ in line.machines]
        self._running: list[tuple[float, int, int, list[Job]]] = []
        self._number = itertools.count().__next__
        self._left: list[Job] = []  # finish, start

    def run(self, days: int) -> tuple[Floats, Floats, Floats]:
        """Return WIP at the end of each day, throughput, mean cycle time (NaN: none), [days]."""
        for _ in range(self._cap):
            self._arrive(0.0, (0.0, 0))
        entries = [entry for entry in self._entries if entry < days]
        coming = iter([*entries, np.inf])
        entry = next(coming)
        while self._running or entry < days:
            now = self._running[0][0] if self._running else np.inf
            if entry <= now:
                self._arrive(entry, (entry, 0))
                entry = next(coming)
            elif now < days:
                self._finish()
            else:
                break
        return self._by_day(days, np.array(entries, float))

    def _arrive(self, now: float, job: Job) -> None:
        """Add a job at a station of its route; it waits for a whole batch, then for a machine."""
        place = self._line.route[job[1]]
        batch = self._batches[place]
        batch.append(job)
        if len(batch) < self._line.machines[place].batch:
            return
        self._batches[place] = []
        if self._idle[place]:
            self._idle[place] -= 1
            self._start(now, place, batch)
        else:
            self._queues[place].append(batch)

    def _start(self, now: float, place: int, batch: list[Job]) -> None:
        ends = now + next(self._times[place])
        heappush(self._running, (ends, self._number(), place, batch))

    def _finish(self) -> None:
        """Finish the batch that is through next."""
        now, _, place, batch = heappop(self._running)
        if self._queues[place]:
            self._start(now, place, self._queues[place].popleft())
        else:
            self._idle[place] += 1
        for entered, visits in batch:
            if visits + 1 < len(self._line.route):
                self._arrive(now, (entered, visits + 1))
                continue
            self._left.append((now, entered))
            if self._cap:
                self._arrive(now, (now, 0))

    def _by_day(self, days: int, entries: Floats) -> tuple[Floats, Floats, Floats]:
        finish, start = np.array(self._left, float).reshape(-1, 2).T
        of_day = finish.astype(int)
        count = np.bincount(of_day, minlength=days).astype(float)
        total = np.bincount(of_day, finish - start, minlength=days)
        times = np.divide(total, count, out=np.full(days, np.nan), where=count > 0)
        entered = np.bincount(entries.astype(int), minlength=days)
        held = np.cumsum(entered - count) if not self._cap else np.full(days, float(self._cap))
        return held, count, times


def work_times(line: RandomLine, seed: int) -> list[Iterator[float]]:
    """Return the times on the machines of each station, one after the other, without an end."""
    return [
        _work(machine, np.random.default_rng([seed, 11, place]))
        for place, machine in enumerate(line.machines)
    ]


def _work(machine: Machine, draw: np.random.Generator) -> Iterator[float]:
    """Yield times on a machine, with the breakdowns within them."""
    while True:
        running = draw.gamma(1 / machine.scv, machine.time * machine.scv, _AHEAD)
        stops = np.zeros(_AHEAD)
        if machine.mttr:
            number = draw.poisson(running / machine.mttf)
            stops = draw.gamma(np.maximum(number, 1e-9), machine.mttr) * (number > 0)
        yield from (running + stops).tolist()


def release_levels(line: RandomLine, days: int, seed: int) -> Floats:
    """Return the mean releases of each day: levels that last for one to four weeks."""
    draw = np.random.default_rng([seed, 13])
    levels: list[float] = []
    while len(levels) < days:
        levels += [float(draw.uniform(0.55, 1.02))] * int(draw.integers(7, 29))
    return line.capacity * np.array(levels[:days])
