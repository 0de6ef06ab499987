"""Level shifts: which changes are taken out of the rows, and that forecasts follow them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.forecast.level_shifts import ROWS, UsualLevel, at_usual_level

Floats = NDArray[np.float64]
KNOWN = np.ones((1, ROWS), bool)
WEEK = np.array([1.5, 1.3, 1.1, 1.0, 0.9, 0.7, 0.5])
CLOSED = np.array([1.4, 1.4, 1.4, 1.4, 1.4, 0.0, 0.0])


def line(seed: int = 1, week: Floats = WEEK, noise: float = 0.05) -> Floats:
    rng = np.random.default_rng(seed)
    return 100 * np.tile(week, ROWS // 7)[:, None] * np.exp(noise * rng.normal(size=(ROWS, 3)))


def usual_of(values: Floats, known: NDArray[np.bool_] = KNOWN) -> UsualLevel:
    return at_usual_level(values[None], known, season=7)


@pytest.mark.parametrize("week", [WEEK, CLOSED])
@pytest.mark.parametrize("age", [6, 15, 30])
@pytest.mark.parametrize("factor", [0.3, 1.5, 3.0])
def test_a_shift_is_taken_out_of_the_rows(factor: float, age: int, week: Floats) -> None:
    values = line(week=week)
    usual = values.copy()
    values[-age:, :2] *= factor
    found = usual_of(values)
    assert found.ratios[0, :2] == pytest.approx([factor] * 2, rel=0.08)
    assert (found.ages[0, :2] <= age + 2).all() and (found.ages[0, :2] >= age - 2).all()
    assert found.rows[0, :, :2] == pytest.approx(usual[:, :2], rel=0.25)
    assert found.ratios[0, 2] == 1 and (found.rows[0, :, 2] == values[:, 2]).all()


def test_rows_on_their_way_to_the_new_level_are_usual_ones() -> None:
    values = line(noise=0.02)
    way = np.concatenate([np.linspace(1.2, 2.8, 6), np.full(6, 3.0)])
    values[-12:] *= way[:, None]
    found = usual_of(values)
    assert found.ratios == pytest.approx(3.0, rel=0.1)
    week = found.rows[0, -14:, 0] / np.tile(WEEK, 2)
    assert week == pytest.approx(100, rel=0.3)


def _two_days(values: Floats) -> None:
    values[-2:] *= 3


def _passing(values: Floats) -> None:
    values[-9:] *= np.array([3, 3, 3, 2.5, 2, 1.7, 1.4, 1.2, 1.1])[:, None]


def _trend(values: Floats) -> None:
    values *= np.linspace(1, 2, ROWS)[:, None]


def _stop(values: Floats) -> None:
    values[-40:-8] = 0


@pytest.mark.parametrize("change", [_two_days, _passing, _trend, _stop])
def test_other_changes_are_no_shifts(change: Callable[[Floats], None]) -> None:
    values = line()
    change(values)
    assert not usual_of(values).is_shifted


def test_a_throughput_that_moves_the_other_way_than_wip_is_no_shift() -> None:
    values = line()
    usual = values.copy()
    values[-10:, 0] *= 2
    values[-10:-5, 1] *= 0.3
    found = usual_of(values)
    assert found.ratios[0, 0] == pytest.approx(2, rel=0.08) and found.ratios[0, 1] == 1
    assert found.rows[0, :, 1] == pytest.approx(usual[:, 1], rel=0.25)


def test_weak_changes_of_two_targets_are_a_shift_together() -> None:
    values = line(noise=0.15)
    values[:, 2] = 100
    values[-10:, 1] *= 0.7
    assert not usual_of(values).is_shifted
    values[-10:, 0] *= 0.7
    assert usual_of(values).ages[0].tolist() == [10, 10, 0]


def test_a_cycle_time_that_is_repeated_without_output_is_no_shift() -> None:
    values = line()
    values[:, 1] *= np.random.default_rng(2).random(ROWS) < 0.3
    values[-8:, 1:] = 0.0, 300.0
    assert usual_of(values).ratios[0, 2] == 1


@given(
    st.lists(st.tuples(st.sampled_from([0.0, 1e-9, 1.0, 7.0, 1e6]), st.integers(1, 40)), min_size=1)
)
def test_whatever_the_rows_are_ratios_are_bounded(parts: list[tuple[float, int]]) -> None:
    levels = np.concatenate([np.full(length, level) for level, length in parts])
    found = usual_of(np.resize(levels, (ROWS,))[:, None] * line() / 100)
    assert ((found.ratios >= 1e-3) & (found.ratios <= 1e3)).all()
    assert np.isfinite(found.rows).all() and (found.rows >= 0).all()


def test_a_start_after_a_month_without_anything_is_no_shift() -> None:
    values = line()
    values[-40:-10] = values[-110:-80] = 0.0
    assert not usual_of(values).is_shifted


def test_few_rows_tell_no_shift() -> None:
    values = line()
    values[-10:] *= 3
    known = np.arange(ROWS, 0, -1)[None] <= 80
    assert not usual_of(np.where(known[0, :, None], values, np.nan), known).is_shifted


@pytest.mark.parametrize("seed", range(20))
def test_usual_changes_are_no_shifts(seed: int) -> None:
    assert not usual_of(line(seed, noise=0.3)).is_shifted
