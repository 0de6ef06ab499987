"""Forecasts over closed days: the days of a reply, and the days of the pretrained network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.forecast.closed_days import DayGrid
from models.forecast.forecast import Forecast
from models.forecast.pretrained import MEDIAN, PretrainedModel
from models.forecast.pretrained_member import quantiles_of
from models.forecast.reply_days import ReplyDays, closures_to_come
from models.series.calendar import Calendar, dated
from models.series.working_calendar import WorkingCalendar, span_of

TODAY = span_of("2026-03-04")[0]  # a Wednesday
WEEK = WorkingCalendar(weekdays=(1, 2, 3, 4, 5), country="DE")
SATURDAYS = replace(WEEK, every_second_week=(TODAY + 3,))
SHUT = replace(WEEK, closed=(span_of("2026-03-09/2026-03-20"),))


def calendar_of(*working: WorkingCalendar) -> Calendar:
    return Calendar(working=working, origin=TODAY)


def forecast_of(steps: int, paths: int = 5) -> Forecast:
    rng = np.random.default_rng(steps)
    values = rng.lognormal(3, 0.2, (1, steps, 3))
    bounds = {80: values * 0.9}, {80: values * 1.1}
    drawn = rng.lognormal(3, 0.2, (1, paths, steps, 3))
    return Forecast(values, values, *bounds, np.full((1, steps), 0.9), paths=drawn)


@given(
    working=st.sampled_from([WEEK, SATURDAYS, SHUT, WorkingCalendar()]),
    ended=st.integers(-3, 3),
    days=st.integers(1, 90),
)
def test_a_reply_has_every_day_and_its_totals_are_those_of_worked_days(
    working: WorkingCalendar, ended: int, days: int
) -> None:
    calendar = calendar_of(working)
    last_day = TODAY + ended
    last_step = int(calendar.index(np.array([last_day + 1]))[0]) - 1
    found = ReplyDays.of(calendar, last_step, last_day, days)
    ahead = last_day + 1 + np.arange(days)
    assert found.dates == [str(day) for day in ahead.astype("datetime64[D]")]
    assert (found.closed == ~working.is_open(ahead)).all()
    forecast = forecast_of(found.steps)
    spread = found.spread(forecast, np.array([7.0, 8.0, 9.0]))
    worked = int(working.is_open(ahead).sum())
    assert spread.values[0, ~found.closed].tolist() == forecast.values[0, :worked].tolist()
    assert spread.paths is not None
    assert forecast.paths is not None
    totals = [
        part[0, :, :, 1].sum(axis=1) for part in (spread.paths, forecast.paths[:, :, :worked])
    ]
    assert np.allclose(*totals)
    before = np.vstack([[[7.0, 8.0, 9.0]], spread.values[0, :-1]])
    assert (spread.values[0, found.closed][:, [0, 2]] == before[found.closed][:, [0, 2]]).all()


def test_worked_days_alone_are_counted_as_asked() -> None:
    found = ReplyDays.of(calendar_of(SHUT), TODAY, TODAY, 5, working_days_only=True)
    assert found.dates == ["2026-03-05", "2026-03-06", "2026-03-23", "2026-03-24", "2026-03-25"]
    assert not found.closed.any()


def test_the_pretrained_network_gets_each_series_on_the_days_of_its_own_calendar() -> None:
    rng = np.random.default_rng(1)
    rows = rng.lognormal(4, 0.1, (3, 300, 3))
    alone = [
        quantiles_of(PretrainedModel.open(), rows[[i]], calendar_of(own), np.array([TODAY]), 28)
        for i, own in enumerate((WEEK, SATURDAYS, WorkingCalendar()))
    ]
    together = calendar_of(WEEK, SATURDAYS, WorkingCalendar())
    last = dated(np.full(3, TODAY), np.arange(3))
    every = quantiles_of(PretrainedModel.open(), rows, together, last, 28)
    assert np.allclose(every, np.concatenate(alone), rtol=1e-4)


def test_an_extra_day_of_work_is_not_forecast_as_closed() -> None:
    rng = np.random.default_rng(1)
    rows = rng.lognormal(4, 0.05, (1, 300, 3))
    worked = replace(WEEK, open=((TODAY + 3, TODAY + 3),))  # the coming Saturday
    grid = DayGrid.of(calendar_of(worked), np.array([TODAY]), 5, 100)
    assert grid.closed[0, :4].tolist() == [False, False, False, True]
    found = quantiles_of(PretrainedModel.open(), rows, calendar_of(worked), np.array([TODAY]), 5)
    throughput = found[0, :, 1, MEDIAN]
    assert throughput[2] == pytest.approx(throughput[[0, 1]].mean(), rel=0.2)


@pytest.mark.parametrize(
    ("closed", "ahead", "days", "is_warned"),
    [
        ([3, 40, 90, 130, 180, 240, 300], [], 60, True),
        ([3, 40, 90, 130, 180, 240, 300], [], 7, False),  # less than one is to be expected
        ([3, 40, 90, 130, 180, 240, 300], [8], 60, False),
        (list(range(3, 24)), [], 60, False),  # one shutdown
    ],
)
def test_irregular_closed_days_are_asked_for(
    closed: list[int], ahead: list[int], days: int, is_warned: bool
) -> None:
    last = 20_818
    spans = sorted((last - day, last - day) for day in closed)
    spans += [(last + day, last + day) for day in ahead]
    calendar = Calendar(working=(WorkingCalendar(closed=tuple(spans)),), origin=last)
    found = closures_to_come(calendar, last, days)
    assert len(found) == is_warned and (not found or "closed on 7 days" in found[0])
