"""The correlation of errors by distance: measured, and shrunk towards four fifths a step."""

from __future__ import annotations

import numpy as np
import pytest

from models.forecast.error_persistence import by_distance, extended
from models.forecast.sample_paths import ErrorPaths


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.9])
def test_errors_of_an_autoregression_are_recognised(kept: float) -> None:
    noise = np.random.default_rng(1).normal(size=(200, 1, 28, 3))
    errors = noise.copy()
    for step in range(1, 28):
        errors[:, :, step] = (
            kept * errors[:, :, step - 1] + np.sqrt(1 - kept**2) * noise[:, :, step]
        )
    expected = np.tile(kept ** np.arange(28), (1, 3, 1))
    np.testing.assert_allclose(by_distance(errors), expected, atol=0.1)


def test_without_errors_four_fifths_are_left() -> None:
    found = by_distance(np.full((3, 2, 28, 3), np.nan))
    np.testing.assert_allclose(found, np.tile(0.8 ** np.arange(28), (2, 3, 1)))
    np.testing.assert_allclose(extended(found[0], 40)[0], 0.8 ** np.arange(40))


@pytest.mark.parametrize(("kept", "wide"), [(0.0, 1.0), (0.8, 2.6)])
def test_sums_are_as_wide_as_their_errors_last(kept: float, wide: float) -> None:
    """Of 28 equal uniform steps: the standard deviation beside that of independent ones."""
    paths = ErrorPaths.of_distances(np.tile(kept ** np.arange(28), (3, 1))).draw(2000, 28)
    independent = np.sqrt(28 / 12)
    assert paths.sum(axis=1).std(axis=0) / independent == pytest.approx(np.full(3, wide), rel=0.12)
