"""The simulated lines of the planning benchmark."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.planning.lines import Machine, RandomLine, Simulation, random_line, release_levels
from models.planning.closed_line import closed_line
from models.planning.queueing import Station


@pytest.mark.parametrize("count", [1, 2])
def test_a_capped_line_has_the_exact_throughput(count: int) -> None:
    machines = (Machine(count / 20, 1.0, count, 0.0, 0.0, 1),) * 5
    line = RandomLine(machines, (0, 1, 2, 3, 4), "in a row", 20.0)
    _, output, times = Simulation(line, 1, cap=16).run(1500)
    stations = [Station(str(i), te=count / 20, machines=count) for i in range(5)]
    exact = closed_line(stations, 16).throughput[-1]
    assert output.mean() == pytest.approx(exact, rel=0.02)
    assert np.nanmean(times) * output.mean() == pytest.approx(16, rel=0.02)


@pytest.mark.parametrize("seed", [2, 5])
def test_jobs_balance_and_the_same_seed_is_the_same_line(seed: int) -> None:
    line = random_line(seed)
    levels = release_levels(line, 100, seed)
    wip, output, _ = Simulation(line, seed, levels).run(100)
    again, _, _ = Simulation(line, seed, levels).run(100)
    assert (wip == again).all() and (wip >= 0).all() and output.sum() > 0
    released = np.diff(wip, prepend=0) + output
    assert released.sum() == pytest.approx(levels.sum(), rel=0.1) and (released >= 0).all()
