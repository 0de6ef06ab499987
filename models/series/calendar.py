"""The calendar of a panel: dates as whole step numbers, and the calendar features of a step.

>>> calendar = Calendar(Step.MONTH, offset=31)
>>> calendar.dates(np.array([648, 649]))
['2024-01-31', '2024-02-29']
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from utils.errors import InvalidInput

# Date of day 0 of rows that give a day number only, and of synthetic data: a Monday.
ORIGIN = date(2024, 1, 1)

DAYS_PER_YEAR = 365.2425
_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday

Ints = NDArray[np.int64]


class Step(StrEnum):
    """The time between two rows of a series."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True)
class Calendar:
    """The step between rows, and the conversion between dates and step numbers.

    Attributes:
        step: time between two rows.
        offset: position of a row's date within its step. Weeks: the day number modulo 7;
            months: the day of the month (31: the last day of the month); days: 0.
    """

    step: Step = Step.DAY
    offset: int = 0

    @classmethod
    def of(cls, days: Ints, series: Ints) -> Calendar:
        """Return the calendar of rows that are sorted by series, then day.

        Args:
            days: days since 1970-01-01, [n].
            series: number of each row's series, [n].

        Raises:
            InvalidInput: the median distance of two rows is no day, week or month.
        """
        gaps = np.diff(days)[np.diff(series) == 0]
        gaps = gaps[gaps > 0]
        usual = int(np.median(gaps)) if gaps.size else 1
        if usual == 1:
            return cls(Step.DAY)
        if usual == 7:
            return cls(Step.WEEK, int(np.bincount(days % 7).argmax()))
        if 28 <= usual <= 31:
            return cls(Step.MONTH, int(np.bincount(_day_of_month(days)).argmax()))
        raise InvalidInput.of(
            "date", "rows must be a day, a week or a month apart", f"{usual} days apart"
        )

    def index(self, days: Ints) -> Ints:
        """Return the step numbers of days since 1970-01-01."""
        if self.step is Step.DAY:
            return days
        if self.step is Step.WEEK:
            return (days - self.offset) // 7
        return _as_dates(days).astype("datetime64[M]").astype(np.int64)

    def days(self, index: Ints) -> Ints:
        """Return the days since 1970-01-01 of step numbers; the inverse of `index`."""
        if self.step is Step.DAY:
            return index
        if self.step is Step.WEEK:
            return index * 7 + self.offset
        first = _as_dates(index, "M").astype("datetime64[D]").astype(np.int64)
        last = _as_dates(index + 1, "M").astype("datetime64[D]").astype(np.int64) - 1
        return np.minimum(first + self.offset - 1, last)

    def dates(self, index: Ints) -> list[str]:
        """Return the ISO dates of step numbers."""
        return [str(day) for day in _as_dates(self.days(np.asarray(index)))]

    @property
    def width(self) -> int:
        """Number of calendar features."""
        return self.features(np.zeros(1, np.int64)).shape[1]

    def features(self, index: Ints) -> NDArray[np.float32]:
        """Return the calendar features of step numbers, [n] → [n, width].

        Days: the weekday, one-hot, and the time of the year as two harmonics (sine and cosine of
        one and of two periods a year); weeks: the two harmonics; months: the month, one-hot.
        """
        if self.step is Step.MONTH:
            return np.eye(12, dtype=np.float32)[index % 12]
        year = 2 * np.pi * self.days(index)[:, None] / DAYS_PER_YEAR
        waves = np.hstack([np.sin(year), np.cos(year), np.sin(2 * year), np.cos(2 * year)])
        if self.step is Step.WEEK:
            return waves.astype(np.float32)
        weekday = np.eye(7)[(index + _EPOCH_WEEKDAY) % 7]
        return np.hstack([weekday, waves]).astype(np.float32)


def _as_dates(numbers: Ints, unit: str = "D") -> NDArray[np.datetime64]:
    return numbers.astype(f"datetime64[{unit}]")


def _day_of_month(days: Ints) -> Ints:
    dates = _as_dates(days)
    return (dates - dates.astype("datetime64[M]")).astype(np.int64) + 1


def day_number(value: date) -> int:
    """Return the days since 1970-01-01 of a date."""
    return value.toordinal() - date(1970, 1, 1).toordinal()


def features_ahead(
    last: Ints, begin: int, end: int, features: Callable[[Ints], NDArray[Any]]
) -> NDArray[Any]:
    """Return features of the steps `last + begin` to `last + end − 1`, [n, end − begin, width].

    Args:
        last: step numbers, [n]; features of equal ones are computed once.
        features: function from step numbers [m] to their features [m, width].
    """
    distinct, place = np.unique(last, return_inverse=True)
    time = distinct[:, None] + np.arange(begin, end)
    return features(time.ravel()).reshape(*time.shape, -1)[place]
