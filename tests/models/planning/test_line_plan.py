"""Plans of lines: what limits them, what would help."""

from __future__ import annotations

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


def test_batches_have_no_curve_with_a_cap() -> None:
    found = plan_line([Station("mill", te=0.5, setup=2, batch=8)], LineQuestion(rate=0.7))
    assert found["curve"] is None and "batches" in found["notes"][0]
