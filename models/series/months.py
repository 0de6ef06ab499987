"""Months as numbers, and the rules by which dates stand for them.

>>> months_of(np.array([19_723])).tolist(), day_of_month(np.array([19_723])).tolist()
([648], [1])
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


class MonthRule(StrEnum):
    """The dates of months and of periods that take their place.

    Periods of four weeks (13 a year) and of 4-4-5 weeks (12 a year, in any order of the three) are
    steps of months whose dates keep their distances.
    """

    SAME_DAY = "same day"
    FIRST_WORKDAY = "first workday"
    LAST_WORKDAY = "last workday"
    FOUR_WEEKS = "four weeks"
    QUARTERS = "4-4-5 weeks"


def as_dates(numbers: Ints, unit: str = "D") -> NDArray[np.datetime64]:
    """Return numbers of days, or of other units, since 1970 as dates."""
    return numbers.astype(f"datetime64[{unit}]")


def months_of(days: Ints) -> Ints:
    """Return the months since January 1970 of days."""
    return as_dates(days).astype("datetime64[M]").astype(np.int64)


def workdays(months: Ints, rule: MonthRule) -> Ints:
    """Return the first or the last workday, Monday to Friday, of months since January 1970."""
    is_last = rule is MonthRule.LAST_WORKDAY
    first = as_dates(months + is_last, "M").astype("datetime64[D]")
    return np.busday_offset(first, -int(is_last), roll="forward").astype(np.int64)


def day_of_month(days: Ints) -> Ints:
    """Return the days of the month of days since 1970-01-01, from 1."""
    dates = as_dates(days)
    return (dates - dates.astype("datetime64[M]")).astype(np.int64) + 1
