"""Random production lines, simulated by simpy: also re-entrant, with breakdowns and batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import simpy
from numpy.typing import NDArray

Floats = NDArray[np.float64]

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
    """A line that runs, and what came of it by day.

    Args:
        levels: jobs that enter a day, at random, by day; None: as many as the cap has room for.
        cap: most jobs in process; None: no bound.
    """

    def __init__(
        self, line: RandomLine, seed: int, levels: Floats | None = None, cap: int | None = None
    ) -> None:
        self._line, self._draw = line, np.random.default_rng([seed, 11])
        self._env = simpy.Environment()
        self._queues = [simpy.Resource(self._env, machine.count) for machine in line.machines]
        self._times = [self._work(machine) for machine in line.machines]
        self._waiting: list[list[simpy.Event]] = [[] for _ in line.machines]
        self._levels, self._cap = levels, cap
        self._inside = 0
        self._room = self._env.event()
        self._left: list[tuple[float, float]] = []  # finish, start

    def run(self, days: int) -> tuple[Floats, Floats, Floats]:
        """Return WIP at the end of each day, throughput, mean cycle time (NaN: none), [days]."""
        self._env.process(self._releases())
        wip = np.zeros(days)
        for day in range(days):
            self._env.run(until=day + 1)
            wip[day] = self._inside
        finish, start = np.array(self._left).T if self._left else np.zeros((2, 0))
        of_day = np.minimum(finish.astype(int), days - 1)
        count = np.bincount(of_day, minlength=days).astype(float)
        total = np.bincount(of_day, finish - start, minlength=days)
        times = np.divide(total, count, out=np.full(days, np.nan), where=count > 0)
        return wip, count, times

    def _work(self, machine: Machine) -> Iterator[float]:
        """Yield times on a machine, with the breakdowns within them."""
        while True:
            running = self._draw.gamma(1 / machine.scv, machine.time * machine.scv, _AHEAD)
            stops = np.zeros(_AHEAD)
            if machine.mttr:
                number = self._draw.poisson(running / machine.mttf)
                stops = self._draw.gamma(np.maximum(number, 1e-9), machine.mttr) * (number > 0)
            yield from (running + stops).tolist()

    def _releases(self) -> Iterator[simpy.Event]:
        if self._levels is None:
            while True:
                while self._cap is not None and self._inside >= self._cap:
                    yield self._room
                self._enter()
        for level in self._levels.tolist():
            gaps = np.sort(self._draw.random(self._draw.poisson(level)))
            for gap in np.diff(gaps, prepend=0.0).tolist():
                yield self._env.timeout(gap)
                self._enter()
            yield self._env.timeout(1.0 - (gaps[-1] if len(gaps) else 0.0))

    def _enter(self) -> None:
        self._inside += 1
        self._env.process(self._job())

    def _job(self) -> Iterator[simpy.Event]:
        began = self._env.now
        for place in self._line.route:
            if self._line.machines[place].batch > 1:
                yield self._batched(place)
                continue
            with self._queues[place].request() as machine:
                yield machine
                yield self._env.timeout(next(self._times[place]))
        self._inside -= 1
        self._left.append((self._env.now, began))
        if self._cap is not None:
            self._room.succeed()
            self._room = self._env.event()

    def _batched(self, place: int) -> simpy.Event:
        """Return the event that a job's batch is finished; the last job of a batch starts it."""
        done = self._env.event()
        self._waiting[place].append(done)
        if len(self._waiting[place]) == self._line.machines[place].batch:
            jobs, self._waiting[place] = self._waiting[place], []
            self._env.process(self._batch(place, jobs))
        return done

    def _batch(self, place: int, jobs: list[simpy.Event]) -> Iterator[simpy.Event]:
        with self._queues[place].request() as machine:
            yield machine
            yield self._env.timeout(next(self._times[place]))
        for job in jobs:
            job.succeed()


def release_levels(line: RandomLine, days: int, seed: int) -> Floats:
    """Return the mean releases of each day: levels that last for one to four weeks."""
    draw = np.random.default_rng([seed, 13])
    levels: list[float] = []
    while len(levels) < days:
        levels += [float(draw.uniform(0.55, 1.02))] * int(draw.integers(7, 29))
    return line.capacity * np.array(levels[:days])
