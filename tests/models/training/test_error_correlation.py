"""Joint sample paths: they agree with the intervals, and their totals with the truth."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.typing import NDArray

from models.forecast.error_quantiles import ErrorSamples
from models.forecast.intervals import Intervals
from models.forecast.sample_paths import ErrorPaths
from models.training.error_correlation import fit_error_paths

Floats = NDArray[np.float64]


def autoregressive(paths: int, kept: float, seed: int = 1, horizon: int = 28) -> Floats:
    """Errors of which a share is left a step later, [paths, horizon, 3]."""
    errors = np.random.default_rng(seed).standard_normal((paths, horizon, 3))
    for step in range(1, horizon):
        errors[:, step] = kept * errors[:, step - 1] + np.sqrt(1 - kept**2) * errors[:, step]
    return errors


def intervals_of(errors: Floats) -> Intervals:
    samples = ErrorSamples(errors[:, None], np.array([0]))
    return Intervals.fit(samples, [], np.ones((1, 3)))


def paths_of(errors: Floats) -> ErrorPaths:
    samples = ErrorSamples(errors[:, None], np.array([0]))
    return fit_error_paths([(samples, np.inf)], intervals_of(errors))


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.95])
def test_totals_of_the_paths_cover_what_their_level_says(kept: float) -> None:
    known = autoregressive(2000, kept)
    shares = paths_of(known).draw(1000, 28)
    sums = intervals_of(known).errors_at(shares).sum(axis=1)
    low, high = np.quantile(sums, [0.1, 0.9], axis=0)
    came = autoregressive(4000, kept, seed=2).sum(axis=1)
    assert ((low <= came) & (came <= high)).mean() == pytest.approx(0.8, abs=0.06)


def test_totals_of_independent_days_would_be_far_too_sure() -> None:
    known, rng = autoregressive(2000, 0.9), np.random.default_rng(3)
    shares = rng.random((1000, 28, 3))
    sums = intervals_of(known).errors_at(shares).sum(axis=1)
    low, high = np.quantile(sums, [0.1, 0.9], axis=0)
    came = autoregressive(4000, 0.9, seed=2).sum(axis=1)
    assert ((low <= came) & (came <= high)).mean() < 0.45


def test_paths_agree_with_the_intervals_at_every_step() -> None:
    known = autoregressive(2000, 0.8) * np.linspace(1, 3, 28)[:, None]
    intervals = intervals_of(known)
    errors = intervals.errors_at(paths_of(known).draw(1000, 28))
    for level in (80, 95):
        inside = np.abs(errors) <= intervals.half_width(level, np.array([0]), 28)[0]
        np.testing.assert_allclose(inside.mean(axis=0), level / 100, atol=0.02)


def test_ranks_that_targets_share_stay_shared() -> None:
    errors = autoregressive(200, 0.5)
    errors[..., 2] = errors[..., 0]
    shares = paths_of(errors).draw(400, 28)
    assert np.corrcoef(shares[:, 5, 0], shares[:, 5, 2])[0, 1] > 0.99
    assert abs(np.corrcoef(shares[:, 5, 0], shares[:, 5, 1])[0, 1]) < 0.3


@pytest.mark.parametrize("count", [1, 30, 200, 450, 1000])
def test_the_same_call_gives_the_same_paths_and_shares_are_even(count: int) -> None:
    paths = paths_of(autoregressive(150, 0.5))
    shares = paths.draw(count, 40)
    assert shares.shape == (count, 40, 3) and (shares == paths.draw(count, 40)).all()
    assert ((shares >= 0) & (shares < 1)).all()
    if count >= 200:
        np.testing.assert_allclose(shares.mean(axis=0), 0.5, atol=0.03)


def test_errors_known_for_a_part_of_the_horizon_count_too() -> None:
    known = autoregressive(3000, 0.95)
    known[:, 7:] = np.nan
    shares = paths_of(known).draw(1000, 28)
    assert np.corrcoef(shares[:, 0, 1], shares[:, 6, 1])[0, 1] == pytest.approx(0.95**6, abs=0.08)
    # Nothing is known of steps farther apart than a week.
    assert 0.1 < np.corrcoef(shares[:, 0, 1], shares[:, 10, 1])[0, 1] < 0.6


def test_where_no_error_is_known_four_fifths_are_left_a_step_later() -> None:
    samples = ErrorSamples(np.full((4, 1, 28, 3), np.nan), np.array([0]))
    found = fit_error_paths([(samples, np.inf)], intervals_of(autoregressive(50, 0.5)))
    usual = ErrorPaths.usual(28)
    np.testing.assert_allclose(found.draw(200, 28), usual.draw(200, 28), atol=0.02)


def test_a_document_gives_equal_paths() -> None:
    paths = paths_of(autoregressive(120, 0.7))
    again = ErrorPaths.from_document(json.loads(json.dumps(paths.to_document())))
    assert (again.ranks == paths.ranks).all()
