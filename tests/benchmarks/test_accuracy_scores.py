"""The scores of the accuracy benchmark, against their definitions written out in loops."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.accuracy import datasets, scores
from benchmarks.accuracy.protocol import Run
from models.series.panel import TARGETS

SHAPE = (3, 2, 4)  # origins, series, horizon


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Truth with a blank, forecast, bounds around it."""
    rng = np.random.default_rng(seed)
    truth = rng.uniform(1, 9, SHAPE)
    truth[rng.random(SHAPE) < 0.2] = np.nan
    truth[0, :, 0] = 5
    forecast = rng.uniform(1, 9, SHAPE)
    return truth, forecast, forecast - rng.uniform(0, 3, SHAPE), forecast + rng.uniform(0, 3, SHAPE)


def known(truth: np.ndarray) -> list[tuple[int, ...]]:
    return [i for i in product(*map(range, truth.shape)) if not math.isnan(truth[i])]


@given(st.integers(0, 10_000))
def test_wape_pools_errors_and_truth(seed: int) -> None:
    truth, forecast, *_ = drawn(seed)
    error = sum(abs(truth[i] - forecast[i]) for i in known(truth))
    level = sum(truth[i] for i in known(truth))
    assert scores.wape(truth, forecast) == pytest.approx(error / level)
    assert scores.wape(truth * 7, forecast * 7) == pytest.approx(error / level)


@given(st.integers(0, 10_000))
def test_mase_is_the_mean_over_series_whatever_their_units(seed: int) -> None:
    truth, forecast, *_ = drawn(seed)
    scale, units = np.array([2.0, 0.5]), np.array([1, 1000])
    each = []
    for s in range(2):
        errors = [abs(truth[i] - forecast[i]) for i in known(truth) if i[1] == s]
        each.append(sum(errors) / len(errors) / scale[s])
    expected = pytest.approx(sum(each) / 2)
    assert scores.mase(truth, forecast, scale) == expected
    blown_up = (a * units[:, None] for a in (truth, forecast))
    assert scores.mase(*blown_up, scale * units) == expected
    assert scores.mase(truth, forecast, np.array([2.0, np.nan])) == pytest.approx(each[0])


def test_seasonal_scale_is_the_error_of_the_seasonal_naive() -> None:
    values = np.array([1.0, 5, 2, 7, np.nan, 7, 8])
    assert scores.seasonal_scale(values, 2) == pytest.approx((1 + 2 + 0) / 3)
    assert scores.seasonal_scale(values, 7) == pytest.approx((4 + 3 + 5 + 1) / 4)
    assert math.isnan(scores.seasonal_scale(np.full(9, 3.0), 2))


@given(st.integers(0, 10_000), st.sampled_from([80, 95]))
def test_intervals_are_scored_by_their_definitions(seed: int, level: int) -> None:
    truth, _, lower, upper = drawn(seed)
    inside, width, score = 0, 0.0, 0.0
    for i in known(truth):
        inside += bool(lower[i] <= truth[i] <= upper[i])
        width += upper[i] - lower[i]
        score += upper[i] - lower[i]
        if truth[i] < lower[i]:
            score += 200 / (100 - level) * (lower[i] - truth[i])
        if truth[i] > upper[i]:
            score += 200 / (100 - level) * (truth[i] - upper[i])
    count = len(known(truth))
    mean = sum(truth[i] for i in known(truth)) / count
    assert scores.coverage(truth, lower, upper) == pytest.approx(inside / count)
    assert scores.relative_width(truth, lower, upper) == pytest.approx(width / count / mean)
    assert scores.winkler(truth, lower, upper, level) == pytest.approx(score / count)


def test_winkler_is_least_at_the_true_quantiles() -> None:
    truth = np.random.default_rng(0).normal(size=200_000)
    by_width = {
        z: scores.winkler(truth, np.full_like(truth, -z), np.full_like(truth, z), 80)
        for z in (1.0, 1.2816, 1.6)
    }
    assert min(by_width, key=by_width.__getitem__) == 1.2816


def constant_run(data: datasets.DataSet, value: float) -> Run:
    values = np.full(data.truth().shape, value)
    return Run(values, {80: values - 1}, {80: values + 1}, 1.5, 0.5)


def test_judge_scores_each_target_in_each_band_that_has_truth() -> None:
    data = datasets.generated(1, series=2, days=90)
    document = scores.judge(data, constant_run(data, 3.0))
    bands = ["1", "1–7", "8–14", "15–28", "all"]
    assert [list(document["wape"][target]) for target in TARGETS] == [bands] * 3
    truth = data.truth()[..., 1]
    late = truth[:, :, 14:28]
    expected = np.nansum(np.abs(late - 3)) / np.nansum(late)
    assert document["wape"]["throughput"]["15–28"] == pytest.approx(expected)
    assert document["intervals"]["wip"]["80"]["width"] == pytest.approx(
        2 / np.nanmean(data.truth()[..., 0])
    )
    # Held back: 18 days. No truth, no band; no truth at all, no target.
    data.panel.values[data.panel.time >= data.cut + 7] = np.nan
    data.panel.values[:, 2] = np.nan
    document = scores.judge(data, constant_run(data, 3.0))
    assert list(document["wape"]) == ["wip", "throughput"]
    assert list(document["wape"]["wip"]) == ["1", "1–7", "all"]


