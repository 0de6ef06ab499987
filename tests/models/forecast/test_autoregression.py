"""The autoregression: equal to plain least squares and plain loops; the choice of its penalties."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from models.data_generator import PlantSpec, generate
from models.forecast.autoregression import Autoregression, Kind, Shape, Strength
from models.forecast.look_back import LookBack, padded
from models.forecast.rollout import roll_linear
from models.series.calendar import Calendar, Step
from models.series.panel import TARGETS, Panel
from models.training.autoregression_choice import choose
from models.training.least_squares import LARGEST, Sums
from tests.support import panels

FIRST = 20_000


def panel_of(values: np.ndarray, calendar: Calendar | None = None) -> Panel:
    """Series of equal length, [S, T, 3]."""
    return panels.panel_of(*values, calendar=calendar, first=FIRST)


def random_panel(count: int, length: int, seed: int = 0) -> Panel:
    return panel_of(np.random.default_rng(seed).normal(size=(count, length, 3)))


def fitted(panel: Panel, shape: Shape, strength: Strength) -> Autoregression:
    end = int((panel.first + panel.lengths).max())
    return Sums.of(panel, panel.values, shape, [end], end).fit(shape, strength, 1, end - FIRST)


def by_hand(panel: Panel, shape: Shape, series: int, row: int) -> list[float]:
    """The features of a row, one by one."""
    rows = panel.values[panel.offsets[series] : panel.offsets[series + 1]]
    found: list[float] = []
    recent = rows[max(0, row + 1 - shape.look_back) : row + 1].mean(axis=0)
    for lag in range(1, shape.lags):
        found += (rows[row] - (rows[row - lag] if row >= lag else recent)).tolist()
    found += rows[row].tolist()
    found += (rows[row] - recent).tolist()
    for season in shape.seasons:  # a day, and a week, before the step ahead
        back = row + 1 - season
        found += (rows[row] - (rows[back] if back >= 0 else recent)).tolist()
    found += panel.calendar.features(np.array([FIRST + row + 1]))[0].tolist()
    return [*found, 1.0]


SHIFTS = Calendar(Step.SHIFT, begins=(360, 840, 1320))


@pytest.mark.parametrize(
    "calendar", [Calendar(), Calendar(Step.WEEK), Calendar(Step.MONTH, 1), SHIFTS]
)
def test_features_are_those_computed_by_hand(calendar: Calendar) -> None:
    panel = panel_of(np.random.default_rng(0).normal(size=(2, 60, 3)), calendar)
    shape = Shape.of(calendar, 5, 240)
    rows = np.array([4, 9, 58])
    found = shape.features(panel.values[60:], np.zeros(3, int), rows, FIRST + rows)
    expected = [by_hand(panel, shape, 1, row) for row in rows]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert found.shape[1] == shape.width


def test_one_series_is_fitted_as_ridge_regression_is() -> None:
    panel = random_panel(1, 200)
    shape = Shape.of(panel.calendar, 4, 240)
    autoregression = fitted(panel, shape, Strength(7.0))
    rows = np.arange(shape.lags - 1, 199)
    features = np.array([by_hand(panel, shape, 0, row) for row in rows])
    moves = np.clip(np.diff(panel.values, axis=0)[rows] / autoregression.change, -LARGEST, LARGEST)
    weights = np.sqrt(shape.penalty(7.0, 200, 10.0, Kind.REGRESSION))
    # Ridge has one penalty for all coefficients: scaled features give each its own.
    ridge = Ridge(alpha=1.0, fit_intercept=False, tol=1e-12).fit(features / weights, moves)
    np.testing.assert_allclose(autoregression.pooled, ridge.coef_ / weights, atol=1e-6)
    np.testing.assert_allclose(
        autoregression.change, np.sqrt((np.diff(panel.values, axis=0) ** 2).mean(0))
    )


@given(
    seed=st.integers(0, 999),
    own=st.booleans(),
    steps=st.integers(1, 12),
    calendar=st.sampled_from([Calendar(), SHIFTS]),
)
def test_roll_out_is_that_of_a_plain_loop(
    seed: int, own: bool, steps: int, calendar: Calendar
) -> None:
    panel = panel_of(np.random.default_rng(seed).normal(size=(3, 90, 3)), calendar)
    shape = Shape.of(panel.calendar, 4, 240)
    autoregression = fitted(panel, shape, Strength(30.0, 30.0 if own else None))
    look_back = LookBack.of(panel, panel.values, shape, np.array([2, 0]), FIRST + 90)
    found = roll_linear(autoregression, look_back, steps)
    for place, series in enumerate((2, 0)):
        rows = panel.values[panel.offsets[series] : panel.offsets[series + 1]].tolist()
        for step in range(steps):
            known = panel_of(np.array([rows]), calendar)
            features = np.array([by_hand(known, shape, 0, len(rows) - 1)])
            change = autoregression.changes(features, np.array([series]))[0]
            new = np.clip(rows[-1] + change, look_back.lowest[place], look_back.highest[place])
            np.testing.assert_allclose(found[place, step], new, atol=1e-9)
            rows.append(new.tolist())


def test_a_forecast_stays_near_what_the_series_has_shown() -> None:
    panel = random_panel(1, 60)
    shape = Shape.of(panel.calendar, 4, 240)
    runaway = Autoregression(shape, Strength(1), np.full((3, shape.width), 5.0), None, np.ones(3))
    look_back = LookBack.of(panel, panel.values, shape, np.array([0]), FIRST + 60)
    path = roll_linear(runaway, look_back, 40)
    assert (path <= look_back.highest[:, None]).all() and (path >= look_back.lowest[:, None]).all()
    spans = look_back.scaled.max(axis=1) - look_back.scaled.min(axis=1)
    np.testing.assert_allclose(look_back.highest - look_back.lowest, 1.5 * spans)


def test_rows_that_are_not_known_stand_at_the_mean_of_the_others() -> None:
    rows = np.array([[[9.0], [1.0], [3.0]]])
    np.testing.assert_array_equal(
        padded(rows, np.array([[False, True, True]]))[0, :, 0], [2.0, 1.0, 3.0]
    )


def test_one_step_forecasts_of_a_panel_are_those_of_the_roll_out() -> None:
    panel = random_panel(2, 40)
    shape = Shape.of(panel.calendar, 4, 240)
    autoregression = fitted(panel, shape, Strength(30.0, 100.0))
    changes = autoregression.one_step(panel, panel.values)
    assert np.isnan(changes[[0, 40]]).all() and not np.isnan(changes[41:]).any()
    for row in (5, 30, 75):
        series = np.array([row // 40])
        look_back = LookBack.of(panel, panel.values, shape, series, int(panel.time[row]))
        change = roll_linear(autoregression, look_back, 1)[0, 0] - panel.values[row - 1]
        np.testing.assert_allclose(changes[row], change, atol=1e-9)


def test_an_autoregression_survives_json_to_seven_digits() -> None:
    panel = random_panel(3, 60)
    shape = Shape.of(panel.calendar, 6, 240)
    autoregression = fitted(panel, shape, Strength(1.0, 100.0))
    again = Autoregression.from_document(
        json.loads(json.dumps(autoregression.to_document())), panel.calendar
    )
    assert again.shape == shape and again.strength == autoregression.strength
    np.testing.assert_allclose(again.pooled, autoregression.pooled, rtol=1e-6)
    np.testing.assert_allclose(again.own, autoregression.own, rtol=1e-6)
    # A series that is not known has what all have in common.
    np.testing.assert_array_equal(
        autoregression.coefficients(np.array([9]))[0], autoregression.pooled
    )


def plants(days: int, noise: float, count: int = 3) -> Panel:
    names = tuple(f"p{i}" for i in range(count))
    block = next(generate(PlantSpec(names, ("a",), ("s",), days, 100, 50, 0.2, noise, 1)))
    logs = np.log(np.stack([block.columns[name] for name in TARGETS], axis=-1))
    return panel_of((logs - logs.mean(axis=1, keepdims=True)) / logs.std(axis=1, keepdims=True))


def walks(seed: int) -> Panel:
    steps = np.random.default_rng(seed).normal(0, 0.1, (5, 300, 3))
    return panel_of(np.cumsum(steps, axis=1))


@pytest.mark.parametrize("seed", range(3))
def test_random_walks_are_forecast_by_their_last_value(seed: int) -> None:
    panel = walks(seed)
    choice = choose(
        panel, panel.values, Shape.of(panel.calendar, 10, 240), FIRST + 240, FIRST + 270, 28
    )
    assert choice.train_fit.strength.kind is Kind.MOMENTUM
    look_back = LookBack.of(panel, panel.values, choice.train_fit.shape, np.arange(5), FIRST + 300)
    moved = np.abs(roll_linear(choice.train_fit, look_back, 28) - look_back.scaled[:, -1:])
    assert moved.max() < 0.1  # one usual step, over four weeks


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.5])
def test_plants_are_forecast_by_their_pattern(noise: float) -> None:
    panel = plants(300, noise)
    choice = choose(
        panel, panel.values, Shape.of(panel.calendar, 10, 240), FIRST + 240, FIRST + 270, 28
    )
    assert choice.train_fit.strength.kind is Kind.REGRESSION
    assert choice.error_ratio is not None and choice.error_ratio < 0.95
    errors, naive = [], []
    for origin in range(241, 272, 3):
        look_back = LookBack.of(
            panel, panel.values, choice.train_fit.shape, np.arange(3), FIRST + origin
        )
        truth = panel.values.reshape(3, 300, 3)[:, origin : origin + 7]
        errors.append(np.abs(roll_linear(choice.train_fit, look_back, 7) - truth).mean())
        naive.append(np.abs(look_back.scaled[:, -1:] - truth).mean())
    assert np.mean(errors) < 0.9 * np.mean(naive)


def test_the_chosen_anchor_is_fitted_before_the_cut_the_published_one_on_all() -> None:
    panel = plants(200, 0.1)
    late = panel.time >= FIRST + 160
    changed = Panel(
        panel.calendar,
        panel.series_keys,
        panel.offsets,
        panel.first,
        panel.values + 2.0 * late[:, None],
    )
    shape = Shape.of(panel.calendar, 10, 240)
    one, other = (
        choose(p, p.values, shape, FIRST + 160, FIRST + 180, 28) for p in (panel, changed)
    )
    np.testing.assert_array_equal(one.train_fit.pooled, other.train_fit.pooled)
    assert np.abs(one.full_fit.pooled - other.full_fit.pooled).max() > 1e-3
    np.testing.assert_array_equal(one.trials.errors, other.trials.errors)


def test_too_few_rows_for_any_trial_repeat_the_last_value() -> None:
    panel = random_panel(1, 16)
    choice = choose(
        panel, panel.values, Shape.of(panel.calendar, 10, 240), FIRST + 13, FIRST + 15, 28
    )
    assert choice.trials is None and choice.train_fit.strength.kind is Kind.MOMENTUM


def test_a_target_that_is_never_known_leaves_the_others_their_anchor() -> None:
    panel = plants(300, 0.1)
    blank = panel.values.copy()
    blank[:, 2] = np.nan
    without = Panel(panel.calendar, panel.series_keys, panel.offsets, panel.first, blank)
    filled = np.nan_to_num(blank)
    choice = choose(
        without, filled, Shape.of(panel.calendar, 10, 240), FIRST + 240, FIRST + 270, 28
    )
    assert choice.train_fit.strength.kind is Kind.REGRESSION
    assert np.isfinite(choice.train_fit.pooled).all()
