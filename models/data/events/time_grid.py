"""The steps that the units of an event log are counted in: shifts and hours, days, weeks, months.

>>> shifts = TimeGrid.of("shift", "06:00, 14:00, 22:00")
>>> night = np.array([DAY + 5 * HOUR])  # 05:00 of 1970-01-02
>>> shifts.texts(shifts.index(night)), shifts.length / HOUR
(['1970-01-01T22:00'], 8.0)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.data.events.event_log import DAY
from models.series import day_parts
from models.series.calendar import Calendar, Step

Ints = NDArray[np.int64]

HOUR = DAY // 24
_MINUTE = HOUR // 60
_SECOND = _MINUTE // 60
_MONDAY = 4  # of Calendar.offset: 1970-01-05 was one


@dataclass(frozen=True)
class TimeGrid:
    """Numbered steps of time.

    Attributes:
        calendar: of the steps.
    """

    calendar: Calendar

    @classmethod
    def of(cls, step: str, shifts: str | None = None) -> TimeGrid:
        """Return the grid of hours; shifts; days; weeks, from Mondays on; months, from the first.

        Args:
            shifts: times of the day at which shifts begin, separated by commas.

        Raises:
            InvalidInput: as `Calendar.of_parts`.
        """
        offset = {Step.WEEK: _MONDAY, Step.MONTH: 1}.get(Step(step), 0)
        return cls(Calendar.of_parts(step, shifts) or Calendar(Step(step), offset))

    @property
    def name(self) -> str:
        """The name of a step."""
        return self.calendar.step.value

    @property
    def length(self) -> float:
        """Microseconds of a step; the mean of months, and of shifts."""
        return self.calendar.days_of_step * DAY

    @property
    def is_of_whole_days(self) -> bool:
        """True if a step is several days."""
        return not self.calendar.is_daily

    def index(self, time: Ints) -> Ints:
        """Return the numbers of the steps in which times lie."""
        if not self.calendar.begins:
            return self.calendar.index(time // DAY)
        day, into = np.divmod(time, DAY)
        return day_parts.part_numbers(self.calendar.begins, day, into // _SECOND)

    def next_index(self, time: int) -> int:
        """Return the number of the first step that lies at or after a time; a week may hold it."""
        if not self.calendar.begins:
            return int(self.calendar.index(np.array([-(-time // DAY)]))[0])
        own = self.index(np.array([time]))
        return int(own[0] + (self.bounds(own)[0] < time))

    def bounds(self, index: Ints) -> Ints:
        """Return the times at which steps begin."""
        if not self.calendar.begins:
            return self.calendar.days(index) * DAY
        times = day_parts.part_times(self.calendar.begins, index)
        found: Ints = times.astype(np.int64) * _MINUTE
        return found

    def texts(self, index: Ints) -> list[str]:
        """Return the dates of steps; of parts of days with the time at which they begin."""
        return self.calendar.dates(index)