def test_judge_refuses_a_forecast_that_is_no_number_where_it_counts() -> None:
    data = datasets.generated(1, series=2, days=90)
    run = constant_run(data, 3.0)
    run.values[-1, :, -1] = np.nan  # beyond the end of the data
    scores.judge(data, run)
    run.values[0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="finite"):
        scores.judge(data, run)


@pytest.mark.parametrize(("usual", "expected"), [(4.0, 0.5), (0.0, 2.0)])
def test_wape_of_zeros_is_relative_to_the_history(usual: float, expected: float) -> None:
    truth = np.array([0.0, 0, np.nan])
    assert scores.wape(truth, np.array([1.0, 3, 9]), usual) == expected
    assert scores.wape(truth + 1, np.array([1.0, 3, 9]), usual) == 1


def test_a_series_without_any_change_has_no_mase() -> None:
    assert math.isnan(scores.mase(np.ones((1, 1, 2)), np.ones((1, 1, 2)), np.array([np.nan])))


@given(st.integers(0, 10_000))
def test_energy_is_scored_by_its_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth, paths = rng.uniform(1, 9, (3, 4)), rng.uniform(1, 9, (3, 5, 4))
    truth[0, 1] = np.nan
    truth[1] = np.nan
    each, sizes = [], []
    for case in (0, 2):
        steps = [h for h in range(4) if not math.isnan(truth[case, h])]
        x, y = paths[case][:, steps], truth[case, steps]
        error = np.mean([math.dist(one, y) for one in x])
        spread = np.mean([math.dist(x[i], x[j]) for i in range(5) for j in range(5) if i != j])
        each.append(error - spread / 2)
        sizes.append(math.hypot(*y))
    assert scores.energy(truth, paths) == pytest.approx(np.mean(each) / np.mean(sizes))


def test_energy_is_least_for_paths_of_the_true_distribution() -> None:
    rng = np.random.default_rng(0)
    truth, paths = rng.normal(size=(400, 3)), rng.normal(size=(400, 100, 3))
    by_width = {factor: scores.energy(truth, factor * paths) for factor in (0.5, 1.0, 1.5)}
    assert min(by_width, key=by_width.__getitem__) == 1.0


def test_joint_paths_of_errors_that_last_beat_independent_days() -> None:
    rng = np.random.default_rng(0)
    walks = rng.normal(size=(300, 101, 10)).cumsum(axis=2)
    truth = walks[:, 0].copy()
    truth[0, 3] = np.nan
    found = scores.energies(truth, walks[:, 1:])
    assert found["to_independent"] < 0.97 and found["sums_to_independent"] < 0.95
    days = rng.normal(size=(300, 101, 10))
    found = scores.energies(days[:, 0], days[:, 1:])
    assert found["to_independent"] == pytest.approx(1, abs=0.01)
    assert scores.energies(np.ones((2, 4)), np.ones((2, 5, 4))) == {"energy": 0}
    assert set(scores.energies(np.full((1, 4), [np.nan, 1, 1, 1]), np.ones((1, 5, 4)))) == {
        "energy"
    }


def test_coverage_has_a_standard_error_over_blocks_of_time() -> None:
    hits = np.array([[1.0, 1.0], [1.0, np.nan], [0.0, 1.0], [np.nan, np.nan]])
    error = scores._error_over_blocks(hits, np.array([100, 107, 130, 190]), 28)
    assert error == pytest.approx(0.25)  # blocks of 1 and 0.5


def test_totals_are_judged_where_the_whole_horizon_is_known() -> None:
    data = datasets.generated(1, series=2, days=200)
    run = constant_run(data, 3.0)
    whole = ~np.isnan(data.truth()[..., 1]).any(axis=2)
    total = data.truth()[..., 1].sum(axis=2)[whole]
    found = scores.judge(data, run)["totals"]["throughput"]
    assert found == {"wape": pytest.approx(np.abs(total - 84).sum() / total.sum())}
    sums = data.truth().sum(axis=2)
    bounds = {80: (np.where(np.arange(2)[:, None] > 0, sums - 1, sums + 1), sums + 2)}
    found = scores.judge(data, replace(run, totals=bounds))["totals"]["throughput"]
    assert found["coverage80"] == 0.5 and found["error"] is None  # origins of one block of time
    paths = data.truth()[:, :, None] + np.linspace(-1, 1, 21)[:, None, None]
    judged = scores.judge(data, replace(run, paths=paths))
    assert (
        judged["totals"]["throughput"]["coverage80"] == 1 and judged["energy"]["wip"]["energy"] > 0
    )
    # Held back: 18 days, less than the horizon.
    short = datasets.generated(1, series=2, days=90)
    assert scores.judge(short, constant_run(short, 3.0))["totals"]["wip"] == {}


def test_flags_count_the_suspect_values() -> None:
    data = datasets.generated(1, series=2, days=90)
    run = constant_run(data, 1.0)
    assert scores.flags(data, run) == {}
    largest = data.train.values[:, 1].max()
    run.values[0, 0, :3, 0] = -1, np.nan, 4 * data.train.values[:, 0].max()
    upper = run.values.copy()
    upper[0, :, 0, 1] = 11 * largest
    found = scores.flags(data, replace(run, upper=run.upper | {95: upper}))
    assert found == {
        "not finite": 1,
        "negative": 1,
        "above 3 × the largest": 1,
        "bound above 10 × the largest": 2,
    }
    # A target that was never known has no flags.
    data.panel.values[:, 2] = np.nan
    run.values[..., 2] = np.nan
    assert scores.flags(data, run)["not finite"] == 1
