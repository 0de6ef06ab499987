"""The reliance on plans, learned from past plans beside releases."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from models.data_generator import PlantSpec, generate
from models.forecast.members import LinearRollOut, MemberName
from models.forecast.plan_effect import UNMEASURED_RELIANCE, PlanEffect
from models.registry.hyperparameters import Hyperparameters
from models.series.panel import TARGETS
from models.training.autoregression_choice import tried_series
from models.training.combination_choice import Weights
from models.training.member_errors import MemberErrors, held_back_errors
from models.training.plan_choice import PlanChoice, choose_plan_effect
from models.training.prepare import PreparedData, prepare
from tests.support.panels import panel_of

Floats = NDArray[np.float64]

DAYS = 300


@pytest.fixture(scope="module")
def prepared() -> tuple[PreparedData, MemberErrors, Weights, Floats]:
    spec = PlantSpec(("p",), ("a",), ("s", "m"), DAYS, 100, 50, 0.2, 0.1, 1)
    block = next(generate(spec))
    values = np.stack([block.columns[name] for name in TARGETS], axis=-1)
    panel = panel_of(*values, keys=block.series_keys)
    found = prepare(panel, Hyperparameters())
    members = {MemberName.AUTOREGRESSION: LinearRollOut(found.choice.train_fit)}
    errors = held_back_errors(found, members, found.windows.held_back, tried_series(panel))
    weights = {MemberName.AUTOREGRESSION: np.ones((found.horizon, 3))}
    return found, errors, weights, block.columns["releases"].ravel()


def chosen(
    prepared: tuple[PreparedData, MemberErrors, Weights, Floats], **known: Floats
) -> PlanChoice:
    found, errors, weights, _ = prepared
    panel = replace(found.panel, known=known)
    choice = choose_plan_effect(replace(found, panel=panel), errors, weights)
    assert choice is not None
    return choice


def gains(choice: PlanChoice) -> list[float]:
    figures = choice.metrics["per_target"].values()
    return [target["wape"] / target["wape_without"] for target in figures]


def test_past_releases_stand_in_for_plans(prepared) -> None:  # type: ignore[no-untyped-def]
    choice = chosen(prepared, releases=prepared[3])
    assert choice.plans_are_certain and choice.effect.reliance == UNMEASURED_RELIANCE
    assert max(gains(choice)) < 0.25
    again = PlanEffect.from_document(choice.to_document()["effect"])
    np.testing.assert_allclose(again.flow.capacity, choice.effect.flow.capacity, rtol=1e-6)


def test_plans_that_were_far_off_are_relied_on_less(prepared) -> None:  # type: ignore[no-untyped-def]
    releases, rng = prepared[3], np.random.default_rng(2)
    wrong = releases * np.exp(0.2 * rng.standard_normal(len(releases)))
    useless = rng.permutation(releases) * np.exp(rng.standard_normal(len(releases)))
    some = chosen(prepared, releases=releases, planned_releases=wrong)
    none = chosen(prepared, releases=releases, planned_releases=useless)
    assert not some.plans_are_certain
    assert 1 > some.effect.reliance > none.effect.reliance
    assert max(gains(some)) < 1 and max(gains(none)) <= 1.02


def test_plans_that_were_always_too_high_are_corrected(prepared) -> None:  # type: ignore[no-untyped-def]
    releases = prepared[3]
    choice = chosen(prepared, releases=releases, planned_releases=1.2 * releases)
    assert choice.effect.bias == pytest.approx(1 / 1.2) and max(gains(choice)) < 0.1


def test_data_without_known_columns_has_no_effect_of_plans(prepared) -> None:  # type: ignore[no-untyped-def]
    found, errors, weights, _ = prepared
    assert choose_plan_effect(found, errors, weights) is None
