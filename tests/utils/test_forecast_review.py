"""The check of a forecast's days: sentences that name the days, and what would do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from utils.forecast_review import ForecastDays, LineSoFar, analyse_forecast, review_forecast

Floats = NDArray[np.float64]


def test_analyse_forecast_counts_days_by_the_contracts_bands() -> None:
    daily = np.array([1.0, 0.91, 0.9, 0.7, 0.69, 0.5, 0.49, 0.0])
    found = analyse_forecast(daily, np.ones(8), np.ones(8))
    assert found["analysis"] == {"excellent": 2, "good": 2, "fair": 2, "poor": 2}
    np.testing.assert_allclose(found["daily_compliance"], daily)


def test_days_without_output_have_the_compliance_of_the_day_before() -> None:
    wip, output = np.full(7, 100.0), np.array([50.0, 50, 50, 50, 50, 0.1, 0])
    idle, closed = output < 1, np.arange(7) == 6
    found = analyse_forecast(wip, output, np.full(7, 2.0), closed, idle)
    assert found["daily_compliance"] == [1.0] * 7 and found["average_compliance"] == 1
    assert found["analysis"] == {"excellent": 6, "good": 0, "fair": 0, "poor": 0}


def test_review_forecast_names_the_days_and_what_would_do() -> None:
    wip, th, ct = np.full(20, 100.0), np.full(20, 50.0), np.full(20, 2.0)
    line = LineSoFar(60)
    assert review_forecast(ForecastDays(wip, th, ct), line, 1000)["is_valid"]
    wip[8:15] = 200
    found = review_forecast(ForecastDays(wip, th, ct), line)
    assert not found["is_valid"]
    [warning] = found["warnings"]
    assert warning == (
        "Days 9–15: mean WIP 200 and mean throughput × cycle time 100 are 50% apart; Little's Law "
        "allows 20%."
    )
    assert "Lower WIP from 200 to 100" in found["recommendations"][0]
    th[5] = 90
    found = review_forecast(ForecastDays(wip, th, ct), line, 1e4)
    assert any(w.startswith("Day 6: throughput 90 is above 60") for w in found["warnings"])
    assert any("500 per period" in r for r in found["recommendations"])
    none = review_forecast(ForecastDays(wip, np.zeros(20), ct), line, 2000)
    assert any("100 per period is needed" in r for r in none["recommendations"])


def test_review_of_a_line_that_is_closed_on_weekends_gives_no_advice() -> None:
    """On a closed day nothing leaves; the law holds for windows, not for such a day."""
    is_open = np.arange(28) % 7 < 5
    throughput = np.where(is_open, 70.0, 0.0)
    cycle_time = np.where(is_open, 3.2, 0.0)
    days = ForecastDays(np.full(28, 160.0), throughput, cycle_time)
    found = review_forecast(days, LineSoFar(80))
    assert found == {"is_valid": True, "warnings": [], "recommendations": []}


def days_of(wip: float, cycle_time: float, count: int) -> ForecastDays:
    return ForecastDays(*(np.full(count, value) for value in (wip, 50.0, cycle_time)))


@pytest.mark.parametrize(
    ("days", "line", "warns"),
    [
        (days_of(150, 2, 3), LineSoFar(60), True),
        (days_of(150, 2, 1), LineSoFar(60), False),  # within a cycle time no law holds
        (days_of(1500, 40, 30), LineSoFar(60), False),
        (days_of(1, 0, 30), LineSoFar(60, usual_wip=150), False),  # all but empty
        (days_of(10, 0, 30), LineSoFar(60, usual_wip=150), True),
    ],
)
def test_the_law_is_held_to_spans_of_more_than_a_cycle_time(
    days: ForecastDays, line: LineSoFar, warns: bool
) -> None:
    found = review_forecast(days, line)
    assert found["is_valid"] is not warns and bool(found["warnings"]) is warns


def test_days_break_the_law_if_medians_and_expected_values_do() -> None:
    lots = ForecastDays(*np.tile([[150.0], [0.0], [3.0]], (1, 30)))  # the median day has none
    assert review_forecast(replace(days_of(150, 3, 30), medians=lots), LineSoFar(60))["is_valid"]
    [warning] = review_forecast(replace(days_of(150, 2, 30), medians=lots), LineSoFar(60))[
        "warnings"
    ]
    assert "mean WIP 150 and mean throughput × cycle time 100" in warning


def test_rows_that_break_the_law_are_named_in_place_of_days_of_their_forecast() -> None:
    found = review_forecast(days_of(150, 72, 30), LineSoFar(60, 150, flow_ratio=24.0))
    [warning], [advice] = found["warnings"], found["recommendations"]
    assert "throughput × cycle time is usually 24 times the WIP" in warning
    assert advice.endswith("a mean WIP of 150 at 50 units per period is a cycle time of 3 periods.")
    assert not found["is_valid"]
