"""The step of a table's dates, and the dates that do not lie on its grid, which are refused."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.series.calendar import Calendar, Step
from models.series.working_calendar import iso_date
from utils.errors import InvalidInput

Ints = NDArray[np.int64]

_FEWEST = 4  # rows of a series, by which weeks are told
_WEEKDAYS = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")


def calendar_of(days: Ints, series: Ints, step: Step | None = None) -> Calendar:
    """Return the calendar of rows in any order; every date lies on its grid.

    Args:
        days: days since 1970-01-01, [n].
        series: number of each row's series, [n].
        step: in which each date lies, as the request states it: dates need not be on its grid.

    Raises:
        InvalidInput: a date would have to be moved; the sentence has what was seen.
    """
    first = days.min()
    place = series * (days.max() - first + 1) + days - first
    if not (place[1:] >= place[:-1]).all():
        order = np.argsort(place, kind="stable")
        days, series = days[order], series[order]
    if step:
        return _stated(days, series, step)
    calendar = Calendar.of(days, series)
    if calendar.step is Step.DAY:
        _expect_one_step(days, series)
    moved = np.flatnonzero(calendar.days(calendar.index(days)) != days)
    if moved.size:
        date = iso_date(int(days[moved[0]]))
        rule = f"must be evenly spaced: {_seen(days, calendar)}"
        raise InvalidInput.of("date", rule, date)
    return calendar


def _expect_one_step(days: Ints, series: Ints) -> None:
    """Raise InvalidInput if some series have a row a week, as weeks have, and others one a day.

    Rows are sorted by series and day.
    """
    begins = np.flatnonzero(np.diff(series, prepend=-1))
    gaps = np.diff(days, prepend=days[0])
    gaps[begins] = 0  # between series
    counts = np.diff(np.append(begins, len(days)))
    lasts = np.add.reduceat(gaps, begins) >= 7 * (_FEWEST - 1)
    weekly = (np.add.reduceat(gaps % 7, begins) == 0) & (counts >= _FEWEST) & lasts
    if weekly.any() and (~weekly & (counts >= _FEWEST)).any():
        date = iso_date(int(days[begins[np.flatnonzero(weekly)[0]] + 1]))
        rule = (
            f"must be given, as {weekly.sum():,} of {len(begins):,} series have rows of one "
            "weekday alone, and others of several: step=day if those work on one day a week; if "
            "their rows are weeks, send them in a table of their own"
        )
        raise InvalidInput.of("step", rule, date)


def _stated(days: Ints, series: Ints, step: Step) -> Calendar:
    """The calendar of a stated step, of which no series has two rows.

    The position in the step is that of the first date: rows of one series lie in steps of their
    own, if they can.
    """
    offsets = {Step.WEEK: [0, 1, 2, 3, 4, 5, 6], Step.MONTH: [1]}.get(step, [0])
    for offset in offsets:
        calendar = Calendar(step, offset)
        index = calendar.index(days)
        if not ((np.diff(series) == 0) & (np.diff(index) == 0)).any():
            return calendar
    rule = f"must be a step of which no series has two rows; {step} is not"
    raise InvalidInput.of("step", rule, str(step))


def _seen(days: Ints, calendar: Calendar) -> str:
    """The sentence about the dates of a table that lie on no grid."""
    if calendar.step is Step.WEEK:
        counts = np.bincount((days + 3) % 7, minlength=7)
        found = [_WEEKDAYS[i] for i in np.flatnonzero(counts)[np.argsort(-counts[counts > 0])]]
        return f"the weeks begin on {', '.join(found)}; give each week by the same weekday"
    dates = days.astype("datetime64[D]")
    of_month = (dates - dates.astype("datetime64[M]")).astype(np.int64) + 1
    is_last = (dates + 1).astype("datetime64[M]") != dates.astype("datetime64[M]")
    if ((of_month == 1) | is_last).all():
        return "some months are given by their first day and some by their last"
    return f"the months are given by different days ({_listed(of_month)}); give months as 2024-05"


def _listed(numbers: Ints) -> str:
    values, counts = np.unique(numbers, return_counts=True)
    return ", ".join(map(str, values[np.argsort(-counts, kind="stable")][:6].tolist()))
