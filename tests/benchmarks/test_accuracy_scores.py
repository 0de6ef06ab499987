"""The scores of the accuracy benchmark, against their definitions written out in loops."""

from __future__ import annotations

import math
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
