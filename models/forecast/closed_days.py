"""Closed days for the pretrained network, which forecasts calendar days, not worked ones.

It was trained on lines that close at weekends, on holidays and for shutdowns, with a row on every
day. So the rows of worked days are spread over all days, and the forecasts of worked days are taken
out again. On a closed day nothing leaves, and the WIP of the worked day before it is carried on.

    >>> from models.series.working_calendar import WorkingCalendar
    >>> week = WorkingCalendar(weekdays=(1, 2, 3, 4, 5))
    >>> calendar = Calendar(working=(week,), origin=20_818)  # a Thursday
    >>> rows = np.arange(15.0).reshape(1, 5, 3)
    >>> days = DayGrid.of(calendar, np.array([20_822]), steps=4, length=6)  # 20,822: Wednesday
    >>> days.past(rows)[0, :, 1].tolist()
    [4.0, 0.0, 0.0, 7.0, 10.0, 13.0]
    >>> days.future(None)[0, :, 2].tolist()
    [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.forecast.pretrained_inputs import FUTURE
from models.series.calendar import Calendar, lanes_of, plain
from models.series.working_calendar import weekdays_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class DayGrid:
    """The days around the origins of n series; of hours and shifts, these.

    Attributes:
        rows_before: steps from the last row back to the row of each day before the origin, 0 for
            the last one, [n, length]; of a closed day, those to the worked day before it.
        closed_before: True for closed days before the origin, [n, length].
        unusual_before: True for those of weekdays that are worked ahead: they say nothing of the
            same weekday ahead, [n, length].
        places: number of the day of each step ahead, from 0, [n, steps].
        closed: True for closed days ahead, [n, days].
    """

    rows_before: Ints
    closed_before: NDArray[np.bool_]
    unusual_before: NDArray[np.bool_]
    places: Ints
    closed: NDArray[np.bool_]

    @classmethod
    def of(cls, calendar: Calendar, last: Ints, steps: int, length: int) -> DayGrid:
        """Return the days around the last rows of n series.

        Args:
            last: dated step number of the last row of each, [n].
            steps: worked days ahead.
            length: days up to the last row.
        """
        lane = lanes_of(last)[:, None]
        today = calendar.days(last)[:, None]
        past = today + np.arange(1 - length, 1)
        closed_before = ~calendar.is_open(past, lane)
        step = calendar.index(past, lane) - closed_before
        worked = calendar.days((last[:, None] + np.arange(1, steps + 1)).ravel())
        places = worked.reshape(len(last), steps) - today - 1
        ahead = today + 1 + np.arange(int(places.max()) + 1)
        closed = ~calendar.is_open(ahead, lane)
        weekday = weekdays_of(calendar.day_of(past))[..., None] == np.arange(1, 8)
        weekday_ahead = weekdays_of(calendar.day_of(ahead))[..., None] == np.arange(1, 8)
        worked_ahead = (weekday_ahead & ~closed[..., None]).any(1)
        unusual = closed_before & (weekday & worked_ahead[:, None]).any(axis=2)
        return cls(plain(last)[:, None] - step, closed_before, unusual, places, closed)

    @property
    def days(self) -> int:
        """Days ahead, up to the last step of any series."""
        return self.closed.shape[1]

    def past(self, rows: Floats) -> Floats:
        """Return rows of worked days, [n, m, 3], on all days before the origin, [n, length, 3].

        NaN for days before the first row, for the cycle times of closed days, and for the
        throughput of unusual ones.
        """
        count = rows.shape[1]
        found = np.take_along_axis(
            rows, np.maximum(count - 1 - self.rows_before, 0)[..., None], axis=1
        )
        found = np.where((self.rows_before < count)[..., None], found, np.nan)
        known = ~np.isnan(found[..., 1])
        found[..., 1] = np.where(self.closed_before & known, 0.0, found[..., 1])
        found[..., 1] = np.where(self.unusual_before, np.nan, found[..., 1])
        found[..., 2] = np.where(self.closed_before, np.nan, found[..., 2])
        return found

    def future(self, known: Floats | None) -> Floats:
        """Return known inputs of the pretrained network on the days ahead, [n, days, 3].

        Args:
            known: of the steps ahead, [n, steps, 3]; NaN where not known. None: nothing is known.
        """
        found = np.full((*self.closed.shape, len(FUTURE)), np.nan)
        if known is not None:
            np.put_along_axis(found, self.places[..., None], known, axis=1)
        found[..., FUTURE.index("closed")] = self.closed
        return found

    def worked(self, forecasts: Floats) -> Floats:
        """Return the forecasts of worked days, [n, steps, ...], of those of all days."""
        place = self.places.reshape(*self.places.shape, *[1] * (forecasts.ndim - 2))
        return np.take_along_axis(forecasts, place, axis=1)
