"""Curves from histories of simulated lines, advice, and plans side by side."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from models.planning.advice import Advisor, Constraints, LineNow, Target
from models.planning.clearing_function import ClearingFunction
from models.planning.closed_line import closed_line
from models.planning.flow_paths import ReleasePlan, flow_paths
from models.planning.line_curve import FlowHistory, LineCurve, cap_times, line_curve, state_of
from models.planning.plan_comparison import compare_plans, run_plans
from models.planning.queueing import Station

Floats = NDArray[np.float64]
DAYS = 728


def daily_table(times: list[float], levels: Floats, seed: int) -> tuple[Floats, Floats]:
    """WIP at the end of each day and throughput of exponential stations in a row."""
    draw = np.random.default_rng(seed)
    counts = draw.poisson(levels)
    entered = np.sort(np.repeat(np.arange(DAYS), counts) + draw.random(counts.sum()))
    left = entered
    for time in times:
        work = np.cumsum(draw.exponential(time, len(left)))
        left = work + np.maximum.accumulate(left - np.append(0.0, work[:-1]))
    ends = np.arange(1, DAYS + 1)
    out = np.searchsorted(left, ends)
    wip = np.searchsorted(entered, ends) - out
    return wip.astype(float), np.diff(out, prepend=0).astype(float)


def history(rate: float, lowest: float, highest: float, seed: int = 0) -> FlowHistory:
    draw = np.random.default_rng(100 + seed)
    levels = rate * np.repeat(draw.uniform(lowest, highest, DAYS // 14), 14)
    return FlowHistory(*daily_table([1 / rate] * 5, levels, seed), np.ones(DAYS), 7, lot=1.0)


@pytest.fixture(scope="module")
def curve() -> LineCurve:
    return line_curve(history(20.0, 0.6, 1.02))


def advisor(curve: LineCurve, target: Target, **bounds: float) -> Advisor:
    assert curve.fitted is not None
    newest, highest = curve.newest, float(curve.blocks.mean_wip.max())
    now = LineNow(newest["wip_now"], newest["releases"], highest, np.ones(60))
    return Advisor(curve.fitted, now, target, Constraints(**bounds))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_curve_is_that_of_the_closed_line(seed: int) -> None:
    found = line_curve(history(20.0, 0.6, 1.02, seed))
    assert found.fitted is not None and found.reason == ""
    exact = closed_line([Station(str(i), te=1 / 20) for i in range(5)], 40).throughput
    for wip in (9, 16, 36):  # 70, 80 and 90 % of the capacity
        rate = float(found.fitted.line.throughput(np.array(float(wip))))
        assert rate == pytest.approx(exact[wip - 1], rel=0.07)
    assert 0.4 < found.fitted.lot < 1.5


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (FlowHistory(np.full(400, 50.0), np.full(400, 9.0), np.ones(400), 7), "hardly varied"),
        (FlowHistory(np.arange(100.0), np.full(100, 9.0), np.ones(100), 7), "needs 26"),
        (FlowHistory(np.arange(3.0), np.ones(3), np.ones(3), 7), "has 0 whole blocks"),
        (FlowHistory(np.arange(400.0), np.zeros(400), np.ones(400), 7), "no output"),
    ],
)
def test_a_history_that_cannot_tell_gives_the_reason(rows: FlowHistory, reason: str) -> None:
    found = line_curve(rows)
    assert found.fitted is None and reason in found.reason


@pytest.mark.parametrize("evenness", [1.0, 1.5, 6.0])
@pytest.mark.parametrize("congestion", [0.9, 1.1, 2.08, 20.0])
def test_a_line_is_starved_below_its_critical_wip_and_nowhere_else(
    evenness: float, congestion: float
) -> None:
    line, wip = ClearingFunction(10.0, 5.0, evenness), 5.0 * congestion
    change = math.log(line.throughput(np.array(wip * 1.001)) / line.throughput(np.array(wip)))
    assert line.elasticity(wip) == pytest.approx(change / math.log(1.001), rel=0.01, abs=1e-6)
    assert (state_of(line, wip) == "starved") is (congestion < 1)
    assert (state_of(line, wip) == "congested") is (line.elasticity(wip) < 0.1)


def test_cycle_times_at_a_cap_obey_littles_law(curve: LineCurve) -> None:
    assert curve.fitted is not None
    line = curve.fitted.line
    times = cap_times(line, 16.0, 1.0)
    assert times.mean * float(line.throughput(np.array(16.0))) == pytest.approx(16.0)
    assert times.quantile(0.5) < times.quantile(0.95)


@pytest.mark.parametrize(
    "target",
    [Target(throughput=15.0), Target(units=450.0, steps=30), Target(cycle_time=1.5, risk=0.8)],
)
def test_advice_meets_its_target_and_does_not_contradict_itself(
    curve: LineCurve, target: Target
) -> None:
    found = advisor(curve, target).answer()
    assert found["feasible"] and found["probability"] >= target.risk
    assert found["wip_cap"] == pytest.approx(
        found["cycle_time"]["mean"] * found["throughput"]["value"]
    )
    assert found["throughput"]["lower"] <= found["throughput"]["value"]
    lower, higher = found["alternatives"]
    assert lower["throughput_change"] < 0 < higher["throughput_change"]
    assert lower["cycle_time_change"] < 0 < higher["cycle_time_change"]
    worse = higher if target.cycle_time else lower
    assert worse["probability"] <= found["probability"]


def test_a_target_beyond_capacity_has_the_best_and_what_would_do(curve: LineCurve) -> None:
    found = advisor(curve, Target(throughput=25.0)).answer()
    assert not found["feasible"] and found["binds"] == "capacity"
    assert found["throughput"]["value"] < 20.5 and found["needed"]["capacity"] > 25


def test_no_cap_far_beyond_the_history_is_advised_unless_asked_for(curve: LineCurve) -> None:
    fitted, now = curve.fitted, LineNow(20.0, 15.0, 20.0, np.ones(365))
    assert fitted is not None
    target = Target(throughput=25.0)
    found = Advisor(fitted, now, target, Constraints()).answer()
    assert (found["wip_cap"], found["binds"], found["feasible"]) == (40.0, "history", False)
    assert Advisor(fitted, now, target, Constraints(wip=90.0)).answer()["wip_cap"] == 90.0
    least = Advisor(fitted, now, Target(throughput=1.0), Constraints()).answer()
    assert least["wip_cap"] < 3 and 1 <= least["throughput"]["value"] < 1.3


@pytest.mark.parametrize(
    ("bounds", "binds"),
    [({"wip": 12.0}, "max_wip"), ({"release_change": 0.5}, "max_release_change")],
)
def test_constraints_bind(curve: LineCurve, bounds: dict[str, float], binds: str) -> None:
    found = advisor(curve, Target(throughput=19.0), **bounds).answer()
    assert found["binds"] == binds and not found["feasible"]
    assert found["wip_cap"] <= bounds.get("wip", math.inf)


def test_plans_differ_by_what_is_planned_alone(curve: LineCurve) -> None:
    assert curve.fitted is not None
    fast, cap = ReleasePlan(np.full(30, 15.0)), ReleasePlan(cap=16.0)
    slow = ReleasePlan(np.full(30, 15.0), capacity=np.full(30, 10.0))
    none = ReleasePlan(np.full(30, 1.0), capacity=np.zeros(30))
    plans = [("fast", fast), ("same", fast), ("slow", slow), ("cap", cap), ("none", none)]
    runs = run_plans(curve.fitted, 20.0, np.ones(30), plans)
    found = {plan["name"]: plan for plan in compare_plans(runs, 400.0, highest_wip=60.0)}
    assert found["same"]["output_change"] == 0 and found["same"]["more_than_first"] == 0
    assert found["slow"]["output"]["mean"] <= 300.001 and found["slow"]["probability"] == 0
    assert found["slow"]["wip_at_end"]["p50"] > found["fast"]["wip_at_end"]["p50"] + 100
    assert found["cap"]["mean_wip"]["p90"] <= 20.0 and found["cap"]["cycle_time"]["p50"] < 2
    assert found["none"]["output"]["mean"] == 0 and found["none"]["cycle_time"] is None
    assert [name for name, plan in found.items() if plan["extrapolated"]] == ["slow"]


@pytest.mark.parametrize("cap", [5.0, 20.0, 200.0])
def test_under_a_cap_the_chance_left_is_that_of_the_units_that_wait(cap: float) -> None:
    line = ClearingFunction(capacity=20.0, critical_wip=5.0, evenness=1.0)
    logs = np.log([[20.0, 5.0, 1.0]] * 4000)
    out = flow_paths(logs, cap, ReleasePlan(cap=cap), np.ones(20), lot=0.5).throughput.sum(axis=1)
    mean = 20 * float(line.throughput(np.array(cap)))
    assert out.mean() == pytest.approx(mean, rel=0.01)
    assert out.var() == pytest.approx((1 - line.elasticity(cap)) * 0.5 * mean, rel=0.1)


def test_a_closed_day_puts_nothing_out(curve: LineCurve) -> None:
    assert curve.fitted is not None
    week = np.array([1.0, 1, 1, 1, 1, 0, 0])
    paths = run_plans(curve.fitted, 20.0, week, [("cap", ReleasePlan(cap=16.0))])[0].paths
    assert (paths.throughput[:, 5:] == 0).all() and (paths.throughput[:, :5] > 0).all()
