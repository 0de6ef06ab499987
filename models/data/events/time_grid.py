"""The steps that the units of an event log are counted in: shifts and hours, days, weeks, months.

Hours and shifts are those of the clock on the wall. A shift that goes on over midnight is of the
day on which it begins.

>>> shifts = TimeGrid.of_shifts("06:00, 14:00, 22:00")
>>> night = np.array([DAY + 5 * HOUR])  # 05:00 of 1970-01-02
>>> shifts.texts(shifts.index(night)), shifts.length / HOUR
(['1970-01-01 22:00'], 8.0)
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.data.events.event_log import DAY
from models.series.calendar import DAYS_PER_YEAR, Calendar, Step
from utils.errors import InvalidInput

Ints = NDArray[np.int64]

HOUR = DAY // 24
_MINUTE = HOUR // 60
_DAYS = {Step.DAY: 1.0, Step.WEEK: 7.0, Step.MONTH: DAYS_PER_YEAR / 12}
_MONDAY = 4  # of Calendar.offset: 1970-01-05 was one
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True)
class TimeGrid:
    """Numbered steps of time.

    Attributes:
        name: of a step.
        calendar: of the dates of steps; of parts of days that of days.
        begins: times of the day at which its parts begin, ascending, in microseconds; (): steps
            are those of the calendar.
    """

    name: str
    calendar: Calendar
    begins: tuple[int, ...] = ()

    @classmethod
    def of(cls, step: Step) -> TimeGrid:
        """Return the grid of days; of weeks, from Mondays on; or of months, from the first on."""
        return cls(step.value, Calendar(step, {Step.WEEK: _MONDAY, Step.MONTH: 1}.get(step, 0)))

    @classmethod
    def of_hours(cls) -> TimeGrid:
        """Return the grid of hours."""
        return cls("hour", Calendar(), tuple(HOUR * hour for hour in range(24)))

    @classmethod
    def of_shifts(cls, begins: str) -> TimeGrid:
        """Return the grid of shifts.

        Args:
            begins: times of the day at which shifts begin, separated by commas.

        Raises:
            InvalidInput: it names no such times, or fewer than two.
        """
        found = [_TIME.fullmatch(part.strip()) for part in begins.split(",")]
        times = {(int(t[1]) * 60 + int(t[2])) * _MINUTE for t in found if t is not None}
        if not 2 <= len(times) == len(found):
            rule = "must be at least two different times of the day, such as 06:00,14:00,22:00"
            raise InvalidInput.of("shifts", rule, begins)
        return cls("shift", Calendar(), tuple(sorted(times)))

    @property
    def length(self) -> float:
        """Microseconds of a step; the mean of months, and of shifts."""
        return DAY / len(self.begins) if self.begins else _DAYS[self.calendar.step] * DAY

    @property
    def is_of_whole_days(self) -> bool:
        """True if a step is several days."""
        return self.calendar.step is not Step.DAY

    def index(self, time: Ints) -> Ints:
        """Return the numbers of the steps in which times lie."""
        if not self.begins:
            return self.calendar.index(time // DAY)
        day, into = np.divmod(time - self.begins[0], DAY)
        part = np.searchsorted(np.array(self.begins) - self.begins[0], into, side="right") - 1
        found: Ints = day * len(self.begins) + part
        return found

    def bounds(self, index: Ints) -> Ints:
        """Return the times at which steps begin."""
        if not self.begins:
            return self.calendar.days(index) * DAY
        day, part = np.divmod(index, len(self.begins))
        found: Ints = day * DAY + np.array(self.begins, np.int64)[part]
        return found

    def texts(self, index: Ints) -> list[str]:
        """Return the dates of steps; of parts of days with the time at which they begin."""
        if not self.begins:
            return self.calendar.dates(index)
        times = self.bounds(index).astype("datetime64[us]").astype("datetime64[m]")
        return [str(time).replace("T", " ") for time in times]
