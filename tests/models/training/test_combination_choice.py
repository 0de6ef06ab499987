"""The weights of members: earned beyond chance, else the usual ones."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from models.forecast.members import MemberName
from models.series.scaling import Scaling
from models.training.combination_choice import choose_weights, usual_weights
from models.training.combination_summary import naive_warnings, summary, weights_sentence
from models.training.member_errors import MemberErrors

Floats = NDArray[np.float64]

AUTOREGRESSION, LSTM = MemberName.AUTOREGRESSION, MemberName.LSTM
PRETRAINED, LAST = MemberName.PRETRAINED, MemberName.LAST_VALUE
PLAIN = Scaling(np.zeros((3, 3)), np.zeros((3, 3)), np.full((3, 3), 0.1))


def errors_of(
    sizes: dict[MemberName, float], days: int = 280, horizon: int = 28, seed: int = 1
) -> MemberErrors:
    """Independent errors of some sizes, from an origin every 7 days, for three series."""
    rng, origins = np.random.default_rng(seed), np.arange(0, days, 7)
    shape = len(origins), 3, horizon, 3
    errors = {name: size * rng.standard_normal(shape) for name, size in sizes.items()}
    return MemberErrors(errors, rng.standard_normal(shape), origins, np.arange(3))


def test_a_far_better_member_gets_most_of_the_weight() -> None:
    errors = errors_of({AUTOREGRESSION: 2.0, PRETRAINED: 2.0, LSTM: 0.2, LAST: 3.0})
    weights = choose_weights(errors, PLAIN, near_only=False)
    assert weights[LSTM].min() >= 0.75 and not weights[LAST].any()


def test_independent_members_of_equal_errors_share_the_weight() -> None:
    errors = errors_of({AUTOREGRESSION: 1.0, PRETRAINED: 1.0, LSTM: 4.0, LAST: 4.0})
    weights = choose_weights(errors, PLAIN, near_only=False)
    assert (weights[AUTOREGRESSION] == 0.5).all() and (weights[PRETRAINED] == 0.5).all()


@pytest.mark.parametrize("seed", range(4))
def test_a_member_that_is_better_by_chance_alone_changes_nothing(seed: int) -> None:
    errors = errors_of({AUTOREGRESSION: 1.0, PRETRAINED: 1.0}, seed=seed)
    both = errors.of(usual_weights([AUTOREGRESSION, PRETRAINED], 28, regresses=True))
    noise = np.random.default_rng(seed).standard_normal(both.shape)
    errors = MemberErrors(
        {**errors.errors, LSTM: both + 0.3 * noise}, errors.truth, errors.origins, errors.series
    )
    weights = choose_weights(errors, PLAIN, near_only=False)
    assert weights[AUTOREGRESSION].mean() + weights[PRETRAINED].mean() > 0.9


@pytest.mark.parametrize("days", [70, 130])
def test_a_few_blocks_of_time_are_too_few_to_trust_a_trained_network(days: int) -> None:
    sizes = {AUTOREGRESSION: 2.0, PRETRAINED: 2.0, LSTM: 0.1, LAST: 3.0}
    errors = errors_of(sizes, days=days)
    assert not choose_weights(errors, PLAIN, near_only=False)[LSTM].any()


@pytest.mark.parametrize(("days", "weight"), [(20, 0.0), (28, 1.0), (70, 1.0), (130, 1.0)])
def test_three_blocks_can_tell_that_the_last_value_is_better(days: int, weight: float) -> None:
    errors = errors_of({AUTOREGRESSION: 3.0, PRETRAINED: 3.0, LAST: 0.1}, days=days)
    found = choose_weights(errors, PLAIN, near_only=False)[LAST].mean()
    assert found == pytest.approx(weight, abs=0.26)


@pytest.mark.parametrize("seed", range(3))
def test_weights_add_up_to_one_and_are_never_negative(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = dict(zip((AUTOREGRESSION, PRETRAINED, LSTM, LAST), rng.uniform(0.2, 2, 4), strict=True))
    weights = choose_weights(errors_of(sizes, seed=seed), PLAIN, near_only=False)
    assert min(own.min() for own in weights.values()) >= 0
    np.testing.assert_allclose(sum(weights.values()), 1.0)


def test_each_band_of_the_horizon_has_weights_of_its_own() -> None:
    errors = errors_of({AUTOREGRESSION: 1.0, PRETRAINED: 1.0, LSTM: 1.0, LAST: 3.0})
    errors.errors[LSTM][:, :, :7] *= 0.05
    errors.errors[LSTM][:, :, 7:] *= 5
    weights = choose_weights(errors, PLAIN, near_only=False)[LSTM]
    assert weights[:7].min() >= 0.75 and not weights[7:].any()
    near = choose_weights(errors, PLAIN, near_only=True)[LSTM]
    assert near.min() >= 0.75


def test_unknown_truths_are_left_out() -> None:
    errors = errors_of({AUTOREGRESSION: 2.0, PRETRAINED: 2.0, LSTM: 0.2, LAST: 3.0})
    for own in (*errors.errors.values(), errors.truth):
        own[::2, 1] = np.nan
        own[..., 2] = np.nan
    weights = choose_weights(errors, PLAIN, near_only=False)
    assert weights[LSTM][:, :2].min() >= 0.75
    assert (weights[AUTOREGRESSION][:, 2] == 0.5).all()  # nothing is known of the cycle time


def test_the_summary_has_the_errors_of_each_member_alone() -> None:
    errors = errors_of({AUTOREGRESSION: 1.0, PRETRAINED: 2.0})
    weights = usual_weights([AUTOREGRESSION, PRETRAINED], 28, regresses=True)
    figures = summary(errors, weights, PLAIN)["per_target"]["wip"]
    truth = np.exp(0.1 * errors.truth[..., 0])
    for name, own in errors.errors.items():
        wrong = np.abs(truth - np.exp(0.1 * (errors.truth - own)[..., 0]))
        assert figures["members"][name]["wape"] == pytest.approx(wrong.sum() / truth.sum())
        assert figures["members"][name]["weight"] == 0.5
    assert figures["wape"] < figures["members"][PRETRAINED]["wape"]


def test_the_sentence_names_the_members_with_weight_the_heaviest_first() -> None:
    quarter = np.full((4, 3), 0.25)
    weights = {AUTOREGRESSION: quarter, LSTM: 3 * quarter, LAST: 0 * quarter}
    expected = "WIP: LSTM 0.75, autoregression 0.25"
    assert expected in weights_sentence(weights) and "last" not in weights_sentence(weights)


def test_a_target_that_only_a_naive_rule_forecasts_has_a_warning() -> None:
    ones, zeros = np.ones((4, 3)), np.zeros((4, 3))
    mixed = np.array([[1.0, 0.0, 0.0]] * 4)
    assert len(naive_warnings({AUTOREGRESSION: zeros, LAST: ones})) == 3
    [sentence] = naive_warnings({AUTOREGRESSION: 1 - mixed, LAST: mixed})
    assert "WIP" in sentence and "last value" in sentence
    assert naive_warnings({AUTOREGRESSION: ones / 2, LAST: ones / 2}) == []


def test_an_autoregression_that_did_not_beat_the_last_value_has_no_usual_weight() -> None:
    errors = errors_of({AUTOREGRESSION: 1.0, PRETRAINED: 1.0, LAST: 1.0}, days=20)
    weights = choose_weights(errors, PLAIN, near_only=False, regresses=False)
    assert (weights[PRETRAINED] == 1).all() and not weights[AUTOREGRESSION].any()


@pytest.mark.parametrize(("unseen", "wip"), [(90, 0.5), (20, 1.0)])
def test_a_network_that_has_seen_most_origins_keeps_its_share(unseen: int, wip: float) -> None:
    errors = errors_of({AUTOREGRESSION: 2.0, PRETRAINED: 2.0, LSTM: 0.1, LAST: 3.0}, days=200)
    errors.errors[LSTM][errors.origins < unseen] = np.nan
    share = np.array([0.5, 0.25, 0.0])
    weights = choose_weights(errors, PLAIN, near_only=False, lstm_share=share)
    np.testing.assert_allclose(sum(weights.values()), 1.0)
    expected = np.ones(3) if wip == 1 else share
    np.testing.assert_allclose(weights[LSTM].mean(axis=0), expected)
