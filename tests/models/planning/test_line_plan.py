"""Plans of lines: what limits them, what would help."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.planning.batched_line import batched_line
from models.planning.line_plan import LineQuestion, plan_line
from models.planning.queueing import Station

CUT = Station("cut", te=1.0, ce2=0.25, mttf=40.0, mttr=10.0)


def test_improvements_are_of_the_two_busiest_stations_best_first() -> None:
    line = [CUT, Station("drill", te=1.1), Station("test", te=0.2)]
    found = plan_line(line, LineQuestion(rate=0.7, shifts=(("drill", 2),)))
    assert {change["station"] for change in found["improvements"]} == {"cut", "drill"}
    times = [change["cycle_time"] for change in found["improvements"]]
    assert times == sorted(times) and times[-1] < found["line"]["cycle_time"]
    kinds = {change["kind"] for change in found["improvements"]}
    assert kinds == {"machine", "shift", "shorter_stops"}


def test_a_rate_beyond_capacity_is_named_and_a_machine_helps() -> None:
    found = plan_line([CUT, Station("test", te=0.2)], LineQuestion(rate=0.9))
    assert not found["feasible"] and found["line"]["cycle_time"] is None
    best = found["improvements"][0]
    assert (best["station"], best["kind"]) == ("cut", "machine") and best["cycle_time"] > 0
    assert found["wip_cap"]["wip"] is None and found["wip_cap"]["throughput"] < 0.8


OVEN = Station("oven", te=0.5, ce2=1.0, batch=4)


@pytest.mark.parametrize(
    ("line", "wip", "throughput"),
    [
        # One batch goes round: 4 jobs, each alone on a machine behind the oven, or all at once.
        ([OVEN, Station("test", te=0.5)], 4, 4 / (2 + 4 * 0.5)),
        (
            [OVEN, Station("test", te=0.5, machines=4)],
            4,
            4 / (2 + 0.5 * (1 + 1 / 2 + 1 / 3 + 1 / 4)),
        ),
        # Batches of equal size are jobs of a line without batches: 3 at 2 exponential stations.
        ([replace(OVEN, ce2=4.0), replace(OVEN, ce2=4.0)], 14, 4 * 3 / (2 * 4)),
        ([replace(OVEN, machines=2), Station("test", te=0.1)], 100, 4.0),
    ],
)
def test_a_line_with_batches_and_a_cap(line: list[Station], wip: int, throughput: float) -> None:
    found = batched_line(line, wip)
    assert found and found.line.throughput[-1] == pytest.approx(throughput, rel=4 * found.error)
    assert 0 < found.error < 0.02 and (np.diff(found.line.throughput) >= 0).all()


@pytest.mark.parametrize(
    ("batches", "least"),
    [([4], 4), ([4, 4], 4), ([3, 5], 7), ([3, 6], 6), ([6, 3], 6), ([4, 6], 8)],
)
def test_incomplete_batches_stop_a_line_of_few_jobs(batches: list[int], least: int) -> None:
    line = [Station("saw", te=0.1), *(replace(OVEN, batch=batch) for batch in batches)]
    found = plan_line(line, LineQuestion(rate=0.7, most_wip=least))
    assert [point["cycle_time"] is None for point in found["curve"]] == [True] * (least - 1) + [
        False
    ]
    assert f"fewer than {least} jobs" in found["notes"][1]
    stopped = plan_line(line, LineQuestion(rate=0.7, most_wip=least - 1))
    assert stopped["curve"] is None and stopped["wip_cap"] is None
    assert "there is no curve" in stopped["notes"][0]
