"""The working calendar of a plant: the days on which it works, and the days on which it is closed.

A plant works on some weekdays, every week or every second week. Holidays and closed days are taken
out, days of extra work are added; a day that is named `open` is worked whatever else holds for it.

Steps are worked days. Their numbers are those of days since 1970-01-01 where every day is worked;
else they count worked days only, and equal the number of the day at the calendar's `origin`.

    >>> week = WorkingCalendar(weekdays=(1, 2, 3, 4, 5))
    >>> thursday = 20_818  # 2026-12-31
    >>> week.is_open(thursday + np.arange(4)).tolist()
    [True, True, False, False]
    >>> next_steps = week.index(np.array([thursday]), origin=thursday) + np.arange(1, 4)
    >>> (week.days(next_steps, origin=thursday) - thursday).tolist()
    [1, 4, 5]
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.series import public_holidays

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Span = tuple[int, int]  # first and last day, both included, in days since 1970-01-01

EVERY_DAY = (1, 2, 3, 4, 5, 6, 7)
_WEEK = 7
_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday; Monday is 0
_BLOCK = 4096  # days whose opening is computed at once
_YEARS = 146_097  # days of 400 years, within which a calendar has any worked day


@dataclass(frozen=True)
class WorkingCalendar:
    """The days on which a plant works.

    Attributes:
        weekdays: worked every week, 1 (Monday) to 7 (Sunday), ascending; of a calendar that only
            adds to another one, (): those of the other.
        every_second_week: a worked day of each weekday that is worked every second week, in days
            since 1970-01-01.
        country, subdivision: whose public holidays are closed, by the codes of the package
            `holidays`; None: holidays are worked.
        closed: further closed days.
        open: worked days, whatever else holds for them.
    """

    weekdays: tuple[int, ...] = EVERY_DAY
    every_second_week: tuple[int, ...] = ()
    country: str | None = None
    subdivision: str | None = None
    closed: tuple[Span, ...] = ()
    open: tuple[Span, ...] = ()

    @property
    def works_every_day(self) -> bool:
        """True if there is no closed day."""
        return self.weekdays == EVERY_DAY and self.country is None and not self.closed

    @property
    def steps_per_week(self) -> float:
        """Worked days of a usual week."""
        return len(self.weekdays) + len(self.every_second_week) / 2

    @property
    def season(self) -> int:
        """Steps after which the weekdays repeat: those of a week, or of two."""
        return int(self.steps_per_week * (2 if self.every_second_week else 1))

    def is_open(self, days: Ints) -> Flags:
        """Return True for the days that are worked, by days since 1970-01-01."""
        found = self.is_usual(days)
        if self.country is not None and days.size:
            found &= ~_among(days, self._holidays(days))
            found |= _among(days, self._substitutes(days))
        for first, last in self.closed:
            found &= (days < first) | (days > last)
        for first, last in self.open:
            found |= (days >= first) & (days <= last)
        return found

    def is_usual(self, days: Ints) -> Flags:
        """Return True for the days of weekdays that are worked, holidays and all."""
        weekday = weekdays_of(days)
        found = np.isin(weekday, self.weekdays)
        for worked in self.every_second_week:
            found |= (days - worked) % (2 * _WEEK) == 0
        return found

    def _holidays(self, days: Ints) -> tuple[int, ...]:
        return public_holidays.days_of(self.country or "", self.subdivision, *_years(days))[0]

    def _substitutes(self, days: Ints) -> tuple[int, ...]:
        """Days of weekends that are worked in place of holidays, as in China."""
        return public_holidays.days_of(self.country or "", self.subdivision, *_years(days))[1]

    def index(self, days: Ints, origin: int) -> Ints:
        """Return the step numbers of days; of a closed day that of the next worked one.

        Args:
            days: days since 1970-01-01.
            origin: day whose number and step number are equal.
        """
        if self.works_every_day or not days.size:
            return days
        low, high = int(min(days.min(), origin)), int(max(days.max(), origin))
        worked = _worked(self, low // _BLOCK, high // _BLOCK + 1)
        found: Ints = np.searchsorted(worked, days) - np.searchsorted(worked, [origin]) + origin
        return found

    def days(self, index: Ints, origin: int) -> Ints:
        """Return the days of step numbers; the inverse of `index` on worked days."""
        if self.works_every_day or not index.size:
            return index
        reach = 2 * int(max(abs(index - origin).max(), _WEEK))
        while True:
            worked = _worked(self, (origin - reach) // _BLOCK, (origin + reach) // _BLOCK + 1)
            place = index - origin + np.searchsorted(worked, [origin])
            if (place >= 0).all() and (place < len(worked)).all():
                found: Ints = worked[place]
                return found
            reach *= 2

    def with_days(self, closed: Iterable[int] = (), worked: Iterable[int] = ()) -> WorkingCalendar:
        """Return the calendar with more closed and more worked days."""
        return replace(
            self,
            closed=self._spans([*_each(self.closed), *closed]),
            open=spans_of([*_each(self.open), *worked]),
        )

    def _spans(self, days: Iterable[int]) -> tuple[Span, ...]:
        """Days as spans; what lies between two of them is closed anyhow."""
        found: list[Span] = []
        for first, last in spans_of(days):
            between = np.arange(found[-1][1] + 1, first) if found else np.zeros(0, np.int64)
            if found and not self.is_usual(between).any():
                found[-1] = found[-1][0], last
            else:
                found.append((first, last))
        return tuple(found)

    def added_to(self, other: WorkingCalendar) -> WorkingCalendar:
        """Return another calendar with what this one states in its place, or beside it.

        The weekdays and the country take the place of the other's; the days are added.
        """
        weeks = self if self.weekdays or self.every_second_week else other
        country = self if self.country is not None else other
        opened = set(_each(other.open)) - set(_each(self.closed))
        closed = set(_each(other.closed)) - set(_each(self.open))
        return WorkingCalendar(
            weeks.weekdays or other.weekdays,
            weeks.every_second_week,
            country.country,
            country.subdivision,
            self._spans(closed | set(_each(self.closed))),
            spans_of(opened | set(_each(self.open))),
        )

    def followed_by(self, other: WorkingCalendar, last: int) -> FollowedCalendar:
        """Return this calendar up to a last day, and another one after it."""
        return FollowedCalendar(
            self.weekdays,
            self.every_second_week,
            self.country,
            self.subdivision,
            self.closed,
            self.open,
            other,
            last,
        )

    def to_document(self) -> dict[str, Any]:
        """Return a JSON-ready form that `from_document` turns back into an equal calendar."""
        return {
            "weekdays": list(self.weekdays),
            "every_second_week": [iso_date(day) for day in self.every_second_week],
            "country": self.country,
            "subdivision": self.subdivision,
            "closed": [_span_text(span) for span in self.closed],
            "open": [_span_text(span) for span in self.open],
        }

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> WorkingCalendar:
        """Return the calendar that `to_document` described."""
        return cls(
            tuple(document.get("weekdays", EVERY_DAY)),
            tuple(_day(text) for text in document.get("every_second_week", ())),
            document.get("country"),
            document.get("subdivision"),
            tuple(span_of(text) for text in document.get("closed", ())),
            tuple(span_of(text) for text in document.get("open", ())),
        )


NOTHING_GIVEN = WorkingCalendar(())  # adds nothing to another calendar


@dataclass(frozen=True)
class FollowedCalendar(WorkingCalendar):
    """A calendar that holds up to a last day, after which another one holds.

    Attributes:
        later: the other calendar.
        last: the last day of this one.
    """

    later: WorkingCalendar = WorkingCalendar()
    last: int = 0

    def with_days(self, closed: Iterable[int] = (), worked: Iterable[int] = ()) -> WorkingCalendar:
        """Return the calendar with more closed and more worked days."""
        shut, extra = list(closed), list(worked)
        now = super().with_days(shut, extra)
        return now.followed_by(self.later.with_days(shut, extra), self.last)

    @property
    def works_every_day(self) -> bool:
        """True if there is no closed day."""
        return super().works_every_day and self.later.works_every_day

    def is_open(self, days: Ints) -> Flags:
        """Return True for the days that are worked, by days since 1970-01-01."""
        return np.where(days <= self.last, super().is_open(days), self.later.is_open(days))


def weekdays_of(days: Ints) -> Ints:
    """Return the weekdays of days since 1970-01-01, 1 (Monday) to 7 (Sunday)."""
    return (days + _EPOCH_WEEKDAY) % _WEEK + 1


def spans_of(days: Iterable[int]) -> tuple[Span, ...]:
    """Return days as spans of consecutive ones, ascending.

    >>> spans_of([3, 1, 2, 7])
    ((1, 3), (7, 7))
    """
    ordered = np.unique(np.fromiter(days, np.int64))
    if not ordered.size:
        return ()
    edges = [0, *(np.flatnonzero(np.diff(ordered) > 1) + 1).tolist(), len(ordered)]
    return tuple((int(ordered[a]), int(ordered[b - 1])) for a, b in pairwise(edges))


def span_of(text: str) -> Span:
    """Return the span of "2026-12-24/2027-01-02", or of a single date.

    Raises:
        ValueError: it is no date, no span, or ends before it begins.
    """
    first, _, last = text.partition("/")
    span = _day(first), _day(last or first)
    if span[1] < span[0]:
        raise ValueError("must not end before it begins")
    return span


def _each(spans: Iterable[Span]) -> Iterable[int]:
    return (day for first, last in spans for day in range(first, last + 1))


def _among(days: Ints, some: tuple[int, ...]) -> Flags:
    return np.isin(days, np.array(some, np.int64))


def _years(days: Ints) -> tuple[int, int]:
    first, last = (
        np.datetime64(int(day), "D").astype("datetime64[Y]") for day in (days.min(), days.max())
    )
    return int(str(first)), int(str(last))


def _day(text: str) -> int:
    return date.fromisoformat(text).toordinal() - date(1970, 1, 1).toordinal()


def iso_date(day: int | np.int64) -> str:
    """Return a day since 1970-01-01 as YYYY-MM-DD.

    >>> iso_date(np.int64(19_723))
    '2024-01-01'
    """
    return str(np.datetime64(int(day), "D"))


def _span_text(span: Span) -> str:
    first, last = map(iso_date, span)
    return first if first == last else f"{first}/{last}"


@lru_cache(maxsize=256)
def _worked(calendar: WorkingCalendar, begin: int, end: int) -> Ints:
    """The worked days of blocks `begin` to `end` − 1, ascending."""
    if (end - begin) * _BLOCK > 2 * _YEARS:
        raise ValueError("the calendar has no worked days")
    days = np.arange(begin * _BLOCK, end * _BLOCK)
    return days[calendar.is_open(days)]
