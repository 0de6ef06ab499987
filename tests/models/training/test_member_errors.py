"""Errors of the pretrained network from origins in all rows of a short table."""

from __future__ import annotations

import numpy as np

from models.forecast.members import MemberName
from models.registry.hyperparameters import Hyperparameters
from models.training.member_errors import earlier_errors
from models.training.prepare import prepare
from tests.support.panels import random_panel

FIRST = 20_000  # step of the panels


def test_far_steps_are_known_where_data_is_too_short_for_trials() -> None:
    prepared = prepare(random_panel([20, 20]), Hyperparameters())
    assert prepared.choice.trials is None
    found = earlier_errors(prepared, FIRST + 20)
    assert found is not None
    assert found.origins.tolist() == [FIRST + day for day in (10, 11, 12, 13, 14, 15, 16, 18)]
    known = ~np.isnan(found.errors[MemberName.PRETRAINED]).all(axis=(1, 3))
    assert known.sum(axis=1).tolist() == [10, 9, 8, 7, 6, 5, 4, 2]


def test_values_from_the_given_step_on_are_not_used() -> None:
    found = earlier_errors(prepare(random_panel([30]), Hyperparameters()), FIRST + 20)
    assert found is not None and found.origins.max() == FIRST + 18
    last_known = found.origins + (~np.isnan(found.truth)).any(axis=(1, 3)).sum(axis=1)
    assert (last_known == FIRST + 20).all()


def test_too_few_rows_have_no_earlier_errors() -> None:
    prepared = prepare(random_panel([14]), Hyperparameters())
    assert earlier_errors(prepared, FIRST + 11) is None
    assert earlier_errors(prepared, FIRST + 12) is not None
