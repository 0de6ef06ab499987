"""Dates of months and of periods of weeks are kept, and continued by their rule."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from models.data.cleaning import clean
from models.data.reading.tables import read_rows
from models.series.calendar import Calendar, Step
from models.series.encoding import Encoding
from models.series.months import MonthRule

START = pd.Timestamp("2023-01-02")


def periods(*weeks: int) -> list[pd.Timestamp]:
    """First days of periods of these weeks, repeated over more than four years."""
    days = np.concatenate([[0], np.cumsum(np.tile(weeks, 56 // len(weeks)) * 7)])
    return [START + pd.Timedelta(days=int(day)) for day in days]


DATES = {
    "first day": pd.date_range(START, periods=50, freq="MS"),
    "last day": pd.date_range(START, periods=50, freq="ME"),
    "15th": pd.date_range(START, periods=50, freq="MS") + pd.Timedelta(days=14),
    "first workday": pd.date_range(START, periods=50, freq="BMS"),
    "last workday": pd.date_range(START, periods=50, freq="BME"),
    "13 periods": periods(4),
    "4-4-5": periods(4, 4, 5),
    "4-5-4": periods(4, 5, 4),
    "5-4-4": periods(5, 4, 4),
    "weeks from Thursday": pd.date_range(START, periods=50, freq="W-THU"),
    "days over a leap day": pd.date_range("2024-02-01", periods=50),
}


@pytest.mark.parametrize("name", DATES)
def test_dates_stay_as_they_came_and_go_on_by_their_rule(name: str) -> None:
    dates = [str(day.date()) for day in DATES[name]]
    names = {"plant": "P", "application": "A", "panel_size": "S"}
    rows = [{"date": day, "wip": 100.0 + i % 7, "throughput": 50.0} | names
            for i, day in enumerate(dates)]  # fmt: skip
    panel = clean(read_rows(rows[:30], 100)).panel
    calendar = panel.calendar
    assert calendar.dates(panel.dated_time) == dates[:30]
    assert calendar.dates(panel.time[-1] + 1 + np.arange(20)) == dates[30:50]
    kept = Encoding.from_document(Encoding.fit(panel, 3, int(panel.time[-1])).to_document())
    assert kept.calendar == calendar


def test_thirteen_periods_are_a_season() -> None:
    calendar = Calendar(Step.MONTH, rule=MonthRule.FOUR_WEEKS)
    assert calendar.season == 13
    assert calendar.features(np.arange(26)).sum() == 26
