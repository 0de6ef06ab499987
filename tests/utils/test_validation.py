"""Little's Law: the arithmetic of the contract, windows, and recommendations for a forecast."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.series import error_measures
from utils.forecast_review import ForecastDays, LineSoFar, review_forecast
from utils.validation import validate, window_compliance

AMOUNT = st.floats(1e-3, 1e6)


@given(AMOUNT, AMOUNT, AMOUNT)
def test_validate_is_the_contracts_arithmetic(wip: float, th: float, ct: float) -> None:
    found = validate(wip, th, ct)
    deviation = abs(wip - th * ct) / max(wip, th * ct)
    assert found["compliance_score"] == pytest.approx(1 - deviation)
    assert found["deviations"]["percentage"] == pytest.approx(100 * deviation)
    assert found["expected_values"] == {"wip": th * ct, "actual_wip": wip}
    assert found["is_valid"] is (deviation <= 0.2)
    assert bool(found["recommendations"]) or found["compliance_score"] >= 0.8
    factor = max(0.3, 1 - 0.1 * len(found["warnings"])) * (1 if found["is_valid"] else 0.5)
    assert found["overall_score"] == pytest.approx((1 - deviation) * factor)


@pytest.mark.parametrize(
    ("given", "missing", "value"),
    [
        ({"wip": 100, "throughput": 50}, "cycle_time", 2),
        ({"wip": 100, "cycle_time": 2}, "throughput", 50),
        ({"throughput": 50, "cycle_time": 2}, "wip", 100),
    ],
)
def test_validate_computes_the_third_of_two(given: Any, missing: str, value: float) -> None:
    found = validate(**given)
    assert found["expected_values"] == {missing: value}
    assert found["compliance_score"] == 1 and found["is_valid"]


def test_validate_needs_two() -> None:
    with pytest.raises(ValueError, match="At least two"):
        validate(wip=1)


def test_validate_of_a_target_states_the_throughput_that_would_do() -> None:
    found = validate(throughput=50, cycle_time=2, target_production=3000)
    timeline = found["analysis"]["production_timeline"]
    assert timeline == {"target_production": 3000, "current_throughput": 50, "days_required": 60}
    assert "60" in found["warnings"][0] and "100" in found["recommendations"][0]
    assert found["overall_score"] == pytest.approx(0.9)
    assert validate(throughput=50, cycle_time=2, target_production=1500)["warnings"] == []


def test_validate_of_capacity_and_residence() -> None:
    found = validate(wip=100, throughput=50, cycle_time=2, capacity=40)
    assert "capacity of 40" in found["warnings"][0]
    assert "WIP of 80" in found["recommendations"][0]
    slow = validate(wip=5000, throughput=50, cycle_time=100, horizon_days=30)
    assert "nothing released" in slow["warnings"][0]
    assert "1,500" in slow["recommendations"][0]


class Curve:
    """Throughput 10 · w ÷ (w + 5)."""

    capacity = 10.0

    def least_wip(self, throughput: float) -> float:
        return 5 * throughput / (10 - throughput) if throughput < 10 else float("inf")


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        (240, "takes a WIP of 20 and a cycle time of 2.5"),
        (600, "the line cannot do so: its capacity is 10 per period"),
    ],
)
def test_advice_is_from_the_curve_of_the_line_once_it_is_known(
    target: float, sentence: str
) -> None:
    state = {"wip": 5.0, "throughput": 5.0, "target_production": target}
    [advice] = validate(**state, curve_of=Curve)["recommendations"]
    assert sentence in advice and sentence not in validate(**state)["recommendations"][0]
    days = ForecastDays(np.full(30, 5.0), np.full(30, 5.0), np.ones(30))
    [forecast] = review_forecast(days, LineSoFar(60), target, curve_of=Curve)["recommendations"]
    assert sentence in forecast
    [agreed] = validate(wip=50, throughput=5, cycle_time=1, curve_of=Curve)["recommendations"]
    assert "For a throughput of 5" in agreed and "WIP of 5 and a cycle time of 1" in agreed


def test_no_curve_is_looked_up_where_there_is_no_advice_to_give() -> None:
    def unexpected() -> None:
        raise AssertionError

    assert validate(wip=100, throughput=50, cycle_time=2, curve_of=unexpected)["is_valid"]


def test_window_compliance_is_of_the_means_not_of_the_days() -> None:
    values = np.array([[10.0, 5, 1], [10, 5, 3]] * 5)  # each day off by half, each pair exact
    np.testing.assert_allclose(window_compliance(values, 2), 1)
    values[::2, 2] = np.nan  # an unknown cycle time counts with its window's mean
    np.testing.assert_allclose(window_compliance(values, 2), 2 / 3)
    values[:, 1] = 0
    assert len(window_compliance(values, 2)) == 0


def test_metrics_are_scikit_learns() -> None:
    from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

    truth, forecast = np.random.default_rng(0).normal(size=(2, 50))
    assert error_measures.mae(truth, forecast) == pytest.approx(
        mean_absolute_error(truth, forecast)
    )
    assert error_measures.rmse(truth, forecast) == pytest.approx(
        root_mean_squared_error(truth, forecast)
    )
    assert error_measures.r2(truth, forecast) == pytest.approx(r2_score(truth, forecast))
    blank = np.where(np.arange(50) % 5, truth, np.nan)
    known = ~np.isnan(blank)
    assert error_measures.mae(blank, forecast) == error_measures.mae(truth[known], forecast[known])


def test_metrics_at_their_edges() -> None:
    ones = np.ones(3)
    assert error_measures.r2(ones, ones) == 1 and error_measures.r2(ones, ones + 1) == 0
    assert (
        error_measures.skill(1, 2) == 0.5
        and error_measures.skill(0, 0) == 0
        and error_measures.skill(1, 0) == -1
    )
    assert error_measures.share_within(np.array([100.0, 100]), np.array([119.0, 121]), 0.2) == 0.5
    with pytest.raises(ValueError, match="No known truth"):
        error_measures.mae(np.full(2, np.nan), ones[:2])
