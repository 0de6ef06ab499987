"""Working calendars: open days, step numbers of them, and the names of countries."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from models.series import public_holidays
from models.series.working_calendar import WorkingCalendar, span_of
from utils.errors import InvalidInput


def day(text: str) -> int:
    return span_of(text)[0]


WEEK = WorkingCalendar(weekdays=(1, 2, 3, 4, 5))
CALENDARS = [
    WorkingCalendar(),
    WEEK,
    WorkingCalendar(weekdays=(1, 2, 3, 4, 7)),
    replace(WEEK, every_second_week=(day("2024-01-06"),)),
    replace(WEEK, country="DE", subdivision="BY", closed=(span_of("2025-12-24/2026-01-06"),)),
    replace(WEEK, open=(span_of("2024-02-10"),), closed=(span_of("2024-08-05/2024-08-16"),)),
    WEEK.followed_by(replace(WEEK, weekdays=(1, 2, 3, 4, 5, 6)), day("2024-06-01")),
]


@pytest.mark.parametrize("calendar", CALENDARS)
@pytest.mark.parametrize("origin", ["2023-12-30", "2024-06-05", "1965-03-02"])
def test_step_numbers_count_the_open_days_around_the_origin(
    calendar: WorkingCalendar, origin: str
) -> None:
    start = day(origin)
    days = np.arange(start - 900, start + 900)
    worked = days[calendar.is_open(days)]
    index = calendar.index(worked, start)
    assert (np.diff(index) == 1).all()
    assert index[worked >= start][0] == start
    assert (calendar.days(index, start) == worked).all()
    closed = days[~calendar.is_open(days)][:-14]
    assert (calendar.days(calendar.index(closed, start), start) > closed).all()


@pytest.mark.parametrize("calendar", CALENDARS[:-1])
def test_a_calendar_survives_its_document(calendar: WorkingCalendar) -> None:
    assert WorkingCalendar.from_document(calendar.to_document()) == calendar


@pytest.mark.parametrize(
    ("text", "is_open"),
    [
        ("2026-12-24", True),  # a Thursday, no holiday in Germany
        ("2026-12-25", False),
        ("2026-01-06", False),  # Epiphany, in Bavaria
        ("2026-12-26", True),  # a holiday and a Saturday, but named
        ("2026-12-31", False),
    ],
)
def test_named_open_days_come_before_closed_days_and_holidays(text: str, is_open: bool) -> None:
    calendar = replace(
        WEEK,
        country="DE",
        subdivision="BY",
        closed=(span_of("2026-12-26/2027-01-02"),),
        open=(span_of("2026-12-26"),),
    )
    assert calendar.is_open(np.array([day(text)])).tolist() == [is_open]


def test_china_works_on_weekends_in_place_of_holidays() -> None:
    calendar = replace(WEEK, country="CN")
    sunday = day("2024-02-04")
    assert calendar.is_open(np.array([sunday])).all()


def test_added_days_of_a_shutdown_are_one_span_over_its_weekends() -> None:
    days = [d for d in range(*span_of("2024-08-05/2024-08-17")) if WEEK.is_open(np.array([d]))]
    assert WEEK.with_days(closed=days).to_document()["closed"] == ["2024-08-05/2024-08-16"]


@pytest.mark.parametrize(
    ("country", "subdivision", "words"),
    [
        ("ZZ", None, "must be a country"),
        ("Germny", None, "did you mean DE?"),
        ("DE", "Bavaria", "subdivision of DE"),
        (None, "BY", "needs the country"),
    ],
)
def test_an_unknown_country_is_refused_with_the_nearest(
    country: str | None, subdivision: str | None, words: str
) -> None:
    with pytest.raises(InvalidInput, match=words.replace("?", r"\?")):
        public_holidays.check(country, subdivision, "calendar")


@pytest.mark.parametrize("country", ["de", "DEU", "Germany"])
def test_a_country_is_known_by_code_and_name(country: str) -> None:
    assert public_holidays.check(country, "by", "calendar") == ("DE", "BY")


def test_spans_end_after_they_begin() -> None:
    assert span_of("2026-12-24/2027-01-02")[1] == date(2027, 1, 2).toordinal() - 719_163
    with pytest.raises(ValueError, match="before it begins"):
        span_of("2027-01-02/2026-12-24")
