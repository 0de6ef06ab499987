"""Queueing formulas against exact values."""

from __future__ import annotations

import math

import pytest

from models.planning.closed_line import closed_line
from models.planning.queueing import Station, cycle_times, flow_through, largest_rate
from models.planning.time_distribution import GammaTimes

QUANTILES = (0.5, 0.8, 0.9, 0.95)


@pytest.mark.parametrize(
    ("stations", "expected"),
    [(1, (3.466, 8.047, 11.513, 14.979)), (5, (23.35, 33.60, 39.97, 45.77))],
)
def test_cycle_times_of_exponential_stations(stations: int, expected: tuple[float, ...]) -> None:
    flows = flow_through([Station(str(i), te=1.0) for i in range(stations)], rate=0.8)
    found = [cycle_times(flows).quantile(share) for share in QUANTILES]
    assert found == pytest.approx(expected, rel=2e-4)
    assert sum(flow.wip for flow in flows) == pytest.approx(4 * stations)


@pytest.mark.parametrize(("stations", "limit", "rate"), [(1, 10, 0.7697), (5, 30, 0.7335)])
def test_largest_rate_within_a_cycle_time(stations: int, limit: float, rate: float) -> None:
    line = [Station(str(i), te=1.0) for i in range(stations)]
    assert largest_rate(line, limit, 0.9) == pytest.approx(rate, abs=5e-5)


@pytest.mark.parametrize(
    ("mttf", "mttr", "scv", "queue"), [(40, 10, 3.45, 19.47), (4, 1, 0.57, 6.87)]
)
def test_long_stops_queue_longer_than_short_ones(
    mttf: float, mttr: float, scv: float, queue: float
) -> None:
    station = Station("press", te=1.0, ce2=0.25, mttf=mttf, mttr=mttr)
    assert station.availability == pytest.approx(0.8)
    assert station.job_scv == pytest.approx(scv, abs=5e-3)
    assert flow_through([station], 0.7)[0].queue_time == pytest.approx(queue, abs=5e-3)


def test_setups_add_time_and_variance() -> None:
    station = Station("oven", te=1.0, ce2=0.25, setup=2.0, setup_every=4)
    assert station.job_time == pytest.approx(1.5)
    assert station.job_scv == pytest.approx((0.25 + 3 / 16 * 4) / 1.5**2)


def test_batches_trade_capacity_for_waiting() -> None:
    small, large = (Station("mill", te=0.5, ce2=0.25, setup=2.0, batch=k) for k in (4, 40))
    assert small.capacity == pytest.approx(1.0) and large.capacity == pytest.approx(40 / 22)
    near, far = (flow_through([s], 0.9)[0] for s in (small, large))
    assert near.queue_time > far.queue_time and near.batching_time < far.batching_time
    assert far.batching_time == pytest.approx(39 / (2 * 0.9))


def test_jobs_that_arrive_in_batches_wait_for_each_other_at_the_next_station() -> None:
    batched = Station("wash", te=0.1, ce2=0.0, batch=10)
    single = Station("test", te=1.0, ce2=0.0)
    flows = flow_through([batched, single], rate=0.8, arrival_scv=0.0)
    assert flows[1].arrival_scv == pytest.approx(9 + 10 * flows[0].departure_scv)
    together = flow_through([batched, Station("pack", te=0.1, ce2=0.0, batch=10)], rate=0.8)
    assert together[1].batching_time == 0


def test_a_rate_beyond_capacity_has_no_steady_state() -> None:
    flow = flow_through([Station("saw", te=2.0)], rate=0.6)[0]
    assert flow.utilization == pytest.approx(1.2) and math.isinf(flow.cycle_time)


def test_penny_fab_two_as_a_closed_line() -> None:
    sizes = [(2, 1), (5, 2), (10, 6), (3, 2)]
    line = [Station(str(i), te=te, machines=m) for i, (te, m) in enumerate(sizes)]
    curve = closed_line(line, 80)
    found = [float(curve.throughput[w - 1]) for w in (4, 8, 12, 16, 20)]
    assert found == pytest.approx([0.1882, 0.3102, 0.3632, 0.3846, 0.3936], abs=5e-5)
    assert curve.cycle_time[11] == pytest.approx(33.04, abs=5e-3)
    assert curve.least_wip(0.36) == 12


def test_three_single_stations_as_a_closed_line() -> None:
    curve = closed_line([Station(str(te), te=te) for te in (1.0, 0.5, 0.8)], 12)
    found = [float(curve.throughput[w - 1]) for w in (1, 3, 5, 8, 12)]
    assert found == pytest.approx([0.4348, 0.7563, 0.8747, 0.9463, 0.9803], abs=5e-5)


def test_the_wip_of_the_largest_profit() -> None:
    curve = closed_line([Station(str(i), te=1.0) for i in range(5)], 100)
    wip, profit = curve.best_wip(unit_value=100.0, wip_cost=1.0)
    assert (wip, round(profit, 6)) == (16, 64.0)


def test_steady_process_times_need_less_wip() -> None:
    steady, random = (
        closed_line([Station(str(i), te=1.0, ce2=scv) for i in range(3)], 10) for scv in (0.0, 1.0)
    )
    assert (steady.throughput[1:] > random.throughput[1:]).all()
    assert (steady.throughput <= 1 + 1e-9).all()


@pytest.mark.parametrize("shape", [0.3, 1.0, 7.5, 9_000.0, 50_000.0])
def test_quantiles_of_times_are_inverse_to_their_shares(shape: float) -> None:
    times = GammaTimes(mean=10.0, variance=100.0 / shape)
    for share in (0.05, 0.5, 0.95):
        assert times.share_within(times.quantile(share)) == pytest.approx(share, abs=1e-9)
    assert GammaTimes(3.0, 0.0).quantile(0.9) == 3.0
