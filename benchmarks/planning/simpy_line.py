"""The same lines as processes of simpy: a check of `lines.Simulation`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import simpy
from numpy.typing import NDArray

from benchmarks.planning.lines import RandomLine, work_times

Floats = NDArray[np.float64]


class SimpyLine:
    """A line with a number of jobs in process that stays the same.

    Args:
        seed: of the random numbers, which are those of `Simulation`.
    """

    def __init__(self, line: RandomLine, seed: int, cap: int) -> None:
        self._line, self._env = line, simpy.Environment()
        self._machines = [simpy.Resource(self._env, machine.count) for machine in line.machines]
        self._times = work_times(line, seed)
        self._batches: list[list[simpy.Event]] = [[] for _ in line.machines]
        self._left: list[float] = []
        for _ in range(cap):
            self._env.process(self._jobs())

    def output(self, days: int) -> Floats:
        """Return the jobs finished on each day, [days]."""
        self._env.run(until=days)
        return np.bincount(np.array(self._left, int), minlength=days).astype(float)

    def _jobs(self) -> Iterator[simpy.Event]:
        """One job after the other, each as soon as the one before has left."""
        while True:
            for place in self._line.route:
                done = self._env.event()
                self._batches[place].append(done)
                if len(self._batches[place]) == self._line.machines[place].batch:
                    batch, self._batches[place] = self._batches[place], []
                    self._env.process(self._run(place, batch))
                yield done
            self._left.append(self._env.now)

    def _run(self, place: int, batch: list[simpy.Event]) -> Iterator[simpy.Event]:
        with self._machines[place].request() as machine:
            yield machine
            yield self._env.timeout(next(self._times[place]))
        for done in batch:
            done.succeed()
