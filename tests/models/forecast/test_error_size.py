"""The size of errors by the height of the forecast, and the intervals that follow it."""

from __future__ import annotations

import numpy as np
import pytest

from models.forecast.error_quantiles import ErrorSamples
from models.forecast.error_size import fit_slopes, heights_of, relative_size
from models.forecast.intervals import Intervals
from models.series.scaling import Scaling

ONE = np.ones((1, 3))


def drawn(slope: float, origins: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Errors of six series over four steps, and the heights that their size depends on."""
    rng = np.random.default_rng(seed)
    heights = rng.normal(size=(origins, 6, 4, 3)).clip(-2, 2)
    return rng.normal(size=heights.shape) * np.exp(slope * heights), heights


@pytest.mark.parametrize("slope", [-0.4, 0.0, 0.5])
def test_slopes_are_found_and_none_by_chance(slope: float) -> None:
    slopes = fit_slopes(*drawn(slope, 400))
    np.testing.assert_allclose(slopes, slope, atol=0.06)
    assert slope or (slopes == 0).mean() > 0.8
    assert (fit_slopes(*drawn(0.1, 2)) == 0).mean() > 0.8  # too few to tell


def test_intervals_as_wide_as_their_height_asks_for_cover_low_and_high_alike() -> None:
    errors, heights = drawn(0.5, 400)
    slopes, every = fit_slopes(errors, heights), np.arange(6)
    samples = ErrorSamples(errors, every, heights)
    intervals = Intervals.fit(samples, [], ONE.repeat(6, axis=0), slopes=slopes)
    later, at = drawn(0.5, 400, seed=2)
    later, at = later.reshape(-1, 4, 3), at.reshape(-1, 4, 3)
    own = intervals.of_forecasts(np.tile(every, 400), ONE, at)
    inside = np.abs(later) <= own.half_width(80, np.arange(len(at)), 4)
    for chosen in (at < -1, at > 1):
        assert inside[chosen].mean() == pytest.approx(0.8, abs=0.03)
    beyond = own.half_width(80, np.arange(2), 4)
    assert beyond.shape == (2, 4, 3)


def test_series_near_zero_have_no_height() -> None:
    rows = np.tile([[10.0, 5.0, 2.0], [11.0, 0.0, 2.1], [12.0, 6.0, 1.9]], (4, 1))
    scaling = Scaling.fit(rows, np.array([0, 12]))
    heights = heights_of(np.full((1, 2, 3), 9.0), scaling, np.array([0]))
    assert np.isnan(heights[..., 1]).all() and (heights[..., [0, 2]] == 2).all()
    size = relative_size(np.array([[0.5, 0.5, 0.5]]), heights)
    np.testing.assert_allclose(size[0, 1], [np.e, 1, np.e])
    assert (fit_slopes(np.ones((30, 1, 2, 3)), np.full((30, 1, 2, 3), np.nan)) == 0).all()
