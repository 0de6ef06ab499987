"""Forecasts that agree by Little's Law as far as the data's own days do."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.forecast.reconciliation import Reconciliation, gap, place_in_season
from models.series.calendar import Calendar, Step
from models.series.panel import Panel

FIRST = 19_723
WEEK = np.array([-0.12, 0.0, 0.04, 0.04, 0.03, 0.03, -0.02])


def panel(
    rng: np.random.Generator, pattern: np.ndarray, deviations: float, level: float = 0.0
) -> Panel:
    """Two series of 280 days whose gap follows the weekday, and deviations from it."""
    logs = rng.normal(4, 0.3, (560, 3))
    time = np.tile(FIRST + np.arange(280), 2)
    wanted = level + pattern[place_in_season(Calendar(), time)] + rng.normal(0, deviations, 560)
    logs[:, 0] = logs[:, 1] + logs[:, 2] + wanted
    keys = (("a", "b", "c"), ("d", "b", "c"))
    return Panel(Calendar(), keys, np.array([0, 280, 560]), np.full(2, FIRST), np.exp(logs))


def fitted(data: Panel, rng: np.random.Generator, errors: list[float]) -> Reconciliation:
    """Learned from roll-outs whose three logarithms are off by normal errors of these sizes."""
    rows = rng.integers(0, 250, 600) + 280 * rng.integers(0, 2, 600)
    place = rows[:, None] + np.arange(5)
    truth = data.values[place]
    forecasts = truth * np.exp(rng.normal(0, errors, truth.shape))
    return Reconciliation.fit(
        data, FIRST + 280, forecasts, truth, data.series[rows], data.time[place]
    )


def test_gap_is_zero_where_the_law_holds_and_unknown_without_output() -> None:
    values = np.array([[6.0, 2.0, 3.0], [6.0, 0.0, 3.0], [12.0, 2.0, 3.0]])
    np.testing.assert_allclose(gap(values), [0, np.nan, np.log(2)], atol=1e-12)


def test_data_without_any_gap_makes_forecasts_agree_exactly() -> None:
    rng = np.random.default_rng(0)
    data = panel(rng, np.zeros(7), 0.0)
    reconciliation = fitted(data, rng, [0.1, 0.1, 0.1])
    assert reconciliation.obeyed == 1.0
    values = np.exp(rng.normal(2, 0.3, (2, 9, 3)))
    time = FIRST + 280 + np.arange(9) + np.zeros((2, 1), int)
    reconciled = reconciliation.apply(values, np.array([0, 1]), time, Calendar())
    np.testing.assert_allclose(gap(reconciled), 0, atol=1e-6)


def test_a_gap_is_spread_in_proportion_to_the_errors() -> None:
    rng = np.random.default_rng(0)
    data = panel(rng, np.zeros(7), 0.0)
    reconciliation = fitted(data, rng, [0.3, 0.1, 0.1])
    values = np.array([[[8.0, 2.0, 3.0]]])
    reconciled = reconciliation.apply(values, np.array([0]), np.array([[FIRST + 280]]), Calendar())
    moved = np.log(reconciled / values)[0, 0]
    variances = np.array([0.09, 0.01, 0.01])
    np.testing.assert_allclose(
        moved, np.log(8 / 6) * np.array([-1, 1, 1]) * variances / 0.11, rtol=0.2
    )


def test_the_weekly_pattern_of_the_gap_is_left_in() -> None:
    rng = np.random.default_rng(0)
    data = panel(rng, WEEK, 0.01)
    reconciliation = fitted(data, rng, [0.2, 0.2, 0.2])
    time = FIRST + 280 + np.arange(7)[None]
    values = np.exp(rng.normal(2, 0.3, (1, 7, 3)))
    reconciled = reconciliation.apply(values, np.array([0]), time, Calendar())
    np.testing.assert_allclose(
        gap(reconciled)[0], WEEK[place_in_season(Calendar(), time[0])], atol=0.03
    )


@given(st.sampled_from([0.05, 0.1, 0.2]), st.sampled_from([0.05, 0.1, 0.2]))
def test_the_share_is_that_of_error_in_what_strays(deviations: float, error: float) -> None:
    rng = np.random.default_rng(0)
    reconciliation = fitted(panel(rng, WEEK, deviations), rng, [error] * 3)
    expected = 3 * error**2 / (3 * error**2 + deviations**2)
    np.testing.assert_allclose(reconciliation.share, expected, atol=0.12)
    assert (np.diff(reconciliation.share) >= 0).all()


def test_forecasts_that_err_come_nearer_to_the_truth() -> None:
    rng = np.random.default_rng(1)
    data = panel(rng, WEEK, 0.05)
    reconciliation = fitted(data, rng, [0.2, 0.1, 0.1])
    place = np.arange(0, 270)[:, None] + np.arange(5)
    truth = data.values[place]
    forecasts = truth * np.exp(rng.normal(0, [0.2, 0.1, 0.1], truth.shape))
    reconciled = reconciliation.apply(forecasts, np.zeros(270, int), data.time[place], Calendar())
    before, after = (
        np.abs(np.log(each / truth)).mean(axis=(0, 1)) for each in (forecasts, reconciled)
    )
    assert (after < before).all()


def test_series_that_break_the_law_are_left_as_they_are() -> None:
    rng = np.random.default_rng(0)
    reconciliation = fitted(panel(rng, WEEK, 0.05, level=0.5), rng, [0.1] * 3)
    assert reconciliation.obeyed == 0.0
    values = np.exp(rng.normal(2, 0.3, (1, 4, 3)))
    time = FIRST + 280 + np.arange(4)[None]
    np.testing.assert_array_equal(
        reconciliation.apply(values, np.array([0]), time, Calendar()), values
    )


@pytest.mark.parametrize("values", [[0.0, 0.0, 0.0], [5.0, 0.0, 2.0]])
def test_days_without_output_and_unknown_series_are_left_as_they_are(values: list[float]) -> None:
    rng = np.random.default_rng(0)
    reconciliation = fitted(panel(rng, WEEK, 0.05), rng, [0.1] * 3)
    given_values = np.array([[values]])
    time = np.array([[FIRST + 280]])
    for series in (0, 9):
        reconciled = reconciliation.apply(given_values, np.array([series]), time, Calendar())
        np.testing.assert_array_equal(reconciled, given_values)
    known = np.array([[[5.0, 2.0, 2.0]]])
    np.testing.assert_array_equal(
        reconciliation.apply(known, np.array([9]), time, Calendar()), known
    )


def test_a_reconciliation_survives_json() -> None:
    rng = np.random.default_rng(0)
    data = panel(rng, WEEK, 0.05)
    data.values[280:] *= [2.0, 1.0, 1.0]  # one series breaks the law
    reconciliation = fitted(data, rng, [0.1] * 3)
    again = Reconciliation.from_document(json.loads(json.dumps(reconciliation.to_document())))
    for name in ("usual", "share", "errors"):
        np.testing.assert_array_equal(getattr(again, name), getattr(reconciliation, name))
    assert again.obeyed == 0.5


def test_places_are_weekdays_and_months() -> None:
    days = np.arange(FIRST, FIRST + 14)
    assert len(set(place_in_season(Calendar(), days).tolist())) == 7
    month = Calendar(Step.MONTH, 1)
    assert place_in_season(month, np.array([648, 660])).tolist() == [0, 0]
