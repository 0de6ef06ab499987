"""Forecasts whose cycle times are derived from the other targets."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from models.forecast.forecast import Forecast

Floats = NDArray[np.float64]


def forecast_of(values: Floats, paths: Floats | None) -> Forecast:
    lower = {80: values * 0.9, 95: values * 0.8}
    upper = {80: values * 1.1, 95: values * 1.2}
    return Forecast(values, values, lower, upper, np.ones(values.shape[:2]), paths=paths)


def test_cycle_times_are_wip_by_throughput_over_seven_steps() -> None:
    values = np.random.default_rng(1).uniform(1, 9, (1, 20, 3))
    found = forecast_of(values, None).with_derived_cycle_times(np.array([True]))
    for step in range(20):
        begin = min(max(step - 3, 0), 13)
        window = values[0, begin : begin + 7]
        expected = window[:, 0].sum() / window[:, 1].sum()
        assert found.values[0, step, 2] == pytest.approx(expected)
    assert (found.values[..., :2] == values[..., :2]).all()


@pytest.mark.parametrize("steps", [1, 3, 7, 30])
def test_intervals_of_derived_cycle_times_are_those_of_the_paths(steps: int) -> None:
    rng = np.random.default_rng(2)
    values = np.full((2, steps, 3), [30.0, 10.0, 99.0])
    paths = values[:, None] * rng.lognormal(0, 0.3, (2, 500, steps, 3))
    found = forecast_of(values, paths).with_derived_cycle_times(np.array([True, False]))
    assert found.values[0, :, 2] == pytest.approx(3.0) and (found.values[1] == values[1]).all()
    for level in (80, 95):
        low, high = found.lower[level][0, :, 2], found.upper[level][0, :, 2]
        assert (low < 3).all() and (high > 3).all()
        assert found.paths is not None
        inside = (low <= found.paths[0, :, :, 2]) & (found.paths[0, :, :, 2] <= high)
        assert inside.mean() == pytest.approx(level / 100, abs=0.02)
        assert (found.upper[level][1] == values[1] * (1.1 if level == 80 else 1.2)).all()


def test_a_line_without_throughput_has_no_cycle_time() -> None:
    values = np.zeros((1, 5, 3))
    found = forecast_of(values, None).with_derived_cycle_times(np.array([True]))
    assert (found.values == 0).all()


def test_derived_cycle_times_of_lots_are_those_of_the_expected_output() -> None:
    """On most days nothing is put out; so the median day has no output, and no cycle time."""
    rng = np.random.default_rng(3)
    values = np.full((1, 28, 3), [300.0, 0.0, 0.0])
    lots = np.where(rng.random((1, 400, 28)) < 1 / 9, 270.0, 0.0)
    paths = np.stack([np.full_like(lots, 300.0), lots, np.zeros_like(lots)], axis=-1)
    found = forecast_of(values, paths).with_derived_cycle_times(np.array([True]))
    assert found.values[0, :, 2] == pytest.approx(10.0, rel=0.2)
    assert found.paths is not None and (found.paths[..., 2] > 0).all()
    assert (found.lower[80][..., 2] < 10).all() and (found.upper[80][..., 2] > 10).all()
