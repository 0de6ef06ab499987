"""Drivers of a table's own: taken where they lower errors, and carried on by the autoregression."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from models.forecast.drivers import Drivers
from models.registry.hyperparameters import Hyperparameters
from models.training.driver_choice import choose_drivers
from models.training.prepare import prepare
from tests.support.panels import panel_of


def test_a_driver_that_moves_the_line_is_found_and_another_is_not() -> None:
    rng = np.random.default_rng(1)
    promotion, noise = (rng.random(400) < 0.2).astype(float), rng.standard_normal(400)
    throughput = 50 * np.exp(0.3 * promotion + 0.03 * rng.standard_normal(400))
    wip = 100 * np.exp(0.03 * rng.standard_normal(400))
    panel = panel_of(np.stack([wip, throughput, wip / 50], axis=-1))
    prepared = prepare(replace(panel, known={"promotion": promotion}), Hyperparameters())
    found = choose_drivers(prepared)
    assert found is not None and found.coefficients[0, 1] > 0.3
    again = Drivers.from_document(found.to_document())
    ahead = np.full((1, 5, 1), np.nan)
    assert not again.response(ahead, prepared.choice.full_fit, np.array([0])).any()
    ahead[0, 0] = 1.0
    moved = again.response(ahead, prepared.choice.full_fit, np.array([0]))[0, :, 1]
    assert moved[0] > 0.3 and abs(moved[4]) < moved[0]
    useless = replace(prepared, panel=replace(panel, known={"noise": noise}))
    assert choose_drivers(useless) is None
