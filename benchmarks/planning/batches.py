"""Curves of lines with batches, held to simulation: `python -m benchmarks.planning.batches`.

Of each random line, one or two stations process jobs in batches of 2 to 20. The simulation, whose
first days are compared with simpy, has breakdowns one by one, where the service has their mean and
variance. The errors of the curve are
those of its throughput at WIP caps of 1, 1.5, 2, 4 and 10 times the least one that keeps the line
running.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from benchmarks.planning.judge import expect_same
from benchmarks.planning.lines import Machine, RandomLine, Simulation, random_line
from models.planning.batched_line import batched_line
from models.planning.queueing import Station

_FACTORS = (1.0, 1.5, 2.0, 4.0, 10.0)  # of the least WIP that keeps a line running
_DAYS, _WARM_UP = 3000, 100
_LARGEST = 20


def batched(seed: int) -> RandomLine:
    """Return the line of a seed with batches; jobs visit each station once."""
    line, draw = random_line(seed), np.random.default_rng([seed, 21])
    machines = list(line.machines)
    for place in draw.choice(len(machines), int(draw.integers(1, 3)), replace=False).tolist():
        own, size = machines[place], int(draw.integers(2, _LARGEST + 1))
        machines[place] = replace(own, batch=size, time=own.time * size / own.batch)
    return replace(line, machines=tuple(machines), route=tuple(range(len(machines))))


def station(name: str, machine: Machine) -> Station:
    """Return a machine of the simulation as a request describes it: by the time of one job."""
    size = machine.batch
    return Station(
        name,
        te=machine.time / size,
        ce2=machine.scv * size,
        machines=machine.count,
        mttf=machine.mttf or math.inf,
        mttr=machine.mttr,
        batch=size,
    )


def _throughput(line: RandomLine, seed: int, cap: int) -> float:
    """Jobs a day of a line that runs with a WIP cap."""
    return float(Simulation(line, seed, cap=cap).run(_DAYS)[1][_WARM_UP:].mean())


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a row for each line, and the errors at each multiple of the least WIP."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.planning.batches", description=__doc__
    )
    parser.add_argument("--lines", type=int, default=12, help="number of lines")
    parser.add_argument("--first", type=int, default=0, help="seed of the first line")
    options = parser.parse_args(arguments)
    print("| line | batches | least WIP | error of the throughput | its standard error |")
    print("|---|---|---|---|---|")
    errors = []
    for seed in range(options.first, options.first + options.lines):
        line = batched(seed)
        stations = [station(str(i), machine) for i, machine in enumerate(line.machines)]
        curve = batched_line(stations, 10 * _LARGEST * 2)
        if curve is None:
            raise ArithmeticError(f"Line {seed} has no curve.")
        caps = [math.ceil(factor * curve.least_running) for factor in _FACTORS]
        expect_same(line, seed, caps[2])
        came = [_throughput(line, seed, cap) for cap in caps]
        errors.append(curve.line.throughput[np.array(caps) - 1] / np.array(came) - 1)
        sizes = " ".join(str(machine.batch) for machine in line.machines)
        found = " ".join(f"{error:+.1%}" for error in errors[-1])
        print(f"| {seed} | {sizes} | {curve.least_running} | {found} | {curve.error:.1%} |")
        sys.stdout.flush()
    largest = np.abs(errors).max(axis=0)
    for name, own in (("mean", np.mean(errors, axis=0)), ("largest", largest)):
        print(f"{name}: {' '.join(f'{error:+.1%}' for error in own)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
