"""Errors that the pretrained network expects, for series of a few rows."""

from __future__ import annotations

import numpy as np

from models.registry.hyperparameters import Hyperparameters
from models.training.expected_errors import expected_errors
from models.training.prepare import prepare
from tests.support.panels import random_panel


def test_expected_errors_lie_on_both_sides_and_grow_for_a_series_that_wanders() -> None:
    panel = random_panel([20, 16])
    moves = np.random.default_rng(1).normal(0, 0.03, panel.values.shape)
    panel.values[:] = [100.0, 50.0, 2.0] * np.exp(moves.cumsum(axis=0))
    samples = expected_errors(prepare(panel, Hyperparameters()))
    errors = samples.values
    assert errors.shape == (20, 2, 28, 3) and samples.series.tolist() == [0, 1]
    assert (np.diff(errors, axis=0) >= 0).all()
    assert (errors[0] < 0).all() and (errors[-1] > 0).all()
    spread = np.ptp(errors, axis=0)
    assert (spread[:, -1] > spread[:, 0]).all()
