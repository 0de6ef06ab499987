"""The check of a forecast's days: sentences that name the days, and what would do."""

from __future__ import annotations

import numpy as np
import pytest

from utils.forecast_review import analyse_forecast, day_reached, review_forecast


def test_analyse_forecast_counts_days_by_the_contracts_bands() -> None:
    daily = np.array([1.0, 0.91, 0.9, 0.7, 0.69, 0.5, 0.49, 0.0])
    found = analyse_forecast(daily, np.ones(8), np.ones(8))
    assert found["analysis"] == {"excellent": 2, "good": 2, "fair": 2, "poor": 2}
    np.testing.assert_allclose(found["daily_compliance"], daily)


def test_review_forecast_names_the_days_and_what_would_do() -> None:
    wip, th, ct = np.full(20, 100.0), np.full(20, 50.0), np.full(20, 2.0)
    assert review_forecast(wip, th, ct, 60, 1000)["is_valid"]
    wip[8:15] = 200
    found = review_forecast(wip, th, ct, 60, None)
    assert not found["is_valid"]
    [warning] = found["warnings"]
    assert warning == (
        "Days 9–15: mean WIP 200 and mean throughput × cycle time 100 are 50% apart; Little's Law "
        "allows 20%."
    )
    assert "Lower WIP from 200 to 100" in found["recommendations"][0]
    th[5] = 90
    found = review_forecast(wip, th, ct, 60, 1e4)
    assert any(w.startswith("Day 6: throughput 90 is above 60") for w in found["warnings"])
    assert any("500 per period" in r for r in found["recommendations"])
    none = review_forecast(wip, np.zeros(20), ct, 60, 2000)
    assert any("100 per period is needed" in r for r in none["recommendations"])


def test_review_of_a_line_that_is_closed_on_weekends_gives_no_advice() -> None:
    """On a closed day nothing leaves; the law holds for windows, not for such a day."""
    is_open = np.arange(28) % 7 < 5
    throughput = np.where(is_open, 70.0, 0.0)
    cycle_time = np.where(is_open, 3.2, 0.0)
    wip = np.full(28, 160.0)
    found = review_forecast(wip, throughput, cycle_time, 80, None)
    assert found == {"is_valid": True, "warnings": [], "recommendations": []}


@pytest.mark.parametrize("days", [1, 3])
def test_review_of_less_than_a_week_is_of_all_days_together(days: int) -> None:
    wip, th, ct = np.full(days, 150.0), np.full(days, 50.0), np.full(days, 2.0)
    [warning] = review_forecast(wip, th, ct, 60, None)["warnings"]
    assert "150 and mean throughput × cycle time 100 are 33% apart" in warning


@pytest.mark.parametrize(("target", "day"), [(1, 1), (10, 1), (10.1, 2), (30, 3), (31, None)])
def test_day_reached_is_the_first_that_suffices(target: float, day: int | None) -> None:
    assert day_reached([10, 10, 10], target) == day
