"""Simulated lines: the flow is conserved, seeds decide, and all that is promised occurs."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.forecast.pretrained_inputs import HORIZON
from models.pretraining import examples, statistical
from models.pretraining.demand import Grid, draw_plan
from models.pretraining.observation import record
from models.pretraining.simulator import SimulatedFlow, fifo_times, simulate

pytestmark = pytest.mark.training


def flow_of(seed: int, lines: int = 200, steps: int = 120, year: int = 365) -> SimulatedFlow:
    grid = Grid(np.full(lines, year), np.full(lines, year == 365))
    return simulate(np.random.default_rng(seed), grid, steps)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 30), st.sampled_from([12, 48, 52, 208, 365]))
def test_the_flow_is_conserved(seed: int, lines: int, year: int) -> None:
    flow = flow_of(seed, lines, 60, year)
    after = flow.wip + flow.releases - flow.throughput
    np.testing.assert_allclose(after[:-1], flow.wip[1:], rtol=1e-9, atol=1e-9)
    for values in (flow.wip, flow.releases, flow.throughput, after):
        assert np.isfinite(values).all()
        assert values.min() >= -1e-9


def test_equal_seeds_give_equal_lines_and_others_do_not() -> None:
    first, again, other = flow_of(1), flow_of(1), flow_of(2)
    for field in fields(SimulatedFlow):
        values = getattr(first, field.name)
        np.testing.assert_array_equal(values, getattr(again, field.name))
    assert not np.array_equal(first.wip, other.wip)


def test_nothing_leaves_on_closed_steps() -> None:
    flow = flow_of(1)
    assert flow.closed.any()
    assert not flow.throughput[flow.closed].any()


def test_capacity_is_a_share_of_the_usual_one() -> None:
    flow = flow_of(1)
    assert flow.capacity.min() >= 0
    assert flow.capacity.max() < 3
    assert not flow.capacity[flow.closed].any()


def test_lines_are_of_many_kinds() -> None:
    flow = flow_of(3, 400, 365)
    whole = (flow.throughput % 1 == 0).all(axis=0)
    idle = (flow.throughput == 0).mean(axis=0)
    stays = np.nanmean(flow.wip, axis=0) / np.maximum(flow.throughput.mean(axis=0), 1e-9)
    assert 0.1 < whole.mean() < 0.5
    assert (idle > 0.5).mean() > 0.02
    assert (idle == 0).mean() > 0.2
    assert np.quantile(stays, 0.05) < 1.5
    assert np.quantile(stays, 0.95) > 15


def test_cycle_times_obey_littles_law_over_a_steady_year() -> None:
    flow = flow_of(4, 400, 365)
    steady = np.flatnonzero(
        (flow.throughput.min(axis=0) > 0.2 * flow.throughput.mean(axis=0))
        & (np.abs(flow.wip[-1] - flow.wip[0]) < 0.2 * flow.wip[0])
    )
    assert len(steady) > 5
    work = (flow.wip + (flow.releases - flow.throughput) / 2)[:, steady].sum(axis=0)
    time = (flow.cycle_time * flow.throughput)[:, steady].sum(axis=0)
    assert np.median(np.abs(time / work - 1)) < 0.1


def test_fifo_times_of_a_steady_line_are_its_wip_by_its_rate() -> None:
    wip, rate = np.full((40, 1), 30.0), np.full((40, 1), 10.0)
    np.testing.assert_allclose(fifo_times(wip, rate, rate), 3.0)


@pytest.mark.parametrize("steps", [1, 4, 7])
def test_records_of_several_steps_are_means_and_sums(steps: int) -> None:
    ones = np.ones((28, 50))
    flow = SimulatedFlow(5 * ones, 2 * ones, 2 * ones, 2.5 * ones, ones, ones > 1)
    records = record(np.random.default_rng(1), flow, steps)
    middle = np.nanmedian(records.truth, axis=(0, 1))
    np.testing.assert_allclose(middle, [5.0, 2.0 * steps, 2.5], rtol=0.01)
    assert records.rows.shape == (50, 28 // steps, 3)
    assert np.isnan(records.rows[..., 2]).all(axis=1).any()
    np.testing.assert_allclose(records.future[..., 0], 2.0 * steps)


def test_demand_is_never_negative_and_about_one() -> None:
    plan = draw_plan(np.random.default_rng(1), Grid.of_days(500), 400)
    assert plan.releases.min() >= 0
    assert 0.7 < np.median(plan.releases.mean(axis=0)) < 1.3


def test_statistical_processes_are_never_negative() -> None:
    rows = statistical.draw(np.random.default_rng(1), Grid.of_days(200), 200)
    assert np.isfinite(rows).all()
    assert rows.min() >= 0


def test_examples_are_finite_and_depend_on_the_seed_alone() -> None:
    first, again = (examples.draw(np.random.default_rng(7), 40, 2) for _ in range(2))
    assert len(first) > 50
    assert first.targets.shape == (len(first), HORIZON, 3)
    for given_first, given_again in zip(first.inputs, again.inputs, strict=True):
        assert np.isfinite(given_first).all()
        np.testing.assert_array_equal(given_first, given_again)
    np.testing.assert_array_equal(first.targets, again.targets)


def test_batches_go_on_without_end() -> None:
    given = examples.batches(np.random.default_rng(7), 16, 20, 2)
    assert [len(next(given)) for _ in range(6)] == [16] * 6
