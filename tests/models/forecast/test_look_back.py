"""The look-back: what of the last rows is believed, and the bounds of the forecast."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from models.forecast.look_back import LookBack

Floats = NDArray[np.float64]


def start_of(values: Floats, known: int | None = None) -> LookBack:
    rows = np.repeat(values[None, :, None], 3, axis=2)
    marks = (np.arange(len(values), 0, -1) <= (known or len(values)))[None]
    return LookBack.of_rows(rows, marks, np.zeros(1, int), np.zeros(1, int))


def wandering(seed: int = 1) -> Floats:
    rng = np.random.default_rng(seed)
    return np.cumsum(rng.normal(0, 0.2, 28)) - 0.1 * np.arange(28)


@pytest.mark.parametrize("by", [-1.4, 1.4])
def test_a_last_value_far_beyond_the_usual_moves_is_moved_back(by: float) -> None:
    values = wandering()
    values[-1] = values[-2] + by
    start = start_of(values)
    moved = start.scaled[0, -1, 0] - values[-2]
    assert np.sign(moved) == np.sign(by) and 0.3 < abs(moved) < 2.0
    assert start.highest.max() < values.max() + 3 or by < 0


@pytest.mark.parametrize("by", [-5.0, 5.0, 80.0])
def test_of_a_last_value_farther_away_than_any_change_nothing_is_believed(by: float) -> None:
    values = wandering()
    values[-1] = values[-2] + by
    assert start_of(values).scaled[0, -1, 0] in values[[-2, -3, -8]]


@pytest.mark.parametrize("seed", range(5))
def test_usual_moves_are_believed(seed: int) -> None:
    values = wandering(seed)
    assert (start_of(values).scaled[0, :, 0] == values).all()


def test_a_change_that_stays_is_believed_on_its_third_day() -> None:
    values = wandering()
    values[-3:] += 8
    assert (start_of(values).scaled[0, :, 0] == values).all()


def test_a_change_that_goes_on_for_three_days_is_believed() -> None:
    values = wandering()
    values[-3:] += [4, 8, 12]
    assert (start_of(values).scaled[0, :, 0] == values).all()


@pytest.mark.parametrize("by", [(8.0, 8.3), (8.0, -5.0), (30.0, 25.0)])
def test_two_wrong_last_values_are_moved_back(by: tuple[float, float]) -> None:
    values = wandering()
    right = values[-2:].copy()
    values[-2:] += by
    assert (np.abs(start_of(values).scaled[0, -2:, 0] - right) < 2.5).all()


def test_a_day_after_a_wrong_one_is_believed() -> None:
    values = wandering()
    values[-2] += 8
    assert (start_of(values).scaled[0, :, 0] == values).all()


def test_a_weekly_pattern_is_believed() -> None:
    values = np.where(np.arange(35) % 7 == 6, -5.0, 0.01 * np.arange(35) % 0.05)
    assert values[-1] == -5 and (start_of(values).scaled[0, :, 0] == values).all()


def test_usual_moves_of_a_weekly_pattern_are_those_over_a_week() -> None:
    values = np.tile([0.0, 3, 0, 3, 0, 3, -3], 5) + np.random.default_rng(1).normal(0, 0.1, 35)
    assert (start_of(values).scaled[0, :, 0] == values).all()
    values[-1] -= 3
    assert start_of(values).scaled[0, -1, 0] == values[-8]


@pytest.mark.parametrize(("by", "is_believed"), [(-5.0, True), (5.0, False)])
def test_wip_of_a_line_that_finishes_in_lots_may_fall(by: float, is_believed: bool) -> None:
    rows = np.repeat(wandering()[None, :, None], 3, axis=2)
    rows[..., 1] = np.where(np.arange(28) % 5 == 2, 3.0, -0.5)
    rows[0, -1, 0] += by
    marks, none = np.ones((1, 28), bool), np.zeros(1, int)
    found = LookBack.of_rows(rows, marks, none, none).scaled
    assert (found[0, -1, 0] == rows[0, -1, 0]) == is_believed


@pytest.mark.parametrize("length", [2, 8, 11])
def test_of_a_few_rows_all_are_believed(length: int) -> None:
    values = np.zeros(length)
    values[-1] = 50.0
    assert start_of(values).scaled[0, -1, 0] == 50


def test_rows_before_the_series_are_no_moves() -> None:
    values = np.concatenate([np.full(20, 7.0), [0.0, 0.1, 0.0, 9.0]])
    assert start_of(values, known=4).scaled[0, -1, 0] == 9


def test_the_record_is_the_highest_value_seen() -> None:
    values = wandering()
    assert start_of(values).record[0, 0] == pytest.approx(values.max())
