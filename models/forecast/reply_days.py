"""The days of a reply: worked days with their forecasts, and the closed days between them.

On a closed day nothing is put out, and WIP and cycle time are those of the worked day before it.

    >>> from models.series.working_calendar import WorkingCalendar
    >>> week = Calendar(working=(WorkingCalendar(weekdays=(1, 2, 3, 4, 5)),), origin=20_818)
    >>> days = ReplyDays.of(week, last_step=20_818, last_day=20_818, days=5)  # a Thursday
    >>> days.closed.tolist(), days.steps
    ([False, True, True, False, False], 3)
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.forecast.forecast import Forecast
from models.series.calendar import Calendar

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_THROUGHPUT = 1  # place in TARGETS
_YEAR = 365  # days before a forecast that irregular closed days are counted in
_EXPECTED = 0.5  # irregular closed days of the reply, from which they are warned of
_OFTEN = 4  # irregular closures; one or two shutdowns a year tell nothing of the days ahead


@dataclass(frozen=True)
class ReplyDays:
    """The steps of a reply, with closed days as steps of their own.

    Attributes:
        dates: ISO dates.
        places: number of the forecast step of each, from 0; of a closed day, that of the worked
            day before it, −1 before the first one, [days].
        closed: True for closed days, [days].
    """

    dates: list[str]
    places: Ints
    closed: NDArray[np.bool_]

    @classmethod
    def of(
        cls,
        calendar: Calendar,
        last_step: int,
        last_day: int,
        days: int,
        working_days_only: bool = False,
    ) -> ReplyDays:
        """Return the days after the last row of a series.

        Args:
            calendar: of this series alone.
            last_step: step number of the last row.
            last_day: last day that rows are known of, which may be a closed one.
            days: days of the reply.
            working_days_only: True to leave closed days out; `days` then counts worked ones.
        """
        if working_days_only or not calendar.is_daily or not calendar.working:
            dates = calendar.dates(last_step + 1 + np.arange(days))
            return cls(dates, np.arange(days), np.zeros(days, bool))
        ahead = last_day + 1 + np.arange(days)
        closed = ~calendar.is_open(ahead)
        places = calendar.index(ahead) - closed - last_step - 1
        return cls(calendar.texts(ahead), places, closed)

    @property
    def worked(self) -> NDArray[np.bool_]:
        """True for worked days; for all days where none is worked, [days]."""
        return ~self.closed if not self.closed.all() else np.ones(len(self.closed), bool)

    @property
    def steps(self) -> int:
        """Steps to forecast, at least one."""
        return max(1, int(self.places[-1]) + 1)

    def spread(self, forecast: Forecast, last_row: Floats) -> Forecast:
        """Return the forecast of one series on these days.

        Args:
            forecast: of the steps, [1, steps, ...].
            last_row: WIP, throughput and cycle time of the last row, [3]; where one is NaN, closed
                days before the first step have that of this step.
        """
        if not self.closed.any():
            return forecast

        def on_days(values: Floats) -> Floats:
            before = np.where(np.isnan(last_row), values[..., :1, :], last_row)
            found = np.concatenate([before, values], axis=-2)[..., self.places + 1, :]
            found[..., self.closed, _THROUGHPUT] = 0.0
            return found

        confidence = forecast.confidence[:, np.maximum(self.places, 0)]
        return replace(forecast.changed(on_days), confidence=confidence)


def closures_to_come(calendar: Calendar, last_day: int, days: int) -> list[str]:
    """Return a warning if a line that often closed on irregular days has none of them ahead.

    Args:
        calendar: of this series alone.
        last_day: last day that rows are known of.
        days: days of the reply, or hours or shifts.
    """
    if not calendar.working:
        return []
    [working] = calendar.working
    last = calendar.day_of(np.array(last_day))
    past, ahead = last - np.arange(_YEAR), last + 1 + np.arange(-(-days // calendar.parts))
    regular = replace(working, closed=(), open=()).is_open(past)
    closed = regular & ~working.is_open(past)
    times, share = int((np.diff(closed, append=False) != 0).sum() / 2), closed.sum() / regular.sum()
    is_known = (working.is_usual(ahead) & ~working.is_open(ahead)).any()
    if times < _OFTEN or share * len(ahead) < _EXPECTED or is_known:
        return []
    return [
        f"In the last {_YEAR} days the line was closed on {closed.sum()} days beyond its weekdays "
        "and holidays. None is known of the days ahead: send them as `calendar`, or totals are too "
        f"high by some {share:.0%} if it goes on like that."
    ]
