"""The calendar of a panel: dates as whole step numbers, and the calendar features of a step.

What is called the day of a row is, for hours and shifts, the number of the part of the day
(`models.series.day_parts`).

>>> calendar = Calendar(Step.MONTH, offset=31)
>>> calendar.dates(np.array([648, 649]))
['2024-01-31', '2024-02-29']
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.series import day_parts
from models.series.day_parts import HOURS, Begins
from models.series.months import MonthRule, as_dates, day_of_month, months_of, workdays
from models.series.working_calendar import WorkingCalendar
from utils.errors import InvalidInput

# Date of day 0 of rows that give a day number only, and of synthetic data: a Monday.
ORIGIN = date(2024, 1, 1)

DAYS_PER_YEAR = 365.2425
_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday

Ints = NDArray[np.int64]


class Step(StrEnum):
    """The time between two rows of a series."""

    HOUR = "hour"
    SHIFT = "shift"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


SEASONS = {Step.WEEK: 52, Step.MONTH: 12}  # steps
STEPS_PER_YEAR = {Step.WEEK: 52.2, Step.MONTH: 12.0}
_WORKDAYS = (MonthRule.FIRST_WORKDAY, MonthRule.LAST_WORKDAY)
_PERIOD_BEGINS = np.array([0, 28, 56])  # of a quarter of 91 days
_FEW_WEEKDAYS = 4  # of a plant that works every other day
_LANE = 1 << 40  # above any number of a step


@dataclass(frozen=True)
class Calendar:
    """The step between rows, and the conversion between dates and step numbers.

    Series may have working calendars of their own. A *dated* step number tells which of them
    (its lane) it belongs to: `dated(step, lane)`. Adding to it goes on in the same lane. Without
    working calendars, and in the first lane, dated and plain step numbers are equal.

    Attributes:
        step: time between two rows.
        offset: position of a row's date within its step. Weeks: the day number modulo 7;
            months: the day of the month (31: the last day of the month); periods of weeks: the day
            number modulo 28 or 91; days: 0.
        working: working calendars of days, by lane; (): every day is worked.
        origin: day at which the step numbers of all lanes equal the number of the day.
        rule: of the dates of months.
        begins: of hours and shifts, the times of the day at which they begin, in minutes; else ().
    """

    step: Step = Step.DAY
    offset: int = 0
    working: tuple[WorkingCalendar, ...] = ()
    origin: int = 0
    rule: MonthRule = MonthRule.SAME_DAY
    begins: Begins = ()

    def __post_init__(self) -> None:
        if (self.step in (Step.HOUR, Step.SHIFT)) != bool(self.begins):
            raise ValueError("hours and shifts, and no other steps, begin at times of the day")

    @classmethod
    def of_parts(cls, step: str | None, shifts: str | None) -> Calendar | None:
        """Return the calendar of hours or shifts; None for any other step.

        Args:
            shifts: times of the day at which shifts begin, separated by commas.

        Raises:
            InvalidInput: shifts are given with another step, or not given, or are fewer than two.
        """
        if (step == Step.SHIFT) != (shifts is not None):
            rule = "must be given with step=shift, and only then: times at which shifts begin, such"
            raise InvalidInput.of("shifts", f"{rule} as 06:00,14:00,22:00", shifts)
        if shifts is not None:
            return cls(Step.SHIFT, begins=day_parts.begins_of_shifts(shifts))
        return cls(Step.HOUR, begins=HOURS) if step == Step.HOUR else None

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
        if usual == 1 or (usual <= 3 and len(np.unique(days % 7)) <= _FEW_WEEKDAYS):
            return cls(Step.DAY)
        if usual == 7:
            return cls(Step.WEEK, int(np.bincount(days % 7).argmax()))
        if 28 <= usual <= 31:
            return cls._of_months(days)
        raise InvalidInput.of(
            "date", "rows must be a day, a week or a month apart", f"{usual} days apart"
        )

    @classmethod
    def _of_months(cls, days: Ints) -> Calendar:
        """The calendar of months or of such periods, by the first rule that all dates follow."""
        usual = cls(Step.MONTH, int(np.bincount(day_of_month(days)).argmax()))
        first = int(days.min())
        candidates = [
            usual,
            cls(Step.MONTH, 31),  # of three months, two may end on a 30th
            *(cls(Step.MONTH, rule=rule) for rule in _WORKDAYS),
            cls(Step.MONTH, first % 28, rule=MonthRule.FOUR_WEEKS),
            *(
                cls(Step.MONTH, (first - into) % 91, rule=MonthRule.QUARTERS)
                for into in _PERIOD_BEGINS.tolist()
            ),
        ]
        fits = (own for own in candidates if (own.days(own.index(days)) == days).all())
        return next(fits, usual)

    def index(self, days: Ints, lane: Ints | int = 0) -> Ints:
        """Return the plain step numbers of days since 1970-01-01, in a lane each."""
        if self.is_daily:
            found = self._by_lane(days, lane, WorkingCalendar.index)
            if self.working and self.begins:  # of a closed day, the first part of the next one
                found -= np.where(self.is_open(days, lane), 0, days % self.parts)
            return found
        if self.step is Step.WEEK:
            return (days - self.offset) // 7
        if self.rule is MonthRule.FOUR_WEEKS:
            return (days - self.offset) // 28
        if self.rule is MonthRule.QUARTERS:
            quarter, into = np.divmod(days - self.offset, 91)
            of_quarter: Ints = np.searchsorted(_PERIOD_BEGINS, into, side="right") - 1
            return 3 * quarter + of_quarter
        return months_of(days)

    def days(self, index: Ints) -> Ints:
        """Return the days since 1970-01-01 of dated step numbers; the inverse of `index`."""
        if self.is_daily:
            lane = lanes_of(index)
            return self._by_lane(index - lane * _LANE, lane, WorkingCalendar.days)
        if self.step is Step.WEEK:
            return index * 7 + self.offset
        if self.rule is MonthRule.FOUR_WEEKS:
            return index * 28 + self.offset
        if self.rule is MonthRule.QUARTERS:
            found: Ints = index // 3 * 91 + _PERIOD_BEGINS[index % 3] + self.offset
            return found
        if self.rule in _WORKDAYS:
            return workdays(index, self.rule)
        first = as_dates(index, "M").astype("datetime64[D]").astype(np.int64)
        last = as_dates(index + 1, "M").astype("datetime64[D]").astype(np.int64) - 1
        return np.minimum(first + self.offset - 1, last)

    def _by_lane(
        self, numbers: Ints, lane: Ints | int, convert: Callable[[WorkingCalendar, Ints, int], Ints]
    ) -> Ints:
        """Numbers converted by the working calendar of the lane of each."""
        if not self.working:
            return numbers
        lane, found = np.broadcast_to(lane, numbers.shape), np.empty_like(numbers)
        whole, part = np.divmod(numbers, self.parts)
        for number, calendar in enumerate(self.working):
            own = lane == number
            found[own] = convert(calendar, whole[own], self.origin)
        return found * self.parts + part

    def is_open(self, days: Ints, lane: Ints | int = 0) -> NDArray[np.bool_]:
        """Return True for the days that are worked, in a lane each."""
        lane, found = np.broadcast_to(lane, days.shape), np.ones(days.shape, bool)
        for number, calendar in enumerate(self.working):
            own = lane == number
            found[own] = calendar.is_open(self.day_of(days[own]))
        return found

    def of_lane(self, lane: int) -> Calendar:
        """Return the calendar of one lane alone, whose dated and plain step numbers are equal."""
        return replace(self, working=self.working[lane : lane + 1])

    @classmethod
    def side_by_side(cls, calendars: Sequence[Calendar]) -> tuple[Calendar, Ints]:
        """Return one calendar with the lanes of several, and the lane of each.

        Each of them has one lane at most.
        """
        first = next((own for own in calendars if own.working), calendars[0])
        working = [own.working[0] if own.working else WorkingCalendar() for own in calendars]
        distinct = list(dict.fromkeys(working))
        lanes = np.array([distinct.index(own) for own in working], np.int64)
        return replace(first, working=tuple(distinct) if first.working else ()), lanes

    @property
    def is_daily(self) -> bool:
        """True for days, hours and shifts: steps of which days may be closed."""
        return self.step in (Step.DAY, Step.HOUR, Step.SHIFT)

    @property
    def parts(self) -> int:
        """Number of steps of a day that is worked; 1 for weeks and months."""
        return max(1, len(self.begins))

    @property
    def week(self) -> int:
        """Steps of a week without closed days; 1 for weeks and months."""
        return 7 * self.parts if self.is_daily else 1

    @property
    def days_of_step(self) -> float:
        """Length of a step in days; the mean of months, and of shifts."""
        if self.is_daily:
            return 1 / self.parts
        return 7.0 if self.step is Step.WEEK else DAYS_PER_YEAR / 12

    def day_of(self, parts: Ints) -> Ints:
        """Return the days since 1970-01-01 of hours or shifts; of any other step, the days."""
        return parts // self.parts if self.begins else parts

    def place_in_week(self, days: Ints) -> Ints:
        """Return the weekdays of days, Monday is 0; of hours and shifts, places in the week."""
        return (days + _EPOCH_WEEKDAY * self.parts) % self.week

    @property
    def season(self) -> int:
        """Steps of a season; the longest of all lanes."""
        if self.rule is MonthRule.FOUR_WEEKS:
            return 13
        usual = self.week if self.is_daily else SEASONS[self.step]
        return max((own.season * self.parts for own in self.working), default=usual)

    def seasons(self, index: Ints) -> Ints:
        """Return the steps of a season in the lane of each dated step number."""
        own = [working.season * self.parts for working in self.working] or [self.season]
        return np.array(own, np.int64)[lanes_of(index) if self.working else np.zeros_like(index)]

    @property
    def usual_steps_per_year(self) -> float:
        """Steps of a year of which all are worked, and months are calendar months."""
        return 365.25 * self.parts if self.is_daily else STEPS_PER_YEAR[self.step]

    @property
    def steps_per_year(self) -> float:
        """Steps of a year; the most of all lanes."""
        every = self.usual_steps_per_year
        every = DAYS_PER_YEAR / 28 if self.rule is MonthRule.FOUR_WEEKS else every
        return max((every * own.steps_per_week / 7 for own in self.working), default=every)

    def dates(self, index: Ints) -> list[str]:
        """Return the ISO dates of dated step numbers; of hours and shifts, with their time."""
        return self.texts(self.days(np.asarray(index)))

    def texts(self, days: Ints) -> list[str]:
        """Return the ISO dates of days; of hours and shifts, with the time at which they begin."""
        if self.begins:
            return day_parts.part_texts(self.begins, days)
        return [str(day) for day in as_dates(np.asarray(days))]

    def text(self, day: int | np.int64) -> str:
        """Return the ISO date of one day, as `texts`."""
        return self.texts(np.array([day]))[0]

    def day(self, text: str, field: str = "date", is_last: bool = False) -> int:
        """Return the day of a date; the inverse of `text`.

        Args:
            text: of hours and shifts, a date with or without a time.
            field: of the request that has the date, for the error.
            is_last: of a date without time: the last hour or shift of the day, not the first one.

        Raises:
            InvalidInput: it is no date, or has a time where the steps are days or longer.
        """
        try:
            if self.begins:
                return day_parts.part_of(self.begins, text, is_last)
            return day_number(date.fromisoformat(text))
        except ValueError as error:
            form = "YYYY-MM-DD" + (", or a time such as 2026-12-31T06:00" if self.begins else "")
            raise InvalidInput.of(field, f"must be a date, {form}", text) from error

    @property
    def width(self) -> int:
        """Number of calendar features."""
        return self.features(np.zeros(1, np.int64)).shape[1]

    @property
    def weekly_width(self) -> int:
        """Number of the first calendar features, which repeat with the week."""
        return 7 + len(self.begins) if self.is_daily else 0

    def features(self, index: Ints) -> NDArray[np.float32]:
        """Return the calendar features of dated step numbers, [n] → [n, width].

        Days: the weekday, one-hot, and the time of the year as two harmonics (sine and cosine of
        one and of two periods a year); hours and shifts: the part of the day, one-hot, before
        these; weeks: the two harmonics; months: the month, one-hot.
        """
        if self.step is Step.MONTH:
            return np.eye(12, dtype=np.float32)[months_of(self.days(index)) % 12]
        part = self.days(index)
        days = self.day_of(part)
        year = 2 * np.pi * days[:, None] / DAYS_PER_YEAR
        waves = np.hstack([np.sin(year), np.cos(year), np.sin(2 * year), np.cos(2 * year)])
        if self.step is Step.WEEK:
            return waves.astype(np.float32)
        weekday = np.eye(7)[(days + _EPOCH_WEEKDAY) % 7]
        of_day = [np.eye(self.parts)[part % self.parts]] if self.begins else []
        return np.hstack([*of_day, weekday, waves]).astype(np.float32)


EVERY_DAY = Calendar()


def dated(steps: Ints, lane: Ints | int) -> Ints:
    """Return the dated step numbers of plain ones, in a lane each."""
    found: Ints = steps + np.asarray(lane, np.int64) * _LANE
    return found


def plain(index: Ints) -> Ints:
    """Return the plain step numbers of dated ones."""
    return index - lanes_of(index) * _LANE


def lanes_of(index: Ints) -> Ints:
    """Return the lane of dated step numbers."""
    found: Ints = (index + _LANE // 2) // _LANE
    return found


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
