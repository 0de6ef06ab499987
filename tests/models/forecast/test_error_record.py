"""The record of a series: intervals follow the errors of the rows that came after the training."""

from __future__ import annotations

import numpy as np
import pytest

from models.forecast.error_quantiles import ErrorSamples
from models.forecast.error_record import record_ratio
from models.forecast.intervals import Intervals

ONE = np.zeros(1, int)


def errors(size: float, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, size, (500, 1, 12, 3))


@pytest.fixture(scope="module")
def intervals() -> Intervals:
    return Intervals.fit(ErrorSamples(errors(1, 0), ONE), [], np.ones((1, 3)))


@pytest.mark.parametrize("size", [0.7, 1, 1.4])
@pytest.mark.parametrize(("blocks", "power"), [(0, 0), (4, 0.5), (1e9, 1)])
def test_a_ratio_is_shrunk_by_the_number_of_blocks(
    intervals: Intervals, size: float, blocks: float, power: float
) -> None:
    found = record_ratio(errors(size, 1), intervals, ONE, np.array([blocks]))
    np.testing.assert_allclose(found, size**power, rtol=0.08)


def test_a_record_counts_for_more_where_series_differ_by_more_than_chance(
    intervals: Intervals,
) -> None:
    sizes = np.array([0.3, 0.4, 2.5, 3.0])
    each = np.concatenate([errors(size, 1) for size in sizes], axis=1)
    every, blocks = np.zeros(4, int), np.full(4, 4.0)
    alone = record_ratio(each, intervals, every, blocks)
    together = record_ratio(each, intervals, every, blocks, of_all=True)
    assert (np.abs(np.log(alone)) < 0.55 * np.abs(np.log(sizes))[:, None]).all()
    assert (np.abs(np.log(together)) > 1.5 * np.abs(np.log(alone))).all()
    alike = np.concatenate([errors(size, 1) for size in (0.9, 1.0, 1.1, 1.0)], axis=1)
    found = [record_ratio(alike, intervals, every, blocks, of_all=one) for one in (True, False)]
    np.testing.assert_array_equal(*found)


def test_unknown_errors_and_one_huge_error_change_little(intervals: Intervals) -> None:
    known = errors(1, 1)
    known[::2] = np.nan
    known[1, 0, 0] = 1e9
    found = record_ratio(known, intervals, ONE, np.array([4.0]))
    np.testing.assert_allclose(found, 1, rtol=0.05)
    unknown = np.full_like(known, np.nan)
    assert (record_ratio(unknown, intervals, ONE, np.array([4.0])) == 1).all()


def test_intervals_of_chosen_series_are_wider_by_their_ratios() -> None:
    scale = np.array([[1.0, 2, 3], [4, 5, 6]])
    every = Intervals.fit(ErrorSamples(errors(1, 0), ONE), [], scale)
    chosen = every.of_forecasts(np.array([1, 7]), np.array([[2.0, 1, 1], [1, 1, 1]]))
    assert chosen.scale[:, 0].tolist() == [[8, 5, 6], [1, 1, 1]]
